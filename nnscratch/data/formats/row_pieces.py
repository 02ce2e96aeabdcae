"""Images to be predicted, a piece at a time: CSV rows, an IDX file or a NumPy array, with or without labels.

They are taken as they are: 28 x 28 pixels, light on dark as in MNIST. Nothing is cropped, centred or resized.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.dataset import Examples
from nnscratch.data.form import FIELD, has_size, in_form, levels
from nnscratch.data.formats.arrays import LARGEST, array_of, arrays_of, entries_of, pair_of
from nnscratch.data.formats.idx import check_size, read_header
from nnscratch.data.formats.idx_files import EMNIST
from nnscratch.data.formats.table import blocks, first_row, is_scaled, named_column
from nnscratch.data.formats.table_rows import COLUMNS, Layout, is_word, label_field, parse_block
from nnscratch.errors import DataError, short_repr
from nnscratch.files.unpack import open_unpacked

PIXELS = FIELD * FIELD
PIECE = 2000  # images
SUFFIXES = (".csv", ".csv.gz", ".txt", ".npz", ".npy", "ubyte", "ubyte.gz", ".idx", ".idx.gz")
NAMES = ("x_test", "test_x", "test_images", "images_test", "x", "images", "imgs", "data", "arr_0")  # of images alone


class Piece(NamedTuple):
    """Some images (n, 28, 28) uint8, and their labels (n,) int64 where there are any."""

    images: Array
    labels: Array | None


def pieces(path: Path, classes: Sequence[str]) -> Iterator[Piece]:
    """Yield the images of a file, in order; ``classes`` are the names that labels can be.

    Raises ``DataError`` for a file that is empty, damaged or holds something else; of a CSV file it names the line.
    """
    name = path.name.lower()
    if name.endswith((".npz", ".npy")):
        return _array_pieces(path)
    return _idx_pieces(path) if "ubyte" in name or ".idx" in name else _csv_pieces(path, classes)


def _csv_pieces(path: Path, classes: Sequence[str]) -> Iterator[Piece]:
    layout = _layout(path, classes)
    empty = True
    with open_unpacked(path) as file:
        for block, line in blocks(file, path):
            block = block.replace(b'"', b"")
            rows = block if layout.columns == COLUMNS else _with_label(block, line, path)
            values, labels = parse_block(rows, line, path, layout._replace(columns=COLUMNS))
            if not len(values):
                continue
            empty = False
            if layout.scaled:
                if values.min() < 0 or values.max() > 1:
                    raise DataError(
                        f"{path}, from line {line:,} on: holds pixels outside 0 to 1: convert them to 0..255"
                    )
                values = np.rint(255 * values).astype(np.uint8)
            yield Piece(values.reshape(-1, FIELD, FIELD), labels if layout.columns == COLUMNS else None)
    if empty:
        raise DataError(f"{path}: holds no rows: at least one row of {PIXELS} pixels is wanted")


def _layout(path: Path, classes: Sequence[str]) -> Layout:
    """The layout of a CSV file: 784 columns of pixels, or 785 of which the header names one the label's."""
    fields = [field.strip().strip(b'"') for field in first_row(path)]
    if len(fields) != COLUMNS:
        return Layout(PIXELS, scaled=is_scaled([b"0", *fields], COLUMNS))
    column = named_column(path, COLUMNS)
    if column is None:
        raise DataError(
            f"{path}: has {COLUMNS} columns, and no header says which is the label: "
            f"give a header line that calls it label, or leave the column out"
        )
    layout = Layout(COLUMNS, column, named=True, scaled=is_scaled(fields, COLUMNS))
    return layout._replace(words=tuple(classes)) if is_word(label_field(b",".join(fields), layout)) else layout


