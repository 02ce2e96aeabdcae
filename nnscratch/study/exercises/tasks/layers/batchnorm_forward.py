"""Exercise: batch normalisation in training, forward, and its running statistics."""

from __future__ import annotations

import numpy as np

from nnscratch.arrays import Array
from nnscratch.study.exercises.exercise import Case, Exercise, Seed, numbers, sizes

Three = tuple[Array, Array, Array]


def batchnorm_forward(
    x: Array, gamma: Array, beta: Array, running_mean: Array, running_var: Array, momentum: float, eps: float
) -> Three:
    """Return out and the new running_mean and running_var."""
    N = x.shape[1]
    mean, var = x.mean(axis=1), x.var(axis=1)
    xhat = (x - mean[:, None]) / np.sqrt(var[:, None] + eps)
    out = gamma[:, None] * xhat + beta[:, None]
    running_mean = momentum * running_mean + (1 - momentum) * mean
    running_var = momentum * running_var + (1 - momentum) * var * N / (N - 1)
    return out, running_mean, running_var


def _case(what: str, seed: Seed, C: int, N: int, eps: float = 1e-5, momentum: float = 0.9, hint: str = "") -> Case:
    rng = np.random.default_rng(seed)
    x, gamma, beta, mean = 2 * numbers(rng, C, N) + 1, numbers(rng, C), numbers(rng, C), numbers(rng, C)
    return Case(what, (x, gamma, beta, mean, 1 + numbers(rng, C) ** 2, momentum, eps), hint)


def _draw(rng: np.random.Generator) -> tuple[Case, ...]:
    (C, N), same, eps = sizes(rng, 2), sizes(rng, 1, 5)[0], float(rng.uniform(0.2, 0.9))
    hint = "eps stands inside the square root: sqrt(var + eps)"
    return (
        _case(f"{C} features, {N} images", rng, C, N),
        _case("as many features as images", rng, same, same, momentum=0.7),
        _case("a large eps", rng, N, C, eps, hint=hint),
    )


