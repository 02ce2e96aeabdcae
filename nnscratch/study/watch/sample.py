"""A look inside a network at one moment of its training: one recorded pass forward and back, summed up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nnscratch.arrays import Array, Stream
from nnscratch.layers import Flatten, Layer, ReLU, Sigmoid, Tanh
from nnscratch.layers.network import Network
from nnscratch.study.watch.distribution import Distribution, distribution, plain
from nnscratch.training.losses import Loss
from nnscratch.training.metrics import count_correct

FLAT = 0.05  # a tanh or sigmoid is saturated where its slope is below this share of its greatest
MOST_FILTERS = 16


@dataclass
class LayerSample:
    """One layer at one moment, on the probe images.

    ``activation`` is the spread of its output, ``gradient`` of the loss's gradient with respect to it; ``weights`` and
    ``weight_gradients`` have those of each parameter by its short name ("W", "b").
    ``dead``: share of a ReLU's units that are 0 for all images; ``dead_maps``: share of its maps of which every unit
    is. ``saturated``: share of the outputs of a tanh or sigmoid where it is all but flat.
    ``gradient_norm`` and ``weight_norm`` are the norms of all its parameters' gradients and of the parameters taken
    together. ``updates`` and ``update`` tell, for each parameter and for all together, by what share of its norm the
    next batch moved it: |after - before| / |before|; None where that is 0 / 0 or no batch came.
    """

    activation: Distribution
    gradient: Distribution
    weights: dict[str, Distribution] = field(default_factory=dict)
    weight_gradients: dict[str, Distribution] = field(default_factory=dict)
    updates: dict[str, float | None] = field(default_factory=dict)
    dead: float | None = None
    dead_maps: float | None = None
    saturated: float | None = None
    gradient_norm: float | None = None
    weight_norm: float | None = None
    update: float | None = None


@dataclass(eq=False)
class Sample:
    """All layers but Flatten at one moment: after ``step`` batches, which are ``epochs`` epochs.

    ``loss`` and ``accuracy`` are those of the probe images, ``learning_rate`` is the next batch's. ``filters`` are the
    first layer's weights that can be shown as pictures, (n, H, W), if there are any.
    """

    step: int
    epochs: float
    learning_rate: float
    loss: float
    accuracy: float
    layers: dict[str, LayerSample]
    filters: Array | None = None

    def to_dict(self, *, histograms: bool = True) -> dict[str, Any]:
        """Return it fit for JSON, without the filters."""
        return dict(plain(self, without=("filters",) if histograms else ("filters", "counts")))


def recorded_pass(network: Network, x: Array, labels: Array, loss: Loss) -> tuple[Network, float, float]:
    """Return a replica that has gone forward and back on x (*input_shape, N), the loss, and the accuracy.

    The replica has activations, gradients, running statistics and random numbers of its own, so the network goes on as
    if nothing had happened. Dropout is off; but a network that mixes images, as batch normalisation does, is seen as
    it is in training, since its running statistics lag behind.
    """
    replica = network.replica()
    for layer in replica.layers:
        layer.buffers = {name: value.copy() for name, value in layer.buffers.items()}
        for name, value in layer.buffers.items():
            setattr(layer, name, value)
    replica.reseed((network.seed, Stream.SAMPLE))
    with np.errstate(over="ignore", invalid="ignore"):  # a training that diverges is not warned of, but seen
        out = replica.forward(x, training=network.couples_batch, record=True)
        mean, dout = loss(out, labels.T)
        replica.backward(dout)
    return replica, float(mean), count_correct(out, labels) / len(labels)


def layer_samples(replica: Network) -> dict[str, LayerSample]:
    """Return what the recorded pass has left in every layer, by its name."""
    return {layer.name: _layer_sample(replica, layer) for layer in replica.layers if not isinstance(layer, Flatten)}


def _layer_sample(replica: Network, layer: Layer) -> LayerSample:
    out = replica.activations[layer.name]
    sample = LayerSample(distribution(out), distribution(replica.activation_gradients[layer.name]))
    if isinstance(layer, ReLU):
        sample.dead, sample.dead_maps = dead_shares(out)
    elif isinstance(layer, Tanh):
        sample.saturated = float((1 - out * out < FLAT).mean())
    elif isinstance(layer, Sigmoid):
        sample.saturated = float((4 * out * (1 - out) < FLAT).mean())
    if layer.parameters:
        gradients = {name: replica.gradients[f"{layer.name}.{name}"] for name in layer.parameters}
        sample.weights = {name: distribution(value) for name, value in layer.parameters.items()}
        sample.weight_gradients = {name: distribution(value) for name, value in gradients.items()}
        sample.gradient_norm = norm(*gradients.values())
        sample.weight_norm = norm(*layer.parameters.values())
    return sample


def dead_shares(out: Array) -> tuple[float, float | None]:
    """Return the share of units that are 0 for all images of a ReLU's output, and of maps that are 0 altogether.

    out: (D, N), which has no maps, or (C, H, W, N), of which each of the C H W places is a unit.
    """
    dead: Array = np.asarray(~(out > 0).any(axis=-1))
    maps = float(dead.all(axis=(1, 2)).mean()) if dead.ndim == 3 else None
    return float(dead.mean()), maps


def norm(*arrays: Array) -> float:
    """Return the Euclidean norm of arrays taken together as one vector."""
    return float(np.sqrt(sum(float(np.square(array, dtype=np.float64).sum()) for array in arrays)))


def add_updates(sample: Sample, network: Network, before: Array) -> None:
    """Put into the sample by what share each parameter has moved since theta was ``before`` (P,)."""
    for layer, names, part in _parts(network):
        mine = sample.layers[layer]
        mine.updates |= {name: _moved(network.theta[piece], before[piece]) for name, piece in names.items()}
        mine.update = _moved(network.theta[part], before[part])


def _moved(after: Array, before: Array) -> float | None:
    start = norm(before)
    return norm(after - before) / start if start > 0 else None


def _parts(network: Network) -> Iterator[tuple[str, dict[str, slice], slice]]:
    """Yield for each layer with parameters its name, where in theta each of them lies, and where all lie."""
    start = 0
    for layer in network.layers:
        first, names = start, {}
        for name, value in layer.parameters.items():
            names[name] = slice(start, start + value.size)
            start += value.size
        if names:
            yield layer.name, names, slice(first, start)


def first_filters(network: Network) -> Array | None:
    """Return the first layer's weights as pictures (n, H, W), at most MOST_FILTERS: filters, or dense units' templates.

    A filter of several channels shows its first. None where the first layer with parameters has nothing to show.
    """
    first = next((layer for layer in network.layers if layer.parameters), None)
    W = first.parameters.get("W") if first is not None else None
    if W is None:
        return None
    if W.ndim == 4:  # (F, C, KH, KW)
        return W[:MOST_FILTERS, 0].copy()
    C, H, width = network.input_shape if len(network.input_shape) == 3 else (0, 0, 0)
    if W.ndim == 2 and C == 1 and W.shape[1] == H * width:  # (D, K)
        return W[:MOST_FILTERS].reshape(-1, H, width).copy()
    return None
