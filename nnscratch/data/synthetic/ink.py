"""Ink in the form that MNIST's digits have, ink enlarged, and the pens that leave it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from nnscratch.arrays import Array
from nnscratch.pictures.preprocess import center, scale, stretch_contrast, to_uint8

FAINT = 0.1  # of the strongest ink: what is less is no part of a digit's box


def in_form(ink: Array) -> Array:
    """Return light ink (h, w) of 0..1 on 0 as (28, 28) uint8, in MNIST's size and place; all 0 without ink."""
    there = ink > FAINT * ink.max()
    rows, columns = (np.flatnonzero(there.any(axis=axis)) for axis in (1, 0))
    if len(rows) == 0:
        return np.zeros((28, 28), np.uint8)
    return to_uint8(center(stretch_contrast(scale(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]))))


def pen_width(rng: np.random.Generator, most: float = 3.2) -> float:
    """Return a pen's width in finished pixels; what is thicker than 3.2 the pipeline makes thinner."""
    return float(np.exp(rng.uniform(np.log(1.3), np.log(most))))


def enlarged(image: Array, times: float) -> Array:
    """Return (..., h, w) with about ``times`` as many rows and columns, by cubic interpolation; 0..1 stays 0..1.

    R. Keys: Cubic Convolution Interpolation for Digital Image Processing, IEEE Transactions on Acoustics, Speech, and
    Signal Processing 29, 1981.
    """
    rows, columns = (_cubic(side, max(1, round(times * side))) for side in image.shape[-2:])
    return np.asarray((rows @ image @ columns.T).clip(0, 1))


@lru_cache(maxsize=256)
def _cubic(old: int, new: int) -> Array:
    """Return (new, old) float32: how much each old pixel of a line has to say at each new one; 0 outside."""
    t = np.abs((np.arange(new)[:, None] + 0.5) * old / new - 0.5 - np.arange(old))
    inner, outer = 1 - 2.5 * t**2 + 1.5 * t**3, 2 - 4 * t + 2.5 * t**2 - 0.5 * t**3
    weights = np.where(t < 1, inner, np.where(t < 2, outer, 0)).astype(np.float32)
    weights.flags.writeable = False
    return weights
