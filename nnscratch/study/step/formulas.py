"""The formulas of each layer, as text in the code's own names, as MathML for pages, and for single numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

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
    is_custom,
)


@dataclass(frozen=True)
class Formulas:
    """Forward and backward, in the little language of :func:`mathml`: a_{i, j} is an index, a^{2} a power.

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
    Dense: Formulas(
        "out_{d} = b_{d} + sum_{k} W_{d, k} x_{k}",
        "dx_{k} = sum_{d} W_{d, k} dout_{d}",
        ("dW_{d, k} = dout_{d} x_{k}", "db_{d} = dout_{d}"),
    ),
    Conv2D: Formulas(
        "out_{f, oh, ow} = b_{f} + sum_{c, i, j} W_{f, c, i, j} x_{c, oh SH + i, ow SW + j}",
        "dx_{c, h, w} = sum_{f, i, j} W_{f, c, i, j} dout_{f, oh, ow} , where oh SH + i = h , ow SW + j = w",
        (
            "dW_{f, c, i, j} = sum_{oh, ow} dout_{f, oh, ow} x_{c, oh SH + i, ow SW + j}",
            "db_{f} = sum_{oh, ow} dout_{f, oh, ow}",
        ),
    ),
    MaxPool2D: Formulas(
        "out_{c, oh, ow} = max_{i, j} x_{c, oh SH + i, ow SW + j}",
        "dx_{c, h, w} = sum of dout_{c, oh, ow} over the windows that x_{c, h, w} has won",
        number="max({inputs})",
        factor="won at offset ({place})",
    ),
    AvgPool2D: Formulas(
        "out_{c, oh, ow} = {1 / KH KW} sum_{i, j} x_{c, oh SH + i, ow SW + j}",
        "dx_{c, h, w} = {1 / KH KW} sum of dout_{c, oh, ow} over the windows that hold x_{c, h, w}",
        factor="1/{size}",
    ),
    Flatten: Formulas("out_{k} = x_{c, h, w} , k = ( c H + h ) W + w", "dx_{c, h, w} = dout_{k}"),
    ReLU: Formulas(
        "out = max ( x , 0 )",
        "dx = dout if x > 0 , else 0",
        number="max({x}, 0)",
        factor="(1 if x > 0, else 0)",
    ),
    LeakyReLU: Formulas(
        "out = x if x > 0 , else slope x",
        "dx = dout if x > 0 , else slope dout",
        number="{factor} * {x}",
        factor="(1 if x > 0, else {slope})",
    ),
    Tanh: Formulas(
        "out = tanh ( x )",
        "dx = dout ( 1 - out^{2} )",
        number="tanh({x})",
        factor="(1 - {out}^2)",
    ),
    Sigmoid: Formulas(
        "out = {1 / 1 + exp ( - x )}",
        "dx = dout out ( 1 - out )",
        number="1 / (1 + exp(-({x})))",
        factor="{out} (1 - {out})",
    ),
    Dropout: Formulas("out = mask x", "dx = dout mask", number="{factor} * {x}", factor="mask"),
    Softmax: Formulas(
        "out_{k} = {exp ( x_{k} ) / sum_{j} exp ( x_{j} )}",
        "dx_{k} = sum_{j} dout_{j} out_{j} ( 1_{j = k} - out_{k} )",
        number="exp({x}) / (sum of exp of all)",
        factor="{layer}[{unit}] ({same} - {layer}[{input}])",
    ),
    BatchNorm: Formulas(
        "out = gamma xhat + beta , xhat = {x - mean / sqrt ( var + eps )}",
        "dx = dout {gamma / sqrt ( var + eps )}",
        ("dgamma_{c} = sum_{oh, ow} dout_{c, oh, ow} xhat_{c, oh, ow}", "dbeta_{c} = sum_{oh, ow} dout_{c, oh, ow}"),
        number="{gamma} * ({x} - {mean}) / sqrt({var} + {eps}) + {beta}",
        factor="{gamma} / sqrt({var} + {eps})",
        multipliers={"gamma": "{layer}.xhat[{unit}]"},
    ),
}
LOSS = Formulas(
    "L = - log p_{y} , p_{k} = {exp ( z_{k} ) / sum_{j} exp ( z_{j} )}",
    "dz_{k} = p_{k} - y_{k}",
    (
        "L = log S - z_{y} , S = sum_{j} exp ( z_{j} )",
        "the slope of log S by z_{k} = {exp ( z_{k} ) / S} = p_{k} , that of z_{y} = 1 if k = y , else 0 = y_{k}",
    ),
)


