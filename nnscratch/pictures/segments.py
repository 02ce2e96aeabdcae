"""Several digits in one picture: where each is, in reading order, and each in MNIST's form."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from nnscratch.arrays import Array
from nnscratch.errors import DataError
from nnscratch.pictures.components import Component, connected_components
from nnscratch.pictures.photo import remove_clutter
from nnscratch.pictures.preprocess import has_ink, ink_stages, is_field, normalize_digit
from nnscratch.pictures.several.cells import Grid, find_grid
from nnscratch.pictures.several.reading_order import Box, reading_order

MOST = 50  # digits in a picture
LOW = 0.3  # of the tallest digit's height: what is lower is a dot, a dash or a blot
LONG = 1.2  # times the taller one's height: what is longer is a line under or over digits, and no part of one
OVER = 0.5  # of the narrower one's width: pieces that lie so much above one another, and near, are one digit
NEAR = 0.3  # of the taller one's height: how near
TOO_WIDE = 1.4  # times its height: digits that touch
LEAST = 12  # pixels high: what is lower has too few to be cut
USUAL = 0.65  # of its height: the width of one of them


@dataclass(frozen=True)
class Segment:
    """One digit: its box in pixels of the picture, and its ink (h, w) there."""

    left: int
    top: int
    width: int
    height: int
    ink: Array

    @cached_property
    def image(self) -> Array:
        """The digit in MNIST's form, (28, 28) uint8."""
        return normalize_digit(self.ink)["mnist"]


def segments(picture: Array) -> list[Segment]:
    """Return the digits of ``picture``, (H, W) uint8 or float 0..1, line by line, from left to right; [] without ink.

    What hangs together is a digit; so are pieces above one another, such as a 5 and its bar, and the parts of what is
    far wider than high, cut where it has least ink. Raises DataError for what is no picture, or holds more than 50.
    """
    return in_ink(ink_stages(picture, several=True))


def several_digits(picture: Array, *, single: bool = False) -> tuple[dict[str, Array], list[Segment]]:
    """Return the stages of a picture's ink, and its digits if they are several: [] for one digit, or none.

    One digit is what has MNIST's 28 x 28 pixels, and whatever comes with ``single``. Raises DataError for what is no
    picture, or holds more than 50.
    """
    single = single or is_field(picture)
    steps = ink_stages(picture, several=not single)
    found = [] if single else in_ink(steps)
    return steps, found if len(found) > 1 else []


def in_ink(steps: dict[str, Array]) -> list[Segment]:
    """Return the same out of a picture's stages: "ink" and "writing", (H, W) float32, light ink on 0."""
    ink = steps["ink"]
    if not has_ink(ink):
        return []
    grid = find_grid(ink)
    if grid is None:
        return in_writing(steps["writing"], None)
    bare = grid.without_walls(ink)
    return in_writing(remove_clutter(bare, several=True) if has_ink(bare) else bare, grid)


def in_writing(ink: Array, grid: Grid | None) -> list[Segment]:
    """Return the digits of writing (H, W), in the cells of a grid if there is one."""
    if not has_ink(ink):
        return []
    labels, found = _pieces(ink)
    groups = [group for place in _by_place(found, grid) for group in merged([[piece] for piece in place])]
    heights = [_box(group)[3] - _box(group)[1] for group in groups]
    groups = [group for group, height in zip(groups, heights, strict=True) if height >= LOW * max(heights)]
    groups = in_reading_order(groups, grid)
    cut = [segment for group in groups for segment in _segments(ink, labels, group)]
    if len(cut) > MOST:
        raise _too_many(len(cut))
    return cut


def _pieces(ink: Array) -> tuple[Array, list[Component]]:
    labels, found = connected_components(np.asarray(ink > ink.max() / 4))
    if len(found) > 10 * MOST:
        raise _too_many(len(found))
    return labels, found


def _too_many(count: int) -> DataError:
    return DataError(f"about {count} digits were found, and at most {MOST} are read: give a part of the picture")


Group = list[Component]


