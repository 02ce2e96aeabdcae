"""Exercises: the gradients of ReLU and of the sigmoid."""

from __future__ import annotations

import numpy as np

from nnscratch.arrays import Array
from nnscratch.ops.activations import relu_forward, sigmoid_forward
from nnscratch.study.exercises.exercise import Case, Exercise, apart, numbers, sizes, weighed


def relu_backward(dout: Array, x: Array) -> Array:
    """Return dx."""
    dx = dout * (x > 0)
    return dx


def sigmoid_backward(dout: Array, out: Array) -> Array:
    """Return dx."""
    dx: Array = dout * out * (1 - out)
    return dx


def _draw_relu(rng: np.random.Generator) -> tuple[Case, ...]:
    matrix, images = sizes(rng, 2), sizes(rng, 4, 2)
    zeros = apart(rng, *matrix)
    zeros[rng.integers(matrix[0]), 1:3] = 0.0, -0.0
    return (
        Case("a matrix", (numbers(rng, *matrix), apart(rng, *matrix))),
        Case("images", (numbers(rng, *images), apart(rng, *images))),
        Case("some x just 0", (numbers(rng, *matrix), zeros), "at x = 0 the derivative is taken as 0", smooth=False),
    )


def _draw_sigmoid(rng: np.random.Generator) -> tuple[Case, ...]:
    matrix, images = sizes(rng, 2), sizes(rng, 4, 2)
    return (
        Case("a matrix", (numbers(rng, *matrix), sigmoid_forward(numbers(rng, *matrix)))),
        Case("images", (numbers(rng, *images), sigmoid_forward(2 * numbers(rng, *images)))),
    )


RELU = Exercise(
    name="relu_backward",
    line="where does the gradient pass?",
    parameters=("dout", "x"),
    returns=("dx",),
    shapes="dout and x of any one shape -> dx of the same shape",
    forward="out = max(x, 0), number by number; at x = 0 itself take 0 for the derivative",
    hints=(
        "Draw max(x, 0). What does a small move of x do to out right of 0, and what left of it?",
        "The slope is 1 where x > 0 and 0 elsewhere. The chain rule multiplies dout by it, number by number.",
        "x > 0 is an array of True and False, which count as 1 and 0 in a product: multiply dout by it.",
    ),
    read="ReLU and leaky ReLU",
    library="nnscratch/ops/activations.py",
    solution=relu_backward,
    derivatives=lambda dout, x: weighed(dout, relu_forward, dx=x),
    cases=(
        Case("a matrix", (numbers(1, 3, 4), apart(2, 3, 4))),
        Case("images", (numbers(3, 2, 3, 4, 2), apart(4, 2, 3, 4, 2))),
        Case(
            "some x just 0",
            (numbers(5, 2, 3), np.array([[0.0, 1.0, -1.0], [2.0, 0.0, -0.0]])),
            "at x = 0 the derivative is taken as 0",
            smooth=False,
        ),
    ),
    draw=_draw_relu,
    slips={
        "the mask is inverted: the gradient passes where x > 0": ("x > 0", "x <= 0"),
        "the mask asks dout instead of x: this is ReLU's forward pass once more, on the gradient": (
            "dout * (x > 0)",
            "np.maximum(dout, 0)",
        ),
        "at x = 0 the gradient passes, but 0 is taken there": ("x > 0", "x >= 0"),
        "the mask itself is returned: multiply it by dout": ("dout * (x > 0)", "(x > 0).astype(float)"),
        "dout is multiplied by the output instead of the derivative: by max(x, 0), not by 1 or 0": (
            "(x > 0)",
            "np.maximum(x, 0)",
        ),
        "nothing is held back: where x is not above 0 the gradient is 0": ("dout * (x > 0)", "dout"),
        "the derivative is taken to be the sign of x: it is 0, not -1, below 0": ("(x > 0)", "np.sign(x)"),
        "the mask is inverted, and leaves 0 out: the gradient passes where x > 0": ("x > 0", "x < 0"),
        "this is ReLU itself, max(x, 0): it is dout that passes where x > 0": ("dout * (x > 0)", "np.maximum(x, 0)"),
        "only what is above 0 in dout passes, too: the mask asks x alone": ("(x > 0)", "(x > 0) * (dout > 0)"),
        "x and dout are exchanged: dout passes where x is above 0": ("dout * (x > 0)", "x * (dout > 0)"),
        "a hundredth passes where x is not above 0: that is leaky ReLU": ("(x > 0)", "np.where(x > 0, 1, 0.01)"),
        "what is held back is cut out: dx has the shape of x, with 0 there": ("dout * (x > 0)", "dout[x > 0]"),
    },
)

SIGMOID = Exercise(
    name="sigmoid_backward",
    line="dx of the sigmoid, from out",
    parameters=("dout", "out"),
    returns=("dx",),
    shapes="dout and out of any one shape -> dx of the same shape; out is what the forward pass returned",
    forward="out = 1 / (1 + exp(-x)), number by number",
    hints=(
        "Differentiate 1 / (1 + exp(-x)) by x. exp(-x) is left in it, but x is not given: can out stand for it?",
        "The derivative is exp(-x) / (1 + exp(-x))²: a product of two fractions, one of which is out. The other is 1 "
        "minus something.",
        "The derivative is out (1 - out), number by number: multiply dout by it.",
    ),
    read="Sigmoid",
    library="nnscratch/ops/activations.py",
    solution=sigmoid_backward,
    derivatives=lambda dout, out: weighed(dout, sigmoid_forward, dx=np.log(out / (1 - out))),
    cases=(
        Case("a matrix", (numbers(1, 3, 4), sigmoid_forward(numbers(2, 3, 4)))),
        Case("images", (numbers(3, 2, 3, 4, 2), sigmoid_forward(2 * numbers(4, 2, 3, 4, 2)))),
    ),
    draw=_draw_sigmoid,
    slips={
        "the derivative is taken of the output instead of the input: out is sigmoid(x) already, "
        "and here sigmoid is applied to it again": ("dx: ", "out = sigmoid_forward(out); dx: "),
        "this is the derivative of tanh, 1 - out²": (" out * (1 - out)", " (1 - out * out)"),
        "the factor out is missing": (" out * (1 - out)", " (1 - out)"),
        "the factor 1 - out is missing": (" * (1 - out)", ""),
        "the sign is wrong inside: out (1 - out), not out (1 + out)": ("1 - out", "1 + out"),
        "dout is left out: multiply the derivative by it": ("dout * out", "out"),
        "the derivative is missing: dout is handed on as it came": (" * out * (1 - out)", ""),
        "dout and out are exchanged: dout is a factor once, and out twice": (
            "dout * out * (1 - out)",
            "dout * out * (1 - dout)",
        ),
        "dout is divided by the derivative instead of multiplied": ("* out * (1 - out)", "/ (out * (1 - out))"),
    },
)
