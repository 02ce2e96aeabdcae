"""Choosing examples so that every digit keeps its share."""

import numpy as np

from nnscratch.arrays import Array
from nnscratch.errors import UsageError


def stratified_split(labels: Array, size: int, *, seed: int) -> tuple[Array, Array]:
    """Hold ``size`` of the n examples out, each class in proportion, to within one example.

    labels: (n,). Returns (train indices (n - size,), held-out indices (size,)), int64, both ascending;
    together they are 0..n-1. The same labels, size and seed give the same split. Raises ``UsageError``
    unless 0 <= size < n.
    """
    n = len(labels)
    if not _is_whole(size) or not 0 <= size < n:
        wanted = f"a whole number from 0 to {n - 1:,}"
        raise UsageError(f"{size} of {n:,} examples cannot be held out: give {wanted}")
    shuffled = np.random.default_rng(seed).permutation(n)
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    # Every (n / size)-th of that list: a class of k is met k * size / n times, rounded up or down.
    held_out = np.zeros(n, dtype=bool)
    held_out[by_class[np.arange(size) * n // max(size, 1)]] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def stratified_subset(labels: Array, n: int, *, seed: int) -> Array:
    """Indices of ``n`` examples, each class in proportion to within one; all of them when there are no more.

    labels: (m,). Returns (min(n, m),) int64, ascending. Raises ``UsageError`` unless n is whole and >= 1.
    """
    if not _is_whole(n) or n < 1:
        raise UsageError(f"{n} examples cannot be chosen: give a whole number of at least 1")
    if n >= len(labels):
        return np.arange(len(labels))
    return stratified_split(labels, n, seed=seed)[1]


def _is_whole(number: object) -> bool:
    return isinstance(number, int | np.integer) and not isinstance(number, bool)
