"""Connected pieces of a mask, and their boxes: what hangs together in a picture.

Each row of the mask is a few runs of pixels; runs of neighbouring rows that touch belong together, and sets of them are
merged as they are found (union-find: B. A. Galler, M. J. Fischer, "An improved equivalence algorithm", 1964).
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
    roots = np.array(_merge(rows.tolist(), starts.tolist(), (starts + lengths).tolist()))
    number = np.cumsum(roots == np.arange(len(roots)), dtype=np.int32)[roots]  # of each run's piece, from 1
    labels[mask] = np.repeat(number, lengths)
    return labels, _boxes(rows, starts, lengths, number)


def _merge(rows: list[int], starts: list[int], stops: list[int]) -> list[int]:
    """Return the first run of each run's piece; runs come row by row, from left to right."""
    parent = list(range(len(rows)))  # each run's, or an earlier one of its piece
    above = 0  # the first run that may touch the current one from the row above
    for run, row in enumerate(rows):
        start, stop = starts[run], stops[run]
        while rows[above] < row - 1 or (rows[above] == row - 1 and stops[above] < start):
            above += 1
        other, own = above, run
        while rows[other] == row - 1 and starts[other] <= stop:
            first = other
            while parent[first] != first:
                parent[first] = parent[parent[first]]
                first = parent[first]
            if first < own:
                parent[own] = first
                own = first
            elif own < first:
                parent[first] = own
            other += 1
    for run, earlier in enumerate(parent):  # whose own parent is a root by now
        parent[run] = parent[earlier]
    return parent


def _boxes(rows: Array, starts: Array, lengths: Array, number: Array) -> list[Component]:
    order = np.argsort(number, kind="stable")  # piece by piece; rows go downwards in each
    rows, starts, lengths, number = rows[order], starts[order], lengths[order], number[order]
    last = np.append(np.flatnonzero(np.diff(number)), len(number) - 1)
    first = np.append(0, last[:-1] + 1)
    left, right = np.minimum.reduceat(starts, first), np.maximum.reduceat(starts + lengths, first)
    table = np.stack([rows[first], rows[last] + 1, left, right, np.add.reduceat(lengths, first), number[first]], axis=1)
    return [Component(*row) for row in table.tolist()]
