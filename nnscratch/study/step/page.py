"""A step as a page: pictures and numbers of each layer, forward and backward; what is clicked shows its arithmetic."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.layers import AvgPool2D, BatchNorm, Conv2D, Dense, Flatten, Layer, LeakyReLU, MaxPool2D, Softmax, is_own
from nnscratch.layers.summary import describe
from nnscratch.pages.blocks import Table
from nnscratch.pages.html import Image, page, picture
from nnscratch.study.step import arithmetic, jacobian
from nnscratch.study.step import text as step_text
from nnscratch.study.step.arithmetic import PER_NUMBER, shown
from nnscratch.study.step.formulas import FORMULAS, LOSS, mathml
from nnscratch.study.step.step import Step
from nnscratch.study.step.tables import link_table
from nnscratch.study.step.update import FORMULAS as STEPS
from nnscratch.study.step.update import update_lines

COLUMNS = 40  # numbers in a row of a vector's picture
KINDS: dict[type[Layer], str] = {
    Dense: "dense",
    Conv2D: "conv",
    MaxPool2D: "max",
    AvgPool2D: "average",
    Flatten: "flatten",
    Softmax: "softmax",
    **dict.fromkeys(PER_NUMBER, "number"),
}
SCRIPTS = ("step-links.js", "step-update.js", "step-panel.js")


def as_page(step: Step) -> str:
    """Return the page, which needs no other file."""
    layers = range(len(step.network.layers))
    data = _data(step)
    values: dict[str, Any] = {
        "note": step_text.as_in_use(step),
        "head": _head(step),
        "forward": [_input(step), *(_forward(step, k) for k in layers)],
        "loss": _loss(step),
        "backward": [_backward(step, k) for k in reversed(layers)],
        "update": _update(step),
        "example": data["example"],
    }
    title = f"{step.name}: one training step on a {step.label}"
    return page("step.html", title, scripts=[_script(name) for name in SCRIPTS], data=data, **values)


def _script(name: str) -> str:
    return (files("nnscratch.study.step") / "static" / name).read_text("utf-8")


@dataclass(frozen=True)
class Part:
    """What stands below a small heading in a card: a formula in MathML, lines of arithmetic, a table, pictures."""

    title: str = ""
    formula: str = ""
    lines: str = ""
    table: Table | None = None
    pictures: Sequence[Image] = ()


@dataclass(frozen=True)
class Card:
    """A card of the page: its id, its title, what is said beside that, and its parts."""

    id: str
    title: str
    about: str
    parts: Sequence[Part]


def _head(step: Step) -> Table:
    read = int(step.p.argmax())
    optimizer = step.optimizer
    rows = [
        ["true digit", str(step.label)],
        ["read as", f"{read} ({100 * step.p[read]:.2f} %)"],
        ["loss before", shown(step.loss)],
        ["loss after", shown(step.loss_after)],
        ["optimiser", f"{type(optimizer).__name__}, learning rate {optimizer.learning_rate:g}"],
    ]
    return Table(["the step", "value"], rows)


def _input(step: Step) -> Card:
    about = f"{step.output(-1).shape}; pixels as they enter, {step_text.value_range(step.output(-1))}"
    return Card("forward-input", "input", about, [Part(pictures=pictures(step.output(-1), "input", "input"))])


def _forward(step: Step, k: int) -> Card:
    layer, out = step.network.layers[k], step.output(k)
    about = f"{describe(layer)}: {step.output(k - 1).shape} to {out.shape}; {step_text.value_range(out)}"
    formulas = FORMULAS.get(type(layer))
    lines = "\n".join(step_text.forward_lines(step, k, step.interesting(k)))
    parts = [Part(formula=mathml(formulas.forward) if formulas else "", lines=lines)]
    parts.append(Part("out", pictures=pictures(out, layer.name, f"output of {layer.name}")))
    for name in layer.parameters:
        path = f"{layer.name}.{name}"
        parts.append(Part(name, pictures=pictures(step.before[path], path, path)))
    return Card(f"forward-{layer.name}", layer.name, about, parts)


def _loss(step: Step) -> Card:
    z = step.output(len(step.network.layers) - 1)
    e = np.exp(z - z.max())
    rows = [
        [str(k), shown(z[k]), shown(e[k]), shown(p), str(int(k == step.label)), shown(p - (k == step.label))]
        for k, p in enumerate(step.p)
    ]
    line = f"sum of exp = {shown(e.sum())}, L = -log {shown(step.p[step.label])} = {shown(step.loss)}"
    parts = [Part(formula=mathml(formula)) for formula in (LOSS.forward, *LOSS.parameters, LOSS.dx)]
    parts += [Part(table=Table(["class", "z", "exp(z - max)", "p", "y", "p - y"], rows)), Part(lines=line)]
    return Card("loss", "loss", "softmax and cross-entropy; the gradient by the logits is p - y", parts)


def _backward(step: Step, k: int) -> Card:
    layer, dout, dx = step.network.layers[k], step.dout(k), step.dout(k - 1)
    formulas = FORMULAS.get(type(layer))
    parts = [Part("dout", pictures=pictures(dout, layer.name, f"gradient by the output of {layer.name}"))]
    for number, name in enumerate(layer.parameters):
        path = f"{layer.name}.{name}"
        images = pictures(step.gradients[path], path, f"gradient by {path}")
        formula = lines = ""
        if formulas is not None:
            formula = mathml(formulas.parameters[number])
            lines = _sum(arithmetic.of_weight(step, path, step_text.largest(step, path)))
        parts.append(Part(f"d{name}", formula, lines, pictures=images))
    below = step.network.layers[k - 1].name if k else "input"
    formula = lines = ""
    if formulas is not None:
        formula, lines = mathml(formulas.dx), _sum(arithmetic.backward(step, k - 1, step.interesting(k - 1)))
    images = pictures(dx, below, f"gradient by the input of {layer.name}")
    about = f"dout {step_text.value_range(dout)}; dx {step_text.value_range(dx)}"
    return Card(f"backward-{layer.name}", layer.name, about, [*parts, Part("dx", formula, lines, pictures=images)])


def _sum(terms: arithmetic.Arithmetic) -> str:
    return "\n".join(step_text.sum_lines(terms))


def _update(step: Step) -> Card:
    parts = []
    for path in step.gradients:
        at = step_text.largest(step, path)
        rows = [[symbol, shown(value), how] for symbol, how, value in update_lines(step, path, at)]
        title = f"{path}[{', '.join(map(str, at))}], whose gradient is largest"
        parts.append(Part(title, table=Table(["number", "value", "how"], rows)))
    about = f"{type(step.optimizer).__name__}; then the loss is {shown(step.loss_after)} instead of {shown(step.loss)}"
    return Card("update", "parameters", about, parts)


def pictures(array: Array, name: str, alt: str) -> list[Image]:
    """Return an array as pictures that can be clicked: ``name`` is that of an activation or a parameter.

    (D,) and (K, D) are one picture, (C, H, W) one for each channel, (F, C, KH, KW) one for each kernel.
    """
    top = float(np.abs(array).max(initial=0))
    if array.ndim == 1:
        rows = -(-len(array) // COLUMNS)
        columns = min(COLUMNS, len(array))
        image = np.zeros(rows * columns)
        image[: len(array)] = array
        about: dict[str, object] = {"name": name, "prefix": [], "grid": [rows, columns], "vector": len(array)}
        return [picture(image.reshape(rows, columns), alt, top=top, about=about, width=14 * columns)]
    content = []
    for prefix in np.ndindex(*array.shape[: array.ndim - 2]):
        image = array[prefix]
        about = {"name": name, "prefix": list(prefix), "grid": list(image.shape)}
        told = f"{alt}[{', '.join(map(str, prefix))}]" if prefix else alt
        content.append(picture(image, told, top=top, about=about, width=_width(len(image[0]), array.ndim)))
    return content


def _width(columns: int, axes: int) -> int:
    """Return how wide, in CSS pixels, a picture of so many columns is."""
    if axes == 2:
        return min(max(4 * columns, 64), 784)
    return 9 * columns if axes == 4 else max(84, 5 * columns if columns < 28 else 4 * columns)


# ---- for the script


def _data(step: Step) -> dict[str, Any]:
    """Return the numbers from which the page's script works everything out that is clicked."""
    layers = step.network.layers
    gradients = {path: g for path, g in step.gradients.items() if not _is_product(step, path)}
    optimizer = step.optimizer
    told = {"kind": type(optimizer).__name__, "formula": STEPS[type(optimizer)], **optimizer.settings()}
    decayed = [f"{layer.name}.{name}" for layer in layers for name in layer.parameters if name in layer.decayed]
    first = next((k for k, layer in enumerate(layers) if isinstance(layer, Conv2D | Dense)), 0)
    unit = list(step.interesting(first))
    return {
        "outputs": [packed(step.output(k)) for k in range(-1, len(layers))],
        "douts": [packed(step.dout(k)) for k in range(-1, len(layers))],
        "parameters": {path: packed(value) for path, value in step.before.items()},
        "gradients": {path: packed(value) for path, value in gradients.items()},
        "layers": [_layer(step, k) for k in range(len(layers))],
        "p": [float(value) for value in step.p],
        "label": step.label,
        "optimizer": told,
        "decayed": decayed,
        "first": [layers[first].name, unit],
        "example": f"{layers[first].name}[{', '.join(map(str, unit))}]",
    }


