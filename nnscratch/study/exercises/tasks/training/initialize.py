"""Exercise: the initial weights and biases of a layer."""

from __future__ import annotations

import numpy as np

from nnscratch.arrays import Array
from nnscratch.study.exercises.exercise import Case, Exercise, sizes


def initialize(shape: tuple[int, ...], seed: int) -> tuple[Array, Array]:
    """Return W and b."""
    numbers = np.random.default_rng(seed).standard_normal(shape)
    fan_in = np.prod(shape[1:])
    W = numbers * np.sqrt(2 / fan_in)
    b = np.zeros(shape[0])
    return W, b


def _draw(rng: np.random.Generator) -> tuple[Case, ...]:
    dense, filters, seed = sizes(rng, 2, 5), sizes(rng, 4), int(rng.integers(1000))
    return (
        Case(f"weights of a dense layer, {tuple(dense)}", (tuple(dense), seed)),
        Case(f"filters, {tuple(filters)}", (tuple(filters), seed + 1), "each filter sums over C KH KW inputs"),
    )


EXERCISE = Exercise(
    name="initialize",
    line="how large weights begin",
    parameters=("shape", "seed"),
    returns=("W", "b"),
    shapes="shape is (D, K) of a dense layer or (F, C, KH, KW) of a convolution; seed a whole number\n"
    "-> W of that shape, b (D,) or (F,)",
    forward="W: normal with mean 0 and variance 2 / fan_in, after He et al. 2015;  b: 0\n"
    "fan_in is how many inputs a unit adds up: K, or C KH KW\n"
    "Draw numbers of mean 0 and variance 1 by\n"
    "    np.random.default_rng(seed).standard_normal(shape)\n"
    "and make W of them.",
    hints=(
        "A number of variance 1, multiplied by s, has which variance?",
        "s². So s is the square root of the variance that is wanted. The first axis of shape counts the units; all "
        "others count what one unit adds up.",
        "fan_in = np.prod(shape[1:]); W = numbers * np.sqrt(2 / fan_in); b = np.zeros(shape[0]).",
    ),
    read="Initial weights",
    library="nnscratch/layers/initializers.py",
    solution=initialize,
    batch=False,
    cases=(
        Case("weights of a dense layer, (4, 6)", ((4, 6), 1)),
        Case("filters, (3, 2, 5, 4)", ((3, 2, 5, 4), 2), "each filter sums over C KH KW inputs"),
    ),
    draw=_draw,
    slips={
        "the square root is missing: multiplied by s, numbers have the variance s²": (
            "np.sqrt(2 / fan_in)",
            "2 / fan_in",
        ),
        "divided instead of multiplied: more inputs make smaller weights": ("* np.sqrt(", "/ np.sqrt("),
        "fan_out is taken, how many units an input feeds: fan_in is wanted": (
            "np.prod(shape[1:])",
            "shape[0] * np.prod(shape[2:])",
        ),
        "only the channels are counted: a filter adds up C KH KW inputs": ("shape[1:]", "shape[1:2]"),
        "only the window is counted: a filter adds up C KH KW inputs": ("shape[1:]", "shape[2:]"),
        "all numbers of W are counted: fan_in is that of one unit": ("shape[1:]", "shape"),
        "the variance is 1 / fan_in: half of a ReLU's inputs are held back, hence 2 / fan_in": (
            "2 / fan_in",
            "1 / fan_in",
        ),
        "the variance is 2 / (fan_in + fan_out): that is Glorot's": (
            "2 / fan_in",
            "2 / (fan_in + shape[0] * np.prod(shape[2:]))",
        ),
        "the numbers are drawn evenly from an interval, but normal ones are wanted": (
            "standard_normal(shape)",
            "uniform(-np.sqrt(3), np.sqrt(3), shape)",
        ),
        "the numbers come from NumPy's old generator: np.random.default_rng(seed) is wanted": (
            "default_rng(seed)",
            "RandomState(seed)",
        ),
        "the weights are not scaled: multiply by sqrt(2 / fan_in)": (" * np.sqrt(2 / fan_in)", ""),
        "all weights are 0: then all units learn the same, or nothing": ("W = numbers", "W = 0 * numbers"),
        "all weights are the same: then all units learn the same": ("W = numbers", "W = np.ones(shape)"),
        "the biases are random: let them begin at 0": (
            "np.zeros(shape[0])",
            "np.random.default_rng(seed).standard_normal(shape[0])",
        ),
        "the biases are 1: let them begin at 0": ("np.zeros(", "np.ones("),
        "b has one number for each input, but one for each unit is wanted": ("shape[0]", "shape[1]"),
        "b has the shape of W, but one number for each unit is wanted": ("np.zeros(shape[0])", "np.zeros(shape)"),
        "the first axis is taken: it counts the units, all others what one unit adds up": (
            "np.prod(shape[1:])",
            "shape[0]",
        ),
        "2 / sqrt(fan_in) is not sqrt(2 / fan_in): the 2 stands under the root, too": (
            "np.sqrt(2 / fan_in)",
            "2 / np.sqrt(fan_in)",
        ),
    },
)
