"""The arithmetic of single numbers: which inputs, weights and sums made a unit, and which gradients reach it.

``links`` says what a layer does to one number: for a unit of its output, the inputs that enter and the factor of each;
``links_back``, for a number of its input, the outputs that it enters, with the same factors. By the chain rule the
gradient of a number is the sum of the gradients of what it enters, each times that factor. Both come from the layer
itself: see :mod:`nnscratch.study.step.jacobian`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from nnscratch.arrays import Array
from nnscratch.layers import (
    AvgPool2D,
    BatchNorm,
    Conv2D,
    Dropout,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
    is_own,
)
from nnscratch.study.step import jacobian
from nnscratch.study.step.jacobian import Row
from nnscratch.study.step.step import Index, Step

PER_NUMBER = (ReLU, LeakyReLU, Tanh, Sigmoid, Dropout, BatchNorm)

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


def is_function(step: Step, k: int) -> bool:
    """Return whether layer ``k`` is shown as a function of its numbers, and not as a sum: activations, softmax."""
    return not is_own(step.network.layers[k]) and isinstance(step.network.layers[k], (*PER_NUMBER, Softmax))


def derivative_name(step: Step, k: int, unit: Index) -> str:
    """Return how d out / d x of a layer that turns a number into a number comes about, in numbers."""
    layer, out = step.network.layers[k], format_number(float(step.output(k)[unit]))
    match layer:
        case Tanh():
            return f"(1 - {out}^2)"
        case Sigmoid():
            return f"{out} (1 - {out})"
        case BatchNorm():
            gamma = format_number(float(step.before[f"{layer.name}.gamma"][unit[0]]))
            return f"{gamma} / sqrt({format_number(float(layer.var[unit[0]]))} + {layer.eps:g})"
        case Dropout():
            return "mask"
    return f"x > 0 is {'true' if step.output(k - 1)[unit] > 0 else 'false'}:"


def links(step: Step, k: int, unit: Index) -> Iterator[Link]:
    """Yield the inputs that ``unit`` of the output of layer ``k`` depends on: its row of the Jacobian."""
    x, out = step.output(k - 1), step.output(k)
    (row,) = jacobian.rows(step, k, [flat(unit, out)])
    for place, (at, factor) in enumerate(zip(row.inputs, row.factors, strict=True)):
        yield index(at, x), float(factor), factor_name(step, k, row, place)


def links_back(step: Step, k: int, unit: Index) -> Iterator[Link]:
    """Yield the outputs of layer ``k`` that number ``unit`` of its input enters: its column of the Jacobian.

    In the order of the weights that lie between, or of the places in a window.
    """
    if is_function(step, k) and not isinstance(step.network.layers[k], Softmax):
        yield unit, float(jacobian.derivative(step, k)[unit]), derivative_name(step, k, unit)
        return
    out, found = step.output(k), list[tuple[int, Link]]()
    for at, row, place in jacobian.column(step, k, flat(unit, step.output(k - 1))):
        name = factor_name(step, k, row, place) if not is_function(step, k) else _softmax_name(index(at, out), unit)
        weight = max((int(weights[place]) for weights in row.weights.values()), default=-1)
        found.append((weight if weight >= 0 else place, (index(at, out), float(row.factors[place]), name)))
    yield from (link for _, link in sorted(found, key=lambda one: one[0]))


def factor_name(step: Step, k: int, row: Row, place: int) -> str:
    """Return what the factor at a place of a row is called: the weight that it is, or how it came about."""
    layer = step.network.layers[k]
    for name, weights in row.weights.items():
        if weights[place] >= 0:
            return f"{name}[{_told(index(weights[place], layer.parameters[name]))}]"
    if isinstance(layer, MaxPool2D) and not is_own(layer):
        return f"won at offset {tuple(int(i) for i in np.unravel_index(place, layer.window))}"
    if isinstance(layer, AvgPool2D) and not is_own(layer):
        return f"1/{len(row.inputs)}"
    return "1" if row.factors[place] == 1 else "d out / d x"


def _softmax_name(other: Index, unit: Index) -> str:
    return f"p[{other[0]}] ({int(other == unit)} - p[{unit[0]}])"


def index(number: int | np.integer, of: Array) -> Index:
    """Return the index of a flat number of an array."""
    return tuple(int(i) for i in np.unravel_index(number, of.shape))


def flat(unit: Index, of: Array) -> int:
    """Return the flat number of an index."""
    return int(np.ravel_multi_index(unit, of.shape))


# ---- words and sums


def function_line(step: Step, k: int, unit: Index) -> str | None:
    """Return how ``unit`` of the output of layer ``k`` came about where it is a function of few numbers; else None."""
    layer, x, out = step.network.layers[k], step.output(k - 1), format_number(float(step.output(k)[unit]))
    if isinstance(layer, MaxPool2D) and not is_own(layer):
        values = [float(x[at]) for at, _, _ in links(step, k, unit)]
        return f"max({', '.join(map(format_number, values))}) = {out}"
    if not is_function(step, k) or isinstance(layer, Softmax):
        return None
    value = format_number(float(x[unit]))
    match layer:
        case ReLU():
            return f"max({value}, 0) = {out}"
        case LeakyReLU():
            return f"{value} = {out}" if x[unit] > 0 else f"{layer.slope:g} * {value} = {out}"
        case Tanh():
            return f"tanh({value}) = {out}"
        case Sigmoid():
            return f"1 / (1 + exp(-({value}))) = {out}"
        case BatchNorm():
            gamma, beta = (
                format_number(float(step.before[f"{layer.name}.{name}"][unit[0]])) for name in ("gamma", "beta")
            )
            mean, var = format_number(float(layer.running_mean[unit[0]])), format_number(float(layer.var[unit[0]]))
            return f"{gamma} * ({value} - {mean}) / sqrt({var} + {layer.eps:g}) + {beta} = {out}"
    return f"{format_number(float(jacobian.derivative(step, k)[unit]))} * {value} = {out}"  # dropout


def format_number(value: float) -> str:
    """Return a number as it is displayed: six significant digits."""
    return f"{value:.6g}"


def forward(step: Step, k: int, unit: Index) -> Arithmetic:
    """Return how ``unit`` of the output of layer ``k`` came about, where that is a sum of products.

    It has no terms where it is a function of other numbers: see :func:`function_line`. A layer of one's own is a sum
    where it is linear, and its derivatives, times its inputs, add up to what it returned.
    """
    layer, x = step.network.layers[k], step.output(k - 1)
    total = float(step.output(k)[unit])
    name = f"{layer.name}[{_told(unit)}]"
    if is_function(step, k):
        return Arithmetic(name, [], total)
    terms = [Term(f"x[{_told(at)}]", float(x[at]), what, factor) for at, factor, what in links(step, k, unit)]
    summed = Arithmetic(name, terms, total, float(jacobian.bias(step, k)[unit]))
    is_sum = not is_own(layer) or (jacobian.is_linear(step, k) and adds_up(summed))
    return summed if is_sum else Arithmetic(name, [], total)


def adds_up(sum_of: Arithmetic) -> bool:
    """Return whether bias and products make the total, but for rounding."""
    products = [term.product for term in sum_of.terms]
    size = abs(sum_of.bias) + sum(map(abs, products)) + abs(sum_of.total)
    return abs(sum_of.bias + sum(products) - sum_of.total) <= jacobian.ROUNDING * size


def backward(step: Step, k: int, unit: Index) -> Arithmetic:
    """Return how the gradient by ``unit`` of the output of layer ``k`` (-1: of the input) came about."""
    layers = step.network.layers
    name = f"d{'input' if k < 0 else layers[k].name}[{_told(unit)}]"
    total = float(step.dout(k)[unit])
    if k == len(layers) - 1:
        return Arithmetic(name, [Term(f"p[{unit[0]}]", float(step.p[unit]), "1", 1.0)], total,
                          -1.0 if unit[0] == step.label else 0.0)  # fmt: skip
    dout = step.dout(k + 1)
    terms = [
        Term(f"d{layers[k + 1].name}[{_told(at)}]", float(dout[at]), what, factor)
        for at, factor, what in links_back(step, k + 1, unit)
    ]
    return Arithmetic(name, terms, total)


def of_weight(step: Step, name: str, at: Index) -> Arithmetic:
    """Return how the gradient by one number of a parameter, such as "conv1.W", came about: dout times its inputs."""
    layer_name, _, parameter = name.partition(".")
    k = [layer.name for layer in step.network.layers].index(layer_name)
    layer, dout = step.network.layers[k], step.dout(k)
    total, name_of_sum = float(step.gradients[name][at]), f"d{name}[{_told(at)}]"
    values, sources = jacobian.by_parameter(step, k, parameter, at)
    if is_own(layer):
        units: Iterable[Index] = (index(i, dout) for i in np.flatnonzero((values != 0) | (sources >= 0)))
    else:
        units = ((at[0], *position) for position in np.ndindex(*dout.shape[1:]))  # its row, filter or channel
    terms = [
        Term(f"d{layer_name}[{_told(unit)}]", float(dout[unit]), what, float(values[unit]))
        for unit in units
        for what in [_multiplier_name(step, k, parameter, unit, values, sources)]
    ]
    summed = Arithmetic(name_of_sum, terms, total)
    return summed if not is_own(layer) or adds_up(summed) else _of_own_weight(step, k, parameter, at, summed)


def _multiplier_name(step: Step, k: int, parameter: str, unit: Index, values: Array, sources: Array) -> str:
    """Return the name of what a parameter's number is multiplied by in ``unit``."""
    layer = None if is_own(step.network.layers[k]) else step.network.layers[k]
    if sources[unit] >= 0:
        return f"x[{_told(index(sources[unit], step.output(k - 1)))}]"
    if isinstance(layer, BatchNorm) and parameter == "gamma":
        return f"xhat[{_told(unit)}]"
    if isinstance(layer, Conv2D) and values[unit] == 0:
        return "padding"
    return "1" if values[unit] == 1 else f"d out / d {parameter}"


def _of_own_weight(step: Step, k: int, parameter: str, at: Index, known: Arithmetic) -> Arithmetic:
    """Return the sum for a layer of one's own that is not linear in its parameter."""
    column, dout = jacobian.by_parameter_row_by_row(step, k, parameter, at), step.dout(k)
    name = step.network.layers[k].name
    units = [index(i, column) for i in np.flatnonzero(column)]
    what = f"d out / d {parameter}"
    terms = [Term(f"d{name}[{_told(unit)}]", float(dout[unit]), what, float(column[unit])) for unit in units]
    return Arithmetic(known.name, terms, known.total)


def _told(index: Index) -> str:
    return ", ".join(map(str, index))
