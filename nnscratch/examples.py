"""Examples as other libraries have them, made fit for a network: vectors or images, of numbers of any size."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.errors import UsageError

Statistic = Array | float  # (D,), one number for each feature, or one for all
Scaling = tuple[Statistic, Statistic]  # mean and scale


def feature_statistics(X: Array) -> tuple[Array, Array]:
    """Return mean and scale (D,) by which each feature of X (N, D) gets mean 0 and standard deviation 1.

    A feature that is always the same gets the scale 1. Y. LeCun et al., "Efficient BackProp", 1998, section 4.3.
    """
    mean, std = X.mean(axis=0, dtype=np.float64), X.std(axis=0, dtype=np.float64)
    constant = std <= len(X) * np.finfo(np.float64).eps * np.abs(mean)  # but for what the sum has rounded
    return mean, np.where(constant, 1.0, std)


def image_statistics(X: Array) -> tuple[float, float]:
    """Return mean 0, and the largest magnitude as scale: 255 for uint8. What is blank stays 0."""
    if X.dtype == np.uint8:
        return 0.0, 255.0
    return 0.0, float(np.abs(X.astype(np.float64)).max()) or 1.0


def scaled(X: Array, mean: Statistic, scale: Statistic) -> Array:
    """Return (X - mean) / scale; pixels in uint8 on the scale 255 as they are, since networks take such by themselves.

    X: (N, ...), D numbers each. The result is float64 (N, D), or uint8 as it came.
    """
    if X.dtype == np.uint8 and np.ndim(scale) == 0 and (mean, scale) == (0, 255):
        return X
    return np.asarray((X.reshape(len(X), -1) - np.float64(mean)) / scale)


def scaling_tensors(scaling: Scaling, input_shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Return mean and scale, each as it fits an example (*input_shape), or () where it is one number for all."""
    mean, scale = (np.reshape(one, input_shape if np.ndim(one) else ()).astype(np.float64) for one in scaling)
    return mean, scale


def flat(X: Any) -> tuple[Any, tuple[int, ...] | None]:
    """Return examples (N, H, W) or (N, C, H, W) as (N, D), and the shape of one; others as they are, and None."""
    if getattr(X, "ndim", 2) <= 2:
        return X, None
    images = np.asarray(X)
    return images.reshape(len(images), math.prod(images.shape[1:])), images.shape[1:]


def image_shape(shape: tuple[int, ...], model: str) -> tuple[int, ...]:
    """Return (C, H, W) for examples of ``shape``: (pixels,) is a square image.

    Raises UsageError, naming the ``model`` that wants images, when it is none.
    """
    if len(shape) == 1:
        side = math.isqrt(shape[0])
        if side * side != shape[0]:
            raise UsageError(f"{model} takes images, and {shape[0]} features are no square: give (n, height, width)")
        return 1, side, side
    return shape if len(shape) == 3 else (1, *shape)
