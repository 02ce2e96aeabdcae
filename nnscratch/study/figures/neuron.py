"""Chapter 1: a neuron with one input, its loss for every weight and bias, and gradient descent on that surface."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from nnscratch import ops
from nnscratch.arrays import Array
from nnscratch.errors import unknown
from nnscratch.study.figures.drawing import BLUE, GRAY, ORANGE, Drawing, beside
from nnscratch.study.figures.plots import as_drawing, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ACTIVATIONS = ("line", "sigmoid")
Limits = tuple[float, float, float, float]  # the smallest and largest w, and b
LEVELS = 14  # contours


def output(w: Array, b: Array, x: Array, activation: str = "line") -> Array:
    """Return f(w x + b): of inputs x (N,) for any w and b that broadcast with them.

    Raises UsageError for an activation that is neither "line" nor "sigmoid".
    """
    if activation not in ACTIVATIONS:
        raise unknown("the activation", activation, ACTIVATIONS)
    z = np.asarray(w * x + b)
    return ops.sigmoid_forward(z) if activation == "sigmoid" else z


def loss_and_gradient(theta: Array, x: Array, y: Array, activation: str = "line") -> tuple[float, Array]:
    """Return the mean squared error and its gradient (2,) with respect to theta = (w, b), for x and y (N,)."""
    out = output(theta[0], theta[1], x, activation)
    loss, dout = ops.mean_squared_error(out[None], y[None])
    dz = ops.sigmoid_backward(dout, out) if activation == "sigmoid" else dout
    dW, db = ops.dense_backward_weights(dz, x[None])
    return loss, np.array([dW[0, 0], db[0]])


def descend(
    x: Array, y: Array, *, lr: float, steps: int, start: tuple[float, float] = (0.0, 0.0), activation: str = "line"
) -> tuple[Array, Array]:
    """Return theta = (w, b) before and after each of ``steps`` steps, (steps + 1, 2), and its losses (steps + 1,)."""
    theta = np.array(start, np.float64)
    path, losses = [], []
    for step in range(steps + 1):
        loss, g = loss_and_gradient(theta, x, y, activation)
        path.append(theta.copy())
        losses.append(loss)
        if step < steps:
            ops.sgd_update(theta, g, lr=lr)
    return np.array(path), np.array(losses)


def surface(x: Array, y: Array, limits: Limits, activation: str = "line", points: int = 121) -> tuple[Array, ...]:
    """Return w (points,), b (points,) and the loss of each pair (points, points), its rows those of b."""
    w, b = np.linspace(*limits[:2], points), np.linspace(*limits[2:], points)
    out = output(w[None, :, None], b[:, None, None], x, activation)
    return w, b, ((out - y) ** 2).mean(axis=2)


def descent(paths: Mapping[str, Array], x: Array, y: Array, limits: Limits, activation: str = "line") -> Drawing:
    """Return a panel for each path (T, 2): lines of equal loss over w and b, and the steps that were taken on them."""
    panels = []
    for title, path in paths.items():
        figure = new_figure(2.9, 2.9)
        axes = figure.subplots()
        _contours(axes, surface(x, y, limits, activation))
        axes.plot(*path.T, color=ORANGE, marker="o", markersize=3.5, linewidth=1.2)
        axes.plot(*path[0], "o", color=ORANGE, markersize=9, fillstyle="none")
        axes.set_title(title, fontsize=11)
        axes.set(xlabel="w", ylabel="b", xlim=limits[:2], ylim=limits[2:])
        panels.append(as_drawing(figure, title))
    alt = f"Lines of equal loss over the weight and the bias, with the steps of gradient descent: {'; '.join(paths)}."
    return beside(panels, alt)


def _contours(axes: Axes, levels: tuple[Array, ...]) -> None:
    """Draw lines of equal loss, closer at the bottom, and a cross at the lowest point."""
    w, b, loss = levels
    heights = loss.min() + (loss.max() - loss.min()) * np.linspace(0.03, 0.97, LEVELS) ** 2
    axes.contour(w, b, loss, heights, colors=BLUE, linewidths=0.8, alpha=0.75)
    row, column = np.unravel_index(loss.argmin(), loss.shape)
    axes.plot(w[column], b[row], "x", color=GRAY, markersize=7)
