"""The links of a whole layer for the page's script: the Jacobian's rows, each kept as a first number and a pattern.

Rows of one layer repeat each other but for where they begin: those of a convolution are one pattern of steps for all
units. So LeNet-5's 276,000 links take 0.1 MB in place of 1.5, and the script needs to know nothing of windows.
"""

from __future__ import annotations

import numpy as np

from nnscratch.arrays import Array
from nnscratch.layers import is_own
from nnscratch.study.step import arithmetic, jacobian
from nnscratch.study.step.step import Step

Pair = tuple[Array, Array]  # inputs (L,) and weights (L,) of a unit
Table = dict[str, Array | dict[str, Array]]

TRIED = 32  # units on which a guess of all is tried
OWN_UNITS = 4096  # of a layer of one's own, which is asked unit by unit
OWN_LINKS = 1 << 17


def fits(step: Step, k: int) -> bool:
    """Return whether the links of a layer of one's own are few enough for a page."""
    units = step.output(k).size
    return units <= OWN_UNITS and sum(len(row.inputs) for row in jacobian.rows(step, k, range(units))) <= OWN_LINKS


def link_table(step: Step, k: int) -> Table:
    """Return the links of layer ``k``: "inputs" as :func:`compressed` has them, and likewise "weights" if there is W.

    Of a layer of one's own "weights" is a dictionary, of (L,) for each parameter with all links of all units after
    each other; then there are "factors" (L,), "bias" (units,) and "sums" (units,), which is 1 where they make the unit.
    """
    if is_own(step.network.layers[k]):
        return _own_table(step, k)
    pairs = pairs_of(step, k)
    table: Table = {"inputs": compressed([inputs for inputs, _ in pairs])}
    if "W" in step.network.layers[k].parameters:
        table["weights"] = compressed([weights for _, weights in pairs])
    return table


def pairs_of(step: Step, k: int) -> list[Pair]:
    """Return what :func:`nnscratch.study.step.jacobian.patterns` yields for all units, and ask for few of them.

    It is guessed that channels repeat the first one, shifted; where some other units are not as guessed, all are asked.
    """
    shape = step.output(k).shape
    places = int(np.prod(shape[1:]))
    first = list(jacobian.patterns(step, k, range(places)))
    starts = list(jacobian.patterns(step, k, range(0, shape[0] * places, places)))
    if places == 1:
        return starts
    if len(first[0][0]):
        shifts = [(inputs[0] - first[0][0][0], weights[0] - first[0][1][0]) for inputs, weights in starts]
        guess = [(inputs + i, weights + w) for i, w in shifts for inputs, weights in first]
        some = np.random.default_rng(0).choice(len(guess), min(TRIED, len(guess)), replace=False)
        found = jacobian.patterns(step, k, some)
        if all(_same(guess[unit], pair) for unit, pair in zip(some, found, strict=True)):
            return guess
    return list(jacobian.patterns(step, k, range(shape[0] * places)))


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


def _own_table(step: Step, k: int) -> Table:
    out = step.output(k)
    rows = list(jacobian.rows(step, k, range(out.size)))
    sums = [arithmetic.forward(step, k, unit) for unit in np.ndindex(out.shape)]
    names = step.network.layers[k].parameters
    return {
        "inputs": compressed([row.inputs for row in rows]),
        "factors": np.concatenate([row.factors for row in rows]),
        "weights": {name: np.concatenate([row.weights[name] for row in rows]) for name in names},
        "bias": np.array([one.bias for one in sums]),
        "sums": np.array([float(bool(one.terms)) for one in sums]),
    }
