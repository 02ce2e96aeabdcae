"""Exercise: a dense layer, forward."""

from __future__ import annotations

import numpy as np

from nnscratch.arrays import Array
from nnscratch.study.exercises.exercise import Case, Exercise, Seed, numbers, sizes


def dense_forward(x: Array, W: Array, b: Array) -> Array:
    """Return out."""
    out: Array = W @ x + b[:, None]
    return out


def _case(seed: Seed, D: int, K: int, N: int) -> Case:
    rng = np.random.default_rng(seed)
    what = f"{D} units, {K} inputs, {N} image{'s' if N > 1 else ''}"
    return Case(what, (numbers(rng, K, N), numbers(rng, D, K), numbers(rng, D)))


def _draw(rng: np.random.Generator) -> tuple[Case, ...]:
    shapes = [sizes(rng, 3), [*sizes(rng, 2), 1], [*sizes(rng, 1)] * 3]
    return tuple(_case(rng, *shape) for shape in shapes)


EXERCISE = Exercise(
    name="dense_forward",
    line="out = W x + b for a whole batch",
    parameters=("x", "W", "b"),
    returns=("out",),
    shapes="x (K, N), W (D, K), b (D,) -> out (D, N)\n"
    "K inputs, D units, N images: the batch is the last axis, one column for each image",
    forward="out[d, n] = b[d] + sum over k of W[d, k] x[k, n]",
    hints=(
        "Take one unit d and one image n: row d of W meets column n of x. What is that for all d and n at once?",
        "It is a product of matrices, W @ x. To every column of it the same b is added; but b is (D,), and NumPy lines "
        "up last axes first.",
        "b[:, None] is (D, 1), a column, and is added to each of the N columns: W @ x + b[:, None].",
    ),
    read="Dense",
    library="nnscratch/ops/dense.py",
    solution=dense_forward,
    cases=(_case(1, 2, 3, 4), _case(2, 2, 3, 1), _case(3, 3, 3, 3)),
    draw=_draw,
    slips={
        "W is transposed, but out[d, n] sums W[d, k] x[k, n] over k": ("W @ x", "W.T @ x"),
        "the factors are exchanged: W stands on the left of x": ("W @ x", "x @ W"),
        "* multiplies number by number: a product of matrices is W @ x": ("W @ x", "W * x"),
        "the bias is missing": (" + b[:, None]", ""),
        "the bias is subtracted": ("+ b", "- b"),
        "b runs along the batch, but belongs to the units: b[:, None] is a column": ("b[:, None]", "b"),
        "the bias is added once for each input: add it once": ("b[:, None]", "b[:, None] * len(x)"),
        "the mean over the inputs is taken, but the sum is wanted": ("W @ x", "W @ x / len(x)"),
        "only the last input counts: sum over k (= where += must stand?)": ("W @ x", "W[:, -1:] @ x[-1:]"),
        "the arrays are taken batch-first: here the batch is the last axis, x is (K, N)": (
            "W @ x + b[:, None]",
            "x @ W.T + b",
        ),
        "x @ W + b is written for rows, one for each image: here an image is a column, W @ x + b[:, None]": (
            "W @ x + b[:, None]",
            "x @ W + b",
        ),
        "* multiplies number by number, and b runs along the batch: write W @ x, and b[:, None], a column": (
            "W @ x + b[:, None]",
            "W * x + b",
        ),
        "all biases are added to every unit: each unit has its own, b[:, None]": ("b[:, None]", "b.sum()"),
        "this is the output of a ReLU: a dense layer holds nothing back": (
            "W @ x + b[:, None]",
            "np.maximum(W @ x + b[:, None], 0)",
        ),
    },
)
