"""The numbers of a step for the page's script: arrays as text, the links of each layer, and the updates.

Rows of one layer's Jacobian repeat each other but for where they begin: those of a convolution are one pattern of steps
for all units. So LeNet-5's 276,000 links take 0.1 MB in place of 1.5, and the script needs to know nothing of windows.
"""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.layers import Conv2D, Dense, is_custom
from nnscratch.study.step import arithmetic, jacobian
from nnscratch.study.step.formulas import formulas_of, indices
from nnscratch.study.step.step import Step
from nnscratch.study.step.update import update

OWN_UNITS = 4096  # of a layer of one's own, which is asked unit by unit
OWN_LINKS = 1 << 17


def script_data(step: Step) -> dict[str, Any]:
    """Return the numbers from which the page's script works everything out that is clicked."""
    layers = step.network.layers
    first = next((layer.name for layer in layers if isinstance(layer, Conv2D | Dense)), layers[0].name)
    return {
        "outputs": [packed(step.output(k)) for k in range(-1, len(layers))],
        "douts": [packed(step.dout(k)) for k in range(-1, len(layers))],
        "parameters": {path: packed(value) for path, value in step.before.items()},
        "gradients": {path: packed(value) for path, value in step.gradients.items() if not _is_product(step, path)},
        "layers": [layer_data(step, k) for k in range(len(layers))],
        "p": [float(value) for value in step.p],
        "label": step.label,
        "optimizer": type(step.optimizer).__name__,
        "updates": {path: update_data(step, path) for path in step.gradients},
        "first": first,
        "classes": list(step.classes),
        "loss": [step.loss, step.loss_after],
    }


def _is_product(step: Step, path: str) -> bool:
    """Return whether a gradient is dout times x, number by number: that of a dense layer's W, for one image."""
    name, _, parameter = path.partition(".")
    (layer,) = (layer for layer in step.network.layers if layer.name == name)
    return parameter == "W" and isinstance(layer, Dense) and not is_custom(layer)


def layer_data(step: Step, k: int) -> dict[str, Any]:
    """Return what layer ``k`` does to single numbers.

    "links" and "weights" are :func:`compressed` rows for its units; "factors" (L,) is left out where all factors are
    weights. "owners" are, for parameters that are no factors of inputs, their numbers that the units depend on, and how
    much. A layer of one's own that is too large for a page has no links: None.
    """
    layer, formulas = step.network.layers[k], formulas_of(step.network.layers[k])
    described = {
        "name": layer.name,
        "type": type(layer).__name__,
        "own": is_custom(layer),
        "parameters": list(layer.parameters),
        "window": list(layer.window) if formulas.number and hasattr(layer, "window") else None,
        "number": formulas.number,
        "factor": formulas.factor,
        "indices": indices(formulas.forward, *formulas.parameters, formulas.dx),
        "multipliers": dict(formulas.multipliers),
        "constants": {
            name: packed(value) if isinstance(value, np.ndarray) else value
            for name, value in arithmetic.constants(step, k).items()
        },
        "links": None,
    }
    units = step.output(k).size
    if is_custom(layer) and units > OWN_UNITS:
        return described
    rows = jacobian.rows(step, k, range(units))
    if is_custom(layer) and len(rows.units) > OWN_LINKS:
        return described
    ends = np.searchsorted(rows.units, np.arange(1, units))
    weights = {name: which for name, which in rows.weights.items() if (which >= 0).any()}
    owners = {name: jacobian.one_each(step, k, name) for name in layer.parameters if name not in weights}
    return described | {
        "links": compressed(np.split(rows.inputs, ends)),
        "weights": {name: compressed(np.split(which, ends)) for name, which in weights.items()},
        "factors": None if any((which >= 0).all() for which in weights.values()) else packed(rows.factors),
        "bias": packed(jacobian.bias(step, k)),
        "linear": jacobian.is_linear(step, k),
        "owners": {name: [packed(array) for array in found] for name, found in owners.items() if found is not None},
    }


def compressed(rows: list[Array]) -> dict[str, Any]:
    """Return rows of whole numbers as four arrays.

    Row u is first[u] + steps[ends[which[u] - 1] : ends[which[u]]], with 0 before the first of ``ends``.
    """
    first = np.array([row[0] if len(row) else 0 for row in rows])
    patterns: dict[bytes, int] = {}
    which = [patterns.setdefault((row - row[:1]).astype("<i8").tobytes(), len(patterns)) for row in rows]
    steps = [np.frombuffer(pattern, "<i8") for pattern in patterns]
    ends = np.cumsum([len(pattern) for pattern in steps])
    arrays = {"first": first, "which": np.array(which), "ends": ends, "steps": np.concatenate(steps)}
    return {name: packed(array) for name, array in arrays.items()}


def update_data(step: Step, path: str) -> list[tuple[str, str, Any]]:
    """Return the lines of a parameter's update, with "theta", "g" and "new theta" by name, for the page has them."""
    lines = update(step, path)
    known = [values for _, _, values in lines]
    described: list[Any] = [
        "theta",
        "g",
        *(_values(known[k], known[:k]) for k in range(2, len(known) - 1)),
        "new theta",
    ]
    return [(symbol, how, values) for (symbol, how, _), values in zip(lines, described, strict=True)]


def _values(values: Array, earlier: list[Array]) -> Any:
    """Return an array as (place, factor, power) where it is a factor times a power of an earlier one.

    Else as its rows and columns that are not all 0: where among those each one stands, or -1, and their numbers.
    """
    for place, other in enumerate(earlier):
        most = np.abs(other).argmax()
        for power in (0, 1, 2):
            factor = values.flat[most] / (other.flat[most] ** power or 1.0)
            if np.allclose(values, factor * other**power, rtol=1e-12, atol=0):
                return place, float(factor), power
    matrix = values.reshape(len(values), -1)
    kept = matrix.any(axis=1), matrix.any(axis=0)
    rows, columns = (packed(np.where(mask, np.cumsum(mask) - 1, -1)) for mask in kept)
    return {"rows": rows, "columns": columns, "numbers": packed(matrix[np.ix_(*kept)])}


def packed(array: Array) -> dict[str, Any]:
    """Return an array as base64 of its bytes: of float32 where nothing is lost by that, else of float64.

    One of the same number everywhere is that number's bytes.
    """
    small = array.astype(np.float32)
    exact = bool((small == array).all())
    values = np.ascontiguousarray(small if exact else array.astype(np.float64)).astype("<f4" if exact else "<f8")
    if values.size and (values == values.flat[0]).all():
        values = values.ravel()[:1]
    content = base64.b64encode(values.tobytes()).decode()
    return {"type": "f4" if exact else "f8", "shape": list(array.shape), "base64": content}
