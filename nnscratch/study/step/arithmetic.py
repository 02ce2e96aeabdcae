"""The arithmetic of single numbers: which inputs, weights and sums made a unit, and which gradients reach it.

``links`` says what a layer does to one number: for a unit of its output, the inputs that enter and the factor of each;
``links_back``, for a number of its input, the outputs that it enters, with the same factors. By the chain rule the
gradient of a number is the sum of the gradients of what it enters, each times that factor.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from nnscratch.arrays import Array
from nnscratch.errors import UsageError
from nnscratch.layers import (
    AvgPool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Layer,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
)
from nnscratch.study.step.step import Index, Step

PER_NUMBER = (ReLU, LeakyReLU, Tanh, Sigmoid, Dropout, BatchNorm)
KNOWN = (Dense, Conv2D, MaxPool2D, AvgPool2D, Flatten, Softmax, *PER_NUMBER)

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


def is_known(layer: Layer) -> bool:
    """Return whether the layer's arithmetic is known: not so for a layer of one's own."""
    return type(layer) in KNOWN


def derivative(step: Step, k: int) -> Array:
    """Return d out / d x of layer ``k``, which turns a number into a number, (C, H, W) or (D,)."""
    layer, x, out = step.network.layers[k], step.output(k - 1), step.output(k)
    match layer:
        case ReLU():
            return np.asarray(x > 0, np.float64)
        case LeakyReLU():
            return np.where(x > 0, 1.0, layer.slope)
        case Tanh():
            return np.asarray(1 - out * out)
        case Sigmoid():
            return np.asarray(out * (1 - out))
        case Dropout():
            return np.ones_like(x) if layer.mask is None else np.asarray(layer.mask[..., 0])
        case BatchNorm():
            scale = step.before[f"{layer.name}.gamma"] / np.sqrt(layer.var + layer.eps)
            return np.asarray(np.broadcast_to(scale.reshape(-1, *(1,) * (x.ndim - 1)), x.shape))
    raise UsageError(f"{layer.name} does not turn each number into one of its own")


def derivative_name(step: Step, k: int, unit: Index) -> str:
    """Return how that derivative comes about, in numbers."""
    layer, out = step.network.layers[k], shown(float(step.output(k)[unit]))
    match layer:
        case Tanh():
            return f"(1 - {out}^2)"
        case Sigmoid():
            return f"{out} (1 - {out})"
        case BatchNorm():
            gamma = shown(float(step.before[f"{layer.name}.gamma"][unit[0]]))
            return f"{gamma} / sqrt({shown(float(layer.var[unit[0]]))} + {layer.eps:g})"
        case Dropout():
            return "mask"
    return f"x > 0 is {'true' if step.output(k - 1)[unit] > 0 else 'false'}:"


def links(step: Step, k: int, unit: Index) -> Iterator[Link]:
    """Yield the inputs that enter ``unit`` of the output of layer ``k``, where that is a sum, a choice or a copy."""
    layer, x = step.network.layers[k], step.output(k - 1)
    match layer:
        case Dense():
            yield from (((i,), _weight(step, layer, (unit[0], i)), f"W[{unit[0]}, {i}]") for i in range(len(x)))
        case Conv2D():
            for c, (i, j), (row, column) in window(layer, unit[1:], x.shape):
                at = (unit[0], c, i, j)
                yield (c, row, column), _weight(step, layer, at), f"W[{unit[0]}, {c}, {i}, {j}]"
        case MaxPool2D() | AvgPool2D():
            for _, tap, (row, column) in window(layer, unit[1:], (1, *x.shape[1:])):
                yield (unit[0], row, column), _share(layer, unit, tap), _share_name(layer, tap)
        case Flatten():
            yield tuple(int(i) for i in np.unravel_index(unit[0], x.shape)), 1.0, "1"


def links_back(step: Step, k: int, unit: Index) -> Iterator[Link]:
    """Yield the outputs of layer ``k`` that number ``unit`` of its input enters."""
    layer, x, out = step.network.layers[k], step.output(k - 1), step.output(k)
    match layer:
        case Dense():
            yield from (((d,), _weight(step, layer, (d, unit[0])), f"W[{d}, {unit[0]}]") for d in range(len(out)))
        case Conv2D():
            for f in range(len(out)):
                for (i, j), (row, column) in windows_over(layer, unit[1:], out.shape[1:]):
                    at = (f, unit[0], i, j)
                    yield (f, row, column), _weight(step, layer, at), f"W[{f}, {unit[0]}, {i}, {j}]"
        case MaxPool2D() | AvgPool2D():
            for tap, (row, column) in windows_over(layer, unit[1:], out.shape[1:]):
                over = (unit[0], row, column)
                yield over, _share(layer, over, tap), _share_name(layer, tap)
        case Flatten():
            yield (int(np.ravel_multi_index(unit, x.shape)),), 1.0, "1"
        case Softmax():
            for other in np.ndindex(out.shape):
                same = 1.0 if other == unit else 0.0
                yield other, float(out[other] * (same - out[unit])), f"p[{other[0]}] ({same:g} - p[{unit[0]}])"
        case _ if type(layer) in PER_NUMBER:
            yield unit, float(derivative(step, k)[unit]), derivative_name(step, k, unit)


def _weight(step: Step, layer: Layer, at: Index) -> float:
    return float(step.before[f"{layer.name}.W"][at])


def geometry(layer: Layer) -> tuple[Index, Index, Index]:
    """Return (KH, KW), (SH, SW) and (top, left) zeros of a layer with windows."""
    match layer:
        case Conv2D():
            return layer.size, layer.step, (layer.zeros[0][0], layer.zeros[1][0])
        case MaxPool2D() | AvgPool2D():
            return layer.window, layer.step, (0, 0)
    raise UsageError(f"{layer.name} has no windows")


def window(layer: Layer, at: Index, shape: Index) -> Iterator[tuple[int, Index, Index]]:
    """Yield (channel, tap, pixel) of the window at position (oh, ow) over an image ``shape`` (C, H, W); no padding."""
    (KH, KW), (SH, SW), (top, left) = geometry(layer)
    for c in range(shape[0]):
        for i, j in np.ndindex(KH, KW):
            row, column = at[0] * SH + i - top, at[1] * SW + j - left
            if 0 <= row < shape[1] and 0 <= column < shape[2]:
                yield c, (i, j), (row, column)


def windows_over(layer: Layer, pixel: Index, positions: Index) -> Iterator[tuple[Index, Index]]:
    """Yield (tap, position) for every window over a pixel (row, column); there are (OH, OW) positions."""
    (KH, KW), (SH, SW), (top, left) = geometry(layer)
    for i, j in np.ndindex(KH, KW):
        (oh, rest), (ow, other) = divmod(pixel[0] + top - i, SH), divmod(pixel[1] + left - j, SW)
        if rest == 0 and other == 0 and 0 <= oh < positions[0] and 0 <= ow < positions[1]:
            yield (i, j), (oh, ow)


def _share(layer: Layer, unit: Index, tap: Index) -> float:
    """Return what a pixel under ``tap`` counts in a pooled ``unit``."""
    (KH, KW), _, _ = geometry(layer)
    if isinstance(layer, MaxPool2D):
        return float(layer.winner[..., 0][unit] == tap[0] * KW + tap[1])
    return 1 / (KH * KW)


def _share_name(layer: Layer, tap: Index) -> str:
    (KH, KW), _, _ = geometry(layer)
    return f"won at tap {tap}" if isinstance(layer, MaxPool2D) else f"1/{KH * KW}"


# ---- words and sums


def function_line(step: Step, k: int, unit: Index) -> str | None:
    """Return how ``unit`` of the output of layer ``k`` came about where it is a function of few numbers; else None."""
    layer, x, out = step.network.layers[k], step.output(k - 1), shown(float(step.output(k)[unit]))
    if isinstance(layer, MaxPool2D):
        values = [float(x[at]) for at, _, _ in links(step, k, unit)]
        return f"max({', '.join(map(shown, values))}) = {out}"
    if type(layer) not in PER_NUMBER:
        return None
    value = shown(float(x[unit]))
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
            gamma, beta = (shown(float(step.before[f"{layer.name}.{name}"][unit[0]])) for name in ("gamma", "beta"))
            mean, var = shown(float(layer.running_mean[unit[0]])), shown(float(layer.var[unit[0]]))
            return f"{gamma} * ({value} - {mean}) / sqrt({var} + {layer.eps:g}) + {beta} = {out}"
    return f"{shown(float(derivative(step, k)[unit]))} * {value} = {out}"  # dropout


def shown(value: float) -> str:
    """Return a number as it is displayed: six significant digits."""
    return f"{value:.6g}"


def forward(step: Step, k: int, unit: Index) -> Arithmetic:
    """Return how ``unit`` of the output of layer ``k`` came about, where that is a sum of products.

    A number that is a function of one other (an activation) has that other, times nothing: see :func:`in_words`.
    """
    layer, x = step.network.layers[k], step.output(k - 1)
    total = float(step.output(k)[unit])
    name = f"{layer.name}[{_told(unit)}]"
    if type(layer) in PER_NUMBER or isinstance(layer, Softmax) or not is_known(layer):
        return Arithmetic(name, [], total)
    terms = [Term(f"x[{_told(at)}]", float(x[at]), what, factor) for at, factor, what in links(step, k, unit)]
    bias = float(step.before[f"{layer.name}.b"][unit[0]]) if layer.parameters else 0.0
    return Arithmetic(name, terms, total, bias)


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
    layer, x, dout = step.network.layers[k], step.output(k - 1), step.dout(k)
    total = float(step.gradients[name][at])
    told = f"d{name}[{_told(at)}]"
    terms: list[Term] = []
    for unit in _units_of(layer, at, dout.shape):
        source, what = _multiplier(step, layer, x, parameter, at, unit)
        terms.append(Term(f"d{layer_name}[{_told(unit)}]", float(dout[unit]), what, source))
    return Arithmetic(told, terms, total)


def _units_of(layer: Layer, at: Index, shape: Index) -> Iterator[Index]:
    """Yield the units that a parameter's number enters: those of its own row, filter or channel."""
    yield from ((at[0], *position) for position in np.ndindex(*shape[1:]))


def _multiplier(step: Step, layer: Layer, x: Array, parameter: str, at: Index, unit: Index) -> tuple[float, str]:
    """Return what the parameter's number is multiplied by in ``unit``, and its name."""
    if parameter in ("b", "beta"):
        return 1.0, "1"
    if isinstance(layer, BatchNorm):
        return float(layer.xhat[..., 0][unit]), f"xhat[{_told(unit)}]"
    if isinstance(layer, Dense):
        return float(x[at[1]]), f"x[{at[1]}]"
    _, (SH, SW), (top, left) = geometry(layer)
    pixel = (at[1], unit[1] * SH + at[2] - top, unit[2] * SW + at[3] - left)
    inside = 0 <= pixel[1] < x.shape[1] and 0 <= pixel[2] < x.shape[2]
    return (float(x[pixel]), f"x[{_told(pixel)}]") if inside else (0.0, "padding")


def _told(index: Index) -> str:
    return ", ".join(map(str, index))
