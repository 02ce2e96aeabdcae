"""Shapes: discs, boxes, triangles, stars, hearts, crosses and blobs, filled, half filled or as outlines; and grids."""

from __future__ import annotations

from collections.abc import Callable
from math import pi

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.synthetic.hand import picture
from nnscratch.data.synthetic.ink import in_form, pen_width

SIDE = 40  # pixels of the field in which shapes are filled
PIXELS = (np.arange(SIDE) + 0.5) / SIDE * 2 - 1  # their middles, in -1..1


def shapes(count: int, rng: np.random.Generator) -> Array:
    """Return any of :data:`CORNERED` and :data:`ROUND`, or a grid, (count, 28, 28) uint8.

    Of what is round there is no bare outline: that is a 0.
    """
    made = np.empty((count, 28, 28), np.uint8)
    for n in range(count):
        kind = int(rng.integers(len(CORNERED) + len(ROUND) + 1))
        if kind == len(CORNERED) + len(ROUND):
            made[n] = picture(grid(rng), pen_width(rng))
            continue
        way = int(rng.integers(3)) if kind < len(CORNERED) else int(rng.integers(1, 3))
        corners = turned((*CORNERED, *ROUND)[kind](rng), rng) * [rng.uniform(0.8 if way == 0 else 0.6, 1), 1]
        outline = [np.concatenate([corners, corners[:1]])]
        made[n] = picture(outline, pen_width(rng)) if way == 0 else in_form(filled(corners, rng, half=way == 2))
    return made


# ---- corners (n, 2) within about -1..1


def polygon(rng: np.random.Generator) -> Array:
    """Return a triangle or a box, not quite regular."""
    return regular(int(rng.integers(3, 5)), rng)


def regular(n: int, rng: np.random.Generator) -> Array:
    """Return n corners at almost equal distances."""
    return around(2 * pi * (np.arange(n) + 0.5) / n + rng.normal(0, 0.08, n), np.ones(n))


def hexagon(rng: np.random.Generator) -> Array:
    """Return what has five or six corners, whose outline some write as a 0."""
    return regular(int(rng.integers(5, 7)), rng)


def star(rng: np.random.Generator) -> Array:
    """Return a star of four to eight points."""
    n = int(rng.integers(4, 9))
    return around(pi * np.arange(2 * n) / n, np.where(np.arange(2 * n) % 2, rng.uniform(0.3, 0.6), 1))


def cross(rng: np.random.Generator) -> Array:
    """Return the outline of a thick cross."""
    a = rng.uniform(0.2, 0.45)
    quarter = np.array([[1, a], [a, a], [a, 1]])
    return np.concatenate([quarter @ np.array([[c, s], [-s, c]]) for c, s in ((1, 0), (0, 1), (-1, 0), (0, -1))])


def arrow(rng: np.random.Generator) -> Array:
    """Return the outline of a thick arrow."""
    a, b, x = rng.uniform(0.15, 0.35), rng.uniform(0.6, 0.9), rng.uniform(-0.2, 0.4)
    return np.array([[-1, a], [x, a], [x, b], [1, 0], [x, -b], [x, -a], [-1, -a]])


def heart(rng: np.random.Generator) -> Array:
    """Return a heart."""
    t = np.linspace(0, 2 * pi, 24, endpoint=False)
    y = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)) / 16
    return np.stack([np.sin(t) ** 3, y], axis=1)


def crescent(rng: np.random.Generator) -> Array:
    """Return a moon."""
    t = np.linspace(-0.5, 0.5, 12) * pi
    inner = rng.uniform(0.1, 0.6)
    return np.concatenate([around(t, np.ones(12)), (around(t, np.ones(12)) * [inner, 1])[::-1]])


def disc(rng: np.random.Generator) -> Array:
    """Return a circle."""
    return around(np.linspace(0, 2 * pi, 24, endpoint=False), np.ones(24))


def blob(rng: np.random.Generator) -> Array:
    """Return a rounded outline of any form."""
    t, k = np.linspace(0, 2 * pi, 32, endpoint=False), np.arange(2, 6)
    return around(t, 1 + np.cos(t[:, None] * k + rng.uniform(0, 2 * pi, 4)) @ (rng.normal(0, 0.25, 4)))


CORNERED: tuple[Callable[[np.random.Generator], Array], ...] = (polygon, polygon, star, cross, arrow, heart, crescent)
ROUND: tuple[Callable[[np.random.Generator], Array], ...] = (disc, hexagon, blob, blob)


def around(angles: Array, radii: Array) -> Array:
    """Return the points at these angles and radii."""
    return np.asarray(radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1))


def turned(corners: Array, rng: np.random.Generator) -> Array:
    """Return corners (n, 2), in half the cases turned by any angle."""
    angle = rng.uniform(0, 2 * pi) * (rng.random() < 0.5)
    c, s = np.cos(angle), np.sin(angle)
    return np.asarray(corners @ np.array([[c, s], [-s, c]]))


def filled(corners: Array, rng: np.random.Generator, *, half: bool) -> Array:
    """Return the inside of an outline (n, 2), (40, 40) float32; of a ``half`` one only on one side, and its edge.

    A pixel is inside when a line from it to the right meets the outline an odd number of times.
    """
    points = corners / np.abs(corners).max() * 0.95
    x0, y0 = points.T[:, :, None]
    x1, y1 = np.roll(points, -1, axis=0).T[:, :, None]
    spans = (y0 > PIXELS) != (y1 > PIXELS)  # (n, rows)
    meets = x0 + (PIXELS - y0) * (x1 - x0) / np.where(y1 == y0, 1, y1 - y0)
    inside = np.logical_xor.reduce(spans[:, :, None] & (meets[:, :, None] > PIXELS), axis=0)
    if not half:
        return np.asarray(inside, np.float32)
    middle = np.pad(inside, 2)
    core = middle[:-4, 2:-2] & middle[4:, 2:-2] & middle[2:-2, :-4] & middle[2:-2, 4:] & inside
    angle = rng.uniform(0, 2 * pi)
    side = np.add.outer(PIXELS * np.sin(angle), PIXELS * np.cos(angle)) > rng.uniform(-0.3, 0.3)
    return np.asarray(inside & (side | ~core), np.float32)


def grid(rng: np.random.Generator) -> list[Array]:
    """Return the lines of two to five rows and columns, with or without the frame."""
    n, m = rng.integers(2, 6, 2)
    ends = rng.choice([1.0, 1.15])
    rows = [np.array([[-ends, y], [ends, y]]) for y in np.linspace(-1, 1, n + 1)]
    columns = [np.array([[x, -ends], [x, ends]]) for x in np.linspace(-1, 1, m + 1)]
    return rows + columns if rng.random() < 0.6 else rows[1:-1] + columns[1:-1]
