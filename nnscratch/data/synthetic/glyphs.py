"""Glyphs: what is written, before anybody writes it. Strokes of a pen, given as points in a short notation.

``"0,10 - 5,0 - 10,10; 2,6 - 8,6"`` is an A: two strokes, parted by a semicolon, in a box 10 high, x to the right and y
downwards. To the next point goes a straight line where there is a ``-``, and else a curve through the points around it
(E. Catmull, R. Rom: A Class of Local Interpolating Splines, 1974). Where a straight line begins or ends is a corner,
and so is a point of a curve that is written twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from nnscratch.arrays import Array

HEIGHT = 10.0  # of the notation's box
STEP = 0.8  # of the same: about how far a stroke's points are from each other
SPLINE = np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]]) / 2  # of 1, t, t^2, t^3


@dataclass(frozen=True, eq=False)
class Glyph:
    """Control points of one or more ways to write something, and how the strokes go through them.

    ``extremes`` (ways, n, 2) are x and y, the height being 1: people write what lies between the ways. ``paths`` has
    for each stroke a matrix (m, n), which times control points (n, 2) is the stroke, m points.
    """

    extremes: Array
    paths: tuple[Array, ...]


@lru_cache(maxsize=1024)
def glyph(*notations: str) -> Glyph:
    """Return the glyph of one notation, or of several that differ in their numbers alone. Raises ValueError else."""
    ways = [[_parse(stroke) for stroke in notation.split(";")] for notation in notations]
    if any([runs for _, runs in way] != [runs for _, runs in ways[0]] for way in ways):
        raise ValueError(f"the strokes of {' and '.join(map(repr, notations))} differ in more than their numbers")
    points = np.array([[point for stroke, _ in way for point in stroke] for way in ways])
    paths, first = [], 0
    for stroke, runs in ways[0]:
        matrix = np.concatenate([_run(np.array(stroke), run) for run in runs])
        paths.append(np.pad(matrix, ((0, 0), (first, points.shape[1] - first - len(stroke)))))
        first += len(stroke)
    return Glyph(points / HEIGHT, tuple(paths))


def _parse(stroke: str) -> tuple[list[tuple[float, float]], list[slice]]:
    """Return the points of a stroke, and the slices of them between corners; both ends of a slice are in it."""
    points: list[tuple[float, float]] = []
    corners = {0}
    for token in stroke.split():
        x, _, y = token.partition(",")
        if token == "-":
            corners |= {len(points) - 1, len(points)}
        elif points and points[-1] == (float(x), float(y)):
            corners.add(len(points) - 1)
        else:
            points.append((float(x), float(y)))
    edges = sorted(corners | {len(points) - 1})
    return points, [slice(start, stop + 1) for start, stop in pairwise(edges)]


def _run(points: Array, run: slice) -> Array:
    """Return the matrix (m, n) that makes of the points (n, 2) of a stroke the curve through some of them."""
    some = np.eye(len(points))[run]
    before, after = (2 * ends[0] - ends[1] for ends in (some, some[::-1]))  # one point more at either end
    if len(some) > 2:  # so that the curve bends there as it does beside
        before, after = (3 * ends[0] - 3 * ends[1] + ends[2] for ends in (some, some[::-1]))
    knots = np.concatenate([[before], some, [after]])
    parts = []
    for k, length in enumerate(np.hypot(*np.diff(points[run], axis=0).T)):
        t = np.arange(max(round(length / STEP), 1)) / max(round(length / STEP), 1)
        parts.append(t[:, None] ** np.arange(4) @ SPLINE @ knots[k : k + 4])
    return np.concatenate([*parts, some[-1:]])
