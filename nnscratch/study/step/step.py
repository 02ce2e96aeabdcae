"""One training step on one digit, with every number of it kept: forward, loss, backward, update, and the loss after."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.batches import Batches
from nnscratch.data.classes import DIGITS, described
from nnscratch.data.deskew import deskew
from nnscratch.errors import UsageError
from nnscratch.layers.network import Network
from nnscratch.models.sequential import Sequential
from nnscratch.training.gradcheck import float64_copy
from nnscratch.training.losses import softmax_cross_entropy
from nnscratch.training.optimizers import Optimizer

Index = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Step:
    """A step in float64. ``network`` holds the layers, and recorded activations and gradients.

    ``before`` and ``after`` are the parameters by their names, ``gradients`` the gradients of the former; ``p`` (K,)
    the probabilities before it.
    """

    name: str
    network: Network
    optimizer: Optimizer
    image: Array  # (28, 28) uint8, deskewed where the network does that
    label: int
    p: Array
    loss: float
    loss_after: float
    before: dict[str, Array]
    gradients: dict[str, Array]
    after: dict[str, Array]
    classes: tuple[str, ...] = DIGITS
    remark: str = ""  # on the choice of the image, by whoever chose it

    @property
    def described(self) -> str:
        """What the image is: "a 7", or "class cat"."""
        return described(self.classes, self.label)

    def output(self, layer: int) -> Array:
        """Return the output of a layer without the batch axis: (C, H, W) or (D,); of -1 the input."""
        return self._of(self.network.activations, layer)

    def dout(self, layer: int) -> Array:
        """Return the gradient of the loss with respect to that output."""
        return self._of(self.network.activation_gradients, layer)

    def _of(self, arrays: dict[str, Array], layer: int) -> Array:
        return arrays["input" if layer < 0 else self.network.layers[layer].name][..., 0]

    def interesting(self, layer: int) -> Index:
        """Return the unit of a layer's output that matters most: whose value times gradient is largest."""
        weight = np.abs(self.output(layer) * self.dout(layer))
        if not weight.any():
            weight = np.abs(self.dout(layer)) + 1e-9 * np.abs(self.output(layer))
        return tuple(int(i) for i in np.unravel_index(int(weight.argmax()), weight.shape))


def take_step(model: Sequential, image: Array, label: int, optimizer: Optimizer) -> Step:
    """Return one step of ``optimizer``, begun anew, on an image (28, 28) uint8 with its label, on a copy of ``model``.

    Layers are as they are in training; but of a network with batch normalisation, as they are in use: one image has no
    variance, so the running statistics stand in, and dropout is off.

    Raises UsageError for a label that the model has no output for, or a network that ends in Softmax.
    """
    classes, dtype = model.shapes[-1][0], np.dtype("float64")
    if not 0 <= label < classes:
        raise UsageError(f"the label is {label}, but the network has the classes 0 to {classes - 1}")
    if model.ends_in_softmax:
        raise UsageError("the network ends in Softmax, which the loss applies itself: study one without that layer")
    network = float64_copy(model)
    form = network.input_shape, model.normalisation, dtype
    x = Batches(image[None], *form, scaling=model.scaling, deskew=model.deskew).x(np.arange(1))

    def loss(of: Network, *, record: bool) -> tuple[float, Array]:
        of.reseed((0,))  # the same units are dropped before and after
        return softmax_cross_entropy(of.forward(x, not of.couples_batch, record=record), np.array([label]))

    before = copy.deepcopy(network.parameters)
    value, dout = loss(network, record=True)
    network.backward(dout)
    optimizer = copy.deepcopy(optimizer)
    optimizer.start(network.theta, network.decay_mask.astype(np.float64))
    optimizer.step(network.theta, network.gradient, optimizer.learning_rate)
    return Step(
        name=str(model.info.get("name", "model")),
        network=network,
        optimizer=optimizer,
        image=deskew(image) if model.deskew else image,
        label=label,
        p=dout[:, 0] + np.eye(classes)[label],
        loss=value,
        loss_after=loss(network.replica(), record=False)[0],  # the network's own layers keep what the first pass left
        before=before,
        gradients=network.gradients,
        after=network.parameters,
        classes=model.classes,
    )
