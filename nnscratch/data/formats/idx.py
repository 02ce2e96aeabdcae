"""The IDX format, in which MNIST is published: http://yann.lecun.com/exdb/mnist/ (Y. LeCun).

- bytes 0 and 1: zero
- byte 2: the type of the values, 8 uint8, 9 int8, 11 int16, 12 int32, 13 float32, 14 float64
- byte 3: the number of dimensions
- the size of each dimension, 4 bytes, big-endian
- the values, big-endian, the last dimension fastest
"""

import hashlib
import io
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.errors import DataError
from nnscratch.files.unpack import open_unpacked

_DTYPES = {
    code: np.dtype(name)
    for code, name in {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}.items()
}
_MAX_RANK = 32  # NumPy 1.x holds no more dimensions
_MAX_BYTES = 4 << 30
_PIECE = 1 << 20


def read_idx(path: Path | str) -> Array:
    """Read an IDX file, plain or gzip (told apart by the first bytes), of any type and rank.

    Returns a C-contiguous array in the machine's byte order, with the shape and type of the header. Memory
    grows with the bytes that are really there, never with what the header claims.

    Raises ``DataError`` for a file that is missing, empty, truncated, damaged, not IDX, longer than its
    header says, or over 4 GiB unpacked.
    """
    path = Path(path)
    with open_unpacked(path) as file:
        dtype, shape = read_header(file, path)
        size = math.prod(shape) * dtype.itemsize
        values = _read_at_most(file, size + 1)  # the one byte more finds a file that goes on
    check_size(path, dtype, shape, len(values))
    return np.ndarray(shape, dtype, buffer=values).astype(dtype.newbyteorder("="), copy=False)


def read_idx_images(path: Path) -> Array:
    """Read images: (n, height, width) uint8. Raises ``DataError`` for anything else, labels above all."""
    images = _read_as(path, "images", 3)
    if images.dtype != np.uint8 or 0 in images.shape[1:]:
        came = f"{_times(images.shape)} {images.dtype}"
        raise DataError(f"{path}: holds {came}, but images must be n x height x width uint8: convert them first")
    return images


def read_idx_labels(path: Path) -> Array:
    """Read labels: (n,) whole numbers from 0; of a table (n, columns) the first column, as QMNIST has it.

    Raises ``DataError`` for anything else, images above all.
    """
    labels = _read_as(path, "labels", 1, 2)
    if labels.dtype.kind not in "iu" or 0 in labels.shape[1:]:
        came = f"{_times(labels.shape)} {labels.dtype}"
        raise DataError(f"{path}: holds {came}, but labels must be n whole numbers: convert them first")
    return labels if labels.ndim == 1 else np.ascontiguousarray(labels[:, 0])


def _read_as(path: Path, wanted: str, *ranks: int) -> Array:
    """Read an array of images or labels, which have so many dimensions."""
    values = read_idx(path)
    kinds = {1: "labels (1 dimension)", 3: "images (3 dimensions)"}
    if values.ndim == 4 - ranks[0]:
        raise DataError(
            f"{path}: holds {kinds[values.ndim]} where {kinds[ranks[0]]} were wanted: "
            "are the images and labels files swapped?"
        )
    if values.ndim not in ranks:
        came, must = f"{_times(values.shape)} {values.dtype}", "n x height x width" if ranks[0] == 3 else "n"
        raise DataError(f"{path}: holds {came}, but {wanted} must be {must}: convert them first")
    return values


def idx_header(shape: tuple[int, ...]) -> bytes:
    """The bytes before the values of an IDX file of uint8."""
    return bytes([0, 0, 0x08, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)


def idx_sha256(values: Array) -> str:
    """SHA-256 (hex) of the unpacked IDX file that holds these values as uint8: the format allows only one."""
    digest = hashlib.sha256(idx_header(values.shape))
    digest.update(np.ascontiguousarray(values, dtype=np.uint8).data)
    return digest.hexdigest()


def check_size(path: Path, dtype: np.dtype[Any], shape: tuple[int, ...], came: int) -> None:
    """Raise ``DataError`` unless as many bytes ``came`` after the header as type and shape announce."""
    size = math.prod(shape) * dtype.itemsize
    if came != size:
        but = f"ends after {came:,}: it is truncated" if came < size else "has more"
        kind = f"{_times(shape)} {dtype.name}"
        raise DataError(
            f"{path}: the header announces {kind}, {size:,} bytes, but the file {but}; copy or download it again"
        )


def read_header(
    file: io.BufferedIOBase, path: Path, most: int | None = _MAX_BYTES
) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Type and shape, checked: the values take at most ``most`` bytes and NumPy can hold the shape."""
    magic = bytes(_read_at_most(file, 4))
    if not magic:
        raise DataError(f"{path}: is empty, but an IDX file was wanted: copy or download it again")
    if magic[:2] != b"\0\0"[: len(magic)] or (len(magic) > 2 and magic[2] not in _DTYPES):
        raise DataError(
            f"{path}: starts with the bytes {magic.hex(' ')}, so it is not an IDX file (00 00, type, rank): "
            "check that it is the right file"
        )
    rank = magic[3] if len(magic) == 4 else 0
    sizes = _read_at_most(file, 4 * rank)
    if len(magic) + len(sizes) < 4 + 4 * rank:
        raise DataError(f"{path}: ends inside its IDX header, it is truncated: copy or download it again")
    dtype, shape = _DTYPES[magic[2]], struct.unpack(f">{rank}I", sizes)
    size = math.prod(max(n, 1) for n in shape) * dtype.itemsize
    if rank > _MAX_RANK or (most is not None and size > most):
        came = f"{rank} dimensions" if rank > _MAX_RANK else f"{_times(shape)} {dtype.name}"
        raise DataError(
            f"{path}: the header announces {came}, but at most {_MAX_RANK} dimensions and 4 GiB can be read "
            "into memory: check that it is the right file, and unpack images (gunzip), for only plain ones are mapped"
        )
    return dtype, shape


def _read_at_most(file: io.BufferedIOBase, count: int) -> bytearray:
    """Up to ``count`` bytes, fewer at the end of the file."""
    content = bytearray()
    while len(content) < count and (piece := file.read(min(count - len(content), _PIECE))):
        content += piece
    return content


def _times(shape: tuple[int, ...]) -> str:
    """A shape as people write it: 60000 x 28 x 28."""
    return " x ".join(map(str, shape)) if shape else "a single value of"
