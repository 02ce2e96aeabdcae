"""Networks drawn at random from all layers of the library, with everything that a gradient of them depends on.

A network is a function of (seed, number): the same anywhere. ``draw`` returns what it is, ``build`` makes it, and
``data`` its images and targets. Sizes are small, since it is the number of kinds that matters.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

import nnscratch as nn
from nnscratch import ops
from nnscratch.arrays import Array
from nnscratch.layers.network import Network

Rng = np.random.Generator
CANCELLED, TINY = 1e-4, 1e-6
POOLED_FIRST = 0.06  # of the images: see has_ties
BLANK = 0.8  # of the pixels where a dense layer is the first
LOSSES = ("cross-entropy", "smoothed", "soft targets", "squared error")
ACTIVATIONS = ("ReLU", "LeakyReLU", "Tanh", "Sigmoid", "Softmax")
# Kernels are compiled for their geometry, which takes a thousand times as long as the work: so few sizes, each often
BATCHES, SHARES = (1, 2, 3, 8, 32), (0.15, 0.15, 0.15, 0.2, 0.35)
FILTERS, UNITS, WIDE = (1, 2, 3, 4, 6), (1, 2, 3, 5, 8, 12), (64, 70)
CHANNELS, SIDES, VECTORS, CLASSES = (1, 2, 3), (5, 7, 8, 10, 12), (2, 7, 20, 40), (2, 3, 10)


@dataclass(frozen=True)
class Architecture:
    """What was drawn: ``layers`` are (class, settings); N images, which go through it in ``training`` or not."""

    seed: int
    number: int
    input_shape: tuple[int, ...]
    layers: tuple[tuple[str, dict[str, Any]], ...]
    n: int
    training: bool
    loss: str

    def to_dict(self) -> str:
        """Return a line that says it all."""
        steps = [f"{kind}({', '.join(f'{k}={v!r}' for k, v in settings.items())})" for kind, settings in self.layers]
        mode = "training" if self.training else "not training"
        return f"{self.input_shape} x {self.n}, {mode}, {self.loss}: {' '.join(steps)}"


def draw(seed: int, number: int) -> Architecture:
    """Return the network of this number."""
    rng = np.random.default_rng((seed, number))
    n = int(rng.choice(BATCHES, p=SHARES))
    training = bool(rng.random() < 0.7)
    shape: tuple[int, ...] = (int(rng.choice(VECTORS)),)
    if rng.random() < 0.8:
        shape = (int(rng.choice(CHANNELS)), int(rng.choice(SIDES)), int(rng.choice(SIDES)))
    layers = _Drawing(rng, shape, n, training)
    if len(shape) == 3 and np.random.default_rng((seed, number, 4)).random() < POOLED_FIRST:
        layers.add("MaxPool2D", size=layers.sides(3), stride=layers.steps())
    for _ in range(int(rng.choice(4, p=[0.1, 0.3, 0.3, 0.3])) if len(shape) == 3 else 0):
        layers.image_block()
    if len(shape) == 3:
        layers.add("Flatten")
    for _ in range(int(rng.choice(3, p=[0.4, 0.4, 0.2]))):
        layers.vector_block()
    loss = str(rng.choice(LOSSES))
    layers.end(loss)
    return Architecture(seed, number, shape, tuple(layers.layers), n, training, loss)


class _Drawing:
    """The layers so far, and the shape that they end in."""

    def __init__(self, rng: Rng, shape: tuple[int, ...], n: int, training: bool) -> None:
        self.rng, self.shape, self.n, self.training = rng, shape, n, training
        self.layers: list[tuple[str, dict[str, Any]]] = []

    def maybe(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def add(self, kind: str, **settings: Any) -> None:
        self.layers.append((kind, settings))
        self.shape = Network([getattr(nn, kind)(**settings)], self.shape).shapes[-1]

    def sides(self, most: int) -> int | tuple[int, int]:
        """Return a number of pixels, or two, that fit into the image and are at most so many."""
        H, W = (min(side, most) for side in self.shape[1:])
        if self.maybe(0.5):
            return int(self.rng.integers(1, min(H, W) + 1))
        return int(self.rng.integers(1, H + 1)), int(self.rng.integers(1, W + 1))

    def steps(self) -> int | tuple[int, int]:
        """Return a stride: 1 more often than others, for that is what kernels are for."""
        if self.maybe(0.5):
            return 1
        return int(self.rng.integers(2, 4)) if self.maybe(0.5) else tuple(self.rng.integers(1, 4, 2).tolist())

    def padding(self) -> str | int | tuple[int, int]:
        """Return one of the four kinds of padding."""
        kind = int(self.rng.integers(4))
        some = self.rng.integers(0, 3, 2).tolist()
        return ("valid", "same", max(some[0], 1), (some[0], some[1]))[kind]

    def image_block(self) -> None:
        """Add a convolution, or none, and what may follow it; or the run that compiled kernels do in one pass."""
        if min(self.shape[1:]) > 3 and self.maybe(0.2):
            self.add("Conv2D", filters=int(self.rng.choice(FILTERS)), kernel=self.sides(3), padding=self.padding())
            self.add("ReLU")
            self.add("MaxPool2D" if self.maybe(0.5) else "AvgPool2D", size=2)
            return
        if self.maybe(0.85):
            filters, padding = int(self.rng.choice(FILTERS)), self.padding()
            self.add("Conv2D", filters=filters, kernel=self.sides(5), stride=self.steps(), padding=padding)
        self.between()
        if min(self.shape[1:]) > 1 and self.maybe(0.65):
            kind = "MaxPool2D" if self.maybe(0.5) else "AvgPool2D"
            usual = self.maybe(0.5)
            self.add(
                kind, size=2 if usual else self.sides(3), stride=None if usual or self.maybe(0.4) else self.steps()
            )

    def vector_block(self) -> None:
        """Add a dense layer, now and then a wide one, and what may follow it."""
        wide = self.maybe(0.3 if all(kind == "Flatten" for kind, _ in self.layers) else 0.1)
        self.add("Dense", units=int(self.rng.choice(WIDE if wide else UNITS)))
        self.between()

    def between(self) -> None:
        """Add batch normalisation, an activation and dropout, or some of them."""
        values = self.n * int(np.prod(self.shape[1:]))
        # one value has no variance; two become -1 and 1 whatever they are, so that nothing is left of their gradient
        if self.maybe(0.25) and (values > 2 or not self.training):
            self.add("BatchNorm", momentum=float(self.rng.choice([0.5, 0.9])), eps=float(self.rng.choice([1e-5, 1e-2])))
        if self.maybe(0.85):
            kind = str(self.rng.choice(ACTIVATIONS, p=[0.4, 0.15, 0.2, 0.15, 0.1]))
            self.add(kind, **({"slope": float(self.rng.choice([0.01, 0.2, -0.5]))} if kind == "LeakyReLU" else {}))
        if self.maybe(0.2):
            self.add("Dropout", rate=float(self.rng.choice([0.0, 0.2, 0.5])))

    def end(self, loss: str) -> None:
        """Add the classes, or take what there is for them."""
        learns = any(kind in ("Conv2D", "Dense", "BatchNorm") for kind, _ in self.layers)
        if not (learns and 2 <= self.shape[0] <= 40) or self.maybe(0.8):
            self.add("Dense", units=int(self.rng.choice(CLASSES)))
        if loss == "squared error" and self.maybe(0.4):
            self.add("Softmax")


def build(drawn: Architecture, dtype: str = "float64") -> nn.Sequential:
    """Return the network with all its parameters, and running statistics, moved away from their first values."""
    layers = [getattr(nn, kind)(**settings) for kind, settings in drawn.layers]
    network = nn.Sequential(layers, drawn.input_shape, drawn.number, dtype)
    rng = np.random.default_rng((drawn.seed, drawn.number, 1))
    network.theta += 0.2 * rng.standard_normal(network.theta.size)
    for name, value in network.buffers.items():
        drawn_numbers = rng.standard_normal(value.shape)
        value[...] = drawn_numbers if name.endswith("mean") else 0.5 + drawn_numbers**2
    return network


def data(drawn: Architecture, network: Network) -> tuple[Array, Array]:
    """Return x (*input_shape, N) and labels (N,), or targets (K, N)."""
    rng = np.random.default_rng((drawn.seed, drawn.number, 2))
    classes = network.shapes[-1][0]
    x = rng.standard_normal((*drawn.input_shape, drawn.n))
    if network.by_image:  # mostly blank, and image by image in memory, as ``Batches`` would give them
        x = np.where(rng.random(x.shape) < BLANK, 0, x)
        x = np.moveaxis(np.moveaxis(x, -1, 0).copy(), 0, -1)
    if has_ties(drawn):
        x = np.clip(np.round(x), -1, 1)
    if drawn.loss == "soft targets":
        return x, rng.dirichlet(np.ones(classes), drawn.n).T.copy()
    if drawn.loss == "squared error":
        return x, rng.random((classes, drawn.n))
    return x, rng.integers(0, classes, drawn.n)


def has_ties(drawn: Architecture) -> bool:
    """Return whether the images are of three whole numbers: where max-pooling meets them, so that there are ties.

    Nothing but a choice may come before it, lest equal numbers become different ones in the last digit.
    """
    kinds = [kind for kind, _ in drawn.layers if kind not in ("ReLU", "LeakyReLU")]
    return kinds[0] == "MaxPool2D"


def loss_of(drawn: Architecture) -> Callable[[Array, Array], tuple[float, Array]]:
    """Return the loss: (output, targets) -> (loss, its gradient with respect to the output)."""
    if drawn.loss == "squared error":
        return nn.mean_squared_error
    return partial(nn.softmax_cross_entropy, label_smoothing=smoothing(drawn))


def smoothing(drawn: Architecture) -> float:
    """Return the label smoothing."""
    return 0.1 if drawn.loss == "smoothed" else 0.0


def gradients(drawn: Architecture, network: Network) -> dict[str, Array]:
    """Return loss, output, the gradients of the input and of every parameter, and the buffers afterwards."""
    x, targets = data(drawn, network)
    network.reseed((drawn.seed, drawn.number))
    out = network.forward(x, drawn.training)
    loss, dout = loss_of(drawn)(out, targets)
    found = {"loss": np.array([loss]), "output": out, "input": network.backward(dout), **network.gradients}
    return {name: np.array(value) for name, value in (found | network.buffers).items()}


def terms(drawn: Architecture, network: nn.Network) -> dict[str, float]:
    """Return by parameter what its gradient is a sum of: the sum of the magnitudes, of the entry that has most."""
    x, targets = data(drawn, network)
    network.reseed((drawn.seed, drawn.number))
    out = network.forward(x, drawn.training, record=True)
    network.backward(loss_of(drawn)(out, targets)[1])
    found: dict[str, float] = {}
    before = "input"
    for layer in network.layers:
        x, dout = np.abs(network.activations[before]), np.abs(network.activation_gradients[layer.name])
        sums: tuple[Array, ...] = ()
        if isinstance(layer, nn.Conv2D):
            sums = ops.conv2d_backward_weights(dout, x, layer.size, layer.strides, layer.pads)
        elif isinstance(layer, nn.Dense):
            sums = ops.dense_backward_weights(dout, x)
        elif isinstance(layer, nn.BatchNorm):
            sums = ops.batchnorm_backward_weights(dout, normalised_terms(layer, x))
        found |= {f"{layer.name}.{name}": magnitude(sums[place]) for place, name in enumerate(layer.parameters)}
        before = layer.name
    return found


def normalised_terms(layer: nn.BatchNorm, x: Array) -> Array:
    """Return |x| / sqrt(var + eps), which becomes ``xhat`` but for the mean: of a constant channel nothing is left."""
    deviation = np.sqrt(layer.var + layer.eps)
    return x / deviation.reshape(-1, *[1] * (x.ndim - 1))  # type: ignore[no-any-return]


def errors(one: dict[str, Array], other: dict[str, Array], sums: dict[str, float]) -> dict[str, float]:
    """Return the error of each array: the largest difference by the array's largest magnitude, or by its floor.

    Of some gradients only the rounding is left: that of a bias before batch normalisation is 0, as a sum of terms that
    cancel. So a floor is CANCELLED times the sum of the magnitudes of the terms (see :func:`terms`), and no gradient is
    measured by less than TINY times the largest of the network.
    """
    assert one.keys() == other.keys()
    least = floors(one, sums)
    return {name: error(value, other[name], least.get(name, 0.0)) for name, value in one.items()}


def floors(found: dict[str, Array], sums: dict[str, float]) -> dict[str, float]:
    """Return for each gradient what it is measured by at least."""
    gradients = ("input", *sums)
    tiny = TINY * max(magnitude(found[name]) for name in gradients)
    return {name: max(CANCELLED * sums.get(name, 0.0), tiny) for name in gradients}


def cancelled(found: dict[str, Array], sums: dict[str, float]) -> list[str]:
    """Return the gradients that are measured by their floors, but for those that are 0 altogether."""
    return [name for name, floor in floors(found, sums).items() if 0 < magnitude(found[name]) < floor]


def error(one: Array, other: Array, floor: float) -> float:
    """Return the largest difference, divided by the larger magnitude or by ``floor``. What is not finite is wrong."""
    assert one.shape == other.shape
    difference = magnitude(one.astype(np.float64) - other)
    return difference / max(magnitude(one), magnitude(other), floor) if difference else 0.0


def magnitude(values: Array) -> float:
    """Return the largest magnitude; infinity for what is not finite."""
    return float(np.abs(values).max()) if np.isfinite(values).all() else np.inf


def digest(found: dict[str, Array]) -> str:
    """Return the SHA-256 of arrays, by name and in order."""
    sha = hashlib.sha256()
    for name, value in found.items():
        sha.update(f"{name} {value.dtype} {value.shape}".encode())
        sha.update(np.ascontiguousarray(value).tobytes())
    return sha.hexdigest()
