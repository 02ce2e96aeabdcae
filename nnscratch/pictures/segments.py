"""Several digits in one picture: where each is, in reading order, and each in MNIST's form."""

from collections.abc import Sequence

import numpy as np

from nnscratch.arrays import Array
from nnscratch.errors import DataError
from nnscratch.pictures.components import Component, connected_components
from nnscratch.pictures.photo import remove_clutter
from nnscratch.pictures.preprocess import has_ink, ink_stages, is_field
from nnscratch.pictures.several.cells import Grid, find_grid
from nnscratch.pictures.several.merging import LOW, merged, merged_by_reading
from nnscratch.pictures.several.reading_order import Box, reading_order
from nnscratch.pictures.several.segment import Group, Legibility, Reader, Segment, Writing, box_of
from nnscratch.pictures.several.touching import cut_by_reading, cut_by_width

MOST = 50  # digits in a picture
TALL = 2.2  # times the usual height: a bracket, a bar, or digits that cannot be told apart
NARROW = 0.35  # times its height: a bracket and a bar are narrower


def segments(picture: Array, read: Reader | None = None) -> list[Segment]:
    """Return the digits of ``picture``, (H, W) uint8 or float 0..1, line by line, from left to right; [] without ink.

    Walls of boxes and grids are found first, and what is written in their cells is read cell by cell. What hangs
    together is a digit; so are pieces above one another, such as a 5 and its bar, and the parts of what is far wider
    than high, cut where it has least ink. With ``read`` digits that touch are cut, and broken ones put together, where
    that reads better, and what cannot be told apart comes as an unclear segment. Raises DataError for what is no
    picture, or holds more than 50.
    """
    return in_ink(ink_stages(picture, several=True), read)


def several_digits(
    picture: Array, *, single: bool = False, read: Reader | None = None
) -> tuple[dict[str, Array], list[Segment]]:
    """Return the stages of a picture's ink, and its digits if they are several: [] for one digit, or none.

    What cannot be told apart may be several. One digit is what has MNIST's 28 x 28 pixels, and whatever comes with
    ``single``. Raises DataError for what is no picture, or holds more than 50.
    """
    single = single or is_field(picture)
    steps = ink_stages(picture, several=not single)
    found = [] if single else in_ink(steps, read)
    return steps, found if len(found) > 1 or any(one.unclear for one in found) else []


def as_number(found: Sequence[Segment], digits: Sequence[int | None]) -> str:
    """Return the digits that were read in segments as one text, "?" for None and for what cannot be told apart."""
    pairs = zip(found, digits, strict=True)
    return "".join("?" if one.unclear or digit is None else str(digit) for one, digit in pairs)


def in_ink(steps: dict[str, Array], read: Reader | None) -> list[Segment]:
    """Return the same out of a picture's stages: "ink" and "writing", (H, W) float32, light ink on 0."""
    ink = steps["ink"]
    if not has_ink(ink):
        return []
    grid = find_grid(ink)
    if grid is None:
        return in_writing(steps["writing"], None, read)
    bare = grid.without_walls(ink)
    return in_writing(remove_clutter(bare, several=True) if has_ink(bare) else bare, grid, read)


def in_writing(ink: Array, grid: Grid | None, read: Reader | None) -> list[Segment]:
    """Return the digits of writing (H, W), in the cells of a grid if there is one."""
    if not has_ink(ink):
        return []
    labels, found = _pieces(ink)
    writing = Writing(ink, labels)
    score = None if read is None else Legibility(read)
    places = [merged([[piece] for piece in pieces], alone=score is None) for pieces in _by_place(found, grid)]
    groups = [group for place in places for group in place]
    if score is not None:
        groups = merged_by_reading(places, writing, score)
    groups = in_reading_order(_of_usual_height(groups), grid)
    wholes = [writing.segment(group) for group in groups]
    tall = TALL * _usual_height(groups)
    cut = [cut_by_width(whole) for whole in wholes] if score is None else cut_by_reading(wholes, score)
    digits = [one.as_unclear() if one.height > tall else one for some in cut for one in some]
    if len(digits) > MOST:
        raise _too_many(len(digits))
    return digits


def _height(group: Group) -> int:
    _, top, _, bottom = box_of(group)
    return bottom - top


def _usual_height(groups: list[Group]) -> float:
    """Return the median height, of which each group has a share that grows with the square root of its ink."""
    by_height = sorted(groups, key=_height)
    shares = np.cumsum([sum(piece.area for piece in group) ** 0.5 for group in by_height])
    return float(_height(by_height[int(np.searchsorted(shares, shares[-1] / 2))]))


def _of_usual_height(groups: list[Group]) -> list[Group]:
    """Return the groups without what is far lower than the digits, and without brackets, bars and what goes around."""
    tall = TALL * _usual_height(groups)
    highest = max(_height(group) for group in groups if _height(group) <= tall)
    boxes = [box_of(group) for group in groups]
    kept = []
    for group, box in zip(groups, boxes, strict=True):
        width, height = box[2] - box[0], box[3] - box[1]
        beside = height > tall and (width < NARROW * height or any(_is_around(box, other) for other in boxes))
        if height >= LOW * highest and not beside:
            kept.append(group)
    return kept


def _is_around(box: Box, other: Box) -> bool:
    x, y = (other[0] + other[2]) / 2, (other[1] + other[3]) / 2
    return other is not box and box[0] < x < box[2] and box[1] < y < box[3]


def _pieces(ink: Array) -> tuple[Array, list[Component]]:
    labels, found = connected_components(np.asarray(ink > ink.max() / 4))
    if len(found) > 4 * MOST:
        raise _too_many(len(found))
    return labels, found


def _too_many(count: int) -> DataError:
    return DataError(f"about {count} digits were found, and at most {MOST} are read: give a part of the picture")


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
        places.setdefault(_place(group[0], grid), []).append((box_of(group), [group]))
    if grid is not None:
        for number in grid.inner_first():
            item = grid.cells[number - 1].box, _ordered(places.pop(number, []))
            places.setdefault(grid.parents[number - 1], []).append(item)
    return _ordered(places.get(0, []))


def _ordered(items: list[tuple[Box, list[Group]]]) -> list[Group]:
    order = reading_order([box for box, _ in items])
    return [group for place in order for group in items[place][1]]
