"""A step as text: forward, loss, backward and update, with the numbers of one unit of each layer."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnscratch.arrays import Array
from nnscratch.layers import is_custom
from nnscratch.layers.summary import describe
from nnscratch.pages.blocks import Table
from nnscratch.study.step import arithmetic
from nnscratch.study.step.arithmetic import Arithmetic, format_number, subscript
from nnscratch.study.step.formulas import LOSS, formulas_of, plain
from nnscratch.study.step.step import Index, Step
from nnscratch.study.step.update import update_lines

MOST_CLASSES, SHOWN = 30, 10  # classes of which all have a row; of more, so many of the most probable
MOST = 4  # products of a sum that are written out, the largest first
WITH_ZEROS = 30  # products at most of which those that are 0 are written out, too


def as_text(step: Step) -> str:
    """Return the whole step; :func:`title`, then the parts in the order in which they happen."""
    parts = [_forward(step), _loss(step), _backward(step), _update(step)]
    notes = [note for note in (step.remark, as_in_use(step)) if note]
    return "\n".join([title(step), *notes, *(line for part in parts for line in ("", *part))])


def title(step: Step) -> str:
    """Return what was done, and what came of it."""
    read, kind = int(step.p.argmax()), type(step.optimizer).__name__
    before, after = format_number(step.loss), format_number(step.loss_after)
    return (
        f"{step.name}, one step of {kind} (learning rate {step.optimizer.learning_rate:g}) on {step.described}, "
        f"read as {step.classes[read]} ({100 * step.p[read]:.2f} %): loss {before} before, {after} after"
    )


def as_in_use(step: Step) -> str:
    """Return what is not as in training, or nothing."""
    if not step.network.couples_batch:
        return ""
    return "One image has no variance: batch normalisation uses its running statistics here, and dropout is off."


def sum_lines(sum_of: Arithmetic, most: int = MOST) -> Iterator[str]:
    """Yield a sum: its total in one line, then its largest products, and the others together."""
    total = sum(term.product for term in sum_of.terms)
    start = f"{format_number(sum_of.bias)} + {format_number(total)} = " if sum_of.bias else ""
    yield f"{sum_of.name} = {start}{format_number(sum_of.total)}, from {_products(len(sum_of.terms))}"
    terms = sorted(sum_of.terms, key=lambda term: -abs(term.product))
    most = min(most, max(WITH_ZEROS, sum(term.product != 0 for term in terms)))
    for term in terms[:most]:
        value, factor, product = map(format_number, (term.value, term.factor, term.product))
        yield f"  {term.name} * {term.factor_name} = {value} * {factor} = {product}"
    if len(terms) > most:
        yield f"  {len(terms) - most:,} others: {format_number(sum(term.product for term in terms[most:]))}"


def _products(count: int) -> str:
    return "1 product" if count == 1 else f"{count:,} products"


def forward_lines(step: Step, k: int, unit: Index, most: int = MOST) -> Iterator[str]:
    """Yield how a unit of the output of layer ``k`` came about."""
    layer = step.network.layers[k]
    line = arithmetic.function_line(step, k, unit)
    name = f"{layer.name}[{subscript(unit)}]"
    if line is not None:
        yield f"{name} = {line}"
    elif (sum_of := arithmetic.forward(step, k, unit)).terms or not is_custom(layer):
        yield from sum_lines(sum_of, most)
    else:
        yield from derivative_lines(step, k, unit, most)


def derivative_lines(step: Step, k: int, unit: Index, most: int = MOST) -> Iterator[str]:
    """Yield what a unit of a layer of one's own depends on, where it is no sum: its derivatives, the largest first."""
    links = sorted(arithmetic.links(step, k, unit), key=lambda link: -abs(link[1]))
    name = f"{step.network.layers[k].name}[{subscript(unit)}]"
    out = format_number(float(step.output(k)[unit]))
    yield f"{name} = {out}, no sum; by its own backward it depends on {len(links):,}"
    for at, factor, what in links[:most]:
        which = "" if what == "d out / d x" else f", {what}"
        x, below = format_number(float(step.output(k - 1)[at])), arithmetic.name_of(step, k - 1)
        yield f"  {below}[{subscript(at)}], now {x}: d out / d x is {format_number(factor)}{which}"


