"""How many numbers are spread: mean, standard deviation, quantiles and a histogram in place of all of them."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np

from nnscratch.arrays import Array

MOST = 4096  # numbers that are looked at; a standard deviation is known to 1 % from so many
BINS = 40
STEPS = np.arange(BINS + 1) / BINS
QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


@dataclass(frozen=True)
class Distribution:
    """Of an array of any shape. ``quantiles`` are those of QUANTILES, least and largest included.

    ``counts`` (BINS,) is the histogram in equal ranges from the least to the largest; where all numbers are the same,
    from half below them to half above. All is NaN, and the counts are 0, where no number is finite.
    """

    mean: float
    std: float
    quantiles: tuple[float, ...]
    counts: tuple[int, ...]

    def edges(self) -> Array:
        """Return where the histogram's ranges begin and end, (BINS + 1,)."""
        return _edges(self.quantiles[0], self.quantiles[-1])


def distribution(array: Array) -> Distribution:
    """Return how the finite numbers of an array are spread; of many, how :func:`chosen` ones are."""
    numbers = np.sort(chosen(array))
    if len(numbers) == 0:
        return Distribution(math.nan, math.nan, (math.nan,) * len(QUANTILES), (0,) * BINS)
    places = np.array(QUANTILES) * (len(numbers) - 1)
    quantiles = np.interp(places, np.arange(len(numbers)), numbers)
    edges = _edges(numbers[0], numbers[-1])
    below = np.searchsorted(numbers, edges[1:-1])
    counts = np.diff(below, prepend=0, append=len(numbers))
    return Distribution(
        float(numbers.mean()), float(numbers.std()), tuple(map(float, quantiles)), tuple(map(int, counts))
    )


def chosen(array: Array) -> Array:
    """Return the finite numbers of an array as (n,) float64; of more than MOST, every so many.

    The step is odd, so that with a batch of 2^k images on the last axis each of them has its turn.
    """
    step = -(-array.size // MOST) | 1
    numbers = array.ravel()[::step].astype(np.float64)
    return numbers[np.isfinite(numbers)]


def _edges(low: float, high: float) -> Array:
    aside = 0.0 if high > low else 0.5
    low, high = low - aside, high + aside
    return np.asarray(low + (high - low) * STEPS)


def plain(value: Any, without: Collection[str] = ()) -> Any:
    """Return dataclasses, dictionaries and tuples of numbers fit for JSON, but for the fields named in ``without``."""
    if is_dataclass(value):
        return {
            field.name: plain(getattr(value, field.name), without)
            for field in fields(value)
            if field.name not in without
        }
    if isinstance(value, dict):
        return {name: plain(one, without) for name, one in value.items()}
    if isinstance(value, tuple):
        return [plain(one) for one in value]
    return value if isinstance(value, int) else rounded(value)


def rounded(value: float | None) -> float | None:
    """Return a number with six digits, which is more than any page shows; None for what is not finite."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.6g}")
