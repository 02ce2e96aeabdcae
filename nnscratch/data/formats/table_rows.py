"""Rows of a CSV file as numbers: by NumPy's parser where that can, else line by line to name the fault."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.classes import MOST
from nnscratch.errors import DataError, short_repr

COLUMNS = 1 + 28 * 28
UNNAMED_MOST = 99  # the largest label in a column that no header names: what is above is a pixel


class Layout(NamedTuple):
    """What the columns of a file are: one is the label's, the others are the pixels of a square."""

    columns: int = COLUMNS
    label: int = 0
    named: bool = False  # by a header
    words: tuple[str, ...] = ()  # the classes, where labels are words
    scaled: bool = False  # pixels are any numbers, not whole ones 0 to 255

    @property
    def side(self) -> int:
        """Of the images, in pixels."""
        return math.isqrt(self.columns - 1)

    @property
    def most(self) -> int:
        """The largest label."""
        return MOST - 1 if self.named else UNNAMED_MOST


def parse_block(block: bytes, first_line: int, path: object, layout: Layout) -> tuple[Array, Array]:
    """Lines of text as pixels, (rows, columns - 1) uint8, of a scale of their own float32, and labels (rows,) int64."""
    text = block.replace(b".0,", b",").replace(b".0\r", b"\r").replace(b".0\n", b"\n")
    kinds: list[type] = [np.uint8, np.float64]  # the first is parsed ten times faster
    if layout.words:
        text = block = _numbered(block, layout)
    if layout.scaled or text.translate(None, b"0123456789, \r\n"):
        text, kinds = block, [np.float64]
    for kind in kinds if text.strip() else []:
        try:
            rows: Array = np.loadtxt(text.decode().split("\n"), kind, comments=None, delimiter=",", ndmin=2)
        except ValueError:  # columns that differ in number, an empty field, no number, a uint8 over 255
            continue
        if rows.shape[1] == layout.columns and _fits(rows, layout).all():
            return _split(rows, layout)
    lines = enumerate(block.split(b"\n"), first_line)
    found = [_parse_line(line, f"{path}, line {number:,}", layout) for number, line in lines if line.strip()]
    return _split(np.array(found).reshape(-1, layout.columns), layout)


def label_field(line: bytes, layout: Layout) -> bytes:
    """The label's field of a line, without blanks and quotes."""
    fields = line.split(b",")
    return fields[layout.label].strip().strip(b"\"'").strip() if len(fields) == layout.columns else b""


def number(text: bytes) -> float:
    """What Python reads from the text, else NaN."""
    try:
        return math.nan if b"_" in text else float(text)  # Python reads 1_0 as 10
    except ValueError:
        return math.nan


def is_word(text: bytes) -> bool:
    """Whether a field is neither empty nor a number, NaN included."""
    return bool(text) and math.isnan(number(text)) and text.lower().lstrip(b"+-") != b"nan"


def _numbered(block: bytes, layout: Layout) -> bytes:
    """The block with a number for each word that is a class."""
    numbers = {word.encode(): str(k).encode() for k, word in enumerate(layout.words)}

    def lines() -> Iterator[bytes]:
        for line in block.split(b"\n"):
            word = label_field(line, layout)
            if word in numbers:
                fields = line.split(b",")
                fields[layout.label] = numbers[word]
                line = b",".join(fields)
            elif not is_word(word) and line.strip() and line.count(b",") == layout.columns - 1:
                fields = line.split(b",")
                fields[layout.label] = repr(word.decode(errors="replace")).encode()  # a number is no word
                line = b",".join(fields)
            yield line

    return b"\n".join(lines())


def _split(rows: Array, layout: Layout) -> tuple[Array, Array]:
    pixels = np.delete(rows, layout.label, axis=1).astype(np.float32 if layout.scaled else np.uint8, copy=False)
    return pixels, rows[:, layout.label].astype(np.int64)


def _parse_line(line: bytes, where: str, layout: Layout) -> Array:
    """One row, (columns,), as it stands."""
    fields, pixels = line.split(b","), layout.columns - 1
    if len(fields) != layout.columns:
        came = "1 column" if len(fields) == 1 else f"{len(fields):,} columns"
        wanted = f"a label and {pixels} pixels, separated by commas, make {layout.columns}"
        raise DataError(f"{where}: has {came}, but {wanted}")
    row = np.array([number(field) for field in fields])
    fits = _fits(row, layout)
    if not fits.all():
        column = int(np.argmin(fits))
        what = f"pixel {column + (column < layout.label)} of {pixels}"
        wanted = "a finite number" if layout.scaled else "a whole number 0 to 255"
        if column == layout.label:
            what, wanted = "the label", f"a whole number 0 to {layout.most}"
            if layout.words:
                wanted = f"one of {short_repr(', '.join(layout.words))}"
        text = fields[column].strip()[:20].decode(errors="replace")
        raise DataError(f"{where}: {what} is {text!r}, but {wanted} is wanted")
    return row


def _fits(rows: Array, layout: Layout) -> Array:
    """Which values of (..., columns) can stand in their column; NaN and infinity can nowhere."""
    fits = np.isfinite(rows) if layout.scaled else _whole(rows, 255)
    fits[..., layout.label] = _whole(rows[..., layout.label], layout.most)
    return fits


def _whole(values: Array, most: int) -> Array:
    """Which values are whole numbers from 0 to ``most``."""
    fits = (values >= 0) & (values <= most)
    return np.asarray(fits if values.dtype == np.uint8 else fits & (values == np.trunc(values)))
