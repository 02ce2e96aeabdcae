"""A folder of files that may be replaced while others read it: at any moment the old page is there or the new one."""

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from nnscratch.errors import DataError, printable
from nnscratch.files.atomic import LOCK, locked, write_bytes

MARK = "site.json"  # says which files are ours
MADE_BY = "nnscratch site"


def write_site(folder: Path, lasting: Mapping[str, bytes], entrances: Mapping[str, bytes]) -> None:
    """Write files by their names into ``folder``, and remove those of an older site; all of them or none.

    First the ``lasting``, whose contents fit an older page, too; then the ``entrances`` that lead to them, in order.
    Raises DataError where the folder cannot be written, or holds anything that is not of a site.
    """
    old, new = _own(folder), {*lasting, *entrances}
    _check(folder, old)
    with locked(folder):
        _mark(folder, old | new)  # so that what a killed process leaves is known
        try:
            for name, data in lasting.items():
                if name not in old or not _holds(folder / name, data):
                    write_bytes(folder / name, data)
        except BaseException:
            _remove(folder, new - old)
            _mark(folder, old) if old else (folder / MARK).unlink()
            raise
        for name, data in entrances.items():
            write_bytes(folder / name, data)
        _mark(folder, new)
        _remove(folder, old - new)


def _own(folder: Path) -> set[str]:
    """Return the names of an older site's files."""
    try:
        mark = json.loads((folder / MARK).read_bytes())
        names = mark["files"] if mark["made_by"] == MADE_BY else []
        return {name for name in names if isinstance(name, str)}
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return set()


def _mark(folder: Path, names: Collection[str]) -> None:
    text = json.dumps({"made_by": MADE_BY, "files": sorted(names)}, indent=1)
    write_bytes(folder / MARK, text.encode())


def _check(folder: Path, own: Collection[str]) -> None:
    """Raise DataError where the folder holds another file than its ``own``."""
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{printable(str(folder))} is a file: give the name of a folder")
    marks = {MARK} if own else set()
    for name in _files(folder):
        if name not in own and name not in marks and name != LOCK and not Path(name).match(".*.tmp"):
            raise DataError(
                f"{printable(str(folder))} holds {printable(name)}, which is not of an older page: "
                "give a new folder, or an empty one"
            )


def _files(folder: Path) -> Iterator[str]:
    """Yield the names of all that is in the folder and no folder itself; links are not followed."""
    for path in folder.rglob("*"):
        if path.is_symlink() or not path.is_dir():
            yield path.relative_to(folder).as_posix()


def _holds(path: Path, data: bytes) -> bool:
    return path.is_file() and path.read_bytes() == data


def _remove(folder: Path, names: Collection[str]) -> None:
    """Remove these files of the folder, and the folders that are empty then."""
    for name in [name for name in _files(folder) if name in names]:
        (folder / name).unlink()
        for above in (folder / name).relative_to(folder).parents[:-1]:
            with suppress(OSError):
                (folder / above).rmdir()
