"""CSV files of pictures: a row is the label and the pixels of a square image, row by row from the top left.

The label stands first or last, or wherever the header names it; it is a number or, in all rows, a word. A file is gone
through once for its layout, and again for its values: so what is wrong with a row is told of the right pixel.
"""

import io
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.dataset import Examples
from nnscratch.data.formats.class_names import class_list
from nnscratch.data.formats.table_rows import COLUMNS, UNNAMED_MOST, Layout, is_word, label_field, number, parse_block
from nnscratch.errors import DataError
from nnscratch.files.unpack import open_unpacked

_NAMES = (b"label", b"class", b"digit", b"target")  # of the label's column
_LEVELS, _DIGITS = frozenset(range(256)), frozenset(range(10))
_SMALLEST = 8  # pixels a side: fewer columns are no image's
_BLOCK = 1 << 20
_MOST_LINES = 20_000  # of a block, which has room for 670 rows of MNIST's size; the others are blank
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_csv(path: Path, layout: Layout | None = None) -> Examples:
    """Read a CSV file, plain or gzip: images (n, side, side) uint8, or float32 of another scale, and labels (n,).

    A row is a label and 784 pixels 0 to 255, whole numbers (``12.0`` is one), separated by commas, or another square
    number of pixels, of any scale; a line of names may stand first, blank lines are skipped. ``layout`` is by default
    that of :func:`find_layout`. Raises ``DataError``, naming file and line, for everything else.
    """
    layout = find_layout(path) if layout is None else layout
    empty = np.empty((0, layout.columns - 1), np.float32 if layout.scaled else np.uint8)
    pixels: list[Array] = [empty]
    labels: list[Array] = [np.empty(0, np.int64)]
    with open_unpacked(path) as file:
        for block, line in blocks(file, path):
            some_pixels, some_labels = parse_block(block, line, path, layout)
            pixels.append(some_pixels)
            labels.append(some_labels)
    images, truth = np.concatenate(pixels).reshape(-1, layout.side, layout.side), np.concatenate(labels)
    if not len(truth):
        raise DataError(f"{path}: holds no rows: at least one row of a label and {layout.columns - 1} pixels is wanted")
    is_last = layout.label == layout.columns - 1 and not layout.named and not layout.words
    last = "labels are taken from the last column: the first can hold none" if is_last else ""
    faint = "" if layout.scaled or images.max() > 1 else "warning: no pixel is above 1, and white is 255"
    notes = "; ".join(filter(None, [last, faint]))
    return Examples(images, truth.astype(np.uint8) if truth.max() < 256 else truth, notes)


def find_layout(path: Path, training: Layout | None = None) -> Layout:
    """The layout of a file, of a test file beside that of its ``training`` file.

    The label's column is the one that a header calls label, class, digit or target; else the one of the training file;
    else one that holds words; else the first, unless only the last can be it. Raises ``DataError`` where both could.
    """
    fields = first_row(path)
    columns = len(fields) if _is_square(len(fields) - 1) else COLUMNS
    named = named_column(path, columns)
    layout = Layout(columns, 0 if named is None else named, named is not None, (), is_scaled(fields, columns))
    if named is None and training is not None:
        layout = layout._replace(label=training.label if training.columns == columns else 0)
    if training is not None:
        return layout._replace(words=training.words)
    ends = [layout.label] if layout.named else [0, columns - 1]
    for column in ends if len(fields) == columns else []:
        with_words = layout._replace(label=column)
        if is_word(label_field(b",".join(fields), with_words)) and (words := _words(path, with_words)):
            return with_words._replace(words=words)
    return layout if layout.named else layout._replace(label=_column_by_values(path, layout))


def lacks_labels(path: Path, training: Layout) -> bool:
    """Whether a test file has no column of labels: one less than the training file."""
    return len(first_row(path)) == training.columns - 1


def _is_square(count: int) -> bool:
    side = math.isqrt(max(count, 0))
    return side >= _SMALLEST and side * side == count


def is_scaled(fields: list[bytes], columns: int) -> bool:
    """Whether the pixels are no whole numbers 0 to 255 of MNIST's size, by the first row."""
    if columns != COLUMNS or len(fields) != columns:
        return columns != COLUMNS
    pixels = [value for value in map(number, fields[1:-1]) if value % 1]
    return bool(pixels) and all(-1 <= value <= 1 for value in pixels)


