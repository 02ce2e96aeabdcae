"""What depends on what: rows and columns of a layer's Jacobian, from the layer's own ``forward`` and ``backward``.

``backward(dout)`` is dout times the Jacobian, so that a dout which is 1 at one unit and 0 elsewhere gives that unit's
row: d unit / d x. With ``W := its own flat indices + 1`` the same call says which weight stands at each link. Nothing
here knows what a convolution is; a layer of the reader's own is asked in the same way as the library's.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from nnscratch.arrays import Array
from nnscratch.layers import Layer, MaxPool2D, is_own
from nnscratch.study.step.step import Index, Step

AT_ONCE = 1 << 20  # numbers of dx in one call: 8 MB
NUDGE = 1e-3
ROUNDING = 1e-9


@dataclass(frozen=True)
class Row:
    """The L numbers of the input that one number of the output depends on.

    ``inputs`` (L,) are their flat indices, ascending, ``factors`` (L,) the derivatives by them, ``weights[name]`` (L,)
    the flat index of the number of that parameter which the factor is, or -1.
    """

    inputs: Array
    factors: Array
    weights: dict[str, Array] = field(default_factory=dict)


def asked(step: Step, k: int, **instead: Array) -> Layer:
    """Return a copy of layer ``k`` as the forward pass left it, with the parameters before the step, or ``instead``."""
    layer = step.network.layers[k].copy()
    values = {name: np.empty_like(value) for name, value in layer.parameters.items()}
    for name, value in values.items():
        value[...] = instead.get(name, step.before[f"{layer.name}.{name}"])
    layer.bind(values, {name: np.zeros_like(value) for name, value in values.items()})
    return layer


def answered(step: Step, k: int, x: Array, **instead: Array) -> tuple[Layer, Array]:
    """Return such a copy after a forward pass of its own on ``x`` (*shape, N), and the output (*shape, N).

    That is NaN where a layer of one's own cannot work on such numbers.
    """
    layer = copy.deepcopy(asked(step, k, **instead))
    if layer.stochastic:
        layer.rng = np.random.default_rng((0, k))  # what it drew in the step
    try:
        with np.errstate(all="ignore"):
            return layer, layer.forward(x, training=not step.network.couples_batch)
    except Exception:
        if not is_own(layer):
            raise
        return layer, np.full((*step.output(k).shape, x.shape[-1]), np.nan)


def labels_of(array: Array) -> Array:
    """Return an array of the same shape, of its own flat indices + 1, in float64."""
    return np.arange(1.0, array.size + 1).reshape(array.shape)


def one_hot(shape: Index, flat: Sequence[int] | Array) -> Array:
    """Return (*shape, N): column n is 1 at the flat index ``flat[n]`` and 0 elsewhere."""
    columns = np.zeros((int(np.prod(shape)), len(flat)))
    columns[flat, np.arange(len(flat))] = 1
    return columns.reshape(*shape, len(flat))


def derivative_row(layer: Layer, shape: Index, unit: int) -> Array:
    """Return d unit / d x, flat, for the ``layer`` as its last forward pass on one image left it."""
    return layer.backward(one_hot(shape, [unit]))[..., 0].ravel()


def derivative(step: Step, k: int) -> Array:
    """Return d out / d x of a layer that turns each number into one of its own, of the shape of x."""
    return np.array(asked(step, k).backward(np.ones((*step.output(k).shape, 1)))[..., 0])


def patterns(step: Step, k: int, units: Sequence[int] | Array) -> Iterator[tuple[Array, Array]]:
    """Yield (inputs, weights) of flat ``units`` of one of the library's layers: flat indices (L,), of x and of W.

    ``weights`` is -1 where there is no W. Of max-pooling the inputs are all that stand in the window, in the order of
    its ``argmax``: which of them counts is for the numbers of the step to say.
    """
    layer, x, shape = step.network.layers[k], step.output(k - 1), step.output(k).shape
    offsets = int(np.prod(layer.window)) if isinstance(layer, MaxPool2D) else 1
    count = max(1, AT_ONCE // (x.size * offsets))
    for start in range(0, len(units), count):
        dout = one_hot(shape, np.repeat(units[start : start + count], offsets))
        dx = _labelled(step, k, dout).reshape(x.size, -1).T
        column, inputs = np.nonzero(dx)
        weights = dx[column, inputs].astype(np.int64) - 1 if "W" in layer.parameters else np.full(len(inputs), -1)
        ends = np.searchsorted(column, np.arange(offsets, dout.shape[-1], offsets))
        yield from zip(np.split(inputs, ends), np.split(weights, ends), strict=True)


def _labelled(step: Step, k: int, dout: Array) -> Array:
    """Return dx (*shape, N) for dout (*shape, N), with W := its flat indices + 1, or argmax := each offset."""
    layer, shape = step.network.layers[k], (*step.output(k - 1).shape, dout.shape[-1])
    instead = {"W": labels_of(layer.parameters["W"])} if "W" in layer.parameters else {}
    made, _ = answered(step, k, np.ones(shape), **instead)
    if isinstance(made, MaxPool2D):
        offsets = np.arange(dout.shape[-1]) % np.prod(made.window)
        made.argmax = np.ascontiguousarray(np.broadcast_to(offsets, dout.shape).astype(made.argmax.dtype))
    return made.backward(dout)


def rows(step: Step, k: int, units: Sequence[int] | Array) -> Iterator[Row]:
    """Yield the Jacobian's rows of layer ``k`` for flat ``units`` of its output, at the numbers of the step."""
    layer, shape = step.network.layers[k], step.output(k).shape
    if is_own(layer):
        yield from (_own_row(step, k, unit) for unit in units)
        return
    for unit, (inputs, weights) in zip(units, patterns(step, k, units), strict=True):
        if "W" in layer.parameters:
            yield Row(inputs, step.before[f"{layer.name}.W"].ravel()[weights], {"W": weights})
        else:
            yield Row(inputs, derivative_row(asked(step, k), shape, unit)[inputs])


