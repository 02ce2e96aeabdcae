"""Which strokes of a drawing make which digit: strokes know more than pixels do.

A stroke is never cut. Strokes that touch are one piece, and pieces make digits as those of pictures do (``merging``).
A piece of several strokes is cut between strokes where both halves read better than the whole. A drawing of which
nothing reads as a digit is one thing, and no row of digits.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from nnscratch.arrays import Array
from nnscratch.errors import DataError
from nnscratch.pictures.components import Component
from nnscratch.pictures.drawing import BRUSH, CANVAS, render_cropped
from nnscratch.pictures.preprocess import ink_box
from nnscratch.pictures.several.merging import merged, merged_by_reading
from nnscratch.pictures.several.reading_order import Box, reading_order
from nnscratch.pictures.several.segment import Group, Legibility, Reader, Segment, box_of

MOST = 50  # digits in a drawing
FINE = 0.25  # brushes between the points by which strokes are compared
LOW = 0.3  # times the tallest digit's height: what is lower is a dot, a dash or a blot
HALF = 0.5  # times the whole's height: what is lower is no digit beside another
WIDEST = 1.7  # times its height: no digit is wider
OVERLAP = 0.3  # times the narrower one's width: neighbours that share more of it are one digit
STROKES = 4  # of a digit that touches others, at most
MOST_CUT = 20  # strokes: what has more is a scribble
FEWER = 0.99  # times as good is a way with one part more
SURE = 0.99  # what reads so well is not cut, unless it is wider than high


def digits_in_strokes(
    strokes: Sequence[Array], brush: float = BRUSH, *, single: bool = False, read: Reader | None = None
) -> list[Segment]:
    """Return the digits of ``strokes``, each (n, 2) in pixels of the canvas, in reading order; [] without ink.

    ``single`` says that all is one digit. ``read`` tells how well images read as digits: then pieces are put together,
    or cut, where that reads better. Raises DataError for more than 50 digits.
    """
    drawing = DrawnInk(strokes, brush)
    pieces = [drawing.every()] if single else drawing.pieces()
    if len(pieces) > MOST:
        raise DataError(f"about {len(pieces)} digits were found, and at most {MOST} are read: draw fewer")
    pieces = [piece for piece in pieces if drawing.has_ink(piece)]
    groups = pieces if single else merged(pieces, alone=read is None)
    if read is None or len(drawing.strokes) < 2 or single:
        return [drawing.segment(group) for group in in_order(groups)]
    score = Legibility(read)
    groups = [digit for group in merged_by_reading([groups], drawing, score) for digit in _cut(group, drawing, score)]
    digits = [drawing.segment(group) for group in in_order(_without_dots(groups))]
    if len(digits) > 1 and not any(score(digits)):
        return [drawing.segment([stroke for group in groups for stroke in group])]
    return digits


class DrawnInk:
    """The strokes of a drawing that come to its canvas, as components: what ``merging`` puts together."""

    def __init__(self, strokes: Sequence[Array], brush: float) -> None:
        self.brush, reach = brush, brush / 2
        inside = [stroke.clip(-brush, CANVAS + brush) for stroke in strokes]
        self.strokes = [one for one in inside if ((one > -reach) & (one < CANVAS + reach)).all(axis=1).any()]
        self._segments: dict[frozenset[int], Segment] = {}

    def segment(self, group: Group) -> Segment:
        """Return the strokes of a group as one digit, drawn as large as a reader needs; the same one each time."""
        key = frozenset(stroke.label for stroke in group)
        if key not in self._segments:
            picture = self._picture(group)
            left, top, right, bottom = box_of(group)
            self._segments[key] = Segment(left, top, right - left, bottom - top, picture[ink_box(picture) or ...])
        return self._segments[key]

    def has_ink(self, group: Group) -> bool:
        """Return whether the strokes of a group leave more than specks."""
        return bool(group) and ink_box(self._picture(group)) is not None

    def _picture(self, group: Group) -> Array:
        return render_cropped([self.strokes[number] for number in sorted(stroke.label for stroke in group)], self.brush)

    def every(self) -> Group:
        """Return all strokes."""
        return [self._component(number) for number in range(len(self.strokes))]

    def pieces(self) -> list[Group]:
        """Return the strokes in groups of those that touch."""
        strokes = self.every()
        edges = np.array([(one.left, one.top, -one.right, -one.bottom) for one in strokes]).reshape(-1, 4)
        points = [finely(stroke, FINE * self.brush) for stroke in self.strokes]
        number = np.arange(len(strokes))  # of each stroke's group
        for b in range(1, len(strokes)):
            meet = np.maximum(edges[:b], edges[b])  # where boxes overlap
            near = np.flatnonzero((meet[:, :2] <= -meet[:, 2:]).all(axis=1))
            while len(near := near[number[near] != number[b]]):
                if _touch(points[near[0]], points[b], self.brush):
                    number[number == number[b]] = number[near[0]]
                near = near[1:]
        return [[strokes[k] for k in np.flatnonzero(number == one)] for one in dict.fromkeys(number.tolist())]

    def _component(self, number: int) -> Component:
        reach = self.brush / 2
        low = np.floor(np.maximum(self.strokes[number].min(axis=0) - reach, 0)).astype(int).tolist()
        high = np.ceil(np.minimum(self.strokes[number].max(axis=0) + reach, CANVAS)).astype(int).tolist()
        return Component(low[1], high[1], low[0], high[0], 0, number)


def _touch(a: Array, b: Array, brush: float) -> bool:
    """Return whether any of the points (n, 2) and (m, 2) are within a brush's width."""
    apart = a[:, None] - b
    return bool(((apart * apart).sum(axis=2) <= brush**2).any())


