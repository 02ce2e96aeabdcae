"""A step as a page: pictures and numbers of each layer, forward and backward; what is clicked shows its arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.classes import noun
from nnscratch.layers.summary import describe
from nnscratch.pages.blocks import Table
from nnscratch.pages.html import Image, page, picture
from nnscratch.study.step import arithmetic
from nnscratch.study.step import text as step_text
from nnscratch.study.step.arithmetic import format_number, subscript
from nnscratch.study.step.formulas import LOSS, formulas_of, mathml
from nnscratch.study.step.step import Step
from nnscratch.study.step.tables import script_data
from nnscratch.study.step.update import update_lines

COLUMNS = 40  # numbers in a row of a vector's picture
SCRIPTS = ("step-links.js", "step-panel.js")


def as_page(step: Step) -> str:
    """Return the page, which needs no other file."""
    layers = range(len(step.network.layers))
    data = script_data(step)
    values: dict[str, Any] = {
        "note": step_text.as_in_use(step),
        "head": _head(step),
        "forward": [_input(step), *(_forward(step, k) for k in layers)],
        "loss": _loss(step),
        "backward": [_backward(step, k) for k in reversed(layers)],
        "update": _update(step),
        "example": data["example"],
    }
    title = f"{step.name}: one training step on {step.described}"
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
        [f"true {noun(step.classes)}", step.classes[step.label]],
        ["read as", f"{step.classes[read]} ({100 * step.p[read]:.2f} %)"],
        ["loss before", format_number(step.loss)],
        ["loss after", format_number(step.loss_after)],
        ["optimiser", f"{type(optimizer).__name__}, learning rate {optimizer.learning_rate:g}"],
    ]
    return Table(["the step", "value"], rows)


def _input(step: Step) -> Card:
    about = f"{step.output(-1).shape}; pixels as they enter, {step_text.value_range(step.output(-1))}"
    return Card("forward-input", "input", about, [Part(pictures=pictures(step.output(-1), "input", "input"))])


def _forward(step: Step, k: int) -> Card:
    layer, out = step.network.layers[k], step.output(k)
    about = f"{describe(layer)}: {step.output(k - 1).shape} to {out.shape}; {step_text.value_range(out)}"
    lines = "\n".join(step_text.forward_lines(step, k, step.interesting(k)))
    parts = [Part(formula=mathml(formulas_of(layer).forward), lines=lines)]
    parts.append(Part("out", pictures=pictures(out, layer.name, f"output of {layer.name}")))
    for name in layer.parameters:
        path = f"{layer.name}.{name}"
        parts.append(Part(name, pictures=pictures(step.before[path], path, path)))
    return Card(f"forward-{layer.name}", layer.name, about, parts)


def _loss(step: Step) -> Card:
    parts = [Part(formula=mathml(formula)) for formula in (LOSS.forward, *LOSS.parameters, LOSS.dx)]
    parts += [Part(table=step_text.loss_table(step)), Part(lines=step_text.loss_line(step))]
    return Card("loss", "loss", "softmax and cross-entropy; the gradient with respect to the logits is p - y", parts)


def _backward(step: Step, k: int) -> Card:
    layer, dout, dx = step.network.layers[k], step.dout(k), step.dout(k - 1)
    formulas = formulas_of(layer)
    parts = [Part("dout", pictures=pictures(dout, layer.name, f"gradient with respect to the output of {layer.name}"))]
    for number, name in enumerate(layer.parameters):
        path = f"{layer.name}.{name}"
        images = pictures(step.gradients[path], path, f"gradient with respect to {path}")
        formula = lines = ""
        if formulas.parameters:
            formula = mathml(formulas.parameters[number])
            lines = _sum(arithmetic.of_weight(step, path, step_text.largest(step, path)))
        parts.append(Part(f"d{name}", formula, lines, pictures=images))
    below = step.network.layers[k - 1].name if k else "input"
    lines = _sum(arithmetic.backward(step, k - 1, step.interesting(k - 1))) if formulas.dx else ""
    images = pictures(dx, below, f"gradient with respect to the input of {layer.name}")
    about = f"dout {step_text.value_range(dout)}; dx {step_text.value_range(dx)}"
    parts.append(Part("dx", mathml(formulas.dx), lines, pictures=images))
    return Card(f"backward-{layer.name}", layer.name, about, parts)


def _sum(terms: arithmetic.Arithmetic) -> str:
    return "\n".join(step_text.sum_lines(terms))


def _update(step: Step) -> Card:
    parts = []
    for path in step.gradients:
        at = step_text.largest(step, path)
        rows = [[symbol, format_number(value), how] for symbol, how, value in update_lines(step, path, at)]
        title = f"{path}[{subscript(at)}], whose gradient is largest"
        parts.append(Part(title, table=Table(["number", "value", "how"], rows)))
    before, after = format_number(step.loss), format_number(step.loss_after)
    about = f"{type(step.optimizer).__name__}; then the loss is {after} instead of {before}"
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
        about_part = f"{alt}[{subscript(prefix)}]" if prefix else alt
        content.append(picture(image, about_part, top=top, about=about, width=_width(len(image[0]), array.ndim)))
    return content


def _width(columns: int, axes: int) -> int:
    """Return how wide, in CSS pixels, a picture of so many columns is."""
    if axes == 2:
        return min(max(4 * columns, 64), 784)
    return 9 * columns if axes == 4 else max(84, 5 * columns if columns < 28 else 4 * columns)
