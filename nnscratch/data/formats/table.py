"""CSV files of digits: a row is the label and the 784 pixels of an image, row by row from the top left.

The label stands first or last, or wherever the header names it. A file is gone through once for its label's column,
and again for its values: so what is wrong with a row is told of the right pixel.
"""

import io
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.dataset import Examples
from nnscratch.errors import DataError
from nnscratch.files.unpack import open_unpacked

_COLUMNS = 1 + 28 * 28
_LAST = _COLUMNS - 1
_NAMES = (b"label", b"class", b"digit", b"target")  # of the label's column
_NO_LABEL = 99  # numbers above this are pixels, and no mistaken labels
_LEVELS, _DIGITS = frozenset(range(256)), frozenset(range(10))
_BLOCK = 1 << 20
_MOST_LINES = 20_000  # of a block, which has room for 670 rows; the others are blank
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_csv(path: Path, label: int | None = None) -> Examples:
    """Read a CSV file, plain or gzip: images (n, 28, 28) uint8 and labels (n,) uint8.

    A row is a label 0 to 9 and 784 pixels 0 to 255, whole numbers (``12.0`` is one), separated by commas; a
    line of names may stand first, blank lines are skipped. The label's column is the one that these names call
    label, class, digit or target; where they do not, the first, unless only the last can be it, and ``notes``
    says so. Without names it is the column ``label``, where that is given: a test file is as its training file is.
    Raises ``DataError``, naming file and line, otherwise, and where both could be it.
    """
    named = _named_column(path)
    if named is not None:
        label = named
    elif label is None:
        label = _column_by_values(path)
    parts = [np.empty((0, _COLUMNS), np.uint8)]
    with open_unpacked(path) as file:
        for block, line in _blocks(file, path):
            parts.append(_parse_block(block, line, path, label))
    rows = np.concatenate(parts)
    if not len(rows):
        raise DataError(f"{path}: holds no rows: at least one row of a label and 784 pixels is wanted")
    notes = "labels are taken from the last column: the first can hold none" if named is None and label == _LAST else ""
    return Examples(np.delete(rows, label, axis=1).reshape(-1, 28, 28), rows[:, label], notes)


def label_column(path: Path) -> int:
    """The column of the label, from 0. Raises ``DataError`` where the first and the last could both be it."""
    named = _named_column(path)
    return _column_by_values(path) if named is None else named


def _named_column(path: Path) -> int | None:
    """The column that the header calls the label's, None when there is no such header."""
    with open_unpacked(path) as file:
        names = _names(file.readline(2 * _BLOCK).removeprefix(_BYTE_ORDER_MARK))
    named = [column for column, name in enumerate(names) if name in _NAMES]
    if len(names) != _COLUMNS or not named:  # names that are too few or too many say nothing of the columns
        return None
    if len(named) > 1:
        named_columns = " and ".join(str(names[column], "ascii") for column in named)
        raise DataError(f"{path}: the header names {named_columns}, but one column holds the label: rename the others")
    return named[0]


def _names(line: bytes) -> list[bytes]:
    """The fields of a line in small letters, without blanks and quotes."""
    return [field.strip().strip(b"\"'").strip().lower() for field in line.split(b",")]


def _column_by_values(path: Path) -> int:
    """The label's column by its values: the first (0) or the last; all rows are looked at.

    An end can be it when its values are digits, and several: a corner of the image is mostly 0. Where the last can,
    the first must look like a corner, blank or well past the digits, for the last to be it; a label that is wrong, or a
    single class, looks otherwise. Else the label stands first, as usual. What no pixel can be is a fault in either
    column, and tells nothing.
    """
    first: set[float] = set()
    last: set[float] = set()
    with open_unpacked(path) as file:
        for block, _ in _blocks(file, path):
            ends = _ends(block)
            first |= _LEVELS & {_number(start) for start, _ in ends}
            last |= _LEVELS & {_number(end) for _, end in ends}
    can_be_last = len(last) > 1 and last <= _DIGITS
    if can_be_last and not (first <= {0} or max(first) > _NO_LABEL):
        raise DataError(
            f"{path}: the first column and the last hold small whole numbers, and either could be the label: "
            f"give a header line of {_COLUMNS} names that calls the right one label"
        )
    return _LAST if can_be_last else 0


