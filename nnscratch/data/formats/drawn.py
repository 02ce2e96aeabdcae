"""A file of drawings as a data set: digits that people drew, such as the corrections of the drawing page."""

from pathlib import Path

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.dataset import Examples
from nnscratch.data.drawings import Drawing, read_drawings
from nnscratch.data.form import joined, skipped
from nnscratch.errors import DataError
from nnscratch.pictures.drawing import BRUSH, CANVAS


def is_drawings(path: Path) -> bool:
    """Whether a file is one of drawings, by its name."""
    return path.name.lower().endswith((".json", ".json.gz"))


def read_drawn(path: Path, skip_bad: bool = False) -> Examples:
    """Read a file of drawings: images (n, 28, 28) uint8 in MNIST's form, as the page makes them, and labels (n,).

    Raises ``DataError`` for what :func:`~nnscratch.data.drawings.read_drawings` refuses, for drawings without label,
    and for those that show no ink, unless ``skip_bad``.
    """
    drawings = read_drawings(path)
    for number, one in enumerate(drawings):
        if one.label is None:
            raise DataError(f'{path}, drawing {number}: "label" is missing: give the digit that was drawn, 0 to 9')
    images = [to_mnist(one) for one in drawings]
    bad = [(f"drawing {number}", "shows no ink") for number, image in enumerate(images) if image is None]
    told = skipped(str(path), bad, len(images), skip_bad)
    kept = [(image, one.label) for image, one in zip(images, drawings, strict=True) if image is not None]
    labels = np.array([label for _, label in kept], np.uint8)
    note = f"{len(kept):,} drawings were brought into MNIST's form"
    return Examples(np.stack([image for image, _ in kept]), labels, joined(note, told))


def to_mnist(drawing: Drawing) -> Array | None:
    """Return a drawing as (28, 28) uint8, as the page reads it; None where there is no ink."""
    from nnscratch.pictures.several.strokes import digits_in_strokes  # here, for most data sets need it not

    factor = CANVAS / max(drawing.box)
    brush = BRUSH if drawing.brush is None else drawing.brush * factor
    found = digits_in_strokes([stroke * factor for stroke in drawing.strokes], brush, single=True)
    return found[0].image if found else None
