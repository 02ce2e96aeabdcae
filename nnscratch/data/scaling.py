"""Examples as other libraries have them, made fit for a network: vectors or images, of numbers of any size."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.errors import UsageError, short_repr, unknown

SCALINGS = ("auto", "features", "images", "none")

Statistic = Array | float  # (D,), one number for each feature, or one for all
Scaling = tuple[Statistic, Statistic]  # mean and scale
SCALING = ("scaling.mean", "scaling.scale")  # what they are called in a file


def as_array(given: Any, what: str) -> Array:
    """Return lists, tensors, tables, ... as an array. Raises UsageError for what is none, or has rows that differ."""
    if np.ma.is_masked(given):
        raise UsageError(f"{what} have values that are masked: leave those examples out, or fill the values in")
    try:
        array = np.asarray(given)
    except ValueError:
        shapes = sorted({np.shape(each) for each in given if hasattr(each, "shape")})
        some = f", such as {shapes[0]} and {shapes[-1]}" if len(shapes) > 1 else ""
        raise UsageError(f"{what} are of different shapes{some}: bring them to one") from None
    if array.ndim == 0:
        raise UsageError(f"{what} are {short_repr(given)}: give an array, or a list")
    return array


def feature_statistics(X: Array, weights: Array | None = None) -> tuple[Array, Array]:
    """Return mean and scale (D,) by which each feature of X (N, D) gets mean 0 and standard deviation 1.

    weights: (N,), how often each example counts; once, unless they are given. A feature that is always the same gets
    the scale 1. Y. LeCun et al., "Efficient BackProp", 1998, section 4.3.
    """
    if weights is None:
        mean, std = X.mean(axis=0, dtype=np.float64), X.std(axis=0, dtype=np.float64)
    else:
        mean = np.average(X.astype(np.float64), axis=0, weights=weights)
        std = np.sqrt(np.average((X - mean) ** 2, axis=0, weights=weights))
    constant = std <= len(X) * np.finfo(np.float64).eps * np.abs(mean)  # but for what the sum has rounded
    return mean, np.where(constant, 1.0, std)


def image_statistics(X: Array) -> tuple[float, float]:
    """Return mean 0, and the largest magnitude as scale: 255 for uint8. What is blank stays 0."""
    if X.dtype == np.uint8:
        return 0.0, 255.0
    return 0.0, float(np.abs(X.astype(np.float64)).max()) or 1.0


def learn_scaling(X: Array, scaling: str, *, pixels: bool, weights: Array | None = None) -> Scaling:
    """Return mean and scale for examples X (N, D) by one of SCALINGS; "auto" asks whether they are ``pixels``.

    weights: (N,), how often each example counts; one that weighs 0 is not looked at. Raises UsageError for a scaling
    that is unknown.
    """
    if scaling not in SCALINGS:
        raise unknown("the scaling", scaling, SCALINGS)
    if scaling == "none":
        return 0.0, 1.0
    is_image = scaling == "images" or (scaling == "auto" and (pixels or X.dtype == np.uint8))
    if not is_image:
        return feature_statistics(X, weights)
    return image_statistics(X if weights is None else X[weights > 0])


def scaled(X: Array, mean: Statistic, scale: Statistic) -> Array:
    """Return (X - mean) / scale; pixels in uint8 on the scale 255 as they are, since networks take such by themselves.

    X: (N, ...), D numbers each. The result is float64 (N, D), or uint8 as it came.
    """
    if X.dtype == np.uint8 and np.ndim(scale) == 0 and (mean, scale) == (0, 255):
        return X
    return np.asarray((X.reshape(len(X), -1) - np.float64(mean)) / scale)


def checked_scaling(scaling: Scaling, input_shape: tuple[int, ...]) -> Scaling:
    """Return mean and scale as vectors (D,), or numbers. Raises UsageError when they do not fit such examples."""
    D = math.prod(input_shape)
    mean, scale = (np.array(one, np.float64).ravel() for one in scaling)
    if mean.size not in (1, D) or scale.size not in (1, D):
        raise UsageError(f"the scaling has {mean.size} and {scale.size} numbers: give one, or {D}, of each")
    if not (np.isfinite(mean).all() and np.isfinite(scale).all() and (scale > 0).all()):
        raise UsageError(
            "the scaling is not finite, or divides by what is not positive: give a mean and a scale above 0"
        )
    return float(mean[0]) if mean.size == 1 else mean, float(scale[0]) if scale.size == 1 else scale


def of_unit_range(scaling: Scaling) -> bool:
    """Return whether mean and scale are those of numbers in 0..1, such as pixels."""
    mean, scale = scaling
    return bool(np.min(mean) >= 0 and np.max(mean) <= 1 and np.max(scale) <= 1)


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


def scaling_arrays(scaling: Scaling | None) -> dict[str, Array]:
    """Return what a model's file has of its scaling: float64, each (D,) or (1,); of none, nothing."""
    return {name: np.array(one, np.float64, ndmin=1) for name, one in zip(SCALING, scaling or (), strict=False)}
