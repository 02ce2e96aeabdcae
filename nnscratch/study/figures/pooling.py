"""Pooling and ReLU: who is chosen, who receives the gradient, and units that never do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnscratch import ops
from nnscratch.arrays import Array
from nnscratch.data import load_mnist
from nnscratch.models.pretrained import load_pretrained
from nnscratch.pages.html import colored
from nnscratch.parallel.threads import one_blas_thread
from nnscratch.study.figures.convolution import one
from nnscratch.study.figures.drawing import ORANGE, Drawing, Row
from nnscratch.study.figures.play import step_on
from nnscratch.study.figures.plots import as_drawing, new_figure
from nnscratch.study.figures.sketch import CELL, MARK, Sketch

SIZE = (2, 2)
MAP, GAP = 112, 12  # the side of a map in a figure, and what is between two, CSS pixels
HIDDEN, BATCH, STEPS, IMAGES = 64, 50, 40, 400  # of the network whose units die


@dataclass(frozen=True)
class Pass:
    """ReLU and 2 x 2 max-pooling of x (H, W): forward, and back from dout (H/2, W/2)."""

    relu: Array  # (H, W)
    out: Array  # (H/2, W/2)
    argmax: Array  # (H/2, W/2), the offset's number
    drelu: Array  # (H, W)
    dx: Array  # (H, W)


def both_ways(x: Array, dout: Array) -> Pass:
    """Return what the library's functions make of x (H, W) and dout (H/2, W/2)."""
    relu = ops.relu_forward(one(x))
    out, argmax = ops.maxpool2d_forward(relu, SIZE, SIZE)
    drelu = ops.maxpool2d_backward(one(dout), argmax, (len(x), len(x[0])), SIZE, SIZE)
    dx = ops.relu_backward(drelu, one(x))
    return Pass(*(array[0, :, :, 0] for array in (relu, out, argmax, drelu, dx)))


def forward(x: Array, dout: Array) -> Row:
    """Return x, what ReLU makes of it, and what pooling makes of that; a frame around each window's winner."""
    found = both_ways(x, dout)
    return Row(
        [
            _numbers("x", np.asarray(x, float)),
            _numbers("relu(x)", found.relu, found.argmax),
            _numbers("out = max", found.out),
        ]
    )


def backward(x: Array, dout: Array) -> Row:
    """Return the way back: dout, what pooling hands to the winners, and what ReLU lets through."""
    found = both_ways(x, dout)
    return Row(
        [
            _numbers("dout", np.asarray(dout, float)),
            _numbers("back through max", found.drelu, found.argmax),
            _numbers("back through ReLU: dx", found.dx),
        ]
    )


def _numbers(name: str, numbers: Array, argmax: Array | None = None) -> Drawing:
    """Return a grid, with heavy lines around 2 x 2 windows, and a frame around the winner of each."""
    H, W = numbers.shape
    sketch = Sketch(max(W * CELL + 8, 150), H * CELL + 32)
    left = (sketch.width - W * CELL) / 2
    sketch.grid(left, 26, numbers, name=name)
    if argmax is not None:
        for (oh, ow), place in np.ndenumerate(argmax):
            sketch.frame(left + 2 * ow * CELL, 26 + 2 * oh * CELL, 2, 2, color=MARK)
            i, j = divmod(int(place), 2)
            corner = left + (2 * ow + j) * CELL + 4, 26 + (2 * oh + i) * CELL + 4
            sketch.rect(*corner, CELL - 8, CELL - 8, stroke=ORANGE, thick=2.5)
    return sketch.drawing(f"{name}: {numbers.tolist()}")


def on_digit(filter: int = 1) -> Row:
    """Return a map of LeNet-5's first layer on a test digit, through ReLU and pooling, and the gradients at each.

    Layers 0, 1 and 2 of the network are conv1, relu1 and pool1.
    """
    step = step_on()
    names = "conv1", "relu1", "pool1"
    forward = [(f"out of {name}", step.output(k)[filter]) for k, name in enumerate(names)]
    back = [(f"gradient at {name}", step.dout(k)[filter]) for k, name in reversed(list(enumerate(names)))]
    return Row([_maps(forward), _maps(back)])


