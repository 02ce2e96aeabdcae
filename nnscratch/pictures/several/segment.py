"""A digit found in a picture, and the pieces of ink that it is made of."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np

from nnscratch.arrays import Array
from nnscratch.pictures.components import Component
from nnscratch.pictures.preprocess import normalize_digit
from nnscratch.pictures.several.reading_order import Box

Reader = Callable[[Array], Array]  # images (n, 28, 28) uint8 -> (n,), how well each reads as a digit, 0 to 1
Group = list[Component]


@dataclass(frozen=True, eq=False)
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

    def part(self, inside: Array) -> "Segment | None":
        """Return the ink inside of a mask (h, w) as a digit of its own; None where there is none."""
        clear = self.ink > self.ink.max() / 4
        margins = [int(clear.any(axis=axis).argmax()) for axis in (0, 1)]
        return cropped(np.where(inside, self.ink, np.float32(0)), self.left - margins[0], self.top - margins[1])

    def as_unclear(self) -> "Segment":
        """Return the same, as one that cannot be told apart."""
        return replace(self, unclear=True)


class Legibility:
    """How well segments read as digits, 0 to 1: each is read once, and all that one question needs in one batch."""

    def __init__(self, read: Reader) -> None:
        self._read = read
        self._known: dict[Segment, float] = {}

    def __call__(self, segments: Sequence[Segment]) -> list[float]:
        """Return how well each of ``segments`` reads."""
        new = [segment for segment in dict.fromkeys(segments) if segment not in self._known]
        if new:
            scores = self._read(np.stack([segment.image for segment in new]))
            self._known.update(zip(new, map(float, scores), strict=True))
        return [self._known[segment] for segment in segments]


class Pieces(Protocol):
    """What pieces are of: the writing in a picture, or the strokes of a drawing."""

    def segment(self, group: Group) -> Segment:
        """Return pieces as one digit: the same one whenever it is asked for."""


class Writing:
    """Ink (H, W), light on 0, and its pieces by their labels (H, W)."""

    def __init__(self, ink: Array, labels: Array) -> None:
        self._ink, self._labels = ink, labels
        self._segments: dict[frozenset[int], Segment] = {}

    def segment(self, group: Group) -> Segment:
        """Return pieces as one digit: the same one whenever it is asked for."""
        key = frozenset(piece.label for piece in group)
        if key not in self._segments:
            segment = cropped(*_own_ink(self._ink, self._labels, group))
            assert segment is not None  # its pieces are ink
            self._segments[key] = segment
        return self._segments[key]


def box_of(group: Iterable[Component]) -> Box:
    """Return the box around pieces."""
    pieces = list(group)
    left, top = min(piece.left for piece in pieces), min(piece.top for piece in pieces)
    return left, top, max(piece.right for piece in pieces), max(piece.bottom for piece in pieces)


def _own_ink(ink: Array, labels: Array, group: Group) -> tuple[Array, int, int]:
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
