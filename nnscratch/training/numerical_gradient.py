"""The numerical gradient of a function of an array, and how far a gradient from backpropagation is from it.

MEASURE says how the two are compared; all of it in float64: in float32 nothing better than 1e-2 can be seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nnscratch.arrays import Array

STEPS = (1e-5, 1e-6, 1e-7)
ROUNDING = 1e3 * np.finfo(np.float64).eps  # the relative precision to which a value of a deep network is trusted
PRECISION = 2e-4  # of f: eps * f / h / tolerance; smaller gradients than this drown in the rounding of differences
MEASURE = f"""\
numeric   = (f(x + h v) - f(x - h v)) / 2h
error     = |analytic - numeric| / scale
            v: one entry, the worst of those checked
            scale: the largest |gradient| in the array
direction = |analytic . v - numeric| / scale
            v: random, through all n entries
            scale: max(|analytic| / sqrt(n), |numeric|)
An array passes when both are at most the tolerance.
A scale below {PRECISION:g} max(|f|, 1) counts as that."""


@dataclass
class Row:
    """The check of one array: the errors of MEASURE. ``where`` is the index of the entry with the largest."""

    name: str
    shape: tuple[int, ...]
    checked: int
    analytic: Array  # (checked,)
    numeric: Array  # (checked,)
    where: tuple[int, ...]
    error: float
    direction_error: float

    @property
    def worst(self) -> float:
        """The larger of the two errors, which is to be at most the tolerance."""
        return max(self.error, self.direction_error)

    @property
    def pair(self) -> tuple[float, float]:
        """The analytic and the numeric value of the entry with the largest error."""
        k = int(np.argmax(np.nan_to_num(np.abs(self.analytic - self.numeric), nan=np.inf)))
        return float(self.analytic[k]), float(self.numeric[k])


def numeric_derivative(function: Callable[[float], float]) -> float:
    """Return f'(0) by central differences.

    A large step is spoiled by curvature and kinks (ReLU, max-pooling), a small one by rounding. Where a step reaches a
    kink, the slopes to the right and to the left differ. So several steps are tried, and the one counts whose two
    slopes agree best, with an allowance for rounding: never the analytic value.
    """
    here = function(0.0)
    best, least = np.nan, np.inf
    for h in STEPS:
        right, left = (function(h) - here) / h, (here - function(-h)) / h
        doubt = abs(right - left) + ROUNDING * max(abs(here), 1.0) / h
        if doubt < least:  # never for NaN
            best, least = (right + left) / 2, doubt
    return float(best)


def check_array(
    name: str, array: Array, analytic: Array, function: Callable[[], float], *, samples: int, rng: np.random.Generator
) -> Row:
    """Compare ``analytic``, the gradient of ``function()`` with respect to ``array``, with the numerical gradient.

    ``array`` float64 of any shape is changed in place for each difference, and put back. ``samples`` entries are
    drawn (all, if there are fewer), and one random direction goes through every entry at once.
    """
    before = array.copy()

    def slope(direction: Array) -> float:
        def moved(h: float) -> float:
            array[...] = before + h * direction
            try:
                return function()
            finally:
                array[...] = before

        return numeric_derivative(moved)

    def unit(k: int) -> Array:
        direction = np.zeros(array.size)
        direction[k] = 1
        return direction.reshape(array.shape)

    chosen = rng.choice(array.size, min(samples, array.size), replace=False)
    exact, numeric = analytic.ravel()[chosen], np.array([slope(unit(k)) for k in chosen])
    random = rng.standard_normal(array.shape) / np.sqrt(array.size)
    along = slope(random)
    floor = PRECISION * max(abs(function()), 1.0)
    errors = relative_error(exact, numeric, max(np.abs(analytic).max(), np.abs(numeric).max(), floor))
    norm = max(float(np.linalg.norm(analytic)) / np.sqrt(array.size), abs(along))
    direction_error = float(relative_error((analytic * random).sum(), along, max(norm, floor)))
    place = tuple(map(int, np.unravel_index(chosen[int(np.argmax(errors))], array.shape)))
    return Row(name, array.shape, len(chosen), exact, numeric, place, float(errors.max()), direction_error)


def relative_error(analytic: Array, numeric: Array | float, scale: float) -> Array:
    """Return |analytic - numeric| / scale, and infinity where any is not finite: such a gradient is wrong."""
    with np.errstate(invalid="ignore"):  # inf - inf, inf / inf
        error = np.abs(analytic - numeric) / scale
    return np.where(np.isfinite(error) & np.isfinite(scale), error, np.inf)
