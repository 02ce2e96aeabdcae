"""What excites each unit of a network: a filter of a convolution, a row of a dense layer.

A unit's excitement by an image is its weighted sum, before the activation function, which mostly keeps the order but
makes many numbers equal: 0 with ReLU, nearly 1 with tanh. A batch normalisation right behind the sum counts in, since
it may turn the order round. A filter has a sum at every place of the image, of which the largest counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nnscratch import ops
from nnscratch.arrays import Array
from nnscratch.errors import DataError
from nnscratch.layers import BatchNorm, Conv2D, Dense, Dropout, Layer, LeakyReLU, ReLU, Sigmoid, Softmax, Tanh
from nnscratch.models.sequential import Sequential
from nnscratch.training.losses import one_hot

ROOM = 4_000_000  # numbers that the activations of a chunk of images may be
CHUNK = (8, 512)  # images at a time, at least and at most
FOLLOWERS = (BatchNorm, Dropout, LeakyReLU, ReLU, Sigmoid, Softmax, Tanh)  # they work on each unit by itself


@dataclass(frozen=True)
class Group:
    """The units of a layer: its name and place, how many, where their sum and where their activation are recorded."""

    name: str
    place: int
    units: int
    spatial: bool  # True when each unit has a sum for every place of the image
    sums: str
    after: str


@dataclass(frozen=True)
class Excitement:
    """How N images excite the U units of a layer.

    values (U, N) float32; places (U, N): where in the map (OH * OW) a filter's largest sum is, else zeros;
    activity (U,): the mean magnitude of its activation; share (U,): see :func:`class_share`.
    """

    values: Array
    places: Array
    activity: Array
    share: Array

    def top(self, unit: int, count: int) -> Array:
        """Return the numbers of the images that excite a unit most, the most exciting first; ties go to the first."""
        return np.argsort(-self.values[unit], kind="stable")[:count]

    @cached_property
    def positive(self) -> Array:
        """The share of images that bring each unit above 0: (U,)."""
        return np.asarray((self.values > 0).mean(axis=1))

    @cached_property
    def silent(self) -> Array:
        """Which units have an activation of 0 for every image, and so no say at all: (U,) bool."""
        return np.asarray(self.activity == 0)


@dataclass(frozen=True)
class Survey:
    """What one pass over the images found: excitement by layer, log-probabilities (N, K), and what was sampled."""

    excitement: dict[str, Excitement]
    log_probabilities: Array
    hidden: Array  # (images sampled, D)


def groups(model: Sequential) -> list[Group]:
    """Return the layers that have units, in order."""
    found = []
    for place, layer in enumerate(model.layers):
        if isinstance(layer, (Conv2D, Dense)):
            followers = _followers(model.layers[place + 1 :])
            normed = followers and isinstance(followers[0], BatchNorm)
            sums = followers[0].name if normed else layer.name
            after = followers[-1].name if followers else layer.name
            spatial = isinstance(layer, Conv2D)
            found.append(Group(layer.name, place, model.shapes[place + 1][0], spatial, sums, after))
    return found


def _followers(layers: list[Layer]) -> list[Layer]:
    """Return the first of ``layers`` that work on each unit by itself."""
    end = next((i for i, layer in enumerate(layers) if not isinstance(layer, FOLLOWERS)), len(layers))
    return layers[:end]


def hidden_name(model: Sequential) -> str:
    """Return what enters the last layer with units: the name of the layer before it, or "input"."""
    found = groups(model)
    place = found[-1].place if found else 0
    return model.layers[place - 1].name if place else "input"


@np.errstate(over="ignore", invalid="ignore")  # what is not finite is told at the end
def survey(model: Sequential, images: Array, labels: Array, sample: Array) -> Survey:
    """Return what excites every unit, what the network reads, and what enters its last layer for ``sample``'s images.

    One pass by chunks, so that not all activations are kept; labels (N,), ``sample`` (n,) holds rising image numbers.
    Raises DataError when a sum or the output is not finite.
    """
    found, last = groups(model), hidden_name(model)
    values = {group.name: np.empty((group.units, len(images)), np.float32) for group in found}
    places = {group.name: np.zeros((group.units, len(images)), np.int32) for group in found}
    activity = {group.name: np.zeros(group.units) for group in found}
    logits, hidden = [], []
    batches = model.batches(images)
    for indices in _chunks(model, len(images)):
        out = model.forward(batches.x(indices), record=True)
        logits.append(model.to_logits(out))
        for group in found:
            sums = model.activations[group.sums]
            values[group.name][:, indices], places[group.name][:, indices] = largest(sums)
            after = np.abs(model.activations[group.after]).reshape(group.units, -1, len(indices))
            activity[group.name] += after.mean(axis=1, dtype=np.float64).sum(axis=1)
        chosen = sample[(sample >= indices[0]) & (sample <= indices[-1])] - indices[0]
        hidden.append(model.activations[last].reshape(-1, len(indices))[:, chosen].T)
    every, sampled = np.concatenate(logits, axis=1), np.concatenate(hidden)
    if not all(np.isfinite(numbers).all() for numbers in (every, sampled, *values.values(), *activity.values())):
        raise DataError("the network's activations are not all finite numbers: train it again")
    excitement = {
        name: Excitement(of, places[name], activity[name] / len(images), class_share(of, labels, model.shapes[-1][0]))
        for name, of in values.items()
    }
    return Survey(excitement, np.ascontiguousarray(ops.log_softmax(every).T), sampled)


def _chunks(model: Sequential, n: int) -> Iterator[Array]:
    size = sum(int(np.prod(shape)) for shape in model.shapes)
    step = int(np.clip(ROOM // size, *CHUNK))
    for start in range(0, n, step):
        yield np.arange(start, min(start + step, n))


def largest(sums: Array) -> tuple[Array, Array]:
    """Return the largest of each map (U, N) and its place in reading order (U, N), for (U, OH, OW, N) or (U, N)."""
    flat = sums.reshape(len(sums), -1, sums.shape[-1])
    places = flat.argmax(axis=1)
    return np.take_along_axis(flat, places[:, None], axis=1)[:, 0], places


def class_share(values: Array, labels: Array, classes: int = 10) -> Array:
    """Return the share of each unit's variance (U,) that lies between the classes, for values (U, N), labels (N,).

    0: the unit tells nothing of the class; 1: it is the same for all images of a class. The correlation ratio eta²:
    sum over c of n_c (mean_c - mean)² / sum over n of (value_n - mean)². 0 for a unit that never changes.
    """
    centred = values - values.mean(axis=1, keepdims=True, dtype=np.float64)
    members = one_hot(labels, classes).astype(np.float64)  # (classes, N)
    sizes = members.sum(axis=1)
    between = ((centred @ members.T) ** 2 / np.maximum(sizes, 1)).sum(axis=1)
    total = (centred**2).sum(axis=1)
    share = np.divide(between, total, out=np.zeros(len(values)), where=total > 0)
    return np.asarray(share.clip(0, 1))


def most_telling(excitement: Excitement, most: int) -> Array:
    """Return the numbers of the units to show, rising: all, or the ``most`` of which the class explains most.

    Silent units come last.
    """
    if len(excitement.values) <= most:
        return np.arange(len(excitement.values))
    rank_by = np.where(excitement.silent, -1, excitement.share)
    return np.sort(np.argsort(-rank_by, kind="stable")[:most])
