"""Chapter 4: what softmax with cross-entropy says and wants, beside the squared error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nnscratch import ops
from nnscratch.arrays import Array
from nnscratch.study.figures.drawing import BLUE, GRAY, ORANGE, Drawing, beside
from nnscratch.study.figures.plots import as_drawing, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def squared_error(z: Array, y: Array) -> tuple[float, Array]:
    """Return the mean squared error between softmax of z (K, N) and y (K, N), and its gradient with respect to z."""
    p = ops.softmax_forward(z)
    loss, dout = ops.mean_squared_error(p, y)
    return loss, ops.softmax_backward(dout, p)


def margins(lowest: float = -10, highest: float = 10) -> Drawing:
    """Return loss and size of the gradient against the score of the right class of two, the other's score being 0."""
    scores = np.linspace(lowest, highest, 201)
    y = np.array([[1.0], [0.0]])
    panels = []
    curves: dict[str, list[tuple[float, float]]] = {"cross-entropy": [], "squared error": []}
    for score in scores:
        z = np.array([[score], [0.0]])
        for name, function in (("cross-entropy", ops.softmax_cross_entropy), ("squared error", squared_error)):
            loss, dz = function(z, y)
            curves[name].append((loss, abs(float(dz[0, 0]))))
    for place, label in enumerate(("loss", "size of its gradient")):
        figure = new_figure(3.3, 2.9)
        axes = figure.subplots()
        for (name, values), color, dash in zip(curves.items(), (ORANGE, BLUE), ("-", "--"), strict=True):
            axes.plot(scores, np.array(values)[:, place], color=color, linestyle=dash, label=name)
        axes.set(xlabel="score of the right class", ylabel=label)
        _open(axes)
        if place == 0:
            axes.legend(frameon=False, fontsize=9)
        panels.append(as_drawing(figure, label))
    return beside(
        panels,
        "Loss and gradient against the score of the right class. Where the network is wrong and sure, cross-entropy is "
        "steep and the squared error flat.",
    )


def _open(axes: Axes) -> None:
    axes.grid(alpha=0.2)
    axes.spines[["top", "right"]].set_visible(False)


def temperatures(z: Array, lowest: float = 0.1, highest: float = 20) -> Drawing:
    """Return the probabilities of scores z (K,) divided by a temperature, against that."""
    figure = new_figure(4.4, 3)
    axes = figure.subplots()
    T = np.geomspace(lowest, highest, 101)
    p = ops.softmax_forward(z[:, None] / T)
    for k, row in enumerate(p):
        color, dash = (GRAY, BLUE, ORANGE)[k % 3], (":", "--", "-")[k % 3]
        axes.plot(T, row, color=color, linestyle=dash, label=f"p[{k}]")
    axes.axvline(1, color=GRAY, linewidth=0.8)
    axes.set(xlabel="temperature T", ylabel="softmax of z / T", xscale="log", ylim=(0, 1.02))
    axes.set_xticks([0.1, 1, 10], ["0.1", "1", "10"])
    _open(axes)
    axes.legend(frameon=False, fontsize=9)
    alt = "Probabilities against the temperature: one of them is 1 where it is low, and all are alike where it is high."
    return as_drawing(figure, alt)


def weight_gradients(x: Array, dz: Array, y: Array) -> Drawing:
    """Return the gradient of each class's weights for one image x (784,): the image, times dz[k], for dz and y (K,).

    Orange weights are to shrink (their gradient is above 0), blue ones to grow.
    """
    from matplotlib.colors import to_rgb

    top = float(np.abs(dz).max()) * float(np.abs(x).max())
    panels = []
    for k, share in enumerate(dz):
        figure = new_figure(1.15, 1.4)
        axes = figure.subplots()
        gradient = share * x.reshape(28, 28)
        colors = np.zeros((28, 28, 4))
        colors[..., :3] = np.where(gradient[..., None] > 0, to_rgb(ORANGE), to_rgb(BLUE))
        colors[..., 3] = np.abs(gradient) / top
        axes.imshow(colors, interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_color(GRAY)
        axes.set_title(f"{k}: {share:+.2f}".replace("-", "−"), fontsize=10, fontweight="bold" if y[k] else "normal")
        panels.append(as_drawing(figure, f"class {k}"))
    told = ", ".join(f"{k}: {share:+.2f}" for k, share in enumerate(dz))
    return beside(panels, f"The gradient of each class's weights is the image times p − y: {told}.")
