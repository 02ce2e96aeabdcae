"""A map of points that are drawn as the digits that they are: SVG, sharp at any size, light or dark as the page is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nnscratch.arrays import Array

WIDTH, LARGEST, MARGIN = 960, 900, 26  # units of the drawing


@dataclass(frozen=True)
class Mark:
    """A point of the map: where it is drawn, the digit that it is, its image's number, and what it is read as."""

    x: float
    y: float
    label: int
    number: int
    read: int


def scatter(coordinates: Array, labels: Array, read: Array, numbers: Array, axes: tuple[str, str]) -> dict[str, Any]:
    """Return the points (n, 2) as marks, both axes on one scale, with a legend that hides classes.

    Those that are misclassified (``read`` is not the label) are ringed and lie on top. ``numbers`` (n,) are the images'
    own, shown when the mouse is on one. ``axes`` is what to call the two.
    """
    places, height = _places(coordinates)
    wrong = labels != read
    order = [*np.flatnonzero(~wrong), *np.flatnonzero(wrong)]
    return {
        "marks": [
            Mark(float(places[i, 0]), float(places[i, 1]), int(labels[i]), int(numbers[i]), int(read[i])) for i in order
        ],
        "width": WIDTH,
        "height": height,
        "axes": axes,
        "wrong": int(wrong.sum()),
        "legend": [(int(k), int((labels == k).sum())) for k in np.unique(labels)],
    }


def _places(coordinates: Array) -> tuple[Array, float]:
    """Return where the points (n, 2) lie in the drawing, upwards being up, and the drawing's height."""
    low, spread = coordinates.min(axis=0), np.ptp(coordinates, axis=0)
    room = (WIDTH - 2 * MARGIN, LARGEST - 2 * MARGIN)
    factor = min((r / s for r, s in zip(room, spread, strict=True) if s > 0), default=1.0)
    height = max(factor * float(spread[1]) + 2 * MARGIN, 200)
    x = MARGIN + (coordinates[:, 0] - low[0]) * factor + (room[0] - factor * spread[0]) / 2
    y = height - MARGIN - (coordinates[:, 1] - low[1]) * factor
    return np.stack([x, y], axis=1), height
