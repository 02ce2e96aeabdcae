"""Boxes and grids that digits are written into: their cells, and the ink of their walls.

A cell is what a wall encloses: a hole with four sides. The hole of a 0 is round, that of a 4 has three sides, and
neither has ink inside, as one cell at least must have: so a digit is no box.
"""

from dataclasses import dataclass

import numpy as np

from nnscratch.arrays import Array
from nnscratch.pictures.components import Component, connected_components
from nnscratch.pictures.neighborhoods import blocks, running

COARSE = 60  # squares along the longer side, in each of which and its neighbours some paper is seen
FAINT = 1 / 7  # of the strongest ink: walls may be
MANY = 2_000  # pieces: a printed page
SMALLEST = 10  # pixels of a cell's shorter side
HOLE = (0.5, 1.25)  # times the area between its corners: a cell's hole; digits at the wall take some, an ellipse has 1.57
ALIKE = 0.5  # times the opposite one: the shorter of two sides
INK = 0.2  # of a cell's height: what is written into it is so high
SIZE = 0.4  # times the usual cell: a smaller hole is one of a digit
DEEP = 0.2  # of a cell's shorter side: ink of the wall that reaches so far in is a digit that touches
SOFT = 2  # pixels of a wall's soft edge


@dataclass(frozen=True, eq=False)
class Cell:
    """A cell by its corners (4, 2), x and y: top left, top right, bottom right, bottom left."""

    corners: Array

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom; the last two are outside."""
        (left, top), (right, bottom) = self.corners.min(axis=0), self.corners.max(axis=0) + 1
        return int(left), int(top), int(right), int(bottom)

    @property
    def height(self) -> float:
        """The mean height of its sides."""
        return float(np.hypot(*(self.corners[[3, 2]] - self.corners[[0, 1]]).T).mean())

    @property
    def shorter(self) -> float:
        """The mean length of its shorter sides."""
        return min(self.height, float(np.hypot(*(self.corners[[1, 2]] - self.corners[[0, 3]]).T).mean()))

    def depth(self) -> Array:
        """How far each pixel of its box is inside of the nearest side, in pixels; below 0 outside."""
        left, top, right, bottom = self.box
        y, x = np.mgrid[top:bottom, left:right]
        sides = np.roll(self.corners, -1, axis=0) - self.corners
        return np.min(
            [
                (dx * (y - y0) - dy * (x - x0)) / max(np.hypot(dx, dy), 1)
                for (x0, y0), (dx, dy) in zip(self.corners, sides, strict=True)
            ],
            axis=0,
        )


@dataclass(frozen=True)
class Grid:
    """The cells of a picture, and where they are.

    ``place`` (H, W) int32 is the innermost cell that a pixel is in, from 1, or 0; ``parents`` the one that each cell is
    in; ``walls`` (H, W) the ink between them.
    """

    cells: list[Cell]
    parents: list[int]
    place: Array
    walls: Array

    def inner_first(self) -> list[int]:
        """Return the numbers of the cells, each before the one that it is in."""
        return sorted(range(1, len(self.cells) + 1), key=lambda number: self.cells[number - 1].shorter)

    def without_walls(self, ink: Array) -> Array:
        """Return (H, W) ink without the walls and their soft edges; what is written in the cells stays."""
        near = self.walls
        for axis in (0, 1):
            near = running(near, 2 * SOFT + 1, axis, np.logical_or, False)
        return np.where(self.walls | (near & (self.place == 0)), np.float32(0), ink)


def find_grid(ink: Array) -> Grid | None:
    """Return the boxes and grids in ink (H, W), light on 0; None where nothing is written into any."""
    labels, found = connected_components(_thin(ink))
    if len(found) > MANY:
        return None
    boxes = np.array([(p.left, p.top, -p.right, -p.bottom) for p in found])
    around = [p for p, box in zip(found, boxes, strict=True) if (box < boxes).all(axis=1).any()]
    walls = [(p, cells) for p in around if (cells := _cells(labels, p))]
    written = [cell for wall, cells in walls for cell in cells if _is_written(labels, cell, wall)]
    if not written:
        return None
    usual = float(np.median([cell.shorter for cell in written]))
    empty = [(p, cells) for p in found if p not in around and p.height > usual and (cells := _cells(labels, p))]
    cells = [
        cell for _, some in walls + empty for cell in some if cell in written or cell.shorter >= SIZE * usual
    ]
    return _grid(labels, [wall for wall, _ in walls + empty], cells)


def _thin(ink: Array) -> Array:
    """Return where (H, W) is stronger than the weakest ink around, which shade is not, by a share of the strongest."""
    squares = blocks(ink, COARSE)
    H, side, W, _ = squares.shape
    weakest = np.pad(squares.min(axis=(1, 3)), 1, mode="edge")
    for axis in (0, 1):
        weakest = running(weakest, 3, axis, np.minimum, np.inf)
    ground = np.pad(weakest[1:-1, 1:-1].repeat(side, 0).repeat(side, 1), [(0, n % side) for n in ink.shape], mode="edge")
    return np.asarray(ink - ground > FAINT * ink.max())


def _cells(labels: Array, wall: Component) -> list[Cell]:
    """Return the holes of a piece that have four sides."""
    if min(wall.height, wall.width) < SMALLEST:
        return []
    mask = np.pad(labels[wall.box] == wall.label, 2)
    for axis in (0, 1):
        mask = running(mask, 3, axis, np.logical_or, False)  # so that a slanting wall has no leaks
    holes, found = connected_components(~mask)
    cells = []
    for hole in found:
        if min(hole.height, hole.width) >= SMALLEST and hole.left > 0:  # else it is what lies around the wall
            y, x = np.nonzero(holes[hole.box] == hole.label)
            ends = [(x + y).argmin(), (x - y).argmax(), (x + y).argmax(), (x - y).argmin()]
            offset = wall.left + hole.left - 2, wall.top + hole.top - 2
            corners = np.stack([x[ends], y[ends]], axis=1) + offset
            if _has_four_sides(corners, hole.area):
                cells.append(Cell(corners))
    return cells


def _has_four_sides(corners: Array, area: int) -> bool:
    after = np.roll(corners, -1, axis=0)
    between = float((corners[:, 0] * after[:, 1] - after[:, 0] * corners[:, 1]).sum()) / 2
    lengths = np.hypot(*(after - corners).T)
    opposite = np.minimum(lengths, np.roll(lengths, 2)) >= ALIKE * np.maximum(lengths, np.roll(lengths, 2))
    return bool(HOLE[0] * between <= area <= HOLE[1] * between and opposite.all())


def _is_written(labels: Array, cell: Cell, wall: Component) -> bool:
    """Return whether ink that is not the wall's stands in a cell."""
    left, top, right, bottom = cell.box
    inside = labels[top:bottom, left:right]
    rows = ((inside > 0) & (inside != wall.label) & (cell.depth() > 0)).any(axis=1)
    return bool(rows.sum() >= INK * cell.height)


def _grid(labels: Array, walls: list[Component], cells: list[Cell]) -> Grid:
    place = np.zeros(labels.shape, np.int32)
    parents = [0] * len(cells)
    mask = np.isin(labels, [wall.label for wall in walls])
    for number, cell in sorted(enumerate(cells, 1), key=lambda item: -item[1].shorter):
        left, top, right, bottom = cell.box
        box = slice(top, bottom), slice(left, right)
        depth = cell.depth()
        parents[number - 1] = int(place[(top + bottom) // 2, (left + right) // 2])
        place[box][depth > 0] = number
        pieces, found = connected_components(mask[box] & (depth > 0))
        for piece in found:  # of the wall: a digit that touches, or a bulge
            mine = pieces == piece.label
            if depth[mine].max() >= DEEP * cell.shorter:
                mask[box][mine] = False
    return Grid(cells, parents, place, mask)
