"""Optimisers on surfaces of two numbers: a narrow valley, and a plane through the weights of a trained LeNet-5."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from nnscratch import ops
from nnscratch.arrays import Array
from nnscratch.data import load_mnist
from nnscratch.models.pretrained import load_pretrained
from nnscratch.models.zoo import build
from nnscratch.parallel.threads import one_blas_thread
from nnscratch.study.figures.drawing import BLUE, GREEN, ORANGE, Drawing
from nnscratch.study.figures.plots import as_drawing, new_figure

STEEP = 25.0  # how much more the valley is curved across than along
IMAGES = 100  # of MNIST's training images, whose mean loss the slice shows
ALONG, ACROSS = (-4.0, 32.0), (-5.0, 5.0)  # what of the slice is shown
POINTS = 33  # of a surface, each way
POWER_ITERATIONS = 15
STEP = 1e-3  # of a numerical derivative of gradients

Surface = Callable[[Array], tuple[float, Array]]  # theta (2,) -> loss, gradient (2,)


def valley(theta: Array) -> tuple[float, Array]:
    """Return L = 1/2 (a² + 25 b²) and its gradient (a, 25 b), for theta = (a, b)."""
    curvature = np.array([1.0, STEEP])
    return float(0.5 * (curvature * theta**2).sum()), curvature * theta


# ---- walks


def sgd(surface: Surface, start: Array, steps: int, lr: float) -> Array:
    """Return where gradient descent goes: (steps + 1, 2)."""
    return _walk(surface, start, steps, lambda theta, g, t: ops.sgd_update(theta, g, lr=lr))


def momentum(surface: Surface, start: Array, steps: int, lr: float, momentum: float = 0.9) -> Array:
    """Return where gradient descent with momentum goes: (steps + 1, 2)."""
    m = np.zeros(2)
    return _walk(surface, start, steps, lambda theta, g, t: ops.momentum_update(theta, g, m, lr=lr, momentum=momentum))


def adam(surface: Surface, start: Array, steps: int, lr: float) -> Array:
    """Return where Adam goes: (steps + 1, 2)."""
    m, v, known = np.zeros(2), np.zeros(2), {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
    return _walk(surface, start, steps, lambda theta, g, t: ops.adam_update(theta, g, m, v, t, lr=lr, **known))


def _walk(surface: Surface, start: Array, steps: int, update: Callable[[Array, Array, int], None]) -> Array:
    theta = np.array(start, float)
    found = [theta.copy()]
    with one_blas_thread():
        for t in range(1, steps + 1):
            update(theta, surface(theta)[1], t)
            found.append(theta.copy())
    return np.array(found)


# ---- a plane through the weights of a network


@dataclass(frozen=True)
class Slice:
    """The loss of LeNet-5 on a plane through its weights: ``center + theta[0] along + theta[1] across``.

    The weights (P,) are those of the two dense layers; the layers before are the trained ones, so that their output v
    (256, N) is computed once. ``along`` points from the trained weights to a fresh network's, ``across`` is the
    steepest direction there: both have the length 1, and a right angle between them.
    """

    v: Array
    y: Array  # (10, N)
    center: Array
    along: Array
    across: Array
    distance: float  # of the fresh network

    def __call__(self, theta: Array) -> tuple[float, Array]:
        """Return the loss at theta (2,), and its gradient on the plane (2,)."""
        loss, g = dense_loss(self.center + theta[0] * self.along + theta[1] * self.across, self.v, self.y)
        return loss, np.array([g @ self.along, g @ self.across])


def dense_loss(weights: Array, v: Array, y: Array) -> tuple[float, Array]:
    """Return the loss of LeNet-5's dense layers with weights (P,), of v (256, N) and y (10, N); its gradient."""
    W1, b1, W2, b2 = parts(weights)
    h = ops.dense_forward(v, W1, b1)
    a = ops.relu_forward(h)
    loss, dz = ops.softmax_cross_entropy(ops.dense_forward(a, W2, b2), y)
    dh = ops.relu_backward(ops.dense_backward_input(dz, W2), h)
    gradients = *ops.dense_backward_weights(dh, v), *ops.dense_backward_weights(dz, a)
    return float(loss), np.concatenate([each.ravel() for each in gradients])


SHAPES = {"dense1.W": (120, 256), "dense1.b": (120,), "dense2.W": (10, 120), "dense2.b": (10,)}


def parts(weights: Array) -> list[Array]:
    """Return the arrays that the vector holds, in the order of SHAPES."""
    ends = np.cumsum([int(np.prod(shape)) for shape in SHAPES.values()])[:-1]
    return [part.reshape(shape) for part, shape in zip(np.split(weights, ends), SHAPES.values(), strict=True)]


