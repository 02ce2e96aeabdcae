"""Exercise: one step of Adam."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.ops.optimizers import adam_update
from nnscratch.study.exercises.exercise import Case, Exercise, Mistake, numbers

Three = tuple[Array, Array, Array]
PARAMETERS = ("theta", "g", "m", "v", "t", "lr", "beta1", "beta2", "eps")


def solution(
    theta: Array, g: Array, m: Array, v: Array, t: int, lr: float, beta1: float, beta2: float, eps: float
) -> Three:
    """Return the new theta, m, v."""
    theta, m, v = theta.copy(), m.copy(), v.copy()
    adam_update(theta, g, m, v, t, lr=lr, beta1=beta1, beta2=beta2, eps=eps)
    return theta, m, v


def _case(what: str, seed: int, t: int, eps: float, hint: str = "") -> Case:
    theta, g, m = numbers(seed, 3, 7)
    begun = float(t > 1)
    v = np.abs(numbers(seed + 10, 7))
    return Case(what, (theta, g, begun * m, begun * v, t, 0.01, 0.9, 0.99, eps), hint)


class _Wrong:
    """A step of Adam from its parts, with one of them replaced."""

    def __init__(self, **parts: Any) -> None:
        self.parts = parts

    def __call__(
        self, theta: Array, g: Array, m: Array, v: Array, t: int, lr: float, beta1: float, beta2: float, eps: float
    ) -> Three:
        """Return theta, m, v."""
        part = self.parts
        new_m = part.get("m", lambda m, g, beta: beta * m + (1 - beta) * g)(m, g, beta1)
        new_v = part.get("v", lambda v, g, beta: beta * v + (1 - beta) * g * g)(v, g, beta2)
        used_m, used_v = (m, v) if part.get("old") else (new_m, new_v)
        m_hat = part.get("m_hat", lambda m, beta, t: m / (1 - beta**t))(used_m, beta1, t)
        v_hat = part.get("v_hat", lambda v, beta, t: v / (1 - beta**t))(used_v, beta2, t)
        with np.errstate(divide="ignore", invalid="ignore"):  # the root of a negative number: NaN
            step = part.get("step", lambda m, v, eps: m / (np.sqrt(v) + eps))(m_hat, v_hat, eps)
        return theta - part.get("lr", lr) * step, new_m, new_v


def _uncorrected(average: Array, beta: float, t: int) -> Array:
    return average


def _late(average: Array, beta: float, t: int) -> Array:
    return np.asarray(average / (1 - beta ** (t + 1)))


def _times_t(average: Array, beta: float, t: int) -> Array:
    return np.asarray(average / (1 - beta * t))


def _exchanged(
    theta: Array, g: Array, m: Array, v: Array, t: int, lr: float, b1: float, b2: float, eps: float
) -> Three:
    return solution(theta, g, m, v, t, lr, b2, b1, eps)


EXERCISE = Exercise(
    name="adam_update",
    line="one step of Adam: two averages, their corrections, and the step",
    parameters=PARAMETERS,
    returns=("theta", "m", "v"),
    shapes="theta, g, m, v (P,); t, the number of this step, from 1;\n"
    "lr, beta1, beta2, eps floats\n"
    "-> new theta, m, v (P,); the arguments themselves are not changed",
    forward="m <- beta1 m + (1 - beta1) g;  v <- beta2 v + (1 - beta2) g²\n"
    "m_hat = m / (1 - beta1^t);  v_hat = v / (1 - beta2^t)\n"
    "theta <- theta - lr m_hat / (sqrt(v_hat) + eps)",
    hint="The averages begin at 0, so they are too small at first: that is what the corrections are for. m_hat and "
    "v_hat are used for this step only, and not returned.",
    read='nnscratch/ops/DERIVATIONS.md, "Adam"; nnscratch/ops/optimizers.py',
    solution=solution,
    batch=False,
    cases=(
        _case("the first step", 1, 1, 1e-8, "at the first step m and v are 0, and the corrections largest"),
        _case("the third step", 2, 3, 1e-8),
        _case("a large eps", 3, 2, 0.1, "eps is added to the root, sqrt(v_hat) + eps, after the correction"),
    ),
    mistakes=(
        Mistake("bias correction is missing, of m and of v", _Wrong(m_hat=_uncorrected, v_hat=_uncorrected)),
        Mistake("bias correction of m is missing", _Wrong(m_hat=_uncorrected)),
        Mistake("bias correction of v is missing", _Wrong(v_hat=_uncorrected)),
        Mistake("the corrections use t + 1: t counts from 1 already", _Wrong(m_hat=_late, v_hat=_late)),
        Mistake(
            "the corrections use beta t, but beta to the power of t is wanted", _Wrong(m_hat=_times_t, v_hat=_times_t)
        ),
        Mistake("the corrected averages are returned: return m and v without correction", lambda *a: _corrected(*a)),
        Mistake(
            "sign is wrong: theta goes against the gradient, theta - lr ...",
            _Wrong(step=lambda m, v, e: -m / (np.sqrt(v) + e)),
        ),
        Mistake("the square root of v_hat is missing", _Wrong(step=lambda m, v, e: m / (v + e))),
        Mistake(
            "eps stands inside the square root, but is added to the root",
            _Wrong(step=lambda m, v, e: m / np.sqrt(v + e)),
        ),
        Mistake("eps is missing", _Wrong(step=lambda m, v, e: m / np.sqrt(v))),
        Mistake("the learning rate is missing", _Wrong(lr=1.0)),
        Mistake("the step uses the gradient itself: m_hat belongs above the line", lambda *a: _plain(*a)),
        Mistake("the step uses the old m and v: update them first", _Wrong(old=True)),
        Mistake("the factor 1 - beta1 of g is missing in m", _Wrong(m=lambda m, g, beta: beta * m + g)),
        Mistake("the factor 1 - beta2 of g² is missing in v", _Wrong(v=lambda v, g, beta: beta * v + g * g)),
        Mistake("g is not squared in v", _Wrong(v=lambda v, g, beta: beta * v + (1 - beta) * g)),
        Mistake(
            "beta1 and 1 - beta1 are exchanged: the old m has the weight beta1",
            _Wrong(m=lambda m, g, beta: (1 - beta) * m + beta * g),
        ),
        Mistake(
            "beta2 and 1 - beta2 are exchanged: the old v has the weight beta2",
            _Wrong(v=lambda v, g, beta: (1 - beta) * v + beta * g * g),
        ),
        Mistake("beta1 and beta2 are exchanged: beta1 belongs to m", _exchanged),
    ),
)


def _corrected(
    theta: Array, g: Array, m: Array, v: Array, t: int, lr: float, b1: float, b2: float, eps: float
) -> Three:
    theta, m, v = solution(theta, g, m, v, t, lr, b1, b2, eps)
    return theta, m / (1 - b1**t), v / (1 - b2**t)


def _plain(theta: Array, g: Array, m: Array, v: Array, t: int, lr: float, b1: float, b2: float, eps: float) -> Three:
    _, m, v = solution(theta, g, m, v, t, lr, b1, b2, eps)
    return theta - lr * g / (np.sqrt(v / (1 - b2**t)) + eps), m, v
