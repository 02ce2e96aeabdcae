"""Exercise: the gradients of batch normalisation in training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.ops.batchnorm import (
    batchnorm_backward_batch,
    batchnorm_backward_running,
    batchnorm_backward_weights,
    batchnorm_forward,
    batchnorm_statistics,
)
from nnscratch.study.exercises.exercise import Case, Exercise, Mistake, numbers


def _forward(x: Array, gamma: Array, beta: Array, eps: float) -> tuple[Array, Array, Array]:
    """Return out, xhat and var."""
    mean, var = batchnorm_statistics(x)
    return *batchnorm_forward(x, gamma, beta, mean, var, eps), var


def solution(dout: Array, x: Array, gamma: Array, eps: float) -> tuple[Array, Array, Array]:
    """Return dx, dgamma, dbeta."""
    _, xhat, var = _forward(x, gamma, gamma, eps)
    dx = batchnorm_backward_batch(dout, xhat, gamma, var, eps)
    return dx, *batchnorm_backward_weights(dout, xhat)


def derivatives(dout: Array, x: Array, gamma: Array, eps: float) -> tuple[dict[str, Array], Callable[[], float]]:
    """Return what is moved, and sum(dout * out)."""
    x, gamma, beta = x.copy(), gamma.copy(), np.zeros(len(gamma))
    moved = {"dx": x, "dgamma": gamma, "dbeta": beta}
    return moved, lambda: float((dout * _forward(x, gamma, beta, eps)[0]).sum())


def _paths(dout: Array, x: Array, gamma: Array, eps: float) -> tuple[Array, Array, Array, Array]:
    """Return the parts of dx through x itself, the mean and the variance, and their factor 1 / sqrt(var + eps)."""
    _, xhat, var = _forward(x, gamma, gamma, eps)
    dxhat = gamma[:, None] * dout
    through_mean = dxhat.mean(axis=1, keepdims=True)
    through_var = xhat * (dxhat * xhat).mean(axis=1, keepdims=True)
    return dxhat, through_mean, through_var, (1 / np.sqrt(var + eps))[:, None]


def _constants(dout: Array, x: Array, gamma: Array, eps: float) -> tuple[Any, ...]:
    return batchnorm_backward_running(dout, gamma, batchnorm_statistics(x)[1], eps), None, None


def _no_variance(dout: Array, x: Array, gamma: Array, eps: float) -> tuple[Any, ...]:
    own, mean, _, scale = _paths(dout, x, gamma, eps)
    return (own - mean) * scale, None, None


def _no_mean(dout: Array, x: Array, gamma: Array, eps: float) -> tuple[Any, ...]:
    own, _, var, scale = _paths(dout, x, gamma, eps)
    return (own - var) * scale, None, None


def _sums(dout: Array, x: Array, gamma: Array, eps: float) -> tuple[Any, ...]:
    own, mean, var, scale = _paths(dout, x, gamma, eps)
    N = x.shape[1]
    return (own - N * mean - N * var) * scale, None, None


def _by_variance(dout: Array, x: Array, gamma: Array, eps: float) -> tuple[Any, ...]:
    own, mean, var, scale = _paths(dout, x, gamma, eps)
    return (own - mean - var) * scale * scale, None, None


def _unscaled(dout: Array, x: Array, gamma: Array, eps: float) -> tuple[Any, ...]:
    own, mean, var, _ = _paths(dout, x, gamma, eps)
    return own - mean - var, None, None


def _unbiased(dout: Array, x: Array, gamma: Array, eps: float) -> tuple[Any, ...]:
    """Return the gradients where xhat was computed with the variance that divides by N - 1."""
    N = x.shape[1]
    var = x.var(axis=1) * N / max(N - 1, 1)
    _, xhat = batchnorm_forward(x, gamma, gamma, x.mean(axis=1), var, eps)
    return batchnorm_backward_batch(dout, xhat, gamma, var, eps), *batchnorm_backward_weights(dout, xhat)


def _over_channels(dout: Array, x: Array, gamma: Array, eps: float) -> tuple[Any, ...]:
    """Return the gradients where mean and variance run over the features of each image."""
    mean, var = x.mean(axis=0), x.var(axis=0)
    xhat = (x - mean) / np.sqrt(var + eps)
    dxhat = gamma[:, None] * dout
    dx = (dxhat - dxhat.mean(axis=0) - xhat * (dxhat * xhat).mean(axis=0)) / np.sqrt(var + eps)
    return dx, (dout * xhat).sum(axis=1), None


EXERCISE = Exercise(
    name="batchnorm_backward",
    line="dx, dgamma and dbeta of batch normalisation: three paths for one gradient",
    parameters=("dout", "x", "gamma", "eps"),
    returns=("dx", "dgamma", "dbeta"),
    shapes="dout and x (C, N), gamma (C,), eps a float\n-> dx (C, N), dgamma (C,), dbeta (C,)",
    forward="mean[c] = 1/N sum over n of x[c, n]\n"
    "var[c] = 1/N sum over n of (x[c, n] - mean[c])²\n"
    "xhat = (x - mean) / sqrt(var + eps);  out = gamma xhat + beta",
    hint="x[c, n] acts on out along three paths: through itself, through mean[c] and through var[c]. Add all three up.",
    read='nnscratch/ops/DERIVATIONS.md, "Batch normalisation in training"; nnscratch/ops/batchnorm.py',
    solution=solution,
    derivatives=derivatives,
    cases=(
        Case("3 features, 5 images", (numbers(1, 3, 5), 2 * numbers(2, 3, 5) + 1, numbers(3, 3), 1e-5)),
        Case("as many features as images", (numbers(4, 4, 4), numbers(5, 4, 4), numbers(6, 4), 1e-5)),
        Case(
            "a large eps",
            (numbers(7, 2, 6), numbers(8, 2, 6) - 3, numbers(9, 2), 0.5),
            "eps stands inside the square root: sqrt(var + eps)",
        ),
    ),
    mistakes=(
        Mistake(
            "mean and variance are taken as constants: the paths through both are missing",
            _constants,
        ),
        Mistake("the path through the variance is missing", _no_variance),
        Mistake("the path through the mean is missing", _no_mean),
        Mistake("the sums over the batch inside dx are not divided by N: both are means", _sums),
        Mistake(
            "gamma is missing: dxhat = gamma dout",
            lambda dout, x, g, e: (solution(dout, x, np.ones_like(g), e)[0], None, None),
        ),
        Mistake("divided by var + eps: the square root is missing", _by_variance),
        Mistake("the division by sqrt(var + eps) is missing", _unscaled),
        Mistake("eps is missing under the root", lambda dout, x, g, e: solution(dout, x, g, 0.0)),
        Mistake("the variance is divided by N - 1, but must be by N", _unbiased),
        Mistake(
            "mean and variance run over the features (axis 0), but must run over the batch (axis 1)", _over_channels
        ),
        Mistake(
            "dgamma sums dout x, but must sum dout xhat", lambda dout, x, g, e: (None, (dout * x).sum(axis=1), None)
        ),
        Mistake(
            "the sum over the batch is missing: one number for each feature is wanted",
            lambda dout, x, g, e: (None, dout * _forward(x, g, g, e)[1], dout),
        ),
        Mistake(
            "gamma is a factor of dbeta or dgamma here, but out's derivative by beta is 1, and by gamma xhat",
            lambda dout, x, g, e: (None, *(g * each for each in solution(dout, x, g, e)[1:])),
        ),
        Mistake("dbeta sums the numbers of the wrong axis", lambda dout, x, g, e: (None, None, dout.sum(axis=0))),
    ),
)