@cache
def slice_of_lenet5() -> Slice:
    """Return the plane through the weights of the library's LeNet-5 and those of a fresh one."""
    mnist, trained = load_mnist(), load_pretrained("lenet5")
    with one_blas_thread():
        trained.forward(trained.batches(mnist.train_images[:IMAGES]).x(np.arange(IMAGES)), record=True)
    v, y = trained.activations["flatten1"].astype(float), np.eye(10)[mnist.train_labels[:IMAGES]].T
    center, fresh = (
        np.concatenate([model.parameters[name].ravel() for name in SHAPES]).astype(float)
        for model in (trained, build("lenet5", seed=1))
    )
    distance = float(np.linalg.norm(fresh - center))
    along = (fresh - center) / distance
    with one_blas_thread():
        across = steepest(lambda weights: dense_loss(weights, v, y)[1], center + 0.7 * distance * along, along)
    return Slice(v, y, center, along, across, distance)


def steepest(gradient: Callable[[Array], Array], at: Array, apart: Array) -> Array:
    """Return the direction (P,) in which a loss is curved most at a point, at a right angle to ``apart``.

    Power iteration: the product of the matrix of second derivatives with a direction is the change of the gradient
    along it. Source: B. Pearlmutter, Neural Computation 6, 1994, with differences.
    """
    direction = np.random.default_rng(0).normal(size=at.size)
    for _ in range(POWER_ITERATIONS):
        direction -= (direction @ apart) * apart
        direction *= STEP / np.linalg.norm(direction)
        direction = gradient(at + direction) - gradient(at - direction)
    direction -= (direction @ apart) * apart
    return np.asarray(direction / np.linalg.norm(direction))


def curvature(surface: Surface, at: Array) -> tuple[float, float]:
    """Return the second derivatives of a surface at a point (2,), along each of the two axes."""
    with one_blas_thread():
        change = [surface(at + step)[1] - surface(at - step)[1] for step in STEP * np.eye(2)]
    return float(change[0][0] / (2 * STEP)), float(change[1][1] / (2 * STEP))


@cache
def lenet5_grid() -> tuple[Array, Array, Array]:
    """Return the points along (A,) and across (B,), and the losses there (B, A)."""
    surface = slice_of_lenet5()
    along, across = np.linspace(*ALONG, POINTS), np.linspace(*ACROSS, POINTS)
    with one_blas_thread():
        losses = np.array([[surface(np.array([a, b]))[0] for a in along] for b in across])
    return along, across, losses


# ---- figures

STYLES = {"SGD": (BLUE, "-"), "momentum": (ORANGE, "--"), "Adam": (GREEN, "-.")}


def valley_walks(paths: Mapping[str, Array]) -> Drawing:
    """Return walks (T, 2) on the valley, by their names."""
    a, b = np.linspace(-11, 11, 121), np.linspace(-3, 3, 81)
    losses = 0.5 * (a[None, :] ** 2 + STEEP * b[:, None] ** 2)
    return _walks(a, b, losses, paths, np.geomspace(0.5, 150, 10), ("a", "b"))


def lenet5_walks(paths: Mapping[str, Array]) -> Drawing:
    """Return walks (T, 2) on the plane through the weights of LeNet-5, by their names."""
    names = "towards a fresh network's weights", "the steepest direction"
    return _walks(*lenet5_grid(), paths, np.geomspace(0.03, 12, 14), names)


def _walks(
    a: Array, b: Array, losses: Array, paths: Mapping[str, Array], levels: Array, names: tuple[str, str]
) -> Drawing:
    figure = new_figure(5.2, 3.2)
    axes = figure.subplots()
    axes.contour(a, b, losses, levels=levels, colors="0.6", linewidths=0.8)
    for place, (name, path) in enumerate(paths.items()):
        color, dash = STYLES.get(name.split()[0], ((BLUE, ORANGE, GREEN)[place % 3], "-"))
        axes.plot(*path.T, color=color, linestyle=dash, marker=".", markersize=3, linewidth=1.3, label=name)
    axes.set(xlabel=names[0], ylabel=names[1], xlim=(a[0], a[-1]), ylim=(b[0], b[-1]))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(0, 1.15), ncols=3, fontsize=9)
    ends = "; ".join(f"{name} ends at ({path[-1, 0]:.2g}, {path[-1, 1]:.2g})" for name, path in paths.items())
    return as_drawing(figure, f"Lines of equal loss, and on them {ends}.")
