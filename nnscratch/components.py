"""Connected pieces of a mask, and their boxes: what hangs together in a picture.

Each row of the mask is a few runs of pixels; runs of neighbouring rows that touch belong together, and sets of them are
merged as they are found (union-find: B. A. Galler, M. J. Fischer, "An improved equivalence algorithm", 1964).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnscratch.arrays import Array


@dataclass(frozen=True)
class Piece:
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


def pieces(mask: Array) -> tuple[Array, list[Piece]]:
    """Return labels (H, W) int32, 0 outside the mask (H, W), and its pieces; pixels touch at sides and corners."""
    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(edges == 1)
    stops = np.nonzero(edges == -1)[1]
    labels = np.zeros(mask.shape, np.int32)
    if len(rows) == 0:
        return labels, []
    roots = np.array(_merge(rows.tolist(), starts.tolist(), stops.tolist()))
    number = np.unique(roots, return_inverse=True)[1].astype(np.int32) + 1  # of each run
    labels[mask] = np.repeat(number, stops - starts)
    return labels, _boxes(rows, starts, stops, number)


def _merge(rows: list[int], starts: list[int], stops: list[int]) -> list[int]:
    """Return the first run of each run's piece; runs come row by row, from left to right."""
    parent = list(range(len(rows)))

    def root(run: int) -> int:
        while parent[run] != run:
            parent[run] = parent[parent[run]]
            run = parent[run]
        return run

    above = 0  # the first run that may touch the current one from the row above
    for run, row in enumerate(rows):
        start, stop = starts[run], stops[run]
        while rows[above] < row - 1 or (rows[above] == row - 1 and stops[above] < start):
            above += 1
        other, own = above, run
        while rows[other] == row - 1 and starts[other] <= stop:
            first = root(other)
            if first < own:
                parent[own] = first
                own = first
            elif own < first:
                parent[first] = own
            other += 1
    return [root(run) for run in range(len(rows))]


def _boxes(rows: Array, starts: Array, stops: Array, number: Array) -> list[Piece]:
    count = int(number.max())
    top, left = np.full(count, rows.max() + 1), np.full(count, stops.max())
    bottom, right = np.zeros(count, int), np.zeros(count, int)
    np.minimum.at(top, number - 1, rows)
    np.maximum.at(bottom, number - 1, rows + 1)
    np.minimum.at(left, number - 1, starts)
    np.maximum.at(right, number - 1, stops)
    area = np.bincount(number - 1, weights=stops - starts).astype(int)
    table = np.stack([top, bottom, left, right, area, np.arange(1, count + 1)], axis=1).tolist()
    return [Piece(*row) for row in table]
