"""Exercise: the gradient of dropout."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nnscratch.arrays import Array
from nnscratch.ops.dropout import dropout_backward
from nnscratch.study.exercises.exercise import Case, Exercise, Mistake, numbers


def _derivatives(dout: Array, mask: Array) -> tuple[dict[str, Array], Callable[[], float]]:
    x = numbers(11, *mask.shape)
    return {"dx": x}, lambda: float((dout * (mask * x)).sum())


def _mask(seed: int, rate: float, *shape: int) -> Array:
    return np.asarray((np.random.default_rng(seed).random(shape) >= rate) / (1 - rate))


def _divided(dout: Array, mask: Array) -> tuple[Array]:
    with np.errstate(divide="ignore", invalid="ignore"):
        return (dout / mask,)


EXERCISE = Exercise(
    name="dropout_backward",
    line="dx of dropout: the gradient goes where the numbers went",
    parameters=("dout", "mask"),
    returns=("dx",),
    shapes="dout and mask of any one shape -> dx of the same shape",
    forward="out = mask * x, where each number of mask is 0 with probability rate, and else 1 / (1 - rate)",
    hint="The mask was drawn in the forward pass and does not depend on x: it is a constant factor.",
    read='nnscratch/ops/DERIVATIONS.md, "Dropout"; nnscratch/ops/dropout.py',
    solution=lambda dout, mask: (dropout_backward(dout, mask),),
    derivatives=_derivatives,
    cases=(
        Case("a rate of 0.5", (numbers(1, 4, 5), _mask(2, 0.5, 4, 5))),
        Case("a rate of 0.2, images", (numbers(3, 2, 3, 4, 2), _mask(4, 0.2, 2, 3, 4, 2))),
    ),
    mistakes=(
        Mistake(
            "the mask is inverted: the gradient passes where numbers were kept", lambda dout, m: (dout * (m == 0),)
        ),
        Mistake(
            "the mask is inverted, though scaled: the gradient passes where numbers were kept",
            lambda dout, m: ((dout * (m == 0)) * m.max(),),
        ),
        Mistake(
            "the factor 1 / (1 - rate) is lost: the mask holds it, multiply by the mask itself",
            lambda dout, m: (dout * (m > 0),),
        ),
        Mistake("the factor 1 / (1 - rate) is there twice: the mask holds it already", lambda dout, m: (dout * m * m,)),
        Mistake("the mask is ignored: numbers that were dropped get no gradient", lambda dout, m: (dout,)),
        Mistake("dout is left out: the mask itself is returned", lambda dout, m: (m,)),
        Mistake("dout is divided by the mask instead of multiplied", _divided),
    ),
)
