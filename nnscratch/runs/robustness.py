"""How a network fares when images are turned, moved, larger, smaller, noisy, thicker or thinner than those it knows.

The images are changed as they enter the network: what ``preprocess`` puts right in a picture (place, size) shows here.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np

from nnscratch.arrays import Array
from nnscratch.errors import BackgroundWarning
from nnscratch.models.sequential import Sequential
from nnscratch.ops import distort

EVERY = 5  # one in so many test images: 2,000 of MNIST's, which give an accuracy to 0.4 points at most
PART = 250  # images at a time, which keeps memory small
VALUES: dict[str, tuple[float, ...]] = {
    "rotation": (-45, -30, -20, -10, 0, 10, 20, 30, 45),  # degrees, to the left where negative
    "shift": (0, 1, 2, 3, 4, 5, 6),  # pixels, each image one of eight ways
    "scale": (0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.3, 1.4),  # times as large
    "noise": (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6),  # standard deviation, where ink is 1
    "thickness": (-1, -0.67, -0.33, 0, 0.33, 0.67, 1),  # 1: a pixel more on each side; -1: one less
}


def robustness(model: Sequential, images: Array, labels: Array) -> dict[str, list[tuple[float, float]]]:
    """Return (value, accuracy) for each of VALUES, on every fifth of images (N, 28, 28) uint8 with labels (N,).

    What are no digits need not be made of strokes: their thickness is left out.
    """
    some, truth = images[::EVERY], labels[::EVERY]
    parts = [slice(start, start + PART) for start in range(0, len(some), PART)]
    changes: dict[str, Callable[[Array, float], Array]] = {
        "rotation": turned,
        "shift": moved,
        "scale": scaled,
        "noise": noisy,
        "thickness": thickened,
    }

    def right(kind: str, value: float, part: slice) -> int:
        changed = changes[kind](some[part] / np.float32(255), value)
        return int((model.predict(changed) == truth[part]).sum())

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BackgroundWarning)  # noise has no black ground
        return {
            kind: [(value, sum(right(kind, value, part) for part in parts) / len(some)) for value in values]
            for kind, values in VALUES.items()
            if model.is_digits or kind != "thickness"
        }


def _seen_through(images: Array, M: Array, shift: Array) -> Array:
    """Return images (N, H, W) read at c + M (p - c) - shift: M (2, 2), shift (N, 2) or (2,) in rows and columns."""
    N, H, W = images.shape
    p = np.stack(np.meshgrid(np.arange(H), np.arange(W), indexing="ij")) - distort.CENTER
    q = distort.CENTER + np.einsum("ij,jhw->ihw", M, p)
    rows, columns = (q[axis] - np.broadcast_to(shift, (N, 2))[:, axis, None, None] for axis in (0, 1))
    return distort.bilinear(images, rows, columns).clip(0, 1).astype(np.float32)


def turned(images: Array, degrees: float) -> Array:
    """Return images turned to the right about their centre."""
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return _seen_through(images, np.array([[cos, -sin], [sin, cos]]), np.zeros(2))


def moved(images: Array, pixels: float) -> Array:
    """Return images moved, the first to the right, the next one an eighth of a turn further, and so on."""
    angle = np.arange(len(images)) * (np.pi / 4)
    return _seen_through(images, np.eye(2), pixels * np.stack([np.sin(angle), np.cos(angle)], axis=1))


def scaled(images: Array, factor: float) -> Array:
    """Return images ``factor`` times as large."""
    return _seen_through(images, np.eye(2) / factor, np.zeros(2))


def noisy(images: Array, spread: float) -> Array:
    """Return images with Gaussian noise, the same one each time, cut to 0..1."""
    noise = np.random.default_rng(0).standard_normal(images.shape, np.float32)
    return np.clip(images + np.float32(spread) * noise, 0, 1)


def thickened(images: Array, share: float) -> Array:
    """Return images with thicker (share > 0) or thinner strokes."""
    return distort.thickened(images, np.full(len(images), share)).astype(np.float32)