def _is_product(step: Step, path: str) -> bool:
    """Return whether a gradient is dout times x, number by number: that of a dense layer's W, for one image."""
    name, _, parameter = path.partition(".")
    (layer,) = (layer for layer in step.network.layers if layer.name == name)
    return parameter == "W" and isinstance(layer, Dense) and not is_own(layer)


def _layer(step: Step, k: int) -> dict[str, Any]:
    layer = step.network.layers[k]
    table = None if arithmetic.is_function(step, k) else link_table(step, k)
    kind = KINDS[type(layer)] if not is_own(layer) else "own" if table else "other"
    told: dict[str, Any] = {"name": layer.name, "kind": kind, "does": type(layer).__name__}
    told |= {name: _packed_all(value) for name, value in (table or {}).items()}
    told["parameters"] = list(layer.parameters)
    if is_own(layer):
        return told
    if kind == "conv":
        told["window"] = list(layer.parameters["W"].shape[2:])
    if isinstance(layer, MaxPool2D | AvgPool2D):
        told["window"] = list(layer.window)
    if isinstance(layer, MaxPool2D):
        told["extra"] = packed(layer.winner[..., 0].astype(np.float64))
    if kind == "number":
        told["extra"] = packed(jacobian.derivative(step, k))
    if hasattr(layer, "xhat"):
        told["xhat"] = packed(layer.xhat[..., 0])
    if isinstance(layer, BatchNorm):
        told |= {"mean": packed(layer.running_mean), "var": packed(layer.var), "eps": layer.eps}
    if isinstance(layer, LeakyReLU):
        told["slope"] = layer.slope
    return told


def _packed_all(value: Array | dict[str, Array]) -> dict[str, Any]:
    return {name: packed(one) for name, one in value.items()} if isinstance(value, dict) else packed(value)


def packed(array: Array) -> dict[str, Any]:
    """Return an array as base64 of its bytes: of float32 where nothing is lost by that, else of float64."""
    small = array.astype(np.float32)
    exact = bool((small == array).all())
    values = np.ascontiguousarray(small if exact else array.astype(np.float64)).astype("<f4" if exact else "<f8")
    content = base64.b64encode(values.tobytes()).decode()
    return {"type": "f4" if exact else "f8", "shape": list(array.shape), "base64": content}
