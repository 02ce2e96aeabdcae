"""Boxes and grids that digits are written into: their cells, and the ink of their walls.

A cell is what a wall encloses: a hole with four sides. The hole of a 0 is round, that of a 4 has three sides, and
neither has ink inside, as one cell at least must have: so a digit is no box.
"""

from dataclasses import dataclass
from math import dist

import numpy as np

from nnscratch.arrays import Array
from nnscratch.pictures.components import Component, connected_components
from nnscratch.pictures.neighborhoods import blocks, running

COARSE = 60  # squares along the longer side, in each of which and its neighbours some paper is seen
FAINT = 1 / 7  # of the strongest ink: walls may be
MANY = 2_000  # pieces: a printed page
SMALLEST = 10  # pixels of a cell's shorter side
HOLE = (
    0.5,
    1.25,
)  # times the area between its corners: a cell's hole; digits at the wall take some, an ellipse has 1.57
ALIKE = 0.5  # times the opposite one: the shorter of two sides
INK = 0.2  # of a cell's height: what is written into it is so high
SIZE = 0.4  # times the usual cell: a smaller hole is one of a digit
WHOLE = 0.98  # of the area between its corners: a hole with less has something at its wall
DEEP = 0.2  # of a cell's shorter side: ink of the wall that reaches so far in is a digit that touches
SOFT = 2  # pixels of a wall's soft edge


@dataclass(frozen=True, eq=False)
class Cell:
    """A cell: the hole in its wall, a mask (h, w) whose corner lies at ``left``, ``top``, and its four corners (4, 2).

    They are x and y in the picture: top left, top right, bottom right, bottom left.
    """

    left: int
    top: int
    hole: Array
    corners: Array

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom; the last two are outside."""
        height, width = self.hole.shape
        return self.left, self.top, self.left + width, self.top + height

    @property
    def slices(self) -> tuple[slice, slice]:
        """The rows and columns of its box."""
        height, width = self.hole.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)

    @property
    def shorter(self) -> int:
        """The shorter side of its box."""
        return int(min(self.hole.shape))

    def holds(self, middles: Array) -> bool:
        """Return whether one of some points (n, 2), x and y in the picture, is in the hole."""
        points = middles - (self.left, self.top)
        x, y = points[((points >= 0) & (points < self.hole.shape[::-1])).all(axis=1)].T
        return bool(self.hole[y, x].any())

    def depth(self) -> Array:
        """How far each pixel of its box is inside of the nearest side, in pixels; below 0 outside."""
        y, x = np.mgrid[self.slices]
        depth = np.full(self.hole.shape, np.inf)
        for (x0, y0), (x1, y1) in zip(self.corners, np.roll(self.corners, -1, axis=0), strict=True):
            dx, dy = (x1 - x0, y1 - y0) / np.hypot(x1 - x0, y1 - y0)
            np.minimum(depth, dx * (y - y0) - dy * (x - x0), out=depth)
        return depth


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
    large = [p for p in found if min(p.height, p.width) >= SMALLEST]
    boxes = np.array([(p.left, p.top, -p.right, -p.bottom) for p in large]).reshape(-1, 4)
    around = [p for p, box in zip(large, boxes, strict=True) if (box < boxes).all(axis=1).any()]
    cells = [(p, cell) for p in around for cell in _cells(labels, p)]
    middles = np.array([((p.left + p.right) // 2, (p.top + p.bottom) // 2) for p in large]).reshape(-1, 2)
    heights = np.array([p.height for p in large])
    written = [cell for _, cell in cells if cell.holds(middles[heights >= INK * cell.hole.shape[0]])]
    if not written:
        return None
    usual = float(np.median([cell.shorter for cell in written]))
    cells += [(p, cell) for p in large if p not in around and p.height > usual for cell in _cells(labels, p)]
    cells = [(p, cell) for p, cell in cells if cell in written or cell.shorter >= SIZE * usual]
    return _grid(labels, {p.label for p, _ in cells}, [cell for _, cell in cells])


def _thin(ink: Array) -> Array:
    """Return where (H, W) is stronger than the weakest ink around, which shade is not, by a share of the strongest."""
    squares = blocks(ink, COARSE)
    side = squares.shape[1]
    weakest = np.pad(squares.min(axis=1).min(axis=2), 1, mode="edge")  # row by row first: four times as fast
    if not weakest.any():
        return np.asarray(ink > FAINT * ink.max())
    for axis in (0, 1):
        weakest = running(weakest, 3, axis, np.minimum, np.inf)
    ground = np.pad(
        weakest[1:-1, 1:-1].repeat(side, 0).repeat(side, 1), [(0, n % side) for n in ink.shape], mode="edge"
    )
    return np.asarray(ink - ground > FAINT * ink.max())


def _cells(labels: Array, wall: Component) -> list[Cell]:
    """Return the holes of a piece that have four sides."""
    if min(wall.height, wall.width) < SMALLEST:
        return []
    around = np.pad(labels[wall.box] == wall.label, 2)
    for axis in (0, 1):
        around = running(around, 3, axis, np.logical_or, False)  # so that a slanting wall has no leaks
    holes, found = connected_components(~around)
    cells = []
    for hole in found:
        if min(hole.height, hole.width) >= SMALLEST and hole.left > 0:  # else it is what lies around the wall
            mask = holes[hole.box] == hole.label
            y, x = np.nonzero(mask)
            ends = [(x + y).argmin(), (x - y).argmax(), (x + y).argmax(), (x - y).argmin()]
            left, top = wall.left + hole.left - 2, wall.top + hole.top - 2
            corners = np.stack([x[ends] + left, y[ends] + top], axis=1)
            if _has_four_sides(corners, hole.area):
                cells.append(Cell(left, top, mask, corners))
    return cells


def area(corners: Array) -> float:
    """Return the area between corners (n, 2), given clockwise: the shoelace formula."""
    x, y = corners.T.tolist()
    return float(sum(x[k - 1] * y[k] - x[k] * y[k - 1] for k in range(len(x)))) / 2


def _has_four_sides(corners: Array, pixels: int) -> bool:
    between = area(corners)
    if not HOLE[0] * between <= pixels <= HOLE[1] * between:
        return False
    points = corners.tolist()
    sides = [dist(points[k - 1], points[k]) for k in range(4)]
    return all(min(pair) >= ALIKE * max(pair) for pair in (sides[::2], sides[1::2]))


def _grid(labels: Array, walls: set[int], cells: list[Cell]) -> Grid:
    place, parents = np.zeros(labels.shape, np.int32), [0] * len(cells)
    mask = np.isin(labels, list(walls))
    for number, cell in sorted(enumerate(cells, 1), key=lambda item: -item[1].shorter):
        inside = place[cell.slices]
        parents[number - 1] = int(inside[tuple(np.argwhere(cell.hole)[0])])
        inside[cell.hole] = number
        if cell.hole.sum() < WHOLE * area(cell.corners):
            _keep_writing(mask[cell.slices], inside, cell)
    return Grid(cells, parents, place, mask)


def _keep_writing(walls: Array, place: Array, cell: Cell) -> None:
    """Take out of ``walls`` what reaches far into a cell, both of its box: a digit that touches, and no bulge."""
    depth = cell.depth()
    pieces, found = connected_components(walls & (depth > 0))
    for piece in found:
        mine = pieces == piece.label
        if depth[mine].max() >= DEEP * cell.shorter:
            walls[mine] = False
            place[mine] = place[cell.hole][0]
