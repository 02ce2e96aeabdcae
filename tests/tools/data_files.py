"""Writers for the data tests: IDX, gzip, CSV and folders, written apart from the code that reads them."""

import gzip
import struct
from pathlib import Path

import numpy as np

CODES = {"uint8": 0x08, "int8": 0x09, "int16": 0x0B, "int32": 0x0C, "float32": 0x0D, "float64": 0x0E}
FOUR = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def idx_bytes(values):
    """The content of an IDX file."""
    header = struct.pack(">BBBB", 0, 0, CODES[values.dtype.name], values.ndim)
    sizes = b"".join(struct.pack(">I", size) for size in values.shape)
    return header + sizes + values.astype(values.dtype.newbyteorder(">")).tobytes()


def write(path: Path, content: bytes, packed: bool = False) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content, mtime=0) if packed else content)
    return path


def digits(n, seed=0):
    """n random images and labels 0, 1, ... 9, 0, ..."""
    images = np.random.default_rng(seed).integers(0, 256, (n, 28, 28), dtype=np.uint8)
    return images, (np.arange(n) % 10).astype(np.uint8)


def light_digits(n, seed=0):
    """The same on a black border: light ink on dark, where pictures of noise are neither."""
    images, labels = digits(n, seed)
    return np.pad(images[:, 1:-1, 1:-1], ((0, 0), (1, 1), (1, 1))), labels


def write_four(folder: Path, train=20, test=10, packed=(), made=digits):
    """The four files of MNIST in a folder; names in ``packed`` get gzip and .gz. Returns their arrays."""
    arrays = dict(zip(FOUR, (*made(train, 1), *made(test, 2)), strict=True))
    for name, values in arrays.items():
        gz = name in packed
        write(folder / (f"{name}.gz" if gz else name), idx_bytes(values), gz)
    return arrays


def csv_lines(images, labels):
    """Rows of a CSV file as a list of str."""
    table = np.column_stack([labels, images.reshape(len(images), -1)]).tolist()
    return [",".join(map(str, row)) for row in table]


def write_csv(path: Path, images, labels, header=None, packed=False) -> Path:
    lines = csv_lines(images, labels)
    text = "\n".join([header, *lines] if header else lines) + "\n"
    return write(path, text.encode(), packed)
