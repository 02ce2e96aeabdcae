"""The names of single numbers: conv1[2, 10, 7], dconv1[2, 10, 7], conv1.W[2, 0, 3, 1], dconv1.W[...], p[3], loss.

Every name that the text and the page print is one of these, so that each can be asked for. A layer's own words for its
numbers, which its formulas use, follow its name: conv1.x is what enters it, conv1.out what leaves it, conv1.dW a
gradient.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from nnscratch.arrays import Array
from nnscratch.errors import UsageError, short_repr
from nnscratch.layers import BatchNorm
from nnscratch.study.step import arithmetic
from nnscratch.study.step import text as step_text
from nnscratch.study.step.arithmetic import format_number, subscript
from nnscratch.study.step.step import Index, Step
from nnscratch.study.step.update import update_lines

ALL = 1_000_000  # products: none is left out
LOSSES = ("loss", "L", "S")  # single numbers, without an index


def arrays(step: Step) -> dict[str, Array]:
    """Return every array that has a name: activations, parameters, their gradients, and p, y of the loss."""
    named = {"input": step.output(-1)}
    named |= {layer.name: step.output(k) for k, layer in enumerate(step.network.layers)}
    named |= step.before
    douts = {f"d{name}": step.dout(k) for k, name in enumerate(list(named)[: len(step.network.layers) + 1], -1)}
    gradients = {f"d{path}": gradient for path, gradient in step.gradients.items()}
    xhats = {f"{layer.name}.xhat": layer.xhat[..., 0] for layer in step.network.layers if isinstance(layer, BatchNorm)}
    return named | douts | gradients | xhats | {"p": step.p, "y": np.eye(len(step.p))[step.label]}


def aliases(step: Step) -> dict[str, str]:
    """Return the other names: conv2.x for pool1, conv2.dW for dconv2.W, z for the last layer's output."""
    last, below = step.network.layers[-1].name, "input"
    found = {"z": last, "dz": f"d{last}"}
    for layer in step.network.layers:
        name = layer.name
        found |= {f"{name}.x": below, f"{name}.out": name, f"{name}.dx": f"d{below}", f"{name}.dout": f"d{name}"}
        found |= {f"{name}.d{parameter}": f"d{name}.{parameter}" for parameter in layer.parameters}
        below = name
    return found


def resolved(step: Step, text: str) -> tuple[str, Index]:
    """Return ("conv1", (2, 10, 7)) for "conv1[2,10,7]", ("dconv1.W", ...) for "conv1.dW[...]", ("loss", ()).

    A name without an index is that of its most telling number. Raises UsageError for what is no name of a number of
    this step, or an index out of its shape.
    """
    match = re.fullmatch(r"\s*([\w.]+)\s*(?:\[([\d,\s]+)\])?\s*", text)
    known, name = arrays(step), match[1] if match else ""
    if name in LOSSES and match is not None and match[2] is None:
        return ("loss" if name == "L" else name), ()
    name = aliases(step).get(name, name)
    if name not in known or match is None:
        raise UsageError(f"--number is {short_repr(text)}: {_hint(step, name)}")
    if match[2] is None:
        return name, telling(step, name)
    shape = known[name].shape
    try:
        at = tuple(int(part) for part in match[2].split(","))
    except ValueError:
        at = ()
    if len(at) != len(shape) or not all(0 <= i < size for i, size in zip(at, shape, strict=True)):
        raise UsageError(f"--number is {short_repr(text)}, but {name} has the shape {shape}: indices count from 0")
    return name, at


def telling(step: Step, name: str) -> Index:
    """Return the index of the number of an array that tells most: see ``Step.interesting``, and ``text.largest``."""
    of = _of(step, name.removesuffix(".xhat"))
    if name in ("p", "y"):
        return (step.label,)
    if of in step.before:
        return step_text.largest(step, of)
    return step.interesting(_layers(step).index(of) if of in _layers(step) else -1)


def _hint(step: Step, name: str) -> str:
    """Return what to give instead of a name that is none, or has no index."""
    local = {alias.partition(".")[2] for alias in aliases(step)} | {path.partition(".")[2] for path in step.before}
    if name in local - {""}:
        full = next(known for known in [*aliases(step), *step.before] if known.endswith(f".{name}"))
        return f"{name} is told of a layer: name that, too, such as {full}[...]"
    for path in list(step.before)[:1]:
        symbols = dict.fromkeys(symbol for symbol, _, _ in update_lines(step, path, telling(step, path)))
        if name in symbols:
            return f"{', '.join(symbols)} are told with each parameter: give one, such as {path}"
    names = ["input", *_layers(step), *step.before]
    return (
        f"give a name and an index, such as conv1[2,10,7], of {', '.join(names)}, with a d before it for the "
        "gradient, or of p, y, z; or loss"
    )


def _of(step: Step, name: str) -> str:
    """Return what a gradient is with respect to: conv1 for dconv1; any other name as it is."""
    return name if name in ("input", *_layers(step)) or name in step.before else name.removeprefix("d")


def _layers(step: Step) -> list[str]:
    return [layer.name for layer in step.network.layers]


def lines(step: Step, text: str) -> Iterator[str]:
    """Yield how the number of this name came about: an activation both ways, a parameter's gradient and its update."""
    name, at = resolved(step, text)
    told = f"{name}[{subscript(at)}]"
    layers, of = _layers(step), _of(step, name)
    if name in LOSSES or name in ("p", "y"):
        yield from _loss_lines(step, name, at)
    elif name in step.before:
        yield from step_text.sum_lines(arithmetic.of_weight(step, name, at), ALL)
        yield from (
            f"{symbol:<10}{format_number(value):>14}  {how}" for symbol, how, value in update_lines(step, name, at)
        )
    elif name in ("input", *layers):
        k = layers.index(name) if name in layers else -1
        yield "forward"
        value = format_number(float(step.output(k)[at]))
        yield from step_text.forward_lines(step, k, at, ALL) if k >= 0 else [f"{told} = {value}"]
        yield "backward"
        yield from step_text.sum_lines(arithmetic.backward(step, k, at), ALL)
    elif of in step.before:
        yield from step_text.sum_lines(arithmetic.of_weight(step, of, at), ALL)
    elif name.endswith(".xhat"):
        how = arithmetic.filled(step, layers.index(name[:-5]), at, "({x} - {mean}) / sqrt({var} + {eps})")
        yield f"{told} = {how} = {format_number(float(arrays(step)[name][at]))}"
    else:
        k = layers.index(of) if of in layers else -1
        yield from step_text.sum_lines(arithmetic.backward(step, k, at), ALL)


def _loss_lines(step: Step, name: str, at: Index) -> Iterator[str]:
    """Yield how a number of the loss came about."""
    z = step.output(len(step.network.layers) - 1)
    top, last = float(z.max()), step.network.layers[-1].name
    total = float(np.exp(z - top).sum())
    if name == "loss":
        yield step_text.loss_line(step)
        yield f"after the step it is {format_number(step.loss_after)}"
    elif name == "S":
        yield f"log S = max + log(sum of exp(z - max)) = {format_number(top)} + {format_number(float(np.log(total)))}"
    elif name == "y":
        yield f"y[{at[0]}] = {int(at[0] == step.label)}: the label is {step.label}"
    else:
        e, p = format_number(float(np.exp(z[at] - top))), format_number(float(step.p[at]))
        score, of, most = f"{last}[{at[0]}]", format_number(float(z[at])), format_number(top)
        yield f"p[{at[0]}] = exp({score} - max) / (sum of exp) = exp({of} - {most}) / {format_number(total)}"
        yield f"  = {e} / {format_number(total)} = {p}"