def _ends(block: bytes) -> set[tuple[bytes, bytes]]:
    """The first and last fields of the rows: each pair once, for counting a row's fields takes longer."""
    ends: set[tuple[bytes, bytes]] = set()
    for line in block.split(b"\n"):
        pair = line[: line.find(b",")], line[line.rfind(b",") + 1 :]
        if pair not in ends and line.count(b",") == _LAST:
            ends.add(pair)
    return ends


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
    """The file's first block, its first line emptied when that names the label or begins with a word.

    A row of pixels after a word stays, to be told of: its label is wrong.
    """
    first, newline, others = block.removeprefix(_BYTE_ORDER_MARK).partition(b"\n")
    start, *pixels = map(_number, first.split(b","))
    is_header = math.isnan(start) and not all(0 <= pixel <= 255 for pixel in pixels)
    is_header = is_header or any(name in _NAMES for name in _names(first))
    return (b"" if is_header else first) + newline + others


def _parse_block(block: bytes, first_line: int, path: Path, label: int) -> Array:
    """Lines of text to (rows, 785) uint8: by NumPy's parser if it can, else line by line to name a fault."""
    text = block.replace(b".0,", b",").replace(b".0\r", b"\r").replace(b".0\n", b"\n")
    kind: type = np.uint8  # parsed ten times faster than float
    if text.translate(None, b"0123456789, \r\n"):
        text, kind = block, np.float64
    try:
        if text.strip():
            rows: Array = np.loadtxt(text.decode().split("\n"), kind, comments=None, delimiter=",", ndmin=2)
            if rows.shape[1] == _COLUMNS and _fits(rows, label).all():
                return rows.astype(np.uint8, copy=False)
    except ValueError:  # columns that differ in number, an empty field, no number, a uint8 over 255
        pass
    lines = enumerate(block.split(b"\n"), first_line)
    found = [_parse_line(line, f"{path}, line {number:,}", label) for number, line in lines if line.strip()]
    return np.array(found, np.uint8).reshape(-1, _COLUMNS)


def _parse_line(line: bytes, where: str, label: int) -> Array:
    """One row, (785,) uint8, as it stands."""
    fields = line.split(b",")
    if len(fields) != _COLUMNS:
        came = "1 column" if len(fields) == 1 else f"{len(fields):,} columns"
        wanted = f"a label and 784 pixels, separated by commas, make {_COLUMNS}"
        raise DataError(f"{where}: has {came}, but {wanted}")
    row = np.array([_number(field) for field in fields])
    fits = _fits(row, label)
    if not fits.all():
        column = int(np.argmin(fits))
        what, most = (f"pixel {column + (column < label)} of 784", 255) if column != label else ("the label", 9)
        text = fields[column].strip()[:20].decode(errors="replace")
        raise DataError(f"{where}: {what} is {text!r}, but a whole number 0 to {most} is wanted")
    return row.astype(np.uint8)


def _fits(rows: Array, label: int) -> Array:
    """Which values of (..., 785) are whole numbers in the range of their column; NaN and infinity are not."""
    with np.errstate(invalid="ignore"):
        whole = rows.astype(np.uint8, copy=False)
    fits = whole == rows
    fits[..., label] &= whole[..., label] <= 9
    return np.asarray(fits)


def _number(text: bytes) -> float:
    """What Python reads from the text, else NaN."""
    try:
        return math.nan if b"_" in text else float(text)  # Python reads 1_0 as 10
    except ValueError:
        return math.nan
