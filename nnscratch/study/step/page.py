"""A step as a page, one card for each layer and phase; its scripts walk through them and explain what is clicked."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.classes import noun
from nnscratch.layers.summary import describe
from nnscratch.pages.blocks import Table
from nnscratch.pages.html import Image, math_font, page, picture
from nnscratch.pages.mathml import mathml
from nnscratch.study.step import arithmetic, source
from nnscratch.study.step import text as step_text
from nnscratch.study.step.arithmetic import format_number, subscript
from nnscratch.study.step.formulas import LOSS, formulas_of, windows
from nnscratch.study.step.source import Code
from nnscratch.study.step.step import Step
from nnscratch.study.step.tables import script_data
from nnscratch.study.step.update import update_lines

COLUMNS = 40  # numbers in a row of a vector's picture
SCRIPTS = ("links", "names", "panel", "pictures", "whatif", "light", "network", "player")


def as_page(step: Step) -> str:
    """Return the page, which needs no other file."""
    layers = range(len(step.network.layers))
    data = script_data(step)
    values: dict[str, Any] = {
        "notes": [note for note in (step.remark, step_text.as_in_use(step)) if note],
        "lead": _lead(step),
        "nodes": _nodes(step),
        "stages": [
            _input(step),
            *(_forward(step, k) for k in layers),
            _loss(step),
            *(_backward(step, k) for k in reversed(layers)),
            *_updates(step),
        ],
    }
    title = f"{step.name}: one training step on {step.described}"
    scripts = [_static(f"step-{name}.js") for name in SCRIPTS]
    return page("step.html", title, scripts=scripts, styles=[math_font(), _static("step.css")], data=data, **values)


def _static(name: str) -> str:
    return (files("nnscratch.study.step") / "static" / name).read_text("utf-8")


@dataclass(frozen=True)
class Part:
    """What stands below a small heading in a card: a formula in MathML, lines of arithmetic, a table, pictures.

    ``token`` is what the formulas call it; ``copy`` names an array whose pictures are on the page already.
    """

    title: str = ""
    token: str = ""
    formula: str = ""
    lines: str = ""
    table: Table | None = None
    pictures: Sequence[Image] = ()
    copy: str = ""


@dataclass(frozen=True)
class Stage:
    """A state of the player: its phase and layer, what is said beside the title, its code and its parts."""

    phase: str
    layer: str
    about: str
    parts: Sequence[Part]
    code: Sequence[Code] = ()

    @property
    def title(self) -> str:
        """The heading."""
        return self.layer if self.phase == self.layer else f"{self.layer}, {self.phase}"


@dataclass(frozen=True)
class Node:
    """A layer in the picture of the network: what it is called, what it is, the shape of its output."""

    name: str
    kind: str
    shape: str


def _nodes(step: Step) -> list[Node]:
    layers = step.network.layers
    shapes = [" × ".join(map(str, step.output(k).shape)) for k in range(-1, len(layers))]
    kinds = ["pixels", *(type(layer).__name__ for layer in layers)]
    names = ["input", *(layer.name for layer in layers)]
    return [*map(Node, names, kinds, shapes), Node("loss", "cross-entropy", format_number(step.loss))]


def _lead(step: Step) -> str:
    """Return the step in three sentences."""
    read, optimizer = int(step.p.argmax()), step.optimizer
    before, after = format_number(step.loss), format_number(step.loss_after)
    return (
        f"True {noun(step.classes)} {step.classes[step.label]}, read as {step.classes[read]} "
        f"({100 * step.p[read]:.2f} %). Loss {before} before the step, {after} after it, by "
        f"{type(optimizer).__name__} with the learning rate {optimizer.learning_rate:g}."
    )


def _input(step: Step) -> Stage:
    about = f"{step.output(-1).shape}; pixels as they enter, {step_text.value_range(step.output(-1))}"
    return Stage("forward", "input", about, [Part(pictures=pictures(step.output(-1), "input", "input"))])


def _forward(step: Step, k: int) -> Stage:
    layer, out = step.network.layers[k], step.output(k)
    below = arithmetic.name_of(step, k - 1)
    sizes = f", {windows(layer)}" if windows(layer) else ""
    about = f"{describe(layer)}{sizes}: {step.output(k - 1).shape} to {out.shape}; {step_text.value_range(out)}"
    formula = formulas_of(layer).forward
    parts = [Part(formula=formula and mathml(formula)), Part(f"x, from {below}", "x", copy=below)]
    for name in layer.parameters:
        path = f"{layer.name}.{name}"
        parts.append(Part(name, name, pictures=pictures(step.before[path], path, path)))
    parts.append(Part("out", "out", pictures=pictures(out, layer.name, f"output of {layer.name}")))
    return Stage("forward", layer.name, about, parts, source.of_layer(layer, "forward"))


def _loss(step: Step) -> Stage:
    parts = [Part(formula=mathml(formula)) for formula in (LOSS.forward, *LOSS.parameters, LOSS.dx)]
    parts += [Part(table=step_text.loss_table(step)), Part(lines=step_text.loss_line(step))]
    about = "softmax and cross-entropy; the gradient with respect to the logits is p - y"
    return Stage("loss", "loss", about, parts, source.of_loss())


def _backward(step: Step, k: int) -> Stage:
    layer, dout, dx = step.network.layers[k], step.dout(k), step.dout(k - 1)
    formulas, below = formulas_of(layer), arithmetic.name_of(step, k - 1)
    alt = f"gradient with respect to the output of {layer.name}"
    parts = [Part(formula=mathml(formula)) for formula in (*formulas.parameters, formulas.dx) if formula]
    parts.append(Part("dout", "dout", pictures=pictures(dout, layer.name, alt, gradient=True)))
    if layer.parameters:
        parts.append(Part(f"x, from {below}", "x", copy=below))
    for name in layer.parameters:
        path = f"{layer.name}.{name}"
        images = pictures(step.gradients[path], path, f"gradient with respect to {path}", gradient=True)
        parts.append(Part(f"d{name}", f"d{name}", pictures=images))
    images = pictures(dx, below, f"gradient with respect to the input of {layer.name}", gradient=True)
    parts.append(Part(f"dx, for {below}", "dx", pictures=images))
    sizes = f"{windows(layer)}; " if windows(layer) else ""
    about = f"{sizes}dout {step_text.value_range(dout)}; dx {step_text.value_range(dx)}"
    return Stage("backward", layer.name, about, parts, source.of_layer(layer, "backward"))


def _updates(step: Step) -> Iterator[Stage]:
    """Yield a state for each layer with parameters: where their gradient is largest, and the parameters themselves."""
    before, after = format_number(step.loss), format_number(step.loss_after)
    about = f"{type(step.optimizer).__name__}; after the whole step the loss is {after} instead of {before}"
    for layer in step.network.layers:
        parts = []
        for path in (f"{layer.name}.{name}" for name in layer.parameters):
            at = step_text.largest(step, path)
            rows = [[symbol, format_number(value), how] for symbol, how, value in update_lines(step, path, at)]
            title = f"{path}[{subscript(at)}], whose gradient is largest"
            parts.append(Part(title, table=Table(["number", "value", "how"], rows)))
            parts.append(Part(path, copy=path))
        if parts:
            yield Stage("update", layer.name, about, parts, source.of_update(step.optimizer))


def pictures(array: Array, name: str, alt: str, *, gradient: bool = False) -> list[Image]:
    """Return an array as pictures that can be clicked: ``name`` is that of an activation or a parameter.

    Of a ``gradient`` it is what the gradient is with respect to.

    (D,) and (K, D) are one picture, (C, H, W) one for each channel, (F, C, KH, KW) one for each kernel.
    """
    top = float(np.abs(array).max(initial=0))
    of: dict[str, object] = {"name": name} | ({"gradient": 1} if gradient else {})
    if array.ndim == 1:
        side = math.isqrt(len(array))
        columns = side if side**2 == len(array) and side <= COLUMNS else min(COLUMNS, len(array))  # 784 is 28 x 28
        rows = -(-len(array) // columns)
        width = (14 if rows < 10 else 8) * columns
        image = np.zeros(rows * columns)
        image[: len(array)] = array
        about = of | {"prefix": [], "grid": [rows, columns], "vector": len(array)}
        return [picture(image.reshape(rows, columns), alt, top=top, about=about, width=width)]
    content = []
    for prefix in np.ndindex(*array.shape[: array.ndim - 2]):
        image = array[prefix]
        about = of | {"prefix": list(prefix), "grid": list(image.shape)}
        about_part = f"{alt}[{subscript(prefix)}]" if prefix else alt
        content.append(picture(image, about_part, top=top, about=about, width=_width(len(image[0]), array.ndim)))
    return content


def _width(columns: int, axes: int) -> int:
    """Return how wide, in CSS pixels, a picture of so many columns is."""
    if axes == 2:
        return min(max(4 * columns, 64), 784)
    return 9 * columns if axes == 4 else max(84, 5 * columns if columns < 28 else 4 * columns)
