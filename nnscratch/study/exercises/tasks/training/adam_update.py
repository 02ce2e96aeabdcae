"""Exercise: one step of Adam."""

from __future__ import annotations

import numpy as np

from nnscratch.arrays import Array
from nnscratch.study.exercises.exercise import Case, Exercise, Seed, numbers, sizes

Three = tuple[Array, Array, Array]
PARAMETERS = ("theta", "g", "m", "v", "t", "lr", "beta1", "beta2", "eps")


def adam_update(
    theta: Array, g: Array, m: Array, v: Array, t: int, lr: float, beta1: float, beta2: float, eps: float
) -> Three:
    """Return the new theta, m, v."""
    new_m = beta1 * m + (1 - beta1) * g
    new_v = beta2 * v + (1 - beta2) * g * g
    m_hat = new_m / (1 - beta1**t)
    v_hat = new_v / (1 - beta2**t)
    new_theta = theta - lr * m_hat / (np.sqrt(v_hat) + eps)
    return new_theta, new_m, new_v


def _case(what: str, seed: Seed, t: int, eps: float, hint: str = "", P: int = 7) -> Case:
    rng = np.random.default_rng(seed)
    theta, g, m, v = numbers(rng, 4, P)
    begun = float(t > 1)
    return Case(what, (theta, g, begun * m, begun * np.abs(v), t, 0.01, 0.9, 0.99, eps), hint)


def _draw(rng: np.random.Generator) -> tuple[Case, ...]:
    (P,), t, late = sizes(rng, 1, 8), int(rng.integers(4, 9)), int(rng.integers(2, 5))
    return (
        _case("the first step", rng, 1, 1e-8, "at the first step m and v are 0, and the corrections largest", P),
        _case(f"step {t}", rng, t, 1e-8, P=P),
        _case("a large eps", rng, late, float(rng.uniform(0.1, 0.4)), "eps is added to the root", P),
    )


EXERCISE = Exercise(
    name="adam_update",
    line="two averages and their step",
    parameters=PARAMETERS,
    returns=("theta", "m", "v"),
    shapes="theta, g, m, v (P,); t, the number of this step, from 1;\n"
    "lr, beta1, beta2, eps floats\n"
    "-> new theta, m, v (P,); the arguments themselves are not changed",
    forward="m <- beta1 m + (1 - beta1) g;  v <- beta2 v + (1 - beta2) g²\n"
    "m_hat = m / (1 - beta1^t);  v_hat = v / (1 - beta2^t)\n"
    "theta <- theta - lr m_hat / (sqrt(v_hat) + eps)",
    hints=(
        "The averages begin at 0, so they are too small at first: that is what the corrections are for. Each line "
        "takes what the lines above it have made: mind which m and v are meant.",
        "m_hat and v_hat are made of the new m and v. They serve this step alone: what is returned is m and v "
        "without correction. eps is added to the root, not under it.",
        "new_m = beta1 * m + (1 - beta1) * g, and new_v likewise with beta2 and g * g. Divide them by 1 - beta1**t "
        "and 1 - beta2**t. The new theta is theta - lr * m_hat / (np.sqrt(v_hat) + eps).",
    ),
    read="Adam",
    library="nnscratch/ops/optimizers.py",
    solution=adam_update,
    batch=False,
    cases=(
        _case("the first step", 1, 1, 1e-8, "at the first step m and v are 0, and the corrections largest"),
        _case("the third step", 2, 3, 1e-8),
        _case("a large eps", 3, 2, 0.1, "eps is added to the root, sqrt(v_hat) + eps, after the correction"),
    ),
    draw=_draw,
    slips={
        "bias correction is missing, of m and of v": (" / (1 - beta1**t)", "", " / (1 - beta2**t)", ""),
        "bias correction of m is missing": (" / (1 - beta1**t)", ""),
        "bias correction of v is missing": (" / (1 - beta2**t)", ""),
        "the corrections use t + 1: t counts from 1 already": ("**t", "**(t + 1)"),
        "the corrections use beta t, but beta to the power of t is wanted": ("**t", "*t"),
        "the corrected averages are returned: return m and v without correction": (
            "new_theta, new_m, new_v",
            "new_theta, m_hat, v_hat",
        ),
        "sign is wrong: theta goes against the gradient, theta - lr ...": ("theta - lr", "theta + lr"),
        "the square root of v_hat is missing": ("np.sqrt(v_hat)", "v_hat"),
        "eps stands inside the square root, but is added to the root": (
            "(np.sqrt(v_hat) + eps)",
            "np.sqrt(v_hat + eps)",
        ),
        "eps is missing": (" + eps", ""),
        "the learning rate is missing": ("lr * m_hat", "m_hat"),
        "the step uses the gradient itself: m_hat belongs above the line": ("lr * m_hat", "lr * g"),
        "the step uses the old m and v: update them first": ("= new_m /", "= m /", "= new_v /", "= v /"),
        "the factor 1 - beta1 of g is missing in m": ("(1 - beta1) * g", "g"),
        "the factor 1 - beta2 of g² is missing in v": ("(1 - beta2) * g", "g"),
        "g is not squared in v": ("g * g", "g"),
        "beta1 and 1 - beta1 are exchanged: the old m has the weight beta1": (
            "beta1 * m + (1 - beta1) * g",
            "(1 - beta1) * m + beta1 * g",
        ),
        "beta2 and 1 - beta2 are exchanged: the old v has the weight beta2": (
            "beta2 * v + (1 - beta2) * g",
            "(1 - beta2) * v + beta2 * g",
        ),
        "beta1 and beta2 are exchanged: beta1 belongs to m": ("new_m = ", "beta1, beta2 = beta2, beta1; new_m = "),
        "v averages m², but must g²": ("(1 - beta2) * g * g", "(1 - beta2) * new_m * new_m"),
        "the step uses g / (1 - beta1^t): m_hat is m / (1 - beta1^t)": ("new_m / (1 - beta1**t)", "g / (1 - beta1**t)"),
        "the corrections use t - 1: t counts from 1, and is the power as it comes": ("**t", "**(t - 1)"),
        "the corrections lack the power t: divide by 1 - beta^t": ("**t", ""),
    },
)
