"""The links of a whole layer for the page's script: the Jacobian's rows, each kept as a first number and a pattern.

Rows of one layer repeat each other but for where they begin: those of a convolution are one pattern of steps for all
units. So LeNet-5's 276,000 links take 0.1 MB in place of 1.5, and the script needs to know nothing of windows.
"""

from __future__ import annotations

import numpy as np

from nnscratch.arrays import Array
from nnscratch.layers import is_own
from nnscratch.study.step import jacobian
from nnscratch.study.step.step import Step

Pair = tuple[Array, Array]  # inputs (L,) and weights (L,) of a unit
Table = dict[str, Array | dict[str, Array]]

TRIED = 32  # units on which a guess for all is tried
OWN_UNITS = 4096  # of a layer of one's own, which is asked unit by unit
OWN_LINKS = 1 << 17


def link_table(step: Step, k: int) -> Table | None:
    """Return the links of layer ``k``: "inputs" as :func:`compressed` has them, and likewise "weights" if there is W.

    Of a layer of one's own "weights" is a dictionary, of (L,) for each parameter with all links of all units after
    each other; then there are "factors" (L,), "bias" (units,) and "sums" (units,), which is 1 where they make the unit.
    It has no table, None, if it is too large for a page.
    """
    if is_own(step.network.layers[k]):
        return _own_table(step, k)
    pairs = pairs_of(step, k)
    table: Table = {"inputs": compressed([inputs for inputs, _ in pairs])}
    if "W" in step.network.layers[k].parameters:
        table["weights"] = compressed([weights for _, weights in pairs])
    return table


def pairs_of(step: Step, k: int) -> list[Pair]:
    """Return what :func:`nnscratch.study.step.jacobian.patterns` yields for all units, and ask it for few of them.

    The others are a guess; where some units that are asked are not as guessed, all are.
    """
    shape, W = step.output(k).shape, step.network.layers[k].parameters.get("W")
    units = int(np.prod(shape))
    if len(shape) == 1:
        return list(jacobian.patterns(step, k, range(units)))
    guess = _by_channel(step, k) if W is None else _by_weight(step, k, W.shape)
    some = np.random.default_rng(0).choice(units, min(TRIED, units), replace=False)
    found = jacobian.patterns(step, k, some)
    if all(_same(guess[unit], pair) for unit, pair in zip(some, found, strict=True)):
        return guess
    return list(jacobian.patterns(step, k, range(units)))


def _by_channel(step: Step, k: int) -> list[Pair]:
    """Return a guess for all units: that channels repeat the first one, shifted."""
    shape = step.output(k).shape
    places = int(np.prod(shape[1:]))
    first = list(jacobian.patterns(step, k, range(places)))
    starts = jacobian.patterns(step, k, range(0, shape[0] * places, places))
    shifts = [inputs[0] - first[0][0][0] for inputs, _ in starts]
    return [(inputs + shift, weights) for shift in shifts for inputs, weights in first]


def _by_weight(step: Step, k: int, shape: tuple[int, ...]) -> list[Pair]:
    """Return a guess for all units: that W[f] makes channel f; W is of ``shape``.

    With x := its own flat indices + 1, and W := 1 at one place of each W[f], the forward pass says where that stands.
    """
    out, size = step.output(k).shape, int(np.prod(shape[1:]))
    x, nothing = jacobian.labels_of(step.output(k - 1))[..., None], {"b": np.zeros(shape[0])}
    inputs = np.empty((int(np.prod(out)), size), np.int64)
    for place in range(size):
        W = np.zeros((shape[0], size))
        W[:, place] = 1
        inputs[:, place] = jacobian.answered(step, k, x, W=W.reshape(shape), **nothing)[1].ravel() - 1
    start = size * (np.arange(len(inputs)) // int(np.prod(out[1:])))
    return [(row[row >= 0], first + np.flatnonzero(row >= 0)) for row, first in zip(inputs, start, strict=True)]


def _same(one: Pair, other: Pair) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def compressed(rows: list[Array]) -> dict[str, Array]:
    """Return rows of whole numbers as four arrays.

    Row u is first[u] + steps[ends[which[u] - 1] : ends[which[u]]], with 0 before the first of ``ends``.
    """
    first = np.array([row[0] if len(row) else 0 for row in rows])
    patterns: dict[bytes, int] = {}
    which = [patterns.setdefault((row - row[:1]).astype("<i8").tobytes(), len(patterns)) for row in rows]
    steps = [np.frombuffer(pattern, "<i8") for pattern in patterns]
    ends = np.cumsum([len(pattern) for pattern in steps])
    return {"first": first, "which": np.array(which), "ends": ends, "steps": np.concatenate(steps)}


def _own_table(step: Step, k: int) -> Table | None:
    out = step.output(k)
    rows = list(jacobian.rows(step, k, range(out.size))) if out.size <= OWN_UNITS else []
    if not rows or sum(len(row.inputs) for row in rows) > OWN_LINKS:
        return None
    bias, x = jacobian.bias(step, k).ravel(), step.output(k - 1).ravel()
    made = bias + [row.factors @ x[row.inputs] for row in rows]
    size = np.abs(bias) + [np.abs(row.factors) @ np.abs(x[row.inputs]) for row in rows] + np.abs(out.ravel())
    sums = (np.abs(made - out.ravel()) <= jacobian.ROUNDING * size) & jacobian.is_linear(step, k)
    names = step.network.layers[k].parameters
    return {
        "inputs": compressed([row.inputs for row in rows]),
        "factors": np.concatenate([row.factors for row in rows]),
        "weights": {name: np.concatenate([row.weights[name] for row in rows]) for name in names},
        "bias": bias,
        "sums": sums.astype(np.float64),
    }