def first_row(path: Path) -> list[bytes]:
    """The fields of the first line that is neither a header nor blank."""
    with open_unpacked(path) as file:
        for block, _ in blocks(file, path):
            for line in block.split(b"\n"):
                if line.strip():
                    return line.split(b",")
    return []


def _words(path: Path, layout: Layout) -> tuple[str, ...]:
    """The words of the label's column, sorted: two or more, and nothing else; else none."""
    words: set[bytes] = set()
    with open_unpacked(path) as file:
        for block, _ in blocks(file, path):
            rows = (line for line in block.split(b"\n") if line.count(b",") == layout.columns - 1)
            words |= {label_field(line, layout) for line in rows}
    if len(words) < 2 or not all(map(is_word, words)):
        return ()
    try:
        return class_list(sorted(word.decode() for word in words), path)
    except UnicodeDecodeError:
        raise DataError(f"{path}: holds labels that are no text in UTF-8: save it in UTF-8") from None


def named_column(path: Path, columns: int) -> int | None:
    """The column that the header calls the label's, None when there is no such header."""
    with open_unpacked(path) as file:
        names = _names(file.readline(2 * _BLOCK).removeprefix(_BYTE_ORDER_MARK))
    named = [column for column, name in enumerate(names) if name in _NAMES]
    if len(names) != columns or not named:  # names that are too few or too many say nothing of the columns
        return None
    if len(named) > 1:
        named_columns = " and ".join(str(names[column], "ascii") for column in named)
        raise DataError(f"{path}: the header names {named_columns}, but one column holds the label: rename the others")
    return named[0]


def _names(line: bytes) -> list[bytes]:
    """The fields of a line in small letters, without blanks and quotes."""
    return [field.strip().strip(b"\"'").strip().lower() for field in line.split(b",")]


def _column_by_values(path: Path, layout: Layout) -> int:
    """The label's column by its values: the first (0) or the last; all rows are looked at.

    An end can be it when its values are digits, and several: a corner of the image is mostly 0. Where the last can,
    the first must look like a corner, blank or well past the digits, for the last to be it; a label that is wrong, or a
    single class, looks otherwise. Else the label stands first, as usual. What no pixel can be is a fault in either
    column, and tells nothing; of pixels of another scale, which may be anything, the end must hold labels alone.
    """
    first: set[float] = set()
    last: set[float] = set()
    with open_unpacked(path) as file:
        for block, _ in blocks(file, path):
            ends = _ends(block, layout.columns)
            first |= {number(start) for start, _ in ends}
            last |= {number(end) for _, end in ends}
    if layout.scaled:
        labels = frozenset(range(UNNAMED_MOST + 1))
        can_be_last, is_corner = len(last) > 1 and last <= labels, first <= {0} or not first <= labels
    else:
        first, last = first & _LEVELS, last & _LEVELS
        can_be_last, is_corner = len(last) > 1 and last <= _DIGITS, first <= {0} or max(first) > UNNAMED_MOST
    if can_be_last and not is_corner:
        raise DataError(
            f"{path}: the first column and the last hold small whole numbers, and either could be the label: "
            f"give a header line of {layout.columns} names that calls the right one label"
        )
    return layout.columns - 1 if can_be_last else 0


def _ends(block: bytes, columns: int) -> set[tuple[bytes, bytes]]:
    """The first and last fields of the rows: each pair once, for counting a row's fields takes longer."""
    ends: set[tuple[bytes, bytes]] = set()
    for line in block.split(b"\n"):
        pair = line[: line.find(b",")], line[line.rfind(b",") + 1 :]
        if pair not in ends and line.count(b",") == columns - 1:
            ends.add(pair)
    return ends


def blocks(file: io.BufferedIOBase, path: Path) -> Iterator[tuple[bytes, int]]:
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

    A row of pixels after a word stays: the word is a class, or wrong, and told of.
    """
    first, newline, others = block.removeprefix(_BYTE_ORDER_MARK).partition(b"\n")
    start, *pixels = map(number, first.split(b","))
    is_header = math.isnan(start) and not all(-1 <= pixel <= 255 for pixel in pixels)
    is_header = is_header or any(name in _NAMES for name in _names(first))
    return (b"" if is_header else first) + newline + others
