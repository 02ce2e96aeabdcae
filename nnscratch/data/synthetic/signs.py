"""Signs that people write on a page beside digits, as strokes of an unsteady hand."""

from __future__ import annotations

from math import pi

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.synthetic.hand import picture
from nnscratch.data.synthetic.ink import pen_width

Points = list[tuple[float, float]]


def _arc(x: float, y: float, rx: float, ry: float, start: float, stop: float) -> Points:
    """Return a piece of an ellipse: angles in half turns, 0 to the right, 0.5 down."""
    t = pi * np.linspace(start, stop, 16)
    return list(zip((x + rx * np.cos(t)).tolist(), (y + ry * np.sin(t)).tolist(), strict=True))


def _ring(x: float, y: float, r: float) -> Points:
    return _arc(x, y, r, r, -0.5, 1.5)


ARROW: list[Points] = [[(0, 0.5), (1, 0.5)], [(0.7, 0.25), (1, 0.5), (0.7, 0.75)]]
FACE: list[Points] = [_ring(0.5, 0.5, 0.5), [(0.33, 0.35), (0.33, 0.4)], [(0.67, 0.35), (0.67, 0.4)]]

# Each stroke in a square of 0..1, y downwards. Left out is what some write as a digit: parentheses round nothing are a
# 0, a wedge or a stroke with a foot is a 1, an ampersand an 8, "greater" a 7.
SIGNS: dict[str, list[Points]] = {
    "minus": [[(0, 0.5), (1, 0.5)]],
    "equals": [[(0, 0.35), (1, 0.35)], [(0, 0.65), (1, 0.65)]],
    "plus": [[(0, 0.5), (1, 0.5)], [(0.5, 0), (0.5, 1)]],
    "times": [[(0, 0), (1, 1)], [(1, 0), (0, 1)]],
    "divide": [[(0, 0.5), (1, 0.5)], [(0.5, 0.1)], [(0.5, 0.9)]],
    "asterisk": [[(0.5, 0), (0.5, 1)], [(0.07, 0.25), (0.93, 0.75)], [(0.93, 0.25), (0.07, 0.75)]],
    "hash": [[(0.3, 0), (0.3, 1)], [(0.7, 0), (0.7, 1)], [(0, 0.3), (1, 0.3)], [(0, 0.7), (1, 0.7)]],
    "tick": [[(0, 0.6), (0.3, 1), (1, 0)]],
    "root": [[(0, 0.6), (0.15, 0.55), (0.35, 1), (0.55, 0), (1, 0)]],
    "approximately": [
        [(0, 0.4), (0.2, 0.25), (0.4, 0.3), (0.6, 0.42), (0.8, 0.42), (1, 0.25)],
        [(0, 0.75), (0.2, 0.6), (0.4, 0.65), (0.6, 0.77), (0.8, 0.77), (1, 0.6)],
    ],
    "percent": [_ring(0.2, 0.2, 0.2), _ring(0.8, 0.8, 0.2), [(1, 0), (0, 1)]],
    "question mark": [
        [*_arc(0.5, 0.27, 0.33, 0.27, -1, 0.35), (0.5, 0.6), (0.5, 0.72)],
        [(0.5, 1)],
    ],
    "exclamation mark": [[(0.5, 0), (0.5, 0.65)], [(0.5, 1)]],
    "colon": [[(0.5, 0.2)], [(0.5, 0.8)]],
    "quotes": [[(0.3, 0), (0.25, 0.4)], [(0.7, 0), (0.65, 0.4)]],
    "ellipsis": [[(0, 0.5)], [(0.5, 0.5)], [(1, 0.5)]],
    "square bracket": [[(0.6, 0), (0.25, 0), (0.25, 1), (0.6, 1)]],
    "closing square bracket": [[(0.4, 0), (0.75, 0), (0.75, 1), (0.4, 1)]],
    "brace": [[(0.6, 0), (0.4, 0.1), (0.4, 0.4), (0.2, 0.5), (0.4, 0.6), (0.4, 0.9), (0.6, 1)]],
    "less": [[(1, 0.1), (0, 0.5), (1, 0.9)]],
    "vee": [[(0, 0), (0.5, 1), (1, 0)]],
    "arrow right": ARROW,
    "arrow left": [[(1 - x, y) for x, y in stroke] for stroke in ARROW],
    "arrow up": [[(y, 1 - x) for x, y in stroke] for stroke in ARROW],
    "arrow down": [[(y, x) for x, y in stroke] for stroke in ARROW],
    "double arrow": [*ARROW, [(0.3, 0.25), (0, 0.5), (0.3, 0.75)]],
    "infinity": [[(0.5 + 0.5 * np.sin(t), 0.5 + 0.28 * np.sin(2 * t)) for t in np.linspace(0, 2 * pi, 32).tolist()]],
    "smiley": [*FACE, _arc(0.5, 0.55, 0.28, 0.25, 0.1, 0.9)],
    "frown": [*FACE, _arc(0.5, 0.85, 0.25, 0.2, -0.9, -0.1)],
    "at sign": [[*_arc(0.5, 0.5, 0.2, 0.2, 0, -2), (0.72, 0.65), (0.95, 0.5), *_arc(0.5, 0.5, 0.5, 0.5, 0, -1.75)]],
    "euro": [_arc(0.6, 0.5, 0.4, 0.5, -0.25, -1.75), [(0, 0.4), (0.7, 0.4)], [(0, 0.6), (0.7, 0.6)]],
    "paragraph": [[*_arc(0.5, 0.25, 0.3, 0.25, -0.5, -1.5), (0.8, 0.5)], [(0.5, 0), (0.5, 1)], [(0.75, 0), (0.75, 1)]],
    "pi": [[(0, 0.15), (1, 0.1)], [(0.3, 0.15), (0.2, 1)], [(0.7, 0.12), (0.72, 0.8), (0.9, 0.95)]],
    "not equal": [[(0, 0.35), (1, 0.35)], [(0, 0.65), (1, 0.65)], [(0.75, 0), (0.25, 1)]],
    "plus or minus": [[(0, 0.4), (1, 0.4)], [(0.5, 0), (0.5, 0.8)], [(0, 1), (1, 1)]],
    "angle": [[(0.9, 0), (0, 1), (1, 1)]],
    "tee": [[(0.5, 0), (0.5, 1)], [(0, 0), (1, 0)]],
    "lightning": [[(0.7, 0), (0.2, 0.55), (0.75, 0.45), (0.2, 1)], [(0.2, 0.8), (0.2, 1), (0.4, 0.95)]],
}
WRITTEN = [[np.array(stroke, np.float64) for stroke in strokes] for strokes in SIGNS.values()]


