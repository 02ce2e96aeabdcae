"""Exercise: the gradients of batch normalisation in training."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nnscratch.arrays import Array
from nnscratch.ops.batchnorm import batchnorm_forward, batchnorm_statistics
from nnscratch.study.exercises.exercise import Case, Exercise, numbers, sizes, weighed


def batchnorm_backward(dout: Array, x: Array, gamma: Array, eps: float) -> tuple[Array, Array, Array]:
    """Return dx, dgamma, dbeta."""
    mean, var = x.mean(axis=1, keepdims=True), x.var(axis=1, keepdims=True)
    xhat = (x - mean) / np.sqrt(var + eps)
    dxhat = gamma[:, None] * dout
    by_mean = dxhat.mean(axis=1, keepdims=True)
    by_var = xhat * (dxhat * xhat).mean(axis=1, keepdims=True)
    dx = (dxhat - by_mean - by_var) / np.sqrt(var + eps)
    dgamma = (dout * xhat).sum(axis=1)
    dbeta = dout.sum(axis=1)
    return dx, dgamma, dbeta


def derivatives(dout: Array, x: Array, gamma: Array, eps: float) -> tuple[dict[str, Array], Callable[[], float]]:
    """Return what is moved, and sum(dout * out)."""

    def forward(x: Array, gamma: Array, beta: Array) -> Array:
        return batchnorm_forward(x, gamma, beta, *batchnorm_statistics(x), eps)[0]

    return weighed(dout, forward, dx=x, dgamma=gamma, dbeta=np.zeros(len(gamma)))


def _draw(rng: np.random.Generator) -> tuple[Case, ...]:
    (C, N), (same,), eps = sizes(rng, 2), sizes(rng, 1, 5), float(rng.uniform(0.2, 0.9))
    return tuple(
        Case(what, (numbers(rng, C, N), 2 * numbers(rng, C, N) + 1, numbers(rng, C), eps), hint)
        for what, C, N, eps, hint in (
            (f"{C} features, {N} images", C, N, 1e-5, ""),
            ("as many features as images", same, same, 1e-5, ""),
            ("a large eps", N, C, eps, "eps stands inside the square root: sqrt(var + eps)"),
        )
    )


EXERCISE = Exercise(
    name="batchnorm_backward",
    line="one gradient along three paths",
    parameters=("dout", "x", "gamma", "eps"),
    returns=("dx", "dgamma", "dbeta"),
    shapes="dout and x (C, N), gamma (C,), eps a float\n-> dx (C, N), dgamma (C,), dbeta (C,)",
    forward="mean[c] = 1/N sum over n of x[c, n]\n"
    "var[c] = 1/N sum over n of (x[c, n] - mean[c])²\n"
    "xhat = (x - mean) / sqrt(var + eps);  out = gamma xhat + beta",
    hints=(
        "x[c, n] acts on out along three paths: through itself, through mean[c] and through var[c]. Add all three up.",
        "First dxhat = gamma dout. With s = sqrt(var + eps): d mean / d x[i] = 1/N and d s / d x[i] = xhat[i] / N. "
        "Put both into the derivative of xhat[m] = (x[m] - mean) / s by x[i], multiply by dxhat[m], and sum over m.",
        "dx = (dxhat - mean(dxhat) - xhat mean(dxhat xhat)) / sqrt(var + eps), where the means run over the batch: "
        ".mean(axis=1, keepdims=True). dgamma sums dout xhat over the batch, and dbeta sums dout.",
    ),
    read="Batch normalisation in training",
    library="nnscratch/ops/batchnorm.py",
    solution=batchnorm_backward,
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
    draw=_draw,
    slips={
        "mean and variance are taken as constants: the paths through both are missing": (" - by_mean - by_var", ""),
        "the path through the variance is missing": (" - by_var", ""),
        "the path through the mean is missing": (" - by_mean", ""),
        "the sums over the batch inside dx are not divided by N: both are means": (
            "- by_mean - by_var",
            "- x.shape[1] * (by_mean + by_var)",
        ),
        "gamma is missing: dxhat = gamma dout": ("gamma[:, None] * dout", "dout"),
        "divided by var + eps: the square root is missing": ("by_var) / np.sqrt(var + eps)", "by_var) / (var + eps)"),
        "the division by sqrt(var + eps) is missing": ("by_var) / np.sqrt(var + eps)", "by_var)"),
        "eps is missing under the root": (" + eps", ""),
        "the variance is divided by N - 1, but must be by N": ("x.var(", "x.var(ddof=1, "),
        "mean and variance run over the features (axis 0), but must run over the batch (axis 1)": (
            "axis=1, keepdims",
            "axis=0, keepdims",
        ),
        "the arrays are taken batch-first: here the batch is the last axis, dout and x are (C, N)": (
            "axis=1",
            "axis=0",
            "gamma[:, None]",
            "gamma",
        ),
        "only the last image counts: dgamma and dbeta add all up (= where += must stand?)": (
            "(dout * xhat).sum(axis=1)",
            "(dout * xhat)[:, -1]",
            "dout.sum(axis=1)",
            "dout[:, -1]",
        ),
        "dgamma sums dout x, but must sum dout xhat": ("(dout * xhat)", "(dout * x)"),
        "the sum over the batch is missing: one number for each feature is wanted": (".sum(axis=1)", ""),
        "gamma is a factor of dbeta or dgamma here, but out's derivative by beta is 1, and by gamma xhat": (
            "return dx, dgamma, dbeta",
            "return dx, gamma * dgamma, gamma * dbeta",
        ),
        "dbeta sums the numbers of the wrong axis": ("dbeta = dout.sum(axis=1)", "dbeta = dout.sum(axis=0)"),
        "the path through the mean has the wrong sign: both are taken off": ("- by_mean", "+ by_mean"),
        "the path through the variance has the wrong sign: both are taken off": ("- by_var", "+ by_var"),
        "the factor xhat of the path through the variance is missing": ("by_var = xhat * ", "by_var = "),
    },
)