EXERCISE = Exercise(
    name="batchnorm_forward",
    line="mean 0, variance 1 in a channel",
    parameters=("x", "gamma", "beta", "running_mean", "running_var", "momentum", "eps"),
    returns=("out", "running_mean", "running_var"),
    shapes="x (C, N); gamma, beta, running_mean, running_var (C,); momentum, eps floats\n"
    "-> out (C, N), new running_mean (C,), new running_var (C,)",
    forward="mean[c] = 1/N sum over n of x[c, n]\n"
    "var[c] = 1/N sum over n of (x[c, n] - mean[c])²\n"
    "xhat = (x - mean) / sqrt(var + eps);  out = gamma xhat + beta\n"
    "running_mean <- momentum running_mean + (1 - momentum) mean\n"
    "running_var <- momentum running_var + (1 - momentum) var N / (N - 1)\n"
    "The running ones are for use after training; out needs those of the batch.",
    hints=(
        "Each feature c is on its own: a row of x. What belongs to a row is one number, and has to be taken off, or "
        "multiplied to, every number of that row.",
        "x.mean(axis=1) and x.var(axis=1) are (C,); var divides by N. An array v of shape (C,) becomes a column by "
        "v[:, None], and acts on all of a row.",
        "xhat = (x - mean[:, None]) / np.sqrt(var[:, None] + eps), and out = gamma[:, None] * xhat + beta[:, None]. "
        "Then the two lines of the running statistics as they stand, var times N / (N - 1) in the second.",
    ),
    read="Batch normalisation in training",
    library="nnscratch/ops/batchnorm.py",
    solution=batchnorm_forward,
    cases=(
        _case("3 features, 5 images", 1, 3, 5),
        _case("as many features as images", 2, 4, 4, momentum=0.7),
        _case("a large eps", 3, 2, 6, 0.5, hint="eps stands inside the square root: sqrt(var + eps)"),
    ),
    draw=_draw,
    slips={
        "in training the batch's own mean and variance normalise it: the running ones are for later": (
            "(x - mean[:, None]) / np.sqrt(var[:, None]",
            "(x - running_mean[:, None]) / np.sqrt(running_var[:, None]",
        ),
        "the variance that normalises is divided by N - 1, but must be by N": (
            "x.var(axis=1)",
            "x.var(axis=1, ddof=1)",
            " * N / (N - 1)",
            "",
        ),
        "running_var takes the variance divided by N: var N / (N - 1) is wanted": (" * N / (N - 1)", ""),
        "eps is missing under the root": (" + eps", ""),
        "eps is added to the root, but stands inside it: sqrt(var + eps)": (
            "np.sqrt(var[:, None] + eps)",
            "(np.sqrt(var[:, None]) + eps)",
        ),
        "divided by var + eps: the square root is missing": ("np.sqrt(var[:, None] + eps)", "(var[:, None] + eps)"),
        "the mean is not taken off": ("(x - mean[:, None])", "x"),
        "x is not divided by sqrt(var + eps)": (" / np.sqrt(var[:, None] + eps)", ""),
        "gamma is missing: out = gamma xhat + beta": ("gamma[:, None] * xhat", "xhat"),
        "beta is missing: out = gamma xhat + beta": (" + beta[:, None]", ""),
        "gamma and beta are exchanged: gamma scales, beta shifts": (
            "gamma[:, None] * xhat + beta[:, None]",
            "beta[:, None] * xhat + gamma[:, None]",
        ),
        "gamma scales beta, too: out = gamma xhat + beta": (
            "gamma[:, None] * xhat + beta[:, None]",
            "gamma[:, None] * (xhat + beta[:, None])",
        ),
        "xhat itself came out: scale it by gamma, and shift it by beta": (
            "gamma[:, None] * xhat + beta[:, None]",
            "xhat",
        ),
        "momentum and 1 - momentum are exchanged: momentum is the share of the old that is kept": (
            "momentum * running_mean + (1 - momentum)",
            "(1 - momentum) * running_mean + momentum",
            "momentum * running_var + (1 - momentum)",
            "(1 - momentum) * running_var + momentum",
        ),
        "the running statistics came back as they were: update them": (
            "return out, running_mean, running_var",
            "return out, (running_mean - (1 - momentum) * mean) / momentum, "
            "(running_var - (1 - momentum) * var * N / (N - 1)) / momentum",
        ),
        "the running statistics are those of this batch alone: keep the share momentum of the old ones": (
            "momentum * running_mean + (1 - momentum) * ",
            "",
            "momentum * running_var + (1 - momentum) * ",
            "",
        ),
        "running_var averages the root of the variance, but must average the variance": (
            "(1 - momentum) * var * N / (N - 1)",
            "(1 - momentum) * np.sqrt(var * N / (N - 1))",
        ),
        "mean and variance run over the features (axis 0), but must run over the batch (axis 1)": (
            "mean, var = x.mean(axis=1), x.var(axis=1)",
            "N = len(x); mean, var = x.mean(axis=0), x.var(axis=0)",
            "mean[:, None]) / np.sqrt(var[:, None] + eps)",
            "mean) / np.sqrt(var + eps)",
        ),
        "one mean and variance of all features is taken, but each has its own": (
            "x.mean(axis=1), x.var(axis=1)",
            "np.full(len(x), x.mean()), np.full(len(x), x.var())",
        ),
        "the arrays are taken batch-first: here the batch is the last axis, x is (C, N)": (
            "axis=1",
            "axis=0",
            "x.shape[1]",
            "x.shape[0]",
            "[:, None]",
            "",
        ),
        "var N / (N - 1) is taken of a variance that was divided by N - 1 already": (
            "x.var(axis=1)",
            "x.var(axis=1, ddof=1)",
        ),
        "running_var averages standard deviations: variances are wanted": (
            "(1 - momentum) * var",
            "(1 - momentum) * np.sqrt(var)",
        ),
    },
)
