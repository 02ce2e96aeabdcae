"""Connected pieces of a mask, and their boxes: what hangs together in a picture.

Each row of the mask is a few runs of pixels; runs of neighbouring rows that touch belong together. All that touch are
joined at once, in rounds that leave half as many sets at most (Y. Shiloach, U. Vishkin, "An O(log n) parallel
connectivity algorithm", 1982).
"""

from dataclasses import dataclass

import numpy as np

from nnscratch.arrays import Array


@dataclass(frozen=True)
class Component:
    """A connected piece of a mask: its box, how many pixels it has, and its number in the labels."""

    top: int
    bottom: int  # the first row below it
    left: int
    right: int  # the first column beyond it
    area: int
    label: int

    @property
    def height(self) -> int:
        """Rows of its box."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Columns of its box."""
        return self.right - self.left

    @property
    def box(self) -> tuple[slice, slice]:
        """The rows and columns of its box."""
        return slice(self.top, self.bottom), slice(self.left, self.right)


def connected_components(mask: Array) -> tuple[Array, list[Component]]:
    """Return labels (H, W) int32, 0 outside the mask (H, W), and its pieces; pixels touch at sides and corners."""
    H, W = mask.shape
    line = np.zeros(H * (W + 1) + 1, bool)  # row after row, with a gap before each
    line[1:].reshape(H, W + 1)[:, :-1] = mask
    ends = np.flatnonzero(line[1:] != line[:-1])
    labels = np.zeros(mask.shape, np.int32)
    if len(ends) == 0:
        return labels, []
    rows, starts = np.divmod(ends[::2], W + 1)
    lengths = ends[1::2] - ends[::2]
    roots = _roots(len(rows), *_touching(rows, starts, starts + lengths))
    number = np.cumsum(roots == np.arange(len(roots)), dtype=np.int32)[roots]  # of each run's piece, from 1
    labels[mask] = np.repeat(number, lengths)
    return labels, _boxes(rows, starts, lengths, number)


def _touching(rows: Array, starts: Array, stops: Array) -> tuple[Array, Array]:
    """Return the pairs of runs, (n,) each, that touch from one row to the next; runs come row by row, left to right."""
    wide = int(stops.max()) + 1
    first = np.searchsorted(rows * wide + stops, (rows - 1) * wide + starts, side="left")
    after = np.searchsorted(rows * wide + starts, (rows - 1) * wide + stops, side="right")
    counts = np.maximum(after - first, 0)
    below = np.repeat(np.arange(len(rows)), counts)
    return np.arange(len(below)) + np.repeat(first - (np.cumsum(counts) - counts), counts), below


def _roots(count: int, above: Array, below: Array) -> Array:
    """Return the first run (count,) of each run's piece, from pairs of runs that touch."""
    parent = np.arange(count)  # a root, which is its own, or an earlier run of the same piece
    while len(above):
        np.minimum.at(parent, np.maximum(above, below), np.minimum(above, below))
        while (parent[parent] != parent).any():
            parent = parent[parent]
        above, below = parent[above], parent[below]
        apart = above != below
        above, below = above[apart], below[apart]
    return parent


def _boxes(rows: Array, starts: Array, lengths: Array, number: Array) -> list[Component]:
    order = np.argsort(number, kind="stable")  # piece by piece; rows go downwards in each
    rows, starts, lengths, number = rows[order], starts[order], lengths[order], number[order]
    last = np.append(np.flatnonzero(np.diff(number)), len(number) - 1)
    first = np.append(0, last[:-1] + 1)
    left, right = np.minimum.reduceat(starts, first), np.maximum.reduceat(starts + lengths, first)
    table = np.stack([rows[first], rows[last] + 1, left, right, np.add.reduceat(lengths, first), number[first]], axis=1)
    return [Component(*row) for row in table.tolist()]
