"""Exercise: the numerical gradient, with which any gradient is checked."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nnscratch.arrays import Array
from nnscratch.study.exercises.exercise import Case, Exercise, Given, Seed, numbers, sizes


def numerical_gradient(f: Callable[[Array], float], x: Array, h: float) -> Array:
    """Return dx."""
    dx = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[index] += h
        down[index] -= h
        dx[index] = (f(up) - f(down)) / (2 * h)
    return dx


def cubes(x: Array) -> float:
    """Return the sum of the third powers: its second derivative is not constant."""
    return float((x**3).sum())


def softmax_loss(x: Array) -> float:
    """Return the cross-entropy of softmax for scores x (K, N), where the first class is right."""
    return float((np.log(np.exp(x).sum(axis=0)) - x[0]).mean())


def mixed(x: Array) -> float:
    """Return a number in which every entry of x acts on the slope of every other."""
    return float(np.sin(x).sum() * (x * x).mean())


def _cases(seed: Seed, K: int, M: int, N: int, h: float) -> tuple[Case, ...]:
    rng = np.random.default_rng(seed)
    return (
        Case(f"the sum of {K} third powers", (Given(cubes), 1 + numbers(rng, K) ** 2, h)),
        Case(f"cross-entropy of {M} classes and {N} images", (Given(softmax_loss), numbers(rng, M, N), h)),
        Case(f"a function that mixes {M * K} numbers", (Given(mixed), numbers(rng, M, K), 2 * h)),
    )


def _draw(rng: np.random.Generator) -> tuple[Case, ...]:
    K, M, N = sizes(rng, 3)
    return _cases(rng, K, M, N, float(rng.uniform(0.005, 0.02)))


EXERCISE = Exercise(
    name="numerical_gradient",
    line="check any gradient, slowly",
    parameters=("f", "x", "h"),
    returns=("dx",),
    shapes="f a function: an array like x -> a float; x of any shape; h a float\n"
    "-> dx of the shape of x; x itself is left as it is, to the last bit",
    forward="dx[i] = (f(x with x[i] + h) - f(x with x[i] - h)) / (2 h)\n"
    "for each entry x[i] alone, the others as they are",
    hints=(
        "What has to be true of x when you go on to the next entry?",
        "All its entries are again as they were. The surest way: for each entry, take two fresh copies of x, and move "
        "that entry in them, up in one and down in the other. np.ndindex(x.shape) gives the index of each entry, "
        "whatever the shape.",
        "For each index: up, down = x.copy(), x.copy(); up[index] += h; down[index] -= h; then\n"
        "    dx[index] = (f(up) - f(down)) / (2 * h)\n"
        "with dx = np.zeros(x.shape) before the loop.",
    ),
    read="Numerical gradients",
    library="nnscratch/training/numerical_gradient.py",
    solution=numerical_gradient,
    batch=False,
    cases=_cases(1, 3, 2, 3, 0.01),
    draw=_draw,
    slips={
        "one-sided: take f(x + h) - f(x - h), whose error is h² instead of h": (
            "(f(up) - f(down)) / (2 * h)",
            "(f(up) - f(x)) / h",
        ),
        "one-sided, and downwards: take f(x + h) - f(x - h), whose error is h² instead of h": (
            "(f(up) - f(down)) / (2 * h)",
            "(f(x) - f(down)) / h",
        ),
        "divided by h: between x - h and x + h lie 2 h": ("/ (2 * h)", "/ h"),
        "the quotient is half of a one-sided one: f(x + h) - f(x - h) belongs above 2 h": (
            "f(up) - f(down)",
            "f(up) - f(x)",
        ),
        "/ 2 * h divides by 2 and multiplies by h: write / (2 * h)": ("/ (2 * h)", "/ 2 * h"),
        "the difference is not divided by 2 h": (" / (2 * h)", ""),
        "the sign is wrong: f(x + h) comes first": ("f(up) - f(down)", "f(down) - f(up)"),
        "all entries are moved at once: move one, and leave the others": (
            "up, down = x.copy(), x.copy()",
            "up, down = x + h, x - h",
            "up[index] += h",
            "",
            "down[index] -= h",
            "",
        ),
        "entries stay moved while the next are: move each back, or copy x for each": (
            "    for index",
            "    up, down = x.copy(), x.copy()\n    for index",
            "        up, down = x.copy(), x.copy()\n",
            "",
        ),
        "an entry is left h too low when the next is moved: put its old number back": (
            "up[index]",
            "k = np.ravel_multi_index(index, x.shape); up.flat[:k] -= h; down.flat[:k] -= h; up[index]",
        ),
        "an entry is left h too high when the next is moved: put its old number back": (
            "up[index]",
            "k = np.ravel_multi_index(index, x.shape); up.flat[:k] += h; down.flat[:k] += h; up[index]",
        ),
        "it is 0 everywhere: x + h and x - h are one and the same array; copy x for each": (
            "up, down = x.copy(), x.copy()",
            "up = down = x.copy()",
        ),
        "the step is h / 2 to each side: it must be h": ("+= h", "+= h / 2", "-= h", "-= h / 2", "(2 * h)", "h"),
        "dx holds the last entry's quotient everywhere: write dx[index] = ...": ("dx[index] =", "dx[...] ="),
        "dx adds the quotients up, but each entry has its own": ("dx[index] =", "dx[...] +="),
        "all entries are moved at once, and one number comes back: each has its own quotient": (
            "return dx",
            "return np.asarray((f(x + h) - f(x - h)) / (2 * h))",
        ),
        "the quotients are added up: dx has one for each entry": ("return dx", "return dx.sum()"),
    },
)
