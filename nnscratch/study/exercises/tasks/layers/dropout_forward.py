"""Exercise: dropout, forward."""

from __future__ import annotations

import numpy as np

from nnscratch.arrays import Array
from nnscratch.study.exercises.exercise import Case, Exercise, Seed, numbers, sizes


def dropout_forward(x: Array, rate: float, random: Array) -> tuple[Array, Array]:
    """Return out and the mask."""
    mask = (random >= rate) / (1 - rate)
    out = x * mask
    return out, mask


def _case(what: str, seed: Seed, rate: float, *shape: int) -> Case:
    rng = np.random.default_rng(seed)
    return Case(f"a rate of {rate:.3g}, {what}", (numbers(rng, *shape), rate, rng.random(shape)))


def _draw(rng: np.random.Generator) -> tuple[Case, ...]:
    high, low = float(rng.uniform(0.6, 0.8)), float(rng.uniform(0.2, 0.4))
    return _case("a matrix", rng, high, *sizes(rng, 2, 5)), _case("images", rng, low, *sizes(rng, 4, 3))


EXERCISE = Exercise(
    name="dropout_forward",
    line="switch numbers off at random",
    parameters=("x", "rate", "random"),
    returns=("out", "mask"),
    shapes="x of any shape; rate a float in 0..1; random of the shape of x: drawn evenly from [0, 1)\n"
    "-> out and mask, both of the shape of x",
    forward="mask[i] = 0 where random[i] < rate, and else 1 / (1 - rate);  out = mask x",
    hints=(
        "With what probability is random[i] < rate? What is the mean of mask[i]?",
        "random >= rate is an array of True and False: which numbers stay. Those that stay must grow, so that the mean "
        "of out is the mean of x.",
        "mask = (random >= rate) / (1 - rate) is an array of floats. Return x * mask, and the mask: the backward pass "
        "needs it.",
    ),
    read="Dropout",
    library="nnscratch/ops/dropout.py",
    solution=dropout_forward,
    cases=(_case("a matrix", 1, 0.6, 4, 5), _case("images", 2, 0.2, 2, 3, 4, 2)),
    draw=_draw,
    slips={
        "the mask is inverted: numbers are dropped where random < rate": ("random >= rate", "random < rate"),
        "the mask is inverted, and scaled for that: numbers are dropped where random < rate": (
            "(random >= rate) / (1 - rate)",
            "(random < rate) / rate",
        ),
        "random is compared with 1 - rate: numbers are dropped where random < rate": (
            "random >= rate",
            "random >= 1 - rate",
        ),
        "what stays does not grow: it is divided by 1 - rate, so that the mean stays": (
            "(random >= rate) / (1 - rate)",
            "(random >= rate) * 1.0",
        ),
        "what stays is multiplied by 1 - rate: divide by it": ("/ (1 - rate)", "* (1 - rate)"),
        "what stays is divided by rate: it is the share 1 - rate that stays": ("/ (1 - rate)", "/ rate"),
        "out is right, but the mask that came back lacks the factor 1 / (1 - rate)": (
            "return out, mask",
            "return out, mask * (1 - rate)",
        ),
        "the mask has the factor 1 / (1 - rate), but out lacks it: out = mask x": ("x * mask", "x * (random >= rate)"),
        "x is multiplied by the random numbers themselves: they only decide which stay": (
            "(random >= rate) / (1 - rate)",
            "random",
        ),
        "nothing is dropped: out is x": ("x * mask", "x"),
        "x is left out: out is the mask times x": ("x * mask", "mask"),
        "out lost more than the mask says: it is multiplied by the mask twice": ("x * mask", "x * mask * mask"),
    },
)