def _maps(shown: list[tuple[str, Array]]) -> Drawing:
    """Return maps (H, W) side by side, each under its name."""
    sketch, said = Sketch(len(shown) * (MAP + GAP) - GAP, MAP + 22), []
    for place, (name, numbers) in enumerate(shown):
        left = place * (MAP + GAP)
        sketch.text(left, 13, name, size=12, anchor="start")
        sketch.image(left, 20, MAP, MAP, colored(numbers))
        said.append(f"{name}: {np.count_nonzero(numbers)} of {numbers.size} numbers are not 0")
    return sketch.drawing("; ".join(said))


def reached(layers: tuple[str, ...] = ("pool1", "relu1", "conv1")) -> list[tuple[str, int, int]]:
    """Return, for each of these layers of LeNet-5 on a test digit, name, numbers, and how many have a gradient."""
    step = step_on()
    places = {layer.name: k for k, layer in enumerate(step.network.layers)}
    return [(name, step.dout(places[name]).size, int(np.count_nonzero(step.dout(places[name])))) for name in layers]


def firing(images: int = 500) -> Array:
    """Return how often each hidden unit (120,) of the library's LeNet-5 is above 0, on test images: shares."""
    network = load_pretrained("lenet5")
    batches = network.batches(load_mnist().test_images[:images])
    with one_blas_thread():
        network.forward(batches.x(np.arange(images)), record=True)
    return np.asarray((network.activations["relu3"] > 0).mean(axis=1))


def shares(values: Array) -> Drawing:
    """Return a histogram of shares (D,) of images in which units fire."""
    figure = new_figure(5, 2.6)
    axes = figure.subplots()
    axes.hist(100 * values, bins=list(range(0, 101, 5)), color=ORANGE, rwidth=0.9)
    axes.set(xlabel="images in which a unit is above 0 (%)", ylabel="units")
    axes.spines[["top", "right"]].set_visible(False)
    return as_drawing(figure, f"Of {len(values)} units the rarest fires in {100 * values.min():.0f} % of the images.")


def dead_units(rate: float, seed: int = 0) -> list[int]:
    """Return how many of 64 hidden units are 0 for every training image, after each of 40 steps of SGD.

    The network is 784-64-10 with ReLU; the images are the first 400 of MNIST.
    """
    mnist, rng = load_mnist(), np.random.default_rng(seed)
    x = mnist.train_images[:IMAGES].reshape(IMAGES, 784).T / 255
    y = np.eye(10)[mnist.train_labels[:IMAGES]].T
    W1, b1 = rng.normal(0, np.sqrt(2 / 784), (HIDDEN, 784)), np.zeros(HIDDEN)
    W2, b2 = rng.normal(0, np.sqrt(2 / HIDDEN), (10, HIDDEN)), np.zeros(10)
    found = []
    with one_blas_thread():
        for _ in range(STEPS):
            batch = rng.choice(IMAGES, BATCH, replace=False)
            h = ops.dense_forward(x[:, batch], W1, b1)
            a = ops.relu_forward(h)
            _, dz = ops.softmax_cross_entropy(ops.dense_forward(a, W2, b2), y[:, batch])
            dh = ops.relu_backward(ops.dense_backward_input(dz, W2), h)
            gradients = *ops.dense_backward_weights(dh, x[:, batch]), *ops.dense_backward_weights(dz, a)
            for values, gradient in zip((W1, b1, W2, b2), gradients, strict=True):
                values -= rate * gradient
            found.append(int((ops.dense_forward(x, W1, b1) <= 0).all(axis=1).sum()))
    return found


def dying(rates: tuple[float, ...]) -> Drawing:
    """Return how many units are dead after each step, for each learning rate."""
    figure = new_figure(5, 2.8)
    axes = figure.subplots()
    lines = {rate: dead_units(rate) for rate in rates}
    for (rate, dead), dash in zip(lines.items(), ("-", "--", "-.", ":"), strict=False):
        axes.plot(range(1, STEPS + 1), dead, dash, linewidth=2, label=f"learning rate {rate:g}")
    axes.set(xlabel="steps", ylabel=f"dead units, of {HIDDEN}", ylim=(-1, HIDDEN + 1))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    last = ", ".join(f"{dead[-1]} with {rate:g}" for rate, dead in lines.items())
    return as_drawing(figure, f"Dead units of {HIDDEN} after {STEPS} steps of SGD: {last}.")
