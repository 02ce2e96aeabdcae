"""Figures of readings, by writer: who chooses and who judges, and 95 % intervals from resampled writers.

A writer's digits are alike, so a new writer, not a new digit, is what the next surprise comes from: the bootstrap draws
writers. B. Efron, R. Tibshirani: An Introduction to the Bootstrap, 1993, chapters 8 and 13 (percentiles).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality.readings import Readings
from nnscratch.arrays import Array

TIMES = 2_000  # as many sets of writers are drawn
BINS = 15
Interval = tuple[float, float, float]  # value, 2.5 % and 97.5 % of it over sets of writers


@cache
def split() -> dict[str, Any]:
    """Return writers.json: the names of those that choose and of those that judge, and whose drawings they are."""
    return dict(json.loads((Path(__file__).parent / "writers.json").read_text()))


def groups(writers: Sequence[str]) -> dict[str, Array]:
    """Return which of the drawings by ``writers`` (N,) belong to each group, (N,) bool.

    All, and where each of them is known to writers.json, those that choose and those that judge.
    """
    names, found = np.array(writers), {"all": np.ones(len(writers), bool)}
    parts = {which: np.isin(names, split()[which]) for which in ("choosing", "judging")}
    known = parts["choosing"] | parts["judging"]
    return found | {which: part for which, part in parts.items() if known.all() and part.any()}


def figures(readings: Readings, writers: Sequence[str]) -> dict[str, Interval | None]:
    """Return the figures of ``readings`` of drawings by ``writers`` (N,), each with its interval.

    None where there is nothing to count, as of the sure ones where none is sure.
    """
    names, unit = np.unique(writers, return_inverse=True)
    right, sure, refused = readings.right, readings.sure, readings.refused

    def by_writer(values: Array) -> Array:
        return np.bincount(unit, weights=values.sum(axis=0), minlength=len(names))

    every = by_writer(np.ones_like(right))
    return {
        "accuracy": interval(by_writer(right), every),
        "sure": interval(by_writer(sure), every),
        "unsure": interval(by_writer(~sure & ~refused), every),
        "refused": interval(by_writer(refused), every),
        "wrong_of_sure": interval(by_writer(sure & ~right), by_writer(sure)),
        "calibration_error": interval(gaps(readings.confidence, right, unit), every),
    }


def gaps(confidence: Array, right: Array, unit: Array, bins: int = BINS) -> Array:
    """Return the sum of confidence - right, each (C, N), by writer and by bin of confidence, (W, bins).

    The bins hold equally many readings, as in K. Nguyen, B. O'Connor: Posterior calibration and exploratory analysis
    for natural language processing models, EMNLP 2015. The calibration error is their :func:`interval` over all.
    """
    place = np.empty(confidence.size, int)
    place[np.argsort(confidence, axis=None, kind="stable")] = np.arange(confidence.size) * bins // confidence.size
    cells = np.broadcast_to(unit, confidence.shape).ravel() * bins + place
    totals = np.bincount(cells, weights=(confidence - right).ravel(), minlength=bins * (int(unit.max()) + 1))
    return totals.reshape(-1, bins)


def interval(part: Array, whole: Array, times: int = TIMES) -> Interval | None:
    """Return sum |sum of part| / sum of whole over the writers, and its percentile interval over sets of writers.

    part: (W,), or (W, B) of B bins, whose sums over the writers are taken without their sign; whole: (W,). Sets in
    which the whole is nothing are left out. The writers are drawn with the same random numbers each time.
    """
    if not whole.sum():
        return None
    part, count = part.reshape(len(whole), -1), len(whole)
    drawn = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), times)  # how often each, (times, W)
    total = drawn @ whole
    ratios = np.abs(drawn @ part).sum(axis=1)[total > 0] / total[total > 0]
    low, high = np.quantile(ratios, (0.025, 0.975))
    return float(np.abs(part.sum(axis=0)).sum() / whole.sum()), float(low), float(high)


def worst_first(readings: Readings, writers: Sequence[str]) -> list[dict[str, Any]]:
    """Return {"writer", "digits", "accuracy"} of each writer that has a name, the worst one first."""
    names, found = np.array(writers), []
    for name in dict.fromkeys(filter(None, writers)):
        right = readings.right[:, names == name]
        found.append({"writer": name, "digits": right.shape[1], "accuracy": float(right.mean())})
    return sorted(found, key=lambda one: one["accuracy"])


def without_prefix(writers: Sequence[str]) -> list[str]:
    """Return names without what they all begin with, up to its last hyphen."""
    first, last = min(writers), max(writers)
    common = next((k for k, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), 0)
    return [name[first[:common].rfind("-") + 1 :] for name in writers]
