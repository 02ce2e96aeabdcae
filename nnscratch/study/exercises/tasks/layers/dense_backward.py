"""Exercise: the three gradients of a dense layer."""

from __future__ import annotations

import numpy as np

from nnscratch.arrays import Array
from nnscratch.ops.dense import dense_forward
from nnscratch.study.exercises.exercise import Case, Exercise, numbers, sizes, weighed

Three = tuple[Array, Array, Array]


def dense_backward(dout: Array, x: Array, W: Array) -> Three:
    """Return dx, dW, db."""
    dx = W.T @ dout
    dW = dout @ x.T
    db = dout.sum(axis=1)
    return dx, dW, db


def _draw(rng: np.random.Generator) -> tuple[Case, ...]:
    shapes = [sizes(rng, 3), [*sizes(rng, 2), 1], [*sizes(rng, 1)] * 3]
    return tuple(
        Case(
            f"{D} units, {K} inputs, {N} image{'s' if N > 1 else ''}",
            (numbers(rng, D, N), numbers(rng, K, N), numbers(rng, D, K)),
        )
        for D, K, N in shapes
    )


EXERCISE = Exercise(
    name="dense_backward",
    line="dx, dW and db of a dense layer",
    parameters=("dout", "x", "W"),
    returns=("dx", "dW", "db"),
    shapes="dout (D, N), x (K, N), W (D, K) -> dx (K, N), dW (D, K), db (D,)",
    forward="out[d, n] = b[d] + sum over k of W[d, k] x[k, n]",
    hints=(
        "Which outputs does one weight W[d, k] touch? And one input x[k, n]? Its gradient adds up, over all that it "
        "touches, what it does to each.",
        "Write d out[d, n] / d W[d, k] down, multiply by dout[d, n], and sum over the index that W does not have. b "
        "is added to every column, so its gradient adds the columns up.",
        "dW[d, k] = sum over n of dout[d, n] x[k, n];  dx[k, n] = sum over d of W[d, k] dout[d, n]. Each is a "
        "product of two matrices, one of them transposed: the index that is summed over is the inner one. db sums "
        "dout along its axis 1.",
    ),
    read="Dense",
    library="nnscratch/ops/dense.py",
    solution=dense_backward,
    derivatives=lambda dout, x, W: weighed(dout, dense_forward, dx=x, dW=W, db=np.zeros(len(W))),
    cases=(
        Case("as many inputs as units as images", (numbers(1, 3, 3), numbers(2, 3, 3), numbers(3, 3, 3))),
        Case("one image", (numbers(4, 2, 1), numbers(5, 3, 1), numbers(6, 2, 3))),
        Case("2 units, 3 inputs, 4 images", (numbers(7, 2, 4), numbers(8, 3, 4), numbers(9, 2, 3))),
    ),
    draw=_draw,
    slips={
        "W is not transposed: dx[k, n] sums W[d, k] dout[d, n] over d": ("W.T @ dout", "W @ dout"),
        "dW is x doutᵀ, but must be dout xᵀ: it is transposed": ("dout @ x.T", "x @ dout.T"),
        "x is not transposed: dW[d, k] sums dout[d, n] x[k, n] over n": ("dout @ x.T", "dout @ x"),
        "x stands where dout must: the derivative by x is W, times the gradient that comes in": (
            "W.T @ dout",
            "W.T @ (W @ x)",
        ),
        "dout is left out: this is the derivative of the sum of all outputs": (
            "dx = ",
            "dout = np.ones_like(dout); dx = ",
        ),
        "the sum over the batch is missing: db has one number for each unit": ("dout.sum(axis=1)", "dout"),
        "only the last image counts: the sum over the batch is missing (= where += must stand?)": (
            "dW = ",
            "dout, x = dout[:, -1:], x[:, -1:]; dW = ",
        ),
        "only the first image counts: the sum over the batch is missing": (
            "dW = ",
            "dout, x = dout[:, :1], x[:, :1]; dW = ",
        ),
        "the sum runs over the units, but must run over the batch": ("axis=1", "axis=0"),
        "the sum runs over the whole array, but db has one number for each unit": ("axis=1", ""),
        "the arrays are taken batch-first: here the batch is the last axis, dout (D, N) and x (K, N)": (
            "W.T @ dout",
            "dout @ W",
            "dout @ x.T",
            "dout.T @ x",
            "axis=1",
            "axis=0",
        ),
        "an axis of length 1 is kept: db is (D,), not (D, 1)": ("axis=1", "axis=1, keepdims=True"),
        "* multiplies number by number: a product of matrices is @, and one of the two is transposed": (
            "W.T @ dout",
            "W * dout",
            "dout @ x.T",
            "dout * x",
        ),
        "only the last unit counts: dx sums over d (= where += must stand?)": (
            "W.T @ dout",
            "np.outer(W[-1], dout[-1])",
        ),
        "dout is left out: db is 1 for each unit, but sums dout over the batch": (
            "dout.sum(axis=1)",
            "np.ones(len(W))",
        ),
    },
)
