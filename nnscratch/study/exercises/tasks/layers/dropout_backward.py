"""Exercise: the gradient of dropout."""

from __future__ import annotations

import numpy as np

from nnscratch.arrays import Array
from nnscratch.study.exercises.exercise import Case, Exercise, Seed, numbers, sizes, weighed


def _mask(seed: Seed, rate: float, *shape: int) -> Array:
    return np.asarray((np.random.default_rng(seed).random(shape) >= rate) / (1 - rate))


def dropout_backward(dout: Array, mask: Array) -> Array:
    """Return dx."""
    dx = dout * mask
    return dx


def _draw(rng: np.random.Generator) -> tuple[Case, ...]:
    matrix, images, rate = sizes(rng, 2, 6), sizes(rng, 4, 2), float(rng.uniform(0.2, 0.6))
    return (
        Case(f"a rate of {rate:.2g}", (numbers(rng, *matrix), _mask(rng, rate, *matrix))),
        Case("a rate of 0.25, images", (numbers(rng, *images), _mask(rng, 0.25, *images))),
    )


EXERCISE = Exercise(
    name="dropout_backward",
    line="dx goes where the numbers went",
    parameters=("dout", "mask"),
    returns=("dx",),
    shapes="dout and mask of any one shape -> dx of the same shape",
    forward="out = mask x, where each number of mask is 0 with probability rate, and else 1 / (1 - rate)",
    hints=(
        "Does the mask depend on x?",
        "The mask was drawn in the forward pass without a look at x: it is a constant factor. What is the derivative "
        "of a constant times x?",
        "Multiply dout by the mask, number by number. The mask holds the factor 1 / (1 - rate) already.",
    ),
    read="Dropout",
    library="nnscratch/ops/dropout.py",
    solution=dropout_backward,
    derivatives=lambda dout, mask: weighed(dout, lambda x: mask * x, dx=numbers(11, *mask.shape)),
    cases=(
        Case("a rate of 0.5", (numbers(1, 4, 5), _mask(2, 0.5, 4, 5))),
        Case("a rate of 0.2, images", (numbers(3, 2, 3, 4, 2), _mask(4, 0.2, 2, 3, 4, 2))),
    ),
    draw=_draw,
    slips={
        "the mask is inverted: the gradient passes where numbers were kept": ("dout * mask", "dout * (mask == 0)"),
        "the mask is inverted, though scaled: the gradient passes where numbers were kept": (
            "dout * mask",
            "dout * (mask == 0) * mask.max()",
        ),
        "the factor 1 / (1 - rate) is lost: the mask holds it, multiply by the mask itself": (
            "dout * mask",
            "dout * (mask > 0)",
        ),
        "the factor 1 / (1 - rate) is there twice: the mask holds it already": ("dout * mask", "dout * mask * mask"),
        "the mask is ignored: numbers that were dropped get no gradient": ("dout * mask", "dout"),
        "dout is left out: the mask itself is returned": ("dout * mask", "mask"),
        "dout is divided by the mask instead of multiplied": ("dout * mask", "dout / mask"),
        "1 - mask is taken: the mask holds the factors themselves": ("dout * mask", "dout * (1 - mask)"),
    },
)
