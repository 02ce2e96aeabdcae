"""Images in a file of any size: mapped into memory for whoever wants a few, and read piece by piece past the map.

A map looks like an array, but every page of the file that it shows counts as memory of the process. So what goes
through all images reads them into memory of its own instead, a window at a time. Such a read also meets a file that has
become shorter as an error, where a map would end the process.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import mmap
import os
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.formats.idx import check_size, idx_header, read_header, read_idx_images
from nnscratch.errors import DataError
from nnscratch.files.unpack import open_unpacked, unreadable

_PIECE = 1 << 20  # bytes read at a time for a digest


class MappedFile(mmap.mmap):
    """A file, mapped read-only, with a descriptor to read it by; both are closed with the last array that shows it."""

    path: Path
    descriptor: int

    def __new__(cls, path: Path) -> Self:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            mapped = super().__new__(cls, descriptor, 0, access=mmap.ACCESS_READ)
        except BaseException:
            os.close(descriptor)
            raise
        mapped.path, mapped.descriptor = path, descriptor
        weakref.finalize(mapped, os.close, descriptor)
        return mapped


def map_idx_images(path: Path) -> Array:
    """Return the images of an IDX file, (n, 28, 28) uint8, mapped and read-only; a packed file is read into memory.

    Raises ``DataError`` for anything else, and for a file that is not exactly as long as its header says.
    """
    with open_unpacked(path) as file:
        dtype, shape = (None, ()) if isinstance(file, gzip.GzipFile) else read_header(file, path, most=None)
    if dtype != np.uint8 or shape[1:] != (28, 28) or shape[0] == 0:
        return read_idx_images(path)  # which says what is wrong
    try:
        mapped = MappedFile(path)
    except OSError as error:
        raise unreadable(path, error) from error
    start = len(idx_header(shape))
    check_size(path, np.dtype(np.uint8), shape, len(mapped) - start)
    return np.ndarray(shape, np.uint8, buffer=mapped, offset=start)


@dataclass(frozen=True)
class StoredImages:
    """Neighbouring images in a file: uint8 of this ``shape``, (n, 28, 28) say, from the byte ``start``."""

    file: MappedFile
    start: int
    shape: tuple[int, ...]

    def __len__(self) -> int:
        return self.shape[0]

    def pieces(self, rows: Array) -> tuple[Array, Array]:
        """Return where in the file the images ``rows`` (n,) are, and how many bytes: neighbours are one piece.

        Both are (p,) int64, for at most n pieces.
        """
        rows, size = rows.astype(np.int64), math.prod(self.shape[1:])
        if len(rows) and not (rows.min() >= 0 and rows.max() < len(self)):
            raise IndexError(f"a row is outside the {len(self)} images")
        firsts = np.flatnonzero(np.diff(rows, prepend=-2) != 1)
        counts = np.diff(firsts, append=len(rows))
        return self.start + rows[firsts] * size, counts * size

    def read(self, rows: Array) -> Array:
        """Return the images ``rows`` (n,), in memory. Raises DataError as :meth:`read_pieces`."""
        out = np.empty((len(rows), *self.shape[1:]), np.uint8)
        self.read_pieces(*self.pieces(rows), out)
        return out

    def read_pieces(self, places: Array, sizes: Array, out: Array) -> None:
        """Fill ``out``, an array in one piece, with pieces of the file. Raises DataError when it has become shorter."""
        view, position = out.reshape(-1).data, 0
        try:
            for place, size in zip(places.tolist(), sizes.tolist(), strict=True):
                end = position + size
                while position < end:
                    got = _read_at(self.file.descriptor, view[position:end], place)
                    if got == 0:
                        raise DataError(
                            f"{self.file.path}: has become shorter while it was in use: "
                            "leave it alone until the command has ended"
                        )
                    position, place = position + got, place + got
        except OSError as error:
            raise unreadable(self.file.path, error) from error

    def prefetch(self, places: Array, sizes: Array) -> None:
        """Tell the system which pieces are wanted next, so that it can fetch them from the disk meanwhile."""
        if hasattr(os, "posix_fadvise"):
            for place, size in zip(places.tolist(), sizes.tolist(), strict=True):
                os.posix_fadvise(self.file.descriptor, place, size, os.POSIX_FADV_WILLNEED)

    def sha256(self) -> str:
        """Return the SHA-256 (hex) of the IDX file of these images: see ``idx_sha256``."""
        digest = hashlib.sha256(idx_header(self.shape))
        end, piece = self.start + math.prod(self.shape), np.empty(_PIECE, np.uint8)
        for place in range(self.start, end, _PIECE):
            part = piece[: min(_PIECE, end - place)]
            self.read_pieces(np.array([place]), np.array([len(part)]), part)
            digest.update(part.data)
        return digest.hexdigest()


def backing_file(images: Array) -> StoredImages | None:
    """Return where images (n, ...) are stored, if they are neighbours in a mapped file."""
    owner: object = images
    while isinstance(owner, np.ndarray):
        owner = owner.base
    if not isinstance(owner, MappedFile) or not images.flags.c_contiguous or images.dtype != np.uint8:
        return None
    start = images.ctypes.data - np.frombuffer(owner, np.uint8).ctypes.data
    return StoredImages(owner, start, images.shape)


def take_rows(images: Array, rows: Array) -> Array:
    """Return ``images[rows]``, in memory, without showing pages of a mapped file."""
    file = backing_file(images)
    return images[rows] if file is None else file.read(rows)


def _read_at(descriptor: int, buffer: memoryview, place: int) -> int:
    """Read into the buffer what the file has at a place; return how many bytes came."""
    if hasattr(os, "preadv"):
        return os.preadv(descriptor, [buffer], place)
    os.lseek(descriptor, place, os.SEEK_SET)  # a system where only one thread may read a file
    content = os.read(descriptor, len(buffer))
    buffer[: len(content)] = content
    return len(content)
