"""A step as numbers for programs: those of ``text.py``, in the same order.

model, label, read_as, loss, loss_after, note; optimizer: {name, its settings}
input: a range                          a range: {shape, least, largest, mean}
layers: [{name, description, forward, backward, parameters}], the first layer first
    forward: {output: a range, unit: how the most telling unit came about}
    backward: {dout, dx: ranges, below: the sum that is the gradient of a number of its input}
    parameters: {"conv1.W": {at, gradient: a sum, update: [{symbol, formula, value}]}}, where the gradient is largest
classes: [{class, z, exp, p, y, dz}]
a sum: {name, total, bias, products: how many, terms: the largest, others: the rest of the products together}
    a term: {name, value, factor_name, factor, product}
unit: {at, value, line} of a layer that is a function, {at, value, sum} of one that sums, {at, value, lines} else
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.layers import is_custom
from nnscratch.layers.summary import describe
from nnscratch.study.step import arithmetic
from nnscratch.study.step.arithmetic import Arithmetic
from nnscratch.study.step.step import Step
from nnscratch.study.step.text import MOST, as_in_use, derivative_lines, largest
from nnscratch.study.step.update import update_lines


def to_dict(step: Step) -> dict[str, Any]:
    """Return the whole step, fit for JSON, with the keys above."""
    return {
        "model": step.name,
        "label": step.label,
        "read_as": int(step.p.argmax()),
        "loss": step.loss,
        "loss_after": step.loss_after,
        "note": as_in_use(step),
        "optimizer": {"name": type(step.optimizer).__name__, **step.optimizer.settings()},
        "input": value_range(step.output(-1)),
        "layers": [layer(step, k) for k in range(len(step.network.layers))],
        "classes": classes(step),
    }


def layer(step: Step, k: int) -> dict[str, Any]:
    """Return what layer ``k`` does forward, backward and in the update."""
    own, below = step.network.layers[k], step.interesting(k - 1)
    return {
        "name": own.name,
        "description": describe(own),
        "forward": {"output": value_range(step.output(k)), "unit": unit(step, k)},
        "backward": {
            "dout": value_range(step.dout(k)),
            "dx": value_range(step.dout(k - 1)),
            "below": as_sum(arithmetic.backward(step, k - 1, below)),
        },
        "parameters": {f"{own.name}.{name}": parameter(step, f"{own.name}.{name}") for name in own.parameters},
    }


def unit(step: Step, k: int) -> dict[str, Any]:
    """Return how the unit of the output of layer ``k`` that matters most came about."""
    at = step.interesting(k)
    found: dict[str, Any] = {"at": list(at), "value": float(step.output(k)[at])}
    line = arithmetic.function_line(step, k, at)
    if line is not None:
        return found | {"line": line}
    sum_of = arithmetic.forward(step, k, at)
    if sum_of.terms or not is_custom(step.network.layers[k]):
        return found | {"sum": as_sum(sum_of)}
    return found | {"lines": list(derivative_lines(step, k, at))}


def parameter(step: Step, path: str) -> dict[str, Any]:
    """Return gradient and update of the number of a parameter, such as "conv1.W", whose gradient is largest."""
    at = largest(step, path)
    lines = [{"symbol": symbol, "formula": how, "value": value} for symbol, how, value in update_lines(step, path, at)]
    return {"at": list(at), "gradient": as_sum(arithmetic.of_weight(step, path, at)), "update": lines}


def as_sum(sum_of: Arithmetic) -> dict[str, Any]:
    """Return a sum with its largest products."""
    terms = sorted(sum_of.terms, key=lambda term: -abs(term.product))
    return {
        "name": sum_of.name,
        "total": float(sum_of.total),
        "bias": float(sum_of.bias),
        "products": len(terms),
        "terms": [
            {
                "name": term.name,
                "value": float(term.value),
                "factor_name": term.factor_name,
                "factor": float(term.factor),
                "product": float(term.product),
            }
            for term in terms[:MOST]
        ],
        "others": float(sum(term.product for term in terms[MOST:])),
    }


def classes(step: Step) -> list[dict[str, Any]]:
    """Return, for each class, its score z, exp(z - max), probability, target, and the gradient of the score."""
    z = step.output(len(step.network.layers) - 1)
    columns = zip(z, np.exp(z - z.max()), step.p, np.eye(len(z))[step.label], strict=True)
    return [
        {"class": k, "z": float(one), "exp": float(e), "p": float(p), "y": int(y), "dz": float(p - y)}
        for k, (one, e, p, y) in enumerate(columns)
    ]


def value_range(values: Array) -> dict[str, Any]:
    """Return shape, least, largest and mean of an array."""
    ends = {"least": float(values.min()), "largest": float(values.max()), "mean": float(values.mean())}
    return {"shape": list(values.shape), **ends}
