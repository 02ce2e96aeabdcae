"""Exercise: the mean squared error and its gradient."""

from __future__ import annotations

import numpy as np

from nnscratch.arrays import Array
from nnscratch.study.exercises.exercise import Case, Exercise, Seed, numbers, sizes


def squared_error(out: Array, y: Array) -> tuple[float, Array]:
    """Return the loss and dout."""
    difference = out - y
    loss = (difference**2).sum() / out.size
    dout = 2 * difference / out.size
    return loss, dout


def _case(seed: Seed, K: int, N: int) -> Case:
    rng = np.random.default_rng(seed)
    what = f"{K} output{'s' if K > 1 else ''}, {N} image{'s' if N > 1 else ''}"
    return Case(what, (numbers(rng, K, N), numbers(rng, K, N)))


def _draw(rng: np.random.Generator) -> tuple[Case, ...]:
    (K, N), more = sizes(rng, 2), sizes(rng, 1)[0]
    return _case(rng, K, N), _case(rng, 1, more), _case(rng, more, 1)


EXERCISE = Exercise(
    name="squared_error",
    line="a loss and its gradient",
    parameters=("out", "y"),
    returns=("loss", "dout"),
    shapes="out (K, N) what came out, y (K, N) what was wanted\n-> loss (a float), dout (K, N)",
    forward="loss = 1/(K N) sum over k, n of (out[k, n] - y[k, n])²",
    hints=(
        "Of all the squares in the sum, how many does one number out[k, n] stand in?",
        "Only its own, so differentiate 1/(K N) (out[k, n] - y[k, n])² by out[k, n]. The factor 1/(K N) stays.",
        "loss = ((out - y) ** 2).mean(), and dout = 2 (out - y) / (K N); K N is out.size.",
    ),
    read="Mean squared error",
    library="nnscratch/ops/losses.py",
    solution=squared_error,
    own_loss=True,
    cases=(_case(1, 3, 4), _case(2, 1, 3), _case(3, 2, 1)),
    draw=_draw,
    slips={
        "the sum is taken, but the mean over all K N numbers is wanted": (" / out.size", ""),
        "divided by N alone: the mean runs over all K N numbers": ("out.size", "out.shape[1]"),
        "divided by K alone: the mean runs over all K N numbers": ("out.size", "out.shape[0]"),
        "the gradient is not divided by K N, as the loss is": ("2 * difference / out.size", "2 * difference"),
        "the factor 2 is missing: the derivative of a square is twice what is squared": (
            "2 * difference",
            "difference",
        ),
        "half the square is taken: this loss has no factor 1/2, and so its gradient has a 2": (
            "difference**2",
            "difference**2 / 2",
            "2 * difference",
            "difference",
        ),
        "the sign is wrong: by out, the derivative of (out - y)² is 2 (out - y)": ("out - y", "y - out"),
        "the square root is taken: the loss is the mean of the squares itself": (
            "(difference**2).sum() / out.size",
            "np.sqrt((difference**2).sum() / out.size)",
        ),
        "the size of the difference is taken, but its square is wanted": (
            "(difference**2)",
            "np.abs(difference)",
            "2 * difference",
            "np.sign(difference)",
        ),
        "the difference is not squared": ("(difference**2)", "difference"),
        "one loss for each image came: the mean over the batch is missing": (".sum() / out.size", ".mean(axis=0)"),
        "the loss is that of the last image alone: add all up (= where += must stand?)": (
            "(difference**2).sum()",
            "(difference[:, -1] ** 2).sum()",
        ),
        "the gradient has lost its sign: the derivative of (out - y)² is 2 (out - y), whatever its sign": (
            "2 * difference",
            "2 * np.abs(difference)",
        ),
        "this is the square of the mean: the mean of the squares is wanted": (
            "(difference**2).sum() / out.size",
            "difference.mean() ** 2",
        ),
        "one square for each number came: their mean is wanted": ("(difference**2).sum() / out.size", "difference**2"),
    },
)