def _with_label(block: bytes, first_line: int, path: Path) -> bytes:
    """Lines of 784 pixels with a label 0 before them, which the parser of rows wants."""
    lines = block.split(b"\n")
    for number, line in enumerate(lines, first_line):
        columns = line.count(b",") + 1
        if line.strip() and columns != PIXELS:
            came = "1 column" if columns == 1 else f"{columns:,} columns"
            raise DataError(
                f"{path}, line {number:,}: has {came}, but {PIXELS} pixels, separated by commas, are wanted"
            )
    return b"\n".join(b"0," + line if line.strip() else line for line in lines)


def _idx_pieces(path: Path) -> Iterator[Piece]:
    came, turned = 0, re.match(EMNIST, path.name) is not None  # rows and columns are exchanged in EMNIST's files
    with open_unpacked(path) as file:
        dtype, shape = read_header(file, path, most=None)
        if dtype != np.uint8 or len(shape) != 3 or not has_size(np.empty((0, *shape[1:]))) or not shape[0]:
            size = " x ".join(map(str, shape)) or "a single value of"
            raise DataError(f"{path}: holds {size} {dtype.name}, but images of {FIELD} x {FIELD} uint8 are wanted")
        for start in range(0, shape[0], PIECE):
            wanted = PIXELS * min(PIECE, shape[0] - start)
            content = file.read(wanted)
            came += len(content)
            if len(content) < wanted:
                break
            images = np.frombuffer(content, np.uint8).reshape(-1, FIELD, FIELD)
            yield Piece(np.ascontiguousarray(images.swapaxes(1, 2)) if turned else images, None)
        check_size(path, dtype, shape, came + len(file.read(1)))


def _array_pieces(path: Path) -> Iterator[Piece]:
    images, labels = _loaded(path)
    if images.ndim == 4 and 1 in (images.shape[1], images.shape[3]):
        images = images.reshape(len(images), *(images.shape[1:3] if images.shape[3] == 1 else images.shape[2:]))
    if images.ndim == 2 and images.shape[1] == PIXELS:
        images = images.reshape(-1, FIELD, FIELD)
    if images.ndim != 3 or not has_size(images) or not len(images) or images.dtype.kind not in "buif":
        wanted = f"(n, {FIELD}, {FIELD}) or (n, {PIXELS})"
        raise DataError(f"{path}: its images are {images.shape} {images.dtype}, but {wanted} are wanted")
    if images.dtype.kind == "f" and not np.isfinite(images).all():
        raise DataError(f"{path}: holds pixels that are NaN or infinite: give finite numbers")
    scale = levels(images, str(path))
    for start in range(0, len(images), PIECE):
        part = images[start : start + PIECE]
        gray = in_form(Examples(part, np.zeros(len(part), np.int64)), scale, True, str(path), False).images
        yield Piece(gray, None if labels is None else labels[start : start + PIECE])


def _loaded(path: Path) -> tuple[Array, Array | None]:
    """The images of a NumPy file, and the labels that stand beside them. Nothing is unpickled."""
    if path.name.lower().endswith(".npy"):
        with open_unpacked(path) as file:
            content = file.read(LARGEST)
        try:
            return array_of(content), None
        except ValueError as error:
            raise DataError(f"{path}: cannot be read ({error}): numbers, not objects, are wanted") from error
    names = {name.removesuffix(".npy").lower(): name for name in entries_of(path)}
    pair = pair_of(names, "test") or pair_of(names, None)
    if pair is not None:
        read = arrays_of(path, list(pair))
        labels = read[pair[1]].reshape(-1)
        if labels.dtype.kind not in "iu" or len(labels) != len(read[pair[0]]):
            raise DataError(f"{path}: {pair[1]} must hold a whole number for each image: mend it, or leave it out")
        return read[pair[0]], labels.astype(np.int64)
    found = [names[name] for name in NAMES if name in names] or (list(names.values()) if len(names) == 1 else [])
    if not found:
        came = ", ".join(sorted(names)[:10]) or "nothing"
        raise DataError(f"{path}: holds {short_repr(came)}: give one array, or call the images' x_test")
    return arrays_of(path, found[:1])[found[0]], None