def signs(count: int, rng: np.random.Generator) -> Array:
    """Return any of :data:`SIGNS`, (count, 28, 28) uint8."""
    made = np.empty((count, 28, 28), np.uint8)
    for n, number in enumerate(rng.integers(len(WRITTEN), size=count)):
        made[n] = picture(unsteady(WRITTEN[number], rng), pen_width(rng))
    return made


def unsteady(strokes: list[Array], rng: np.random.Generator) -> list[Array]:
    """Return strokes (n, 2) in 0..1, slanted, stretched and bent a little, and each somewhat out of its place."""
    shape = np.diag(rng.uniform(0.75, 1.3, 2)) @ (np.eye(2) + rng.normal(0, 0.12, (2, 2)))
    wave = rng.normal(0, 0.05, (2, 2))
    phase = rng.uniform(0, 2 * pi, (2, 2))
    moved = []
    for stroke in strokes:
        fine = refined(stroke)
        bent = (
            fine + np.sin(2 * fine[:, ::-1] + phase[0]) * wave[0] + np.sin(5 * fine[:, ::-1] + phase[1]) * wave[1] / 2
        )
        moved.append((bent + rng.normal(0, 0.03, 2)) @ shape)
    return moved


def refined(stroke: Array) -> Array:
    """Return the stroke with two points more on each of few long lines, that they can bend."""
    if len(stroke) in (1, 16) or len(stroke) > 9:
        return stroke
    t = np.linspace(0, len(stroke) - 1, 3 * (len(stroke) - 1) + 1)
    return np.stack([np.interp(t, np.arange(len(stroke)), axis) for axis in stroke.T], axis=1)
