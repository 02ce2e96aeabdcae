"""The formulas of each layer: as text, of which :mod:`nnscratch.pages.mathml` makes MathML, and for single numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from nnscratch import layers
from nnscratch.layers import Layer, is_custom


@dataclass(frozen=True)
class Formulas:
    """Forward and backward, as text.

    The others are for single numbers, with names in braces where they stand: ``number`` is how a unit came about, where
    it is no sum of products; ``factor`` is d unit / d x, and ``multipliers[name]`` d unit / d parameter, in words.
    """

    forward: str = ""
    dx: str = ""
    parameters: tuple[str, ...] = ()
    number: str = ""
    factor: str = ""
    multipliers: Mapping[str, str] = field(default_factory=dict)


FORMULAS: dict[type[Layer], Formulas] = {
    layers.Dense: Formulas(
        "out[d] = b[d] + sum over k of W[d, k] x[k]",
        "dx[k] = sum over d of W[d, k] dout[d]",
        ("dW[d, k] = dout[d] x[k]", "db[d] = dout[d]"),
    ),
    layers.Conv2D: Formulas(
        "out[f, oh, ow] = b[f] + sum over c, i, j of W[f, c, i, j] x[c, oh SH + i, ow SW + j]",
        "dx[c, h, w] = sum over f, i, j of W[f, c, i, j] dout[f, oh, ow], where oh SH + i = h, ow SW + j = w",
        (
            "dW[f, c, i, j] = sum over oh, ow of dout[f, oh, ow] x[c, oh SH + i, ow SW + j]",
            "db[f] = sum over oh, ow of dout[f, oh, ow]",
        ),
    ),
    layers.MaxPool2D: Formulas(
        "out[c, oh, ow] = max over i, j of x[c, oh SH + i, ow SW + j]",
        "dx[c, h, w] = sum of dout[c, oh, ow] over the windows that x[c, h, w] has won",
        number="max({inputs})",
        factor="won at offset ({place})",
    ),
    layers.AvgPool2D: Formulas(
        "out[c, oh, ow] = 1/(KH KW) sum over i, j of x[c, oh SH + i, ow SW + j]",
        "dx[c, h, w] = 1/(KH KW) sum of dout[c, oh, ow] over the windows that hold x[c, h, w]",
        factor="1/{size}",
    ),
    layers.Flatten: Formulas("out[k] = x[c, h, w], k = (c H + h) W + w", "dx[c, h, w] = dout[k]"),
    layers.ReLU: Formulas(
        "out = max(x, 0)",
        "dx = dout if x > 0, else 0",
        number="max({x}, 0)",
        factor="(1 if x > 0, else 0)",
    ),
    layers.LeakyReLU: Formulas(
        "out = x if x > 0, else slope x",
        "dx = dout if x > 0, else slope dout",
        number="{factor} * {x}",
        factor="(1 if x > 0, else {slope})",
    ),
    layers.Tanh: Formulas(
        "out = tanh(x)",
        "dx = dout (1 - out²)",
        number="tanh({x})",
        factor="(1 - {out}^2)",
    ),
    layers.Sigmoid: Formulas(
        "out = 1 / (1 + exp(-x))",
        "dx = dout out (1 - out)",
        number="1 / (1 + exp(-({x})))",
        factor="{out} (1 - {out})",
    ),
    layers.Dropout: Formulas("out = mask x", "dx = dout mask", number="{factor} * {x}", factor="mask"),
    layers.Softmax: Formulas(
        "out[k] = exp(x[k]) / (sum over j of exp(x[j]))",
        "dx[k] = sum over j of dout[j] out[j] (1{j = k} - out[k])",
        number="exp({x}) / (sum of exp of all)",
        factor="{layer}[{unit}] ({same} - {layer}[{input}])",
    ),
    layers.BatchNorm: Formulas(
        "out = gamma xhat + beta, xhat = (x - mean) / sqrt(var + eps)",
        "dx = dout gamma / sqrt(var + eps)",
        (
            "dgamma[c] = sum over oh, ow of dout[c, oh, ow] xhat[c, oh, ow]",
            "dbeta[c] = sum over oh, ow of dout[c, oh, ow]",
        ),
        number="{gamma} * ({x} - {mean}) / sqrt({var} + {eps}) + {beta}",
        factor="{gamma} / sqrt({var} + {eps})",
        multipliers={"gamma": "{layer}.xhat[{unit}]"},
    ),
}
LOSS = Formulas(
    "L = -log p[y], p[k] = exp(z[k]) / (sum over j of exp(z[j]))",
    "dz[k] = p[k] - y[k]",
    (
        "L = log S - z[y], S = sum over j of exp(z[j])",
        "d log S / d z[k] = exp(z[k]) / S = p[k], d z[y] / d z[k] = 1{k = y} = y[k]",
    ),
)


def windows(layer: Layer) -> str:
    """Return the sizes that stand in the formulas of a layer with windows; nothing for another."""
    if not isinstance(layer, (layers.Conv2D, layers.MaxPool2D, layers.AvgPool2D)):
        return ""
    (KH, KW), (SH, SW) = layer.size if isinstance(layer, layers.Conv2D) else layer.window, layer.strides
    return f"windows of KH x KW = {KH} x {KW} pixels, in steps of SH = {SH} down and SW = {SW} to the right"


def formulas_of(layer: Layer) -> Formulas:
    """Return the formulas of a layer; none of one's own."""
    return Formulas() if is_custom(layer) else FORMULAS[type(layer)]


def indices(*formulas: str) -> dict[str, list[str]]:
    """Return which letters index each name: {"x": ["c", "oh SH i", "ow SW j"], ...}, as it is first written."""
    found: dict[str, list[str]] = {}
    for name, inner in re.findall(r"([A-Za-z]\w*)\[([^\[\]]*)\]", " ".join(formulas)):
        found.setdefault(name, [" ".join(re.findall(r"[A-Za-z]\w*", part)) for part in inner.split(",")])
    return found
