"""How thick the strokes of a digit are, and how to bring them to the thickness that MNIST's have.

A pen on a screen draws all digits with one width, so a small digit comes out fat once it has MNIST's size, with its
holes filled, and a large one thin as a hair. MNIST's own strokes are some 1 to 5 pixels thick, of the 20 of a digit's
longer side.
"""

import math

import numpy as np

from nnscratch.arrays import Array

FINE = 4  # pixels here for each of a finished digit: morphology by whole pixels needs them
THINNEST, THICKEST = 1.8, 3.2  # finished pixels; chosen with the drawings of benchmarks/quality/bench_drawings.py
LEAST_LEFT = 0.25  # of the ink, lest thinning take thin strokes away where others are thick
TIE = 1e-6  # by so much equal inks may differ, summed in another order: no decision hangs on that


def stroke_width(ink: Array) -> float:
    """Return the mean width in pixels of the strokes of (H, W): twice their area over their outline.

    For a stroke of length L and width w the area is L w, the outline 2 L and little more. Pixels of half the strongest
    ink count; those that a cross-shaped erosion takes away are the outline.
    """
    strong = above(ink, 1 / 2)
    area = int(strong.sum())
    outline = area - int(erode(strong, square=False).sum())
    return 2 * area / max(outline, 1)


def above(ink: Array, share: float) -> Array:
    """Return where the ink of (H, W) is clearly more than a share of the strongest: a mask (H, W)."""
    return np.asarray(ink > (share + TIE) * ink.max())


def dilate(image: Array, *, square: bool) -> Array:
    """Return the largest of each pixel and its neighbours: the four beside it, or the eight around it; 0 outside."""
    return _morphology(image, np.maximum, square)


def erode(image: Array, *, square: bool) -> Array:
    """Return the smallest of each pixel and its neighbours: the four beside it, or the eight around it; 0 outside."""
    return _morphology(image, np.minimum, square)


def _morphology(image: Array, choose: np.ufunc, square: bool) -> Array:
    edge = np.pad(image, 1)
    rows = choose(choose(edge[:-2], edge[1:-1]), edge[2:])  # (H, W + 2)
    if square:
        return np.asarray(choose(choose(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:]))
    return np.asarray(choose(rows[:, 1:-1], choose(edge[1:-1, :-2], edge[1:-1, 2:])))


def even_width(ink: Array, unit: float) -> Array:
    """Return (H, W) with strokes of THINNEST to THICKEST units; as it is where they are that already.

    ``unit`` is how many pixels here will be one of the finished digit's. Each step makes strokes two pixels thicker or
    thinner, the last one only part of that; a cross and a square take turns, which comes near to a round brush.
    """
    width = stroke_width(ink)
    wanted = min(max(width, THINNEST * unit), THICKEST * unit)
    steps = abs(wanted - width) / 2
    change = dilate if wanted > width else erode
    if wanted > width:
        ink = np.pad(ink, math.ceil(steps))
    least = LEAST_LEFT * float(ink.sum())
    for step in range(math.ceil(steps)):
        changed = change(ink, square=step % 2 == 1)
        if float(changed.sum()) < least:
            break
        ink = ink + np.float32(min(steps - step, 1)) * (changed - ink)
    return ink