def formulas_of(layer: Layer) -> Formulas:
    """Return the formulas of a layer; none of one's own."""
    return Formulas() if is_custom(layer) else FORMULAS[type(layer)]


GREEK = {"gamma": "γ", "beta": "β", "dgamma": "dγ", "dbeta": "dβ"}
FUNCTIONS = {"exp", "log", "max", "sqrt", "tanh"}
THIN = '<mspace width="0.1667em"/>'  # between factors, whose names may have more than one letter
WORDS = {"slope", "by", "if", "else", "of", "over", "the", "windows", "that", "has", "hold", "won", "where"}
PART = re.compile(r"\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}|[A-Za-z]\w*?(?=[_^{,\s]|$)|\d+|\S")


def mathml(formula: str) -> str:
    """Return a formula as a MathML element. ``a_{i}`` sets an index, ``a^{2}`` a power, ``{a / b}`` a fraction."""
    return formula and f'<math display="block"><mrow>{_row(formula)}</mrow></math>'


def indices(*formulas: str) -> dict[str, list[str]]:
    """Return which letters index each name: {"x": ["c", "oh SH i", "ow SW j"], ...}, as it is first written."""
    found: dict[str, list[str]] = {}
    for name, inner in re.findall(r"([A-Za-z]\w*?)_\{([^{}]*)\}", " ".join(formulas)):
        if name not in ("sum", "max"):
            found.setdefault(name, [" ".join(re.findall(r"[A-Za-z]\w*", part)) for part in inner.split(",")])
    return found


def plain(formula: str) -> str:
    """Return a formula as text: a[i, j], a^2, (a) / (b)."""
    text = re.sub(r"\{(1) / ([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}", r"1 / (\2)", formula)
    text = re.sub(r"\{([^{}]*(?:\{[^{}]*\}[^{}]*)*) / ((?:[^{}]|\{[^{}]*\})*)\}", r"(\1) / (\2)", text)
    text = re.sub(r"sum_\{([^{}]*)\}", r"sum over \1 of", text)
    text = re.sub(r"max_\{([^{}]*)\}", r"max over \1 of", text)
    text = re.sub(r"_\{([^{}]*)\}", r"[\1]", text)
    text = re.sub(r"\^\{([^{}]*)\}", r"^\1", text)
    return text.replace("( ", "(").replace(" )", ")").replace(" ,", ",").replace("- log", "-log")


def _row(formula: str) -> str:
    parts, out, before = PART.findall(formula), [], ""
    while parts:
        part = parts.pop(0)
        if _multiplied(before, part):
            out.append(THIN)
        before = part
        if part.startswith("{"):
            above, below = part[1:-1].split(" / ", 1)
            out.append(f"<mfrac><mrow>{_row(above)}</mrow><mrow>{_row(below)}</mrow></mfrac>")
            continue
        symbol = _symbol(part)
        if parts and parts[0] in "_^":
            below = parts.pop(0) == "_"
            script = f"<mrow>{_row(parts.pop(0)[1:-1])}</mrow>"
            over = part in ("sum", "max")
            tag = ("munder" if over else "msub") if below else "msup"
            symbol = f"<{tag}>{symbol}{script}</{tag}>"
        out.append(symbol)
    return "".join(out)


def _multiplied(left: str, right: str) -> bool:
    """Whether what stands side by side is a product, or a function and its argument without a bracket."""
    operand = left not in WORDS and (left.isalnum() or left.startswith("{") or left == ")") and left != "sum"
    if right == "(":
        return operand and left not in FUNCTIONS
    return operand and right not in WORDS and right != "sum" and (right.isalnum() or right.startswith("{"))


def _symbol(part: str) -> str:
    if part == "sum":
        return '<mo movablelimits="false">∑</mo>'
    if part in WORDS:
        return f"<mtext>&nbsp;{part}&nbsp;</mtext>"
    if part[0].isalpha():
        return f'<mi data-token="{part}">{GREEK.get(part, part)}</mi>'
    if part[0].isdigit():
        return f"<mn>{part}</mn>"
    if part in "()":
        return f'<mo stretchy="false">{part}</mo>'  # nothing between them is taller than a line
    return f"<mo>{({'-': '−', '>': '&gt;'}).get(part, part)}</mo>"