def merged(groups: list[Group]) -> list[Group]:
    """Return the groups, with those that make one digit put together."""
    done: list[Group] = []
    for group in groups:
        match = next((other for other in done if _one_digit(_box(group), _box(other))), None)
        if match is None:
            done.append(group)
        else:
            match.extend(group)
    return done if len(done) == len(groups) else merged(done)


def _box(group: Group) -> Box:
    left, top = min(component.left for component in group), min(component.top for component in group)
    return left, top, max(component.right for component in group), max(component.bottom for component in group)


def _one_digit(a: Box, b: Box) -> bool:
    shared = min(a[2], b[2]) - max(a[0], b[0])
    gap = max(a[1], b[1]) - min(a[3], b[3])
    narrower, taller = min(a[2] - a[0], b[2] - b[0]), max(a[3] - a[1], b[3] - b[1])
    wider = max(a[2] - a[0], b[2] - b[0])
    return shared >= OVER * narrower and gap <= NEAR * taller and wider <= LONG * taller


def _place(piece: Component, grid: Grid | None) -> int:
    """Return the cell that a piece's middle is in, from 1, or 0."""
    if grid is None:
        return 0
    return int(grid.place[(piece.top + piece.bottom) // 2, (piece.left + piece.right) // 2])


def _by_place(found: list[Component], grid: Grid | None) -> list[list[Component]]:
    """Return the pieces of each cell, and those outside of all."""
    places: dict[int, list[Component]] = {}
    for piece in found:
        places.setdefault(_place(piece, grid), []).append(piece)
    return list(places.values())


def in_reading_order(groups: list[Group], grid: Grid | None) -> list[Group]:
    """Return the groups line by line, each from left to right; a cell's stand together, where the cell stands."""
    places: dict[int, list[tuple[Box, list[Group]]]] = {}
    for group in groups:
        places.setdefault(_place(group[0], grid), []).append((_box(group), [group]))
    if grid is not None:
        for number in grid.inner_first():
            item = grid.cells[number - 1].box, _ordered(places.pop(number, []))
            places.setdefault(grid.parents[number - 1], []).append(item)
    return _ordered(places.get(0, []))


def _ordered(items: list[tuple[Box, list[Group]]]) -> list[Group]:
    order = reading_order([box for box, _ in items])
    return [group for place in order for group in items[place][1]]


def _segments(ink: Array, labels: Array, group: Group) -> list[Segment]:
    """Return a group as one digit, or cut into as many as its width makes likely."""
    left, top, right, bottom = _box(group)
    rows = slice(max(top - 1, 0), bottom + 1)
    columns = slice(max(left - 1, 0), right + 1)
    soft_edges = 0
    mine = np.isin(labels[rows, columns], [soft_edges, *(component.label for component in group)])
    own = np.where(mine, ink[rows, columns], np.float32(0))
    touching = right - left > TOO_WIDE * (bottom - top) and bottom - top >= LEAST
    ends = _cuts(own) if touching else [0, own.shape[1]]
    parts = [_segment(own[:, start:stop], columns.start + start, rows.start) for start, stop in pairwise(ends)]
    return [segment for segment in parts if segment is not None]


def _cuts(ink: Array) -> list[int]:
    """Return the columns at which wide ink (h, w) is cut: those with least of it near where equal parts would end."""
    height, width = ink.shape
    count = max(2, round(width / (USUAL * height)))
    part = width / count
    ends = [0]
    for number in range(1, count):
        start = int((number - 0.3) * part)
        stop = int((number + 0.3) * part) + 1
        ends.append(start + int(ink[:, start:stop].sum(axis=0).argmin()))
    return sorted({*ends, width})


def _segment(ink: Array, left: int, top: int) -> Segment | None:
    """Return the digit in (h, w), whose corner lies there in the picture; None where there is none."""
    if not ink.any():
        return None
    clear = np.asarray(ink > ink.max() / 4)
    rows, columns = (np.flatnonzero(clear.any(axis=axis)) for axis in (1, 0))
    box = slice(max(rows[0] - 1, 0), rows[-1] + 2), slice(max(columns[0] - 1, 0), columns[-1] + 2)
    width, height = int(columns[-1] - columns[0] + 1), int(rows[-1] - rows[0] + 1)
    return Segment(left + int(columns[0]), top + int(rows[0]), width, height, ink[box])
