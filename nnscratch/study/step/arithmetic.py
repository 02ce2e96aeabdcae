"""The arithmetic of single numbers: which inputs, weights and sums made a unit, and which gradients reach it.

``links`` says what a layer does to one number: for a unit of its output, the inputs that enter and the factor of each;
``links_back``, for a number of its input, the outputs that it enters, with the same factors. By the chain rule the
gradient of a number is the sum of the gradients of what it enters, each times that factor. Both come from the layer
itself: see :mod:`nnscratch.study.step.jacobian`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.layers import AvgPool2D, BatchNorm, LeakyReLU, is_custom
from nnscratch.study.step import jacobian
from nnscratch.study.step.formulas import formulas_of
from nnscratch.study.step.jacobian import Links
from nnscratch.study.step.step import Index, Step

Link = tuple[Index, float, str]  # which number, its factor, and what the factor is called


@dataclass(frozen=True)
class Term:
    """One product: ``name`` and ``value`` of a number, ``factor_name`` and ``factor`` of what it is multiplied by."""

    name: str
    value: float
    factor_name: str
    factor: float

    @property
    def product(self) -> float:
        """What it adds to the sum."""
        return self.value * self.factor


@dataclass(frozen=True)
class Arithmetic:
    """How a number came about: ``bias`` plus all products is ``total``, the number that the library has."""

    name: str
    terms: list[Term]
    total: float
    bias: float = 0.0

    @property
    def adds_up(self) -> bool:
        """Whether bias and products make the total, but for rounding."""
        products = [term.product for term in self.terms]
        size = abs(self.bias) + sum(map(abs, products)) + abs(self.total)
        return abs(self.bias + sum(products) - self.total) <= jacobian.ROUNDING * size


# ---- what a layer does to one number


def links(step: Step, k: int, unit: Index) -> Iterator[Link]:
    """Yield the inputs that ``unit`` of the output of layer ``k`` depends on: its row of the Jacobian."""
    x, out = step.output(k - 1), step.output(k)
    row = jacobian.rows(step, k, [flat(unit, out)])
    for number, (at, factor) in enumerate(zip(row.inputs, row.factors, strict=True)):
        yield index(at, x), float(factor), factor_name(step, k, row, number)


def links_back(step: Step, k: int, unit: Index) -> Iterator[Link]:
    """Yield the outputs of layer ``k`` that number ``unit`` of its input enters: its column of the Jacobian."""
    x, out = step.output(k - 1), step.output(k)
    column = jacobian.column(step, k, flat(unit, x))
    for number, (at, factor) in enumerate(zip(column.units, column.factors, strict=True)):
        yield index(at, out), float(factor), factor_name(step, k, column, number)


def factor_name(step: Step, k: int, found: Links, number: int) -> str:
    """Return what the factor of a link is called: the weight that it is, or how it came about."""
    layer = step.network.layers[k]
    for name, weights in found.weights.items():
        if weights[number] >= 0:
            return f"{layer.name}.{name}[{subscript(index(weights[number], layer.parameters[name]))}]"
    unit, at = index(found.units[number], step.output(k)), index(found.inputs[number], step.output(k - 1))
    formula = formulas_of(layer).factor
    if not formula:
        return "1" if found.factors[number] == 1 else "d out / d x"
    values: dict[str, Any] = {"unit": subscript(unit), "input": subscript(at), "same": int(unit == at)}
    if hasattr(layer, "window"):
        values["place"] = subscript(np.unravel_index(found.places[number], layer.window))
    return filled(step, k, unit, formula, **values)


def constants(step: Step, k: int) -> dict[str, Any]:
    """Return what the formulas of layer ``k`` name beside its input and output: a number, or one for each channel."""
    layer = step.network.layers[k]
    if is_custom(layer):
        return {}
    match layer:
        case BatchNorm():
            gamma, beta = (step.before[f"{layer.name}.{name}"] for name in ("gamma", "beta"))
            return {"gamma": gamma, "beta": beta, "mean": layer.running_mean, "var": layer.var, "eps": layer.eps}
        case AvgPool2D():
            return {"size": int(np.prod(layer.window))}
        case LeakyReLU():
            return {"slope": layer.slope}
    return {}


def filled(step: Step, k: int, unit: Index, formula: str, /, **values: Any) -> str:
    """Return one of the formulas for single numbers with the numbers of ``unit`` of layer ``k`` in their places."""
    x, out = step.output(k - 1), step.output(k)
    values |= {name: value[unit[0]] if np.ndim(value) else value for name, value in constants(step, k).items()}
    values |= {"layer": name_of(step, k), "out": out[unit]} | ({"x": x[unit]} if x.shape == out.shape else {})
    return formula.format(
        **{k: value if isinstance(value, str) else format_number(value) for k, value in values.items()}
    )


def function_line(step: Step, k: int, unit: Index) -> str | None:
    """Return how ``unit`` of the output of layer ``k`` came about where it is a function of few numbers; else None."""
    formula = formulas_of(step.network.layers[k]).number
    if not formula:
        return None
    row, x = jacobian.rows(step, k, [flat(unit, step.output(k))]), step.output(k - 1)
    inputs = ", ".join(format_number(value) for value in x.flat[row.inputs])
    out = format_number(step.output(k)[unit])
    return f"{filled(step, k, unit, formula, inputs=inputs, factor=row.factors[0])} = {out}"


# ---- sums


def forward(step: Step, k: int, unit: Index) -> Arithmetic:
    """Return how ``unit`` of the output of layer ``k`` came about, where that is a sum of products.

    It has no terms where it is a function of other numbers: see :func:`function_line`. A layer is a sum where it is
    linear, and its derivatives, times its inputs, add up to what it returned.
    """
    layer, x = step.network.layers[k], step.output(k - 1)
    none = Arithmetic(f"{layer.name}[{subscript(unit)}]", [], float(step.output(k)[unit]))
    if formulas_of(layer).number or not jacobian.is_linear(step, k):
        return none
    below = name_of(step, k - 1)
    terms = [Term(f"{below}[{subscript(at)}]", float(x[at]), what, factor) for at, factor, what in links(step, k, unit)]
    summed = Arithmetic(none.name, terms, none.total, float(jacobian.bias(step, k)[unit]))
    return summed if summed.adds_up else none


def backward(step: Step, k: int, unit: Index) -> Arithmetic:
    """Return how the gradient with respect to ``unit`` of the output of layer ``k`` (-1: of the input) came about."""
    layers = step.network.layers
    name = f"d{name_of(step, k)}[{subscript(unit)}]"
    total = float(step.dout(k)[unit])
    if k == len(layers) - 1:
        return Arithmetic(name, [Term(f"p[{unit[0]}]", float(step.p[unit]), "1", 1.0)], total,
                          -1.0 if unit[0] == step.label else 0.0)  # fmt: skip
    dout = step.dout(k + 1)
    terms = [
        Term(f"d{layers[k + 1].name}[{subscript(at)}]", float(dout[at]), what, factor)
        for at, factor, what in links_back(step, k + 1, unit)
    ]
    return Arithmetic(name, terms, total)


def of_weight(step: Step, name: str, at: Index) -> Arithmetic:
    """Return how the gradient of one number of a parameter, such as "conv1.W", came about: dout times its inputs."""
    layer_name, _, parameter = name.partition(".")
    k = [layer.name for layer in step.network.layers].index(layer_name)
    summed = _weight_sum(step, k, parameter, at, *jacobian.by_parameter(step, k, parameter, at))
    if summed.adds_up:
        return summed
    column = jacobian.by_parameter_row_by_row(step, k, parameter, at)  # a layer that is not linear in its parameter
    return _weight_sum(step, k, parameter, at, column, np.full(column.shape, -1))


def _weight_sum(step: Step, k: int, parameter: str, at: Index, values: Array, sources: Array) -> Arithmetic:
    layer, dout, terms = step.network.layers[k].name, step.dout(k), []
    for number in np.flatnonzero((values != 0) | (sources >= 0)):
        unit, source = index(number, dout), sources.flat[number]
        if source >= 0:
            what = f"{name_of(step, k - 1)}[{subscript(index(source, step.output(k - 1)))}]"
        else:
            what = multiplier_name(step, k, parameter, unit, values[unit])
        terms.append(Term(f"d{layer}[{subscript(unit)}]", float(dout[unit]), what, float(values[unit])))
    path = f"{layer}.{parameter}"
    return Arithmetic(f"d{path}[{subscript(at)}]", terms, float(step.gradients[path][at]))


def multiplier_name(step: Step, k: int, parameter: str, unit: Index, value: float) -> str:
    """Return what the ``value`` is called, no input, by which a parameter's number is multiplied in ``unit``."""
    name = formulas_of(step.network.layers[k]).multipliers.get(parameter)
    if name is not None:
        return filled(step, k, unit, name, unit=subscript(unit))
    return "1" if value == 1 else f"d out / d {parameter}"


# ---- words


def name_of(step: Step, k: int) -> str:
    """Return what the output of layer ``k`` is called: its name; of -1, the input."""
    return "input" if k < 0 else step.network.layers[k].name


def index(number: int | np.integer, of: Array) -> Index:
    """Return the index of a flat number of an array."""
    return tuple(int(i) for i in np.unravel_index(number, of.shape))


def flat(unit: Index, of: Array) -> int:
    """Return the flat number of an index."""
    return int(np.ravel_multi_index(unit, of.shape))


def subscript(index: Iterable[int]) -> str:
    """Return an index as it stands in brackets."""
    return ", ".join(map(str, index))


def format_number(value: float) -> str:
    """Return a number as it is displayed: six significant digits."""
    return f"{value + 0.0:.6g}"  # no -0
