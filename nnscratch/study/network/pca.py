"""Principal components: the directions in which points differ most, so that many dimensions fit on paper.

Points x (N, D) less their mean have the scatter matrix S = xᵀ x (D, D). Its eigenvectors are the axes, each at right
angles to the others, and an eigenvalue over the sum of all is the share of the variance along its axis. With more
dimensions than points the smaller matrix x xᵀ (N, N) has the same eigenvalues: x xᵀ u = λ u makes xᵀ u / √λ an axis.
Source: K. Pearson, "On lines and planes of closest fit to systems of points in space", 1901.
"""

from __future__ import annotations

import numpy as np

from nnscratch.arrays import Array
from nnscratch.errors import UsageError


def principal_components(x: Array, count: int = 2) -> tuple[Array, Array, Array]:
    """Return coordinates (N, count), axes (count, D) and shares of the variance (count,) for points x (N, D).

    All are float64, the axis of most variance first, and the entry of an axis that is largest in magnitude is positive,
    so that the same points always lie the same way round. Where points differ in fewer than ``count`` directions, the
    axes that are left are zero, and so are their coordinates and shares. Raises UsageError unless x is a matrix with
    at least one row.
    """
    x = np.asarray(x, np.float64)
    if x.ndim != 2 or len(x) == 0:
        raise UsageError(f"the points have the shape {x.shape}, but (N, D) is wanted, with at least one point")
    centred = x - x.mean(axis=0)
    total = float((centred**2).sum())
    axes, shares = np.zeros((count, x.shape[1])), np.zeros(count)
    variances, found = _eigenvectors(centred, count)
    real = variances > np.finfo(np.float64).eps * max(x.shape) * total  # the others are rounding
    kept = int(real.sum())
    axes[:kept] = _turned(found[real])
    shares[:kept] = variances[real] / total
    return centred @ axes.T, axes, shares


def _eigenvectors(centred: Array, count: int) -> tuple[Array, Array]:
    """Return the largest eigenvalues (k,) of the scatter matrix and their eigenvectors (k, D), k at most ``count``."""
    N, D = centred.shape
    if D <= N:
        values, vectors = np.linalg.eigh(centred.T @ centred)  # in rising order
        return values[::-1][:count], vectors.T[::-1][:count]
    values, vectors = np.linalg.eigh(centred @ centred.T)
    values, vectors = values[::-1][:count], vectors.T[::-1][:count]
    lengths = np.sqrt(np.maximum(values, np.finfo(np.float64).tiny))
    return values, (vectors @ centred) / lengths[:, None]


def _turned(axes: Array) -> Array:
    """Return axes (k, D) of which the largest entry in magnitude is positive."""
    largest = np.abs(axes).argmax(axis=1)
    signs = np.sign(axes[np.arange(len(axes)), largest])
    return np.asarray(axes * signs[:, None])
