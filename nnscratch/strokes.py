"""How thick the strokes of a digit are, and how to bring them to the thickness that MNIST's have.

A pen on a screen draws all digits with one width, so a small digit comes out fat once it has MNIST's size, with its
holes filled, and a large one thin as a hair. MNIST's own strokes are 1.2 to 4.1 pixels thick at half their strength
(99 of 100 digits), of the 20 of a digit's longer side, by the measure below.
"""

import numpy as np

from nnscratch.arrays import Array

FINE = 4  # pixels here for each of a finished digit: morphology by whole pixels needs them
THINNEST, THICKEST = 1.8, 3.2  # finished pixels; chosen with the drawings of benchmarks/bench_drawings.py
LEAST_LEFT = 0.25  # of the ink, lest thinning take thin strokes away where others are thick


def stroke_width(ink: Array) -> float:
    """Return the mean width in pixels of the strokes of (H, W): twice their area over their outline.

    For a stroke of length L and width w the area is L w, the outline 2 L and little more. Pixels of half the strongest
    ink count; those that a cross-shaped erosion takes away are the outline.
    """
    strong = np.asarray(ink > ink.max() / 2)
    area = int(strong.sum())
    outline = area - int(grown(strong, np.minimum, square=False).sum())
    return 2 * area / max(outline, 1)


def grown(image: Array, choose: np.ufunc, *, square: bool) -> Array:
    """Return each pixel's largest (``choose`` is np.maximum) or smallest (np.minimum) neighbour's value, or its own.

    Neighbours are the four beside it, or the eight around it; 0 outside.
    """
    edge = np.pad(image, 1)
    rows = choose(choose(edge[:-2], edge[1:-1]), edge[2:])  # (H, W + 2)
    if square:
        return np.asarray(choose(choose(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:]))
    return np.asarray(choose(rows[:, 1:-1], choose(edge[1:-1, :-2], edge[1:-1, 2:])))


def even_width(ink: Array, unit: float) -> Array:
    """Return (H, W) with strokes of THINNEST to THICKEST units; as it is where they are that already.

    ``unit`` is how many pixels here will be one of the finished digit's. Each step makes strokes two pixels thicker or
    thinner; a cross and a square take turns, which comes near to a round brush.
    """
    width = stroke_width(ink)
    wanted = min(max(width, THINNEST * unit), THICKEST * unit)
    steps = round(abs(wanted - width) / 2)
    if wanted > width:
        ink = np.pad(ink, steps)
        for step in range(steps):
            ink = grown(ink, np.maximum, square=step % 2 == 1)
        return ink
    least = LEAST_LEFT * float(ink.sum())
    for step in range(steps):
        thinner = grown(ink, np.minimum, square=step % 2 == 1)
        if float(thinner.sum()) < least:
            break
        ink = thinner
    return ink
