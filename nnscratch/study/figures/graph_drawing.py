"""Chapter 2: the picture of a graph of numbers, and the plots of what its derivatives cost and how exact they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from nnscratch.arrays import Array
from nnscratch.study.figures.drawing import BLUE, GRAY, ORANGE, Drawing, format_number
from nnscratch.study.figures.graph import Number, derivatives, order
from nnscratch.study.figures.plots import as_drawing, new_figure

ACROSS, DOWN = 118, 84  # pixels from a column, and a row, to the next
WIDTH, HEIGHT = 92, 50  # of a node
MARGIN = 6

Place = tuple[float, float]

_number = partial(format_number, digits=4)


def picture(last: Number, rows: Sequence[Mapping[str, float]]) -> Drawing:
    """Return the graph of ``last``: blue are the values, which go down, orange the gradients, which come up.

    ``rows`` are the rows of the picture from the top: the column of each number by its name.
    """
    places = {name: (column, row) for row, columns in enumerate(rows) for name, column in columns.items()}
    nodes = order(last)
    columns = [column for column, _ in places.values()]
    width = (max(columns) + 1) * ACROSS + 2 * MARGIN
    height = (len(rows) - 1) * DOWN + HEIGHT + 2 * MARGIN
    edges = "".join(_edges(node, places) for node in nodes)
    boxes = "".join(_node(node, _center(places[node.name])) for node in nodes)
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" viewBox="0 0 {width:g} {height:g}"'
        f' style="max-width: 100%; height: auto" font-family="system-ui, sans-serif" text-anchor="middle"'
        f' font-size="13" fill="currentColor">{edges}{boxes}</svg>'
    )
    told = "; ".join(f"{node.name} is {_number(node.value)}, its gradient {_number(node.gradient)}" for node in nodes)
    return Drawing(svg, f"A graph of numbers. {told}.")


def _center(place: Place) -> Place:
    column, row = place
    return MARGIN + (column + 0.5) * ACROSS, MARGIN + row * DOWN + HEIGHT / 2


def _node(node: Number, at: Place) -> str:
    x, y = at
    return (
        f'<rect x="{x - WIDTH / 2:g}" y="{y - HEIGHT / 2:g}" width="{WIDTH}" height="{HEIGHT}" rx="7"'
        f' fill="{GRAY}" fill-opacity="0.12" stroke="{GRAY}"/>'
        f'<text x="{x:g}" y="{y - 4:g}"><tspan font-style="italic">{node.name}</tspan> ='
        f' <tspan fill="{BLUE}" font-weight="600">{_number(node.value)}</tspan></text>'
        f'<text x="{x:g}" y="{y + 15:g}"><tspan font-style="italic">d{node.name}</tspan> ='
        f' <tspan fill="{ORANGE}" font-weight="600">{_number(node.gradient)}</tspan></text>'
    )


def _edges(node: Number, places: Mapping[str, Place]) -> str:
    """Draw a line from each input, with the derivative on it; where one is used twice, two lines that bend apart."""
    x, y = _center(places[node.name])
    drawn = []
    for number, (a, derivative) in enumerate(zip(node.inputs, derivatives(node), strict=True)):
        left, top = _center(places[a.name])
        bend = (number - 0.5) * 60 if node.inputs.count(a) > 1 else 0.0
        start, end, middle = top + HEIGHT / 2, y - HEIGHT / 2, (left + x) / 2 + bend
        beside = 1.2 * bend if bend else 14.0 if left > x else -14.0
        half = (start + end) / 2
        drawn.append(
            f'<path d="M {left:g} {start:g} Q {middle:g} {half:g} {x:g} {end:g}" fill="none" stroke="{GRAY}"/>'
            f'<text x="{(left + x) / 2 + beside:g}" y="{half + 4:g}" font-size="11.5">{_number(derivative)}</text>'
        )
    return "".join(drawn)


def costs(counts: Sequence[Mapping[str, int]]) -> Drawing:
    """Return the multiplications for all derivatives against the number of parameters, by each way: see graph.py."""
    figure = new_figure(4.4, 3.3)
    axes = figure.subplots()
    parameters = [count["parameters"] for count in counts]
    styles = {
        "numerical": (GRAY, ":s"),
        "forward mode": (BLUE, "--^"),
        "reverse": (ORANGE, "-o"),
        "forward": (BLUE, "-"),
    }
    for name, (color, style) in styles.items():
        label = "a forward pass alone" if name == "forward" else name
        axes.plot(parameters, [count[name] for count in counts], style, color=color, markersize=5, label=label)
    axes.set(xlabel="parameters", ylabel="multiplications", xscale="log", yscale="log")
    axes.set_ylim(top=30 * max(count["numerical"] for count in counts))  # room for the names
    axes.grid(alpha=0.2)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9, loc="upper left")
    alt = (
        "Multiplications against parameters: the reverse pass grows as the forward pass does, the others as its square."
    )
    return as_drawing(figure, alt)


def difference_errors(steps: Array, errors: Mapping[str, Array]) -> Drawing:
    """Return how far numerical derivatives are from the exact one, (T,) each, against the steps h (T,)."""
    figure = new_figure(4.4, 3.3)
    axes = figure.subplots()
    for number, (name, error) in enumerate(errors.items()):
        color, style = ((BLUE, "--^"), (ORANGE, "-o"), (GRAY, ":s"))[number % 3]
        axes.plot(steps, np.maximum(error, 1e-17), style, color=color, markersize=4, label=name)
    axes.set(xlabel="step h", ylabel="error of the derivative", xscale="log", yscale="log")
    axes.grid(alpha=0.2)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9)
    return as_drawing(figure, f"The error of numerical derivatives against the step, for {' and '.join(errors)}.")
