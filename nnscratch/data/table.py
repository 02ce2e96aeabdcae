"""CSV files of digits: a row is the label and the 784 pixels of an image, row by row from the top left."""

import io
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.files import open_unpacked
from nnscratch.errors import DataError

_COLUMNS = 1 + 28 * 28
_LARGEST = np.array([9] + [255] * 784, np.uint8)  # of each column; the smallest is 0
_BLOCK = 1 << 20
_MOST_LINES = 20_000  # of a block, which has room for 670 rows; the others are blank
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_csv(path: Path) -> tuple[Array, Array]:
    """Read a CSV file, plain or gzip: images (n, 28, 28) uint8 and labels (n,) uint8.

    A row is a label 0 to 9 and 784 pixels 0 to 255, whole numbers (``12.0`` is one), separated by commas; a
    line of names may stand first, blank lines are skipped. Raises ``DataError``, naming file and line,
    otherwise.
    """
    parts = [np.empty((0, _COLUMNS), np.uint8)]
    with open_unpacked(path) as file:
        for block, line in _blocks(file, path):
            parts.append(_parse_block(block, line, path))
    rows = np.concatenate(parts)
    if not len(rows):
        raise DataError(f"{path}: holds no rows: at least one row of a label and 784 pixels is wanted")
    return rows[:, 1:].reshape(-1, 28, 28), rows[:, 0]


def _blocks(file: io.BufferedIOBase, path: Path) -> Iterator[tuple[bytes, int]]:
    """Whole lines, about a megabyte at a time, with the number of the first; the header is blanked out."""
    line, rest = 1, b""
    while piece := file.read(_BLOCK):
        whole, newline, rest = (rest + piece).rpartition(b"\n")
        if not newline and len(rest) > _BLOCK:
            raise DataError(f"{path}, line {line:,}: is over 1 MiB long, but a label and 784 pixels are wanted")
        if whole.count(b"\n") > _MOST_LINES:
            raise DataError(f"{path}, line {line:,}: nearly all lines from here on are blank: remove them")
        if newline:
            whole += newline
            yield (_without_header(whole) if line == 1 else whole), line
            line += whole.count(b"\n")
    yield (_without_header(rest) if line == 1 else rest), line


def _without_header(block: bytes) -> bytes:
    """The file's first block, its first line emptied when that begins with a word and is no row of pixels."""
    first, newline, others = block.removeprefix(_BYTE_ORDER_MARK).partition(b"\n")
    label, *pixels = map(_number, first.split(b","))
    is_header = math.isnan(label) and not all(0 <= pixel <= 255 for pixel in pixels)
    return (b"" if is_header else first) + newline + others


def _parse_block(block: bytes, first_line: int, path: Path) -> Array:
    """Lines of text to (rows, 785) uint8: by NumPy's parser if it can, else line by line to name a fault."""
    text = block.replace(b".0,", b",").replace(b".0\r", b"\r").replace(b".0\n", b"\n")
    kind: type = np.uint8  # parsed ten times faster than float
    if text.translate(None, b"0123456789, \r\n"):
        text, kind = block, np.float64
    try:
        if text.strip():
            rows: Array = np.loadtxt(text.decode().split("\n"), kind, comments=None, delimiter=",", ndmin=2)
            if rows.shape[1] == _COLUMNS and _fits(rows).all():
                return rows.astype(np.uint8, copy=False)
    except ValueError:  # columns that differ in number, an empty field, no number, a uint8 over 255
        pass
    lines = enumerate(block.split(b"\n"), first_line)
    found = [_parse_line(line, f"{path}, line {number:,}") for number, line in lines if line.strip()]
    return np.array(found, np.uint8).reshape(-1, _COLUMNS)


def _parse_line(line: bytes, where: str) -> Array:
    """One row, (785,) uint8."""
    fields = line.split(b",")
    if len(fields) != _COLUMNS:
        came = "1 column" if len(fields) == 1 else f"{len(fields):,} columns"
        wanted = f"a label and 784 pixels, separated by commas, make {_COLUMNS}"
        raise DataError(f"{where}: has {came}, but {wanted}")
    row = np.array([_number(field) for field in fields])
    fits = _fits(row)
    if not fits.all():
        column = int(np.argmin(fits))
        what = "the label" if column == 0 else f"pixel {column} of 784"
        text = fields[column].strip()[:20].decode(errors="replace")
        raise DataError(f"{where}: {what} is {text!r}, but a whole number 0 to {_LARGEST[column]} is wanted")
    return row.astype(np.uint8)


def _fits(rows: Array) -> Array:
    """Which values of (..., 785) are whole numbers in the range of their column; NaN and infinity are not."""
    with np.errstate(invalid="ignore"):
        whole = rows.astype(np.uint8, copy=False)
    return np.asarray((whole == rows) & (whole <= _LARGEST))


def _number(text: bytes) -> float:
    """What Python reads from the text, NaN when it is no number."""
    try:
        return math.nan if b"_" in text else float(text)  # Python reads 1_0 as 10
    except ValueError:
        return math.nan