def finely(stroke: Array, step: float) -> Array:
    """Return a stroke (n, 2) with points between its own, so that none is farther from the next than ``step``."""
    parts = [stroke[:1]]
    for start, end in pairwise(stroke):
        count = max(int(np.ceil(np.hypot(*(end - start)) / step)), 1)
        parts.append(start + (end - start) * (np.arange(1, count + 1) / count)[:, None])
    return np.concatenate(parts)


def in_order(groups: list[Group]) -> list[Group]:
    """Return the groups line by line, each from left to right."""
    return [groups[place] for place in reading_order([box_of(group) for group in groups])]


def _without_dots(groups: list[Group]) -> list[Group]:
    """Return the groups without those that are far lower than the tallest one: dots, dashes and blots."""
    heights = [_height(box_of(group)) for group in groups]
    return [group for group, height in zip(groups, heights, strict=True) if height >= LOW * max(heights)]


def _height(box: Box) -> int:
    return box[3] - box[1]


def _cut(group: Group, drawing: DrawnInk, score: Legibility) -> list[Group]:
    """Return the group, or its digits if it is several that touch: the parts of which the worst reads best."""
    left, top, right, bottom = box_of(group)
    (whole,) = score([drawing.segment(group)])
    if len(group) > MOST_CUT or (whole >= SURE and right - left <= bottom - top):
        return [group]
    parts = _parts(sorted(group, key=lambda stroke: (stroke.left + stroke.right, stroke.label)))
    scores = dict(zip(parts, score([drawing.segment(part) for part in parts.values()]), strict=True))
    ways: dict[int, tuple[float, list[Group]]] = {0: (1.0, [])}  # to each place between strokes
    for (start, stop), part in parts.items():
        if start in ways and _are_apart(ways[start][1], part):
            worst = FEWER * min(ways[start][0], scores[start, stop])
            if worst > ways.get(stop, (0.0, []))[0]:
                ways[stop] = worst, [*ways[start][1], part]
    worst, digits = ways.get(len(group), (0.0, []))
    return digits if worst > whole else [group]


def _parts(strokes: Group) -> dict[tuple[int, int], Group]:
    """Return the strokes from one place to another, from left to right, that may be a digit by their size."""
    least = HALF * _height(box_of(strokes))
    parts = {}
    for stop in range(1, len(strokes) + 1):
        for start in range(max(stop - STROKES, 0), stop):
            part = strokes[start:stop]
            left, _, right, _ = box = box_of(part)
            if _height(box) >= least and right - left <= WIDEST * _height(box):
                parts[start, stop] = part
    return parts


def _are_apart(before: list[Group], part: Group) -> bool:
    """Return whether a part shares little of its width with the one before it."""
    if not before:
        return True
    a, b = box_of(before[-1]), box_of(part)
    return a[2] - b[0] <= OVERLAP * min(a[2] - a[0], b[2] - b[0])
