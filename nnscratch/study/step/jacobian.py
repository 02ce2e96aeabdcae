"""What depends on what: a layer's Jacobian, number by number, from the layer's own ``forward`` and ``backward``.

``backward(dout)`` is dout times the Jacobian, so that a dout which is 1 at one unit and 0 elsewhere gives that unit's
row: d unit / d x. A forward pass with x or a parameter := its own flat indices + 1 says which number stands where.
Nothing here knows what a convolution is; a layer of the reader's own is asked unit by unit.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from nnscratch.arrays import Array
from nnscratch.layers import AvgPool2D, Dropout, Layer, MaxPool2D, Softmax, is_custom
from nnscratch.ops.dropout import stream_key
from nnscratch.ops.windows import kernel_offsets
from nnscratch.study.step.step import Index, Step

NUDGE = 1e-3
ROUNDING = 1e-9


@dataclass(frozen=True)
class Links:
    """L entries of a Jacobian, row by row: which number of the output depends on which one of the input.

    ``units`` (L,) and ``inputs`` (L,) are their flat indices, ``places`` (L,) where a link stands in its row;
    ``factors`` (L,) are the derivatives, and ``weights[name]`` (L,) says which number of that parameter one is, or -1.
    """

    units: Array
    inputs: Array
    places: Array
    factors: Array
    weights: dict[str, Array] = field(default_factory=dict)

    def only(self, chosen: Array) -> Links:
        """Return the links at these places, or where a mask is True."""
        weights = {name: which[chosen] for name, which in self.weights.items()}
        return Links(self.units[chosen], self.inputs[chosen], self.places[chosen], self.factors[chosen], weights)


def rows(step: Step, k: int, units: Sequence[int] | Array) -> Links:
    """Return the rows of layer ``k`` for flat ``units`` of its output, which ascend, at the numbers of the step.

    Of pooling they hold all that stands in the window, though of a maximum all factors but one are 0.
    """
    if is_custom(step.network.layers[k]):
        return _own_rows(step, k, units)
    links = all_rows(step, k)
    return links.only(np.isin(links.units, units))


def column(step: Step, k: int, number: int) -> Links:
    """Return the links of a flat number of the input of layer ``k``.

    In the order of the weights that lie between, or of the places in a window.
    """
    links = _own_rows(step, k, fed_by(step, k, number)) if is_custom(step.network.layers[k]) else all_rows(step, k)
    links = links.only(links.inputs == number)
    weight = np.max([np.full(len(links.units), -1), *links.weights.values()], axis=0)
    return links.only(np.argsort(np.where(weight >= 0, weight, links.places), kind="stable"))


@lru_cache(maxsize=32)
def all_rows(step: Step, k: int) -> Links:
    """Return all rows of one of the library's layers, each made of the same number of links."""
    layer, x, out = step.network.layers[k], step.output(k - 1), step.output(k)
    weights = None
    if "W" in layer.parameters:
        W = step.before[f"{layer.name}.W"]
        inputs = _inputs_by_weight(step, k)
        weights = np.arange(W.size).reshape(len(W), -1).repeat(len(inputs) // len(W), axis=0)
        factors = W.ravel()[weights]
    elif isinstance(layer, MaxPool2D | AvgPool2D):
        views = [view.ravel() for _, view in kernel_offsets(labels_of(x)[..., None], layer.window, layer.strides)]
        inputs = np.stack(views, axis=1).astype(np.int64) - 1
        if isinstance(layer, MaxPool2D):
            factors = (layer.argmax.reshape(-1, 1) == np.arange(len(views))).astype(np.float64)
        else:
            factors = np.full(inputs.shape, 1 / len(views))
    elif isinstance(layer, Softmax):
        inputs = np.tile(np.arange(x.size), (x.size, 1))
        factors = answered(step, k, np.tile(x[:, None], x.size))[0].backward(np.eye(x.size))
    else:  # number by number, in their order
        inputs = np.arange(out.size)[:, None]
        factors = asked(step, k).backward(np.ones((*out.shape, 1))).reshape(-1, 1)
    units, places = np.nonzero(inputs >= 0)
    at = units, places
    return Links(units, inputs[at], places, factors[at], {} if weights is None else {"W": weights[at]})


def _inputs_by_weight(step: Step, k: int) -> Array:
    """Return which number of x meets each number of W[f] in each unit of channel f: (units, W[f].size), or -1.

    With x := its flat indices + 1, and W := 1 at one place of each W[f], the forward pass says where that stands.
    """
    x = labels_of(step.output(k - 1))[..., None]
    if step.output(k).ndim == 1:  # every unit has a weight for every number
        return np.tile(np.arange(x.size), (step.output(k).size, 1))
    nothing = {name: np.zeros_like(value) for name, value in step.network.layers[k].parameters.items()}
    layer, _ = answered(step, k, x, **nothing)
    W = layer.parameters["W"].reshape(len(layer.parameters["W"]), -1)
    inputs = np.empty((step.output(k).size, W.shape[1]), np.int64)
    for place in range(W.shape[1]):
        W[...] = 0
        W[:, place] = 1
        inputs[:, place] = layer.forward(x).ravel() - 1
    return inputs


def _own_rows(step: Step, k: int, units: Sequence[int] | Array) -> Links:
    """Return rows of a layer of one's own, each parameter labelled in turn; a label that doubles is a weight."""
    x, shape = step.output(k - 1), step.output(k).shape
    layer, labelled = asked(step, k), dict[str, list[Layer] | None]()
    for name, value in layer.parameters.items():
        made = [answered(step, k, x[..., None], **{name: times * labels_of(value)}) for times in (1, 2)]
        labelled[name] = [one for one, _ in made] if all(np.isfinite(out).all() for _, out in made) else None
    none = np.zeros(0, np.int64)
    found = [(none, none, none, *(none for _ in labelled))]
    for unit in units:
        row = _row(layer, shape, unit)
        weights = [np.full(x.size, -1) for _ in labelled]
        for number, (name, layers) in enumerate(labelled.items()):
            if layers is not None:
                once, twice = (_row(one, shape, unit) for one in layers)
                weights[number] = whose(once, twice, row, layer.parameters[name])
        inputs = np.flatnonzero(np.any([row != 0, *(which >= 0 for which in weights)], axis=0))
        found.append((np.full(len(inputs), unit), inputs, row[inputs], *(which[inputs] for which in weights)))
    units, inputs, factors, *weights = (np.concatenate(parts) for parts in zip(*found, strict=True))
    places = np.arange(len(units)) - np.searchsorted(units, units)
    return Links(units, inputs, places, factors, dict(zip(labelled, weights, strict=True)))


def _row(layer: Layer, shape: Index, unit: int) -> Array:
    """Return d unit / d x, flat, for the ``layer`` as its last forward pass on one image left it."""
    dout = np.zeros((*shape, 1))
    dout.flat[unit] = 1
    return layer.backward(dout)[..., 0].ravel()


def whose(once: Array, twice: Array, numbers: Array, of: Array) -> Array:
    """Return which number of ``of`` each of ``numbers`` is, as a flat index, or -1.

    ``once`` and ``twice`` are what stood in the place of ``numbers`` when ``of`` held its labels, and twice those.
    """
    label = np.clip(np.nan_to_num(once), 1, of.size).astype(np.int64)
    right = (once == label) & (twice == 2 * once) & (of.ravel()[label - 1] == numbers)
    return np.where(right, label - 1, -1)


def fed_by(step: Step, k: int, number: int) -> Array:
    """Return the flat units of a layer of one's own that move when a number of its input does."""
    x = step.output(k - 1)
    moved = x.copy()
    moved.flat[number] += NUDGE * max(1.0, abs(moved.flat[number]))
    before, after = (answered(step, k, at[..., None])[1] for at in (x, moved))
    return np.flatnonzero(after - before)


# ---- asking a layer


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
    if isinstance(layer, Dropout):
        layer.key[:] = stream_key(0, k)  # what it drew in the step
    elif layer.stochastic:
        layer.rng = np.random.default_rng((0, k))
    try:
        with np.errstate(all="ignore"):
            return layer, layer.forward(x, training=not step.network.couples_batch)
    except Exception:
        if not is_custom(layer):
            raise
        return layer, np.full((*step.output(k).shape, x.shape[-1]), np.nan)


def labels_of(array: Array) -> Array:
    """Return an array of the same shape, of its own flat indices + 1, in float64."""
    return np.arange(1.0, array.size + 1).reshape(array.shape)


def bias(step: Step, k: int) -> Array:
    """Return what layer ``k`` returns where the whole input is 0, of the output's shape."""
    return answered(step, k, np.zeros((*step.output(k - 1).shape, 1)))[1][..., 0]


def is_linear(step: Step, k: int) -> bool:
    """Return whether layer ``k`` turns half of the step's input into half of its output, but for the bias."""
    x, out, at_zero = step.output(k - 1), step.output(k), bias(step, k)
    half = answered(step, k, x[..., None] / 2)[1][..., 0]
    return bool(np.allclose(out - at_zero, 2 * (half - at_zero), rtol=ROUNDING, atol=ROUNDING * np.abs(out).max()))


# ---- parameters


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
    column = np.zeros(shape)
    for unit in range(column.size):
        _row(layer, shape, unit)
        column.flat[unit] = getattr(layer, f"d{name}")[at]
    return column


def one_each(step: Step, k: int, name: str) -> tuple[Array, Array] | None:
    """Return which number of a parameter each unit depends on, as a flat index or -1, and d unit / d that; (units,).

    None where that is no whole answer: units depend on several numbers of it, or not in proportion.
    """
    x, gradient = step.output(k - 1)[..., None], step.gradients[f"{step.network.layers[k].name}.{name}"]
    none = {other: np.zeros_like(value) for other, value in step.network.layers[k].parameters.items()}
    start, ones, labelled = (
        answered(step, k, x, **{**none, name: value})[1].ravel()
        for value in (none[name], np.ones_like(gradient), labels_of(gradient))
    )
    factors, which = ones - start, np.full(start.size, -1)
    if not np.isfinite([factors, labelled]).all():
        return None
    moved = factors != 0
    which[moved] = np.rint((labelled - start)[moved] / factors[moved]) - 1
    if (which[moved] < 0).any() or (which >= gradient.size).any():
        return None
    made = np.bincount(which[moved], (step.dout(k).ravel() * factors)[moved], gradient.size)
    fits = np.allclose(made, gradient.ravel(), rtol=ROUNDING, atol=ROUNDING * np.abs(gradient).max())
    return (which, factors) if fits else None
