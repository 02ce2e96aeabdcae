"""A digit found in a picture, and the pieces of ink that it is made of."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from nnscratch.arrays import Array
from nnscratch.pictures.components import Component
from nnscratch.pictures.preprocess import normalize_digit
from nnscratch.pictures.several.reading_order import Box

Reader = Callable[[Array], Array]  # images (n, 28, 28) uint8 -> (n,), how well each reads as a digit, 0 to 1
Group = list[Component]


@dataclass(frozen=True)
class Segment:
    """One digit: its box in pixels of the picture, and its ink (h, w) there.

    ``unclear`` says that there is more than one digit, or none, and that they cannot be told apart.
    """

    left: int
    top: int
    width: int
    height: int
    ink: Array
    unclear: bool = False

    @cached_property
    def image(self) -> Array:
        """The digit in MNIST's form, (28, 28) uint8."""
        return normalize_digit(self.ink)["mnist"]

    def as_unclear(self) -> "Segment":
        """Return the same, as one that cannot be told apart."""
        return replace(self, unclear=True)


def legibility(segments: Sequence[Segment], read: Reader) -> list[float]:
    """Return how well each reads, 0 to 1."""
    return [float(one) for one in read(np.stack([segment.image for segment in segments]))] if segments else []


def box_of(group: Iterable[Component]) -> Box:
    """Return the box around pieces."""
    pieces = list(group)
    left, top = min(piece.left for piece in pieces), min(piece.top for piece in pieces)
    return left, top, max(piece.right for piece in pieces), max(piece.bottom for piece in pieces)


def own_ink(ink: Array, labels: Array, group: Group) -> tuple[Array, int, int]:
    """Return the ink (h, w) of a group of pieces, soft edges included, and the left and top that it has in ``ink``."""
    left, top, right, bottom = box_of(group)
    rows = slice(max(top - 1, 0), bottom + 1)
    columns = slice(max(left - 1, 0), right + 1)
    soft_edges = 0
    mine = np.isin(labels[rows, columns], [soft_edges, *(piece.label for piece in group)])
    return np.where(mine, ink[rows, columns], np.float32(0)), columns.start, rows.start


def cropped(ink: Array, left: int, top: int) -> Segment | None:
    """Return the digit in (h, w), whose corner lies there in the picture; None where there is none."""
    if not ink.any():
        return None
    clear = np.asarray(ink > ink.max() / 4)
    rows, columns = (np.flatnonzero(clear.any(axis=axis)) for axis in (1, 0))
    box = slice(max(rows[0] - 1, 0), rows[-1] + 2), slice(max(columns[0] - 1, 0), columns[-1] + 2)
    width, height = int(columns[-1] - columns[0] + 1), int(rows[-1] - rows[0] + 1)
    return Segment(left + int(columns[0]), top + int(rows[0]), width, height, ink[box])
