"""Opening files and folders, with every failure of the file system told as a ``DataError``."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from nnscratch.errors import DataError, is_address

GZIP_MAGIC = b"\x1f\x8b"
ENOUGH = 50_000_000  # bytes: what unpacks to more must not be a bomb
LARGEST_RATIO = 30  # unpacked to packed; digits pack to a fifth, a bomb to a thousandth


class Unpacked(gzip.GzipFile):
    """A packed file being read; DataError when it unpacks to far more than digits do."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        super().__init__(fileobj=file, mode="rb")
        self.most = max(ENOUGH, LARGEST_RATIO * path.stat().st_size)
        self.path, self.came = path, 0

    def read(self, size: int | None = -1) -> bytes:
        """Return up to ``size`` bytes."""
        content = super().read(size)
        self.came += len(content)
        if self.came > self.most:
            raise DataError(
                f"{self.path}: unpacks to more than {LARGEST_RATIO} times its size, as no digits do: "
                "check that it is the right file, or unpack it yourself (gunzip)"
            )
        return content


@contextmanager
def open_unpacked(path: Path) -> Iterator[io.BufferedIOBase]:
    """Open a file for reading, through gzip when its first two bytes say so; its name does not matter.

    Raises ``DataError`` for a file that is missing, unreadable or damaged gzip, also while it is being read.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise DataError(f"{path}: this is a device or a pipe, but a plain file is wanted: save it to a file first")
    try:
        with path.open("rb") as file:
            if file.peek(2)[:2] == GZIP_MAGIC:
                with Unpacked(path, file) as unpacked:
                    yield unpacked
            else:
                yield file
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            f"{path}: the gzip data is damaged or cut short ({error}): copy or download the file again"
        ) from error
    except OSError as error:
        raise unreadable(path, error) from error


def list_folder(folder: Path) -> list[Path]:
    """The entries of a folder, sorted by name, without hidden ones (a leading dot). Raises ``DataError``."""
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise unreadable(folder, error) from error


def unreadable(path: Path, error: OSError) -> DataError:
    """The ``DataError`` to raise for a failure of the file system."""
    if is_address(path):
        return DataError(f"{path}: is a web address: download the file, and give its path")
    if isinstance(error, FileNotFoundError):
        return DataError(f"{path}: there is no such file or folder: check the path")
    reason = error.strerror or error
    return DataError(f"{path}: cannot be read ({reason}): check the path and its permissions")
