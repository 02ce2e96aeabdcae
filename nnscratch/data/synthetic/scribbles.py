"""What a pen leaves that is no digit: curves, zigzags, spirals, coils, hatching, scrawls, and signs."""

from __future__ import annotations

from collections.abc import Callable
from math import pi

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.synthetic.hand import picture
from nnscratch.data.synthetic.ink import pen_width

Strokes = list[Array]


def scribbles(count: int, rng: np.random.Generator) -> Array:
    """Return one to four strokes of any kinds of :data:`CURVES` each, (count, 28, 28) uint8."""
    made = np.empty((count, 28, 28), np.uint8)
    for n in range(count):
        curve = CURVES[int(rng.integers(len(CURVES)))]
        strokes = curve(rng)
        while curve in SIMPLE and len(strokes) < 2 + rng.integers(3):
            strokes += [stroke + rng.uniform(-0.6, 0.6, 2) for stroke in SIMPLE[int(rng.integers(len(SIMPLE)))](rng)]
        made[n] = picture(strokes, pen_width(rng, 2.4 if curve in DENSE else 3.2))
    return made


# ---- one kind each: strokes within about -1..1


def wandering(rng: np.random.Generator) -> Strokes:
    """Return a path whose direction itself walks at random."""
    turn = np.repeat(rng.normal(0, 1.5, 8), 3) * rng.uniform(0.2, 0.6)
    heading = rng.uniform(0, 2 * pi) + np.cumsum(turn)
    return [fitted(np.cumsum(np.stack([np.cos(heading), np.sin(heading)], axis=1), axis=0), rng)]


def harmonic(rng: np.random.Generator) -> Strokes:
    """Return a path whose x and y are sums of three sines, closed or not."""
    t = np.linspace(0, rng.uniform(0.6, 1) * 2 * pi, 30)[:, None]
    k = np.arange(1, 4)
    x, y = (np.sin(k * t + rng.uniform(0, 2 * pi, 3)) @ (rng.normal(0, 1, 3) / k**0.5) for _ in range(2))
    return [fitted(np.stack([x, y], axis=1), rng)]


def arc(rng: np.random.Generator) -> Strokes:
    """Return a piece of an ellipse, nearly straight or up to three quarters of it."""
    t = np.linspace(0, rng.uniform(0.1, 1.5) * pi, 14)
    return [rotated(np.stack([np.cos(t), rng.uniform(0.2, 1) * np.sin(t)], axis=1), rng.uniform(0, 2 * pi))]


def zigzag(rng: np.random.Generator) -> Strokes:
    """Return five to nine lines to and fro along a line: of fewer there are Z, N and 3."""
    n = int(rng.integers(6, 11))
    y = np.where(np.arange(n) % 2, 1, -1) * rng.uniform(0.2, 0.9) + rng.normal(0, 0.1, n)
    return [rotated(np.stack([np.linspace(-1, 1, n) + rng.normal(0, 0.06, n), y], axis=1), rng.uniform(0, 2 * pi))]


def spiral(rng: np.random.Generator) -> Strokes:
    """Return a spiral of two turns or more."""
    t = np.linspace(0, 1, 40)
    angle = rng.choice([-1, 1]) * rng.uniform(2, 3.5) * 2 * pi * t + rng.uniform(0, 2 * pi)
    r = (0.1 + t ** rng.uniform(0.7, 1.3))[:, None]
    return [r * np.stack([np.cos(angle), rng.uniform(0.6, 1) * np.sin(angle)], axis=1)]


def coil(rng: np.random.Generator) -> Strokes:
    """Return loops that run along a line, as of a spring or of a row of e's."""
    turns = rng.uniform(2.5, 6)
    t = np.linspace(0, 1, 44)
    angle = 2 * pi * turns * t
    x = 2 * t - 1 + rng.uniform(0.1, 0.4) * np.sin(angle)
    return [rotated(np.stack([x, rng.uniform(0.2, 0.7) * np.cos(angle)], axis=1), rng.uniform(0, 2 * pi))]


def hatching(rng: np.random.Generator) -> Strokes:
    """Return three to seven lines beside one another, sometimes crossed by others."""
    angle = rng.uniform(0, 2 * pi)
    strokes = parallel(int(rng.integers(3, 8)), angle, rng)
    if rng.random() < 0.4:
        strokes += parallel(int(rng.integers(2, 7)), angle + rng.uniform(0.8, pi - 0.8), rng)
    return strokes


def parallel(n: int, angle: float, rng: np.random.Generator) -> Strokes:
    """Return n lines beside one another."""
    return [
        rotated(np.array([[-1.0, y], [1.0, y]]) + rng.normal(0, 0.08, (2, 2)), angle) for y in np.linspace(-1, 1, n)
    ]


def loops(rng: np.random.Generator) -> Strokes:
    """Return three to five ellipses over one another."""
    return [ring(rng.uniform(-0.6, 0.6, 2), rng.uniform(0.2, 0.9, 2)) for _ in range(rng.integers(3, 6))]


def ring(center: Array, radii: Array) -> Array:
    """Return an ellipse."""
    t = np.linspace(0, 2 * pi, 14)
    return np.asarray(center + radii * np.stack([np.cos(t), np.sin(t)], axis=1))


def scrawl(rng: np.random.Generator) -> Strokes:
    """Return a pen that goes to and fro many times, as one that crosses something out."""
    n = int(rng.integers(8, 20))
    points = np.stack([np.where(np.arange(n) % 2, 1, -1) * rng.uniform(0.4, 1, n), rng.normal(0, 0.4, n)], axis=1)
    return [rotated(points, rng.uniform(0, 2 * pi))]


def dots(rng: np.random.Generator) -> Strokes:
    """Return two to nine dots, or short dashes."""
    n, length = int(rng.integers(2, 10)), float(rng.choice([0, 0.15, 0.4]))
    points = rng.uniform(-1, 1, (n, 1, 2))
    return list(points + rng.normal(0, 1, (n, 2, 2)) * length)


SIMPLE = (wandering, harmonic, arc)  # one of these alone may be a digit
DENSE = (spiral, coil, hatching, loops, scrawl)  # with a broad pen a blot
CURVES: tuple[Callable[[np.random.Generator], Strokes], ...]
CURVES = (*SIMPLE, *SIMPLE, zigzag, spiral, coil, hatching, loops, scrawl, dots)


def fitted(points: Array, rng: np.random.Generator) -> Array:
    """Return points (n, 2) with their box at -1..1, the shorter side somewhat shorter."""
    low, high = points.min(axis=0), points.max(axis=0)
    middle, half = (low + high) / 2, np.maximum((high - low) / 2, 1e-9)
    return np.asarray((points - middle) / half * rng.uniform(0.4, 1, 2))


def rotated(points: Array, angle: float) -> Array:
    """Return points (n, 2) turned by an angle."""
    c, s = np.cos(angle), np.sin(angle)
    return np.asarray(points @ np.array([[c, s], [-s, c]]))
