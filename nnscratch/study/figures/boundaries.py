"""Chapter 3: networks of dense layers on points of the plane, and what they answer everywhere else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from nnscratch import ops
from nnscratch.arrays import Array
from nnscratch.layers.network import Network
from nnscratch.study.figures.drawing import BLUE, ORANGE, Drawing, beside
from nnscratch.study.figures.plots import as_drawing, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

EDGE = 1.3  # the plane is shown from -EDGE to EDGE
GRID = 70  # points of it in a row


def spirals(points: int = 60, turns: float = 1.25) -> tuple[Array, Array]:
    """Return two arms that wind around each other: x (2, 2 points), and y (1, 2 points), 1 and -1."""
    radius = np.linspace(0.15, 1, points)
    angle = 2 * np.pi * turns * radius
    arm = radius * np.stack([np.cos(angle), np.sin(angle)])
    return np.concatenate([arm, -arm], axis=1), np.repeat([1.0, -1.0], points)[None]


def train(
    network: Network, x: Array, y: Array, *, lr: float, steps: int, keep: tuple[int, ...] = ()
) -> tuple[Array, dict[int, Array]]:
    """Train by gradient descent on all points at once; return losses (steps,), and theta after the steps in ``keep``.

    x (2, N) are the points and y (1, N) the targets.
    """
    losses, kept = [], {}
    for step in range(steps + 1):
        if step in keep:
            kept[step] = network.theta.copy()
        if step == steps:
            break
        out = network.forward(x)
        loss, dout = ops.mean_squared_error(out, y)
        network.backward(dout)
        ops.sgd_update(network.theta, network.gradient, lr=lr)
        losses.append(loss)
    return np.array(losses), kept


def answers(network: Network) -> Array:
    """Return what a network says to each point of the plane, (GRID, GRID): rows from the bottom up."""
    along = np.linspace(-EDGE, EDGE, GRID)
    across, up = np.meshgrid(along, along)
    return network.forward(np.stack([across.ravel(), up.ravel()]).astype(network.dtype)).reshape(GRID, GRID)


def boundaries(network: Network, kept: Mapping[int, Array], x: Array, y: Array) -> Drawing:
    """Return a map of the answers for each theta of ``kept``, with the points x (2, N) of y (1, N) on it.

    Orange is above 0, blue below; where they meet is the boundary. The network's own theta stays as it is.
    """
    before = network.theta.copy()
    panels = []
    for step, theta in kept.items():
        network.theta[...] = theta
        figure = new_figure(2.3, 2.5)
        axes = figure.subplots()
        _map(axes, answers(network))
        _points(axes, x, y)
        axes.set_title(f"{step:,} steps" if step != 1 else "1 step", fontsize=11)
        panels.append(as_drawing(figure, f"{step} steps"))
    network.theta[...] = before
    told = ", ".join(f"{step:,}" for step in kept)
    return beside(panels, f"What a network says to each point of the plane after {told} steps.")


def _map(axes: Axes, out: Array) -> None:
    """Lay colours over the plane: the stronger the further an answer is from 0, up to 1; transparent at 0."""
    from matplotlib.colors import to_rgb

    colors = np.zeros((*out.shape, 4))
    colors[..., :3] = np.where(out[..., None] > 0, to_rgb(ORANGE), to_rgb(BLUE))
    colors[..., 3] = 0.75 * np.clip(np.abs(out), 0, 1)
    axes.imshow(colors, extent=(-EDGE, EDGE, -EDGE, EDGE), origin="lower", interpolation="nearest")
    axes.contour(out, [0.0], extent=(-EDGE, EDGE, -EDGE, EDGE), colors="black", linewidths=1)
    axes.set(xticks=[], yticks=[])


def _points(axes: Axes, x: Array, y: Array) -> None:
    for sign, color, mark in ((1, ORANGE, "o"), (-1, BLUE, "s")):
        chosen = x[:, np.sign(y[0]) == sign]
        axes.plot(*chosen, mark, color=color, markersize=3.2, markeredgecolor="black", markeredgewidth=0.6)


def folded(x: Array, h: Array, y: Array, w: Array, middle: float) -> Drawing:
    """Return the four points of XOR, as they are given and as a hidden layer of two units sees them.

    x and h (2, 4) are inputs and hidden outputs, y (4,) the targets, 0 and 1. The next unit has the weights w (2,)
    and splits the hidden plane where w h = ``middle``.
    """
    panels = []
    for title, points, names in (
        ("what goes in", x, ("x[0]", "x[1]")),
        ("after the hidden layer", h, ("h[0]", "h[1]")),
    ):
        figure = new_figure(3.1, 2.9)
        axes = figure.subplots()
        for value, color, mark in ((1, ORANGE, "o"), (0, BLUE, "s")):
            axes.plot(*points[:, y == value], mark, color=color, markersize=10, label=f"y = {value}")
        for n, place in enumerate(points.T):
            twin = int((points[:, :n] == place[:, None]).all(axis=0).sum())  # of those before it, at the same place
            axes.annotate(
                f"{x[0, n]:g}, {x[1, n]:g}", place, (9, 5 + 12 * twin), textcoords="offset points", fontsize=9
            )
        if points is h:
            across = np.array([-0.5, 2.6])
            axes.plot(across, (middle - w[0] * across) / w[1], color="black", linestyle="--", linewidth=1)
        axes.set(xlabel=names[0], ylabel=names[1], xlim=(-0.5, 2.6), ylim=(-0.5, 1.6))
        axes.set_title(title, fontsize=11)
        axes.spines[["top", "right"]].set_visible(False)
        if points is x:
            axes.legend(frameon=False, fontsize=9, loc="upper right")
        panels.append(as_drawing(figure, title))
    return beside(panels, "The four points of XOR, and where the hidden layer puts them: there a line parts them.")
