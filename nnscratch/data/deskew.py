"""Deskewing: a shear takes the slant out of a digit, so that its principal axis stands upright.

Pixels p(r, c), blank where they are 0, are masses. Their centre (r0, c0) has the mean row and the mean column, and the
slant is that of the least-squares line of columns over rows, from the second-order moments:

    slant = sum p (r - r0) (c - c0) / sum p (r - r0)^2,    deskewed(r, c) = p(r, c + slant (r - r0))

Each row moves as a whole, between its pixels by linear interpolation. That keeps its mass and moves its mean column by
just slant (r - r0): so rows and columns of the deskewed image have covariance 0, a second deskewing changes nothing,
and the centre stays where it was, unless ink leaves the image.

Y. LeCun et al., "Gradient-Based Learning Applied to Document Recognition", 1998, section III.A: deskewed MNIST.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.errors import UsageError

CHUNK = 256  # images at a time: what lies between fits into a cache


def deskew(images: Any) -> Array:
    """Return images (..., H, W), uint8 or floats, without their slant: of the same shape and type, uint8 rounded.

    Each by itself. One that is blank, or has its ink in one row, stays as it is. Ink that is moved out is lost. Raises
    UsageError for another type of numbers, or fewer than two dimensions.
    """
    images = np.asarray(images)
    if images.ndim < 2 or not (images.dtype == np.uint8 or images.dtype.kind == "f"):
        form = f"{images.dtype} of the shape {images.shape}"
        raise UsageError(f"deskew got {form}: give images (N, height, width) in uint8 or float, blank where they are 0")
    flat = images.reshape(-1, *images.shape[-2:])
    out = np.empty_like(flat, order="C")
    for start in range(0, len(flat), CHUNK):
        part = flat[start : start + CHUNK]
        moved = shifted_rows(part, row_shifts(part))
        out[start : start + CHUNK] = np.rint(moved) if images.dtype == np.uint8 else moved
    return np.asarray(out.reshape(images.shape))


def row_shifts(images: Array) -> Array:
    """Return slant (r - r0), (N, H) float64, for images (N, H, W): by how many pixels the rows are too far right."""
    H, W = images.shape[1:]
    exact = images.astype(np.int64 if images.dtype == np.uint8 else np.float64, order="C")
    mass, moment = exact.sum(axis=2), (exact * np.arange(W)).sum(axis=2)  # of each row, about column 0
    row = np.arange(H, dtype=np.float64)
    with np.errstate(all="ignore"):  # 0 / 0 where nothing is there, or all in one row
        row = row - (mass * row).sum(axis=1, keepdims=True) / mass.sum(axis=1, keepdims=True)
        # about r0 the sum of p (r - r0) is 0, so that c0 does not matter
        slant = (moment * row).sum(axis=1, keepdims=True) / (mass * row**2).sum(axis=1, keepdims=True)
        shifts = slant * row
    return np.where(np.isfinite(shifts).all(axis=1, keepdims=True), np.clip(shifts, -W, W), 0.0)


def shifted_rows(images: Array, shifts: Array) -> Array:
    """Return images (N, H, W) whose row r is read ``shifts`` (N, H) pixels further right; 0 outside."""
    W = images.shape[2]
    whole = np.floor(shifts)
    share = (shifts - whole)[..., None]
    edge = np.pad(images, ((0, 0), (0, 0), (1, 1)))
    places = np.clip(np.arange(W + 1) + whole.astype(np.int64)[..., None] + 1, 0, W + 1)
    pixels = np.take_along_axis(edge, places, axis=2)
    with np.errstate(all="ignore"):  # pixels that are not finite
        return np.asarray(pixels[..., :-1] * (1 - share) + pixels[..., 1:] * share)
