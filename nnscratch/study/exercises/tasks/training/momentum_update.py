"""Exercise: one step of gradient descent with momentum."""

from __future__ import annotations

import numpy as np

from nnscratch.arrays import Array
from nnscratch.study.exercises.exercise import Case, Exercise, Seed, numbers, sizes


def momentum_update(theta: Array, g: Array, m: Array, lr: float, momentum: float) -> tuple[Array, Array]:
    """Return the new theta and m."""
    new_m = momentum * m + g
    new_theta = theta - lr * new_m
    return new_theta, new_m


def _case(what: str, seed: Seed, P: int, lr: float, momentum: float, begun: bool = True) -> Case:
    theta, g, m = numbers(np.random.default_rng(seed), 3, P)
    return Case(what, (theta, g, m * begun, lr, momentum))


def _draw(rng: np.random.Generator) -> tuple[Case, ...]:
    lr, momentum = float(rng.uniform(0.05, 0.2)), float(rng.uniform(0.7, 0.95))
    first, later = sizes(rng, 2, 8)
    return _case("the first step", rng, first, lr, 0.9, begun=False), _case("a later step", rng, later, lr, momentum)


EXERCISE = Exercise(
    name="momentum_update",
    line="a step with a memory",
    parameters=("theta", "g", "m", "lr", "momentum"),
    returns=("theta", "m"),
    shapes="theta, g, m (P,); lr, momentum floats\n-> new theta, m (P,); the arguments themselves are not changed",
    forward="m <- momentum m + g;  theta <- theta - lr m",
    hints=(
        "m remembers the gradients of the steps before. Which m does the second line take, the old or the new?",
        "The new one. The first line adds g as it is: it is no average. The second goes against the gradient.",
        "new_m = momentum * m + g; return theta - lr * new_m, and new_m. m += ... would change the argument.",
    ),
    read="Momentum",
    library="nnscratch/ops/optimizers.py",
    solution=momentum_update,
    batch=False,
    cases=(_case("the first step", 1, 5, 0.1, 0.9, begun=False), _case("a later step", 2, 6, 0.05, 0.8)),
    draw=_draw,
    slips={
        "sign is wrong: theta goes against the gradient, theta - lr m": ("theta - lr", "theta + lr"),
        "the step uses the old m: update it first": ("lr * new_m", "lr * m"),
        "momentum is missing: this is plain gradient descent": ("momentum * m + g", "g"),
        "the step uses the gradient alone: it goes along m": ("lr * new_m", "lr * g"),
        "the factor momentum is missing: m would never forget": ("momentum * m", "m"),
        "g has the factor 1 - momentum: that is an average; here m <- momentum m + g": (
            "+ g",
            "+ (1 - momentum) * g",
        ),
        "momentum and 1 - momentum weigh the wrong ones: m <- momentum m + g": (
            "momentum * m + g",
            "(1 - momentum) * m + momentum * g",
        ),
        "g is multiplied by momentum, too: m <- momentum m + g": ("momentum * m + g", "momentum * (m + g)"),
        "lr stands inside m: here it belongs to the step, theta - lr m": ("+ g", "+ lr * g", "lr * new_m", "new_m"),
        "the learning rate is missing": ("lr * new_m", "new_m"),
        "m has the other sign: it adds g up, and theta goes against it": (
            "momentum * m + g",
            "momentum * m - g",
            "theta - lr",
            "theta + lr",
        ),
        "this is Nesterov's step, which looks ahead: here theta - lr m": (
            "lr * new_m",
            "lr * (g + momentum * new_m)",
        ),
        "m is not added up: the new m is momentum m + g": ("new_m = momentum * m + g", "new_m = momentum * m"),
        "lr and the sign stand inside m: here m <- momentum m + g, and theta <- theta - lr m": (
            "momentum * m + g",
            "momentum * m - lr * g",
            "theta - lr * new_m",
            "theta + new_m",
        ),
    },
)