def _forward(step: Step) -> Iterator[str]:
    yield "FORWARD"
    yield f"input {step.output(-1).shape}: {value_range(step.output(-1))}"
    for k, layer in enumerate(step.network.layers):
        yield f"{layer.name} ({describe(layer)}), {step.output(k).shape}: {value_range(step.output(k))}"
        if formulas_of(layer).forward:
            yield f"  {plain(formulas_of(layer).forward)}, where x is {arithmetic.name_of(step, k - 1)}"
        yield from (f"  {line}" for line in forward_lines(step, k, step.interesting(k)))


def _loss(step: Step) -> Iterator[str]:
    yield "LOSS"
    yield f"  {plain(LOSS.forward)}"
    yield from (f"  {plain(formula)}" for formula in (*LOSS.parameters, LOSS.dx))
    table = loss_table(step)
    lines = [table.header, *table.rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        yield "  " + "  ".join(f"{cell:>{width}}" for cell, width in zip(line, widths, strict=True))
    yield f"  {loss_line(step)}"


def loss_table(step: Step) -> Table:
    """Return a row for each class, of many for the most probable, from its score to the gradient with respect to it.

    The true class is always among them, and the last row tells of those that are left out.
    """
    z, rows = _scores(step), []
    e = np.exp(z - z.max())
    shown = np.argsort(-step.p, kind="stable")[:SHOWN] if len(z) > MOST_CLASSES else np.arange(len(z))
    for k in dict.fromkeys([*shown, step.label]):
        p, y = step.p[k], int(k == step.label)
        rows.append(
            [step.classes[k], format_number(z[k]), format_number(e[k]), format_number(p), str(y), format_number(p - y)]
        )
    if len(rows) < len(z):
        others = np.setdiff1d(np.arange(len(z)), [*shown, step.label])
        sums = [format_number(values[others].sum()) for values in (e, step.p)]
        rows.append([f"{len(others):,} others", "", *sums, "0", sums[1]])
    return Table(["class", "z", "exp(z - max)", "p", "y", "p - y"], rows)


def loss_line(step: Step) -> str:
    """Return how the loss comes of that."""
    total = np.exp(_scores(step) - _scores(step).max()).sum()
    p, loss = format_number(step.p[step.label]), format_number(step.loss)
    return f"sum of exp = {format_number(total)}, loss = -log p[{step.label}] = -log {p} = {loss}"


def _scores(step: Step) -> Array:
    return step.output(len(step.network.layers) - 1)


def _backward(step: Step) -> Iterator[str]:
    yield "BACKWARD"
    layers = step.network.layers
    for k in reversed(range(len(layers))):
        layer = layers[k]
        yield f"{layer.name}: dout {value_range(step.dout(k))}; dx {value_range(step.dout(k - 1))}"
        formulas = formulas_of(layer)
        yield from (f"  {plain(formula)}" for formula in (*formulas.parameters, formulas.dx) if formula)
        for name in layer.parameters:
            path = f"{layer.name}.{name}"
            yield from (f"  {line}" for line in sum_lines(arithmetic.of_weight(step, path, largest(step, path)), 3))
        below = step.interesting(k - 1)
        yield from (f"  {line}" for line in sum_lines(arithmetic.backward(step, k - 1, below), 3))


def largest(step: Step, path: str) -> Index:
    """Return where the gradient with respect to a parameter is largest."""
    gradient = np.abs(step.gradients[path])
    return tuple(int(i) for i in np.unravel_index(int(gradient.argmax()), gradient.shape))


def _update(step: Step) -> Iterator[str]:
    yield "UPDATE"
    for path in step.gradients:
        at = largest(step, path)
        yield f"{path}[{subscript(at)}], whose gradient is largest"
        yield from (
            f"  {symbol:<10}{format_number(value):>14}  {how}" for symbol, how, value in update_lines(step, path, at)
        )


def value_range(values: Array) -> str:
    """Return the least, the largest and the mean of an array."""
    return f"{format_number(values.min())} to {format_number(values.max())}, mean {format_number(values.mean())}"