def _own_row(step: Step, k: int, unit: int) -> Row:
    """Return a row of a layer of one's own, each parameter labelled in turn; a label that doubles is a weight."""
    x, shape = step.output(k - 1), step.output(k).shape
    row = derivative_row(asked(step, k), shape, unit)
    weights: dict[str, Array] = {}
    for name in step.network.layers[k].parameters:
        value = step.before[f"{step.network.layers[k].name}.{name}"]
        labels = labels_of(value)
        made = [answered(step, k, x[..., None], **{name: array}) for array in (labels, 2 * labels)]
        once, twice = (
            derivative_row(layer, shape, unit) if np.isfinite(out).all() else np.zeros(x.size) for layer, out in made
        )
        weights[name] = whose(once, twice, row, value)
    found = (row != 0) | np.any([at >= 0 for at in weights.values()] or [row != 0], axis=0)
    inputs = np.flatnonzero(found)
    return Row(inputs, row[inputs], {name: at[inputs] for name, at in weights.items()})


def whose(once: Array, twice: Array, numbers: Array, of: Array) -> Array:
    """Return which number of ``of`` each of ``numbers`` is, as a flat index, or -1.

    ``once`` and ``twice`` are what stood in the place of ``numbers`` when ``of`` held its labels, and twice those.
    """
    label = np.clip(np.nan_to_num(once), 1, of.size).astype(np.int64)
    right = (once == label) & (twice == 2 * once) & (of.ravel()[label - 1] == numbers)
    return np.where(right, label - 1, -1)


def column(step: Step, k: int, number: int) -> Iterator[tuple[int, Row, int]]:
    """Yield each flat unit of layer ``k`` that a number of its input enters, with its row, and where in that it stands.

    Where there is W, a row holds this one link alone: the forward pass of a one-hot x returns W's labels.
    """
    layer, labels = step.network.layers[k], fed_by(step, k, number)
    units = np.flatnonzero(labels)
    if "W" in layer.parameters and not is_own(layer):
        weights = labels[units].astype(np.int64) - 1
        factors = step.before[f"{layer.name}.W"].ravel()[weights]
        for unit, factor, weight in zip(units, factors, weights, strict=True):
            yield int(unit), Row(np.array([number]), np.array([factor]), {"W": np.array([weight])}), 0
        return
    for unit, row in zip(units, rows(step, k, units), strict=True):
        yield from ((int(unit), row, int(place)) for place in np.flatnonzero(row.inputs == number))


def fed_by(step: Step, k: int, number: int) -> Array:
    """Return by how much each flat unit of layer ``k`` moves when a number of its input does.

    That is W's label for a layer of the library's that has W, for its x is 0 but for one 1, and all else is 0.
    """
    layer, x = step.network.layers[k], step.output(k - 1)
    own = is_own(layer)
    start = x if own else np.zeros(x.shape)
    moved = start.ravel().copy()
    moved[number] += NUDGE * max(1.0, abs(moved[number])) if own else 1
    instead = {} if own else {name: labels_of(W) * (name == "W") for name, W in layer.parameters.items()}
    outs = [answered(step, k, at.reshape(*x.shape, 1), **instead)[1] for at in (start, moved)]
    return (outs[1] - outs[0]).ravel()


def bias(step: Step, k: int) -> Array:
    """Return what layer ``k`` returns where the whole input is 0, of the output's shape."""
    return answered(step, k, np.zeros((*step.output(k - 1).shape, 1)))[1][..., 0]


def is_linear(step: Step, k: int) -> bool:
    """Return whether layer ``k`` turns half of the step's input into half of its output, but for the bias."""
    x, out, at_zero = step.output(k - 1), step.output(k), bias(step, k)
    half = answered(step, k, x[..., None] / 2)[1][..., 0]
    return bool(np.allclose(out - at_zero, 2 * (half - at_zero), rtol=ROUNDING, atol=ROUNDING * np.abs(out).max()))


def by_parameter(step: Step, k: int, name: str, at: Index) -> tuple[Array, Array]:
    """Return what one number of a parameter is multiplied by in each unit, and which number of x that is, or -1.

    Both are of the output's shape: the column d out / d parameter[at] of a layer that is linear in its parameters.
    """
    x = step.output(k - 1)
    none = {other: np.zeros_like(value) for other, value in step.network.layers[k].parameters.items()}
    one = {**none, name: none[name].copy()}
    one[name][at] = 1
    value, once, twice = (
        (answered(step, k, of[..., None], **one)[1] - answered(step, k, of[..., None], **none)[1])[..., 0]
        for of in (x, labels_of(x), 2 * labels_of(x))
    )
    return value, whose(once, twice, value, x)


def by_parameter_row_by_row(step: Step, k: int, name: str, at: Index) -> Array:
    """Return d out / d parameter[at] of the output's shape for any layer: ``backward`` is asked unit by unit."""
    shape, layer = step.output(k).shape, asked(step, k)
    column = np.zeros(int(np.prod(shape)))
    for unit in range(column.size):
        layer.backward(one_hot(shape, [unit]))
        column[unit] = getattr(layer, f"d{name}")[at]
    return column.reshape(shape)
