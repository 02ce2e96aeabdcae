"""Writing files so that a kill at any moment leaves the old one or the new one, never half of either."""

import json
import math
import os
import secrets
import shutil
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

from nnscratch.errors import DataError, UsageError, short_repr


@contextmanager
def _writing(path: str | Path) -> Iterator[None]:
    """Within the block, whatever the system refuses becomes a DataError that names ``path``."""
    try:
        yield
    except OSError as error:
        raise DataError(f"{path} cannot be written ({error.strerror}): choose another place") from None


@contextmanager
def atomic_write(path: str | Path) -> Iterator[IO[bytes]]:
    """Give an open binary file that takes the place of ``path`` when the block ends without an error.

    Raises DataError when the folder or the file cannot be written.
    """
    path = Path(path)
    if not path.name or path.is_dir():
        raise DataError(f"{str(path)!r} is no name for a file: give one")
    check_regular(path)  # a device would be replaced by a file
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with _writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


LOCK = ".lock"


@contextmanager
def locked(folder: str | Path, named: str | Path | None = None) -> Iterator[None]:
    """Keep every other process out of ``folder``, which is made; remove what a killed one left half written.

    The lock ends with the process, in whatever way that ends. Raises DataError when another process has it, or when the
    folder cannot be written; it is ``named`` there.
    """
    folder, named = Path(folder), named or folder
    with _writing(named):
        folder.mkdir(parents=True, exist_ok=True)
        release = _lock(folder / LOCK)
    if release is None:
        raise DataError(f"another process is writing to {named}: wait for its end, or choose another folder")
    try:
        for left in folder.rglob(".*.tmp"):
            left.unlink(missing_ok=True)
        yield
    finally:
        with suppress(OSError):
            release()
            folder.rmdir()  # if nothing was written


def _lock(path: Path) -> Callable[[], None] | None:
    """Lock a file, which is made; return what removes it and lets others in, or None when another process has it."""
    try:
        import fcntl
    except ImportError:  # Windows
        return _lock_by_library(path)
    file = path.open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        taken = isinstance(error, BlockingIOError)  # any other: a file system without locks
    else:
        taken = not _is_there(file, path)
    if taken:
        file.close()
        return None

    def release() -> None:
        with file:
            if _is_there(file, path):
                path.unlink()

    return release


def _lock_by_library(path: Path) -> Callable[[], None] | None:
    """Do the same with the locks that filelock makes of what a system has."""
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return None

    def release() -> None:
        lock.release()
        path.unlink(missing_ok=True)  # refused, on Windows, where another process has opened it

    return release


def _is_there(file: IO[str], path: Path) -> bool:
    """Return whether an open file still has that name: its last holder removes it."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except OSError:
        return False


def make_parent(path: str | Path) -> None:
    """Make the folder of a file that will be written. Raises DataError when there can be none."""
    with _writing(path):
        Path(path).parent.mkdir(parents=True, exist_ok=True)


@contextmanager
def new_folder(path: str | Path, needed: int = 0) -> Iterator[Path]:
    """Give a temporary folder that becomes ``path`` when the block ends without an error; else nothing is left of it.

    Raises DataError when ``path`` is there already (empty, it may be), when the disk has fewer than ``needed`` bytes
    free, or when something cannot be written.
    """
    place = Path(path).resolve()  # a link stays one
    temporary = place.parent / f".{place.name}.new"  # of one name each time, so that no kill leaves two
    with _writing(path):
        if place.exists() and (not place.is_dir() or any(place.iterdir()) or place.is_mount()):
            raise DataError(f"{path} is there already: give the name of a new folder")
        _check_free(Path(path), needed)
        with locked(temporary, named=path):
            _remove_files(temporary)
            try:
                yield temporary
                _to_disk(temporary)
                if place.is_dir():
                    place.rmdir()
                temporary.replace(place)
            except BaseException:
                _remove_files(temporary)
                raise
            (place / LOCK).unlink(missing_ok=True)


def _check_free(path: Path, needed: int) -> None:
    """Raise DataError unless the disk that will hold ``path`` has so many bytes free."""
    above = next(folder for folder in path.absolute().parents if folder.is_dir())
    free = shutil.disk_usage(above).free
    if free < needed:
        raise DataError(
            f"{path} needs {needed / 1e9:,.2f} GB, but its disk has {free / 1e9:,.2f} GB free: "
            "choose another place, or ask for less"
        )


def _remove_files(folder: Path) -> None:
    for file in folder.iterdir():
        if file.name != LOCK:
            file.unlink()


def _to_disk(folder: Path) -> None:
    """Return when the content of the folder's files is on the disk."""
    for path in folder.iterdir():
        with path.open("rb+") as file:
            os.fsync(file.fileno())


MOST_UNPACKED = 10_000_000  # bytes of a packed JSON file; as lists and numbers they take some twenty times as many


def write_text(path: str | Path, text: str) -> None:
    """Write ``text`` in UTF-8, whole or not at all. Raises DataError when it cannot be written."""
    write_bytes(path, text.encode(errors="replace"))


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write ``data``, whole or not at all. Raises DataError when it cannot be written."""
    with atomic_write(path) as file:
        file.write(data)


def plain(value: Any) -> Any:
    """Return ``value`` as JSON will give it back: numbers and arrays of NumPy as numbers and lists, names as texts.

    Raises UsageError for what JSON has no form for.
    """
    if value is None or isinstance(value, str | bool | int | float):
        return value
    for kind, number in ((np.bool_, bool), (np.integer, int), (np.floating, float)):
        if isinstance(value, kind):
            return number(value)
    if isinstance(value, np.ndarray | list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {name if isinstance(name, str) else json.dumps(plain(name)): plain(one) for name, one in value.items()}
    raise UsageError(
        f"{short_repr(value)} is a {type(value).__name__}, which no file can hold: give numbers, texts, lists"
    )


def write_json(path: str | Path, value: Any) -> None:
    """Write ``value`` as indented JSON, whole or not at all. Raises DataError when it cannot be written."""
    write_text(path, json.dumps(plain(value), indent=2, allow_nan=False) + "\n")


def check_regular(path: str | Path) -> None:
    """Raise DataError when ``path`` is a device or a pipe, which could be read for ever, or be replaced."""
    path = Path(path)
    if path.exists() and not path.is_file() and not path.is_dir():
        raise DataError(f"{path} is a device or a pipe, but a plain file is wanted: give the name of one")


def _finite(text: str) -> float:
    """Return a number of a JSON file; NaN and infinity, which Python reads too, are none."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def read_json(path: str | Path, *, finite: bool = True) -> Any:
    """Return what a JSON file holds, packed (.gz) or not.

    Raises DataError when it cannot be read or is not JSON; not ``finite``: NaN and infinity are for the caller to see.
    """
    check_regular(path)
    try:
        data = Path(path).read_bytes()
        if str(path).endswith(".gz"):
            data = zlib.decompressobj(wbits=31).decompress(data, MOST_UNPACKED + 1)
            if len(data) > MOST_UNPACKED:
                raise DataError(f"{path} has more than {MOST_UNPACKED:,} bytes when unpacked: unpack it yourself")
        number = _finite if finite else float
        return json.loads(data, parse_float=number, parse_constant=number)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): check the path") from None
    except DataError:
        raise
    except (ValueError, RecursionError, zlib.error):
        raise DataError(f"{path} is not JSON, or damaged") from None
