"""Thirteen networks that are not alike, as plain data: what bench_architectures.py trains, and everybody's twin is of.

Layers here are not built: they have settings, and neither weights nor shapes. ``build`` makes a network of copies, with
Glorot's weights, from which the other frameworks take theirs.
"""

from __future__ import annotations

import copy
from typing import NamedTuple

import numpy as np

import nnscratch as nn
from nnscratch.layers import AvgPool2D, BatchNorm, Conv2D, Dense, Dropout, Flatten, Layer, LeakyReLU, MaxPool2D, ReLU
from nnscratch.models import zoo

SEED = 0
DIGIT, COLORED = (1, 28, 28), (3, 32, 32)


class Network(NamedTuple):
    """Layers, how many images of MNIST an epoch has, how many a batch, and an image's shape (C, H, W)."""

    layers: list[Layer]
    images: int
    batch: int
    input_shape: tuple[int, int, int] = DIGIT


class Data(NamedTuple):
    """Images (N, 28, 28) or (N, 3, 32, 32) uint8, or as a framework wants them; labels (N,) int64."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


def _narrow(filters: int) -> list[Layer]:
    """Return four convolutions with few filters each, and a pooling."""
    convolutions = [layer for _ in range(4) for layer in (Conv2D(filters, 3, padding=1), ReLU())]
    return [*convolutions, MaxPool2D(2)]


NETWORKS = {
    "lenet5": Network(zoo.lenet5(), 60_000, 64),
    "mlp": Network(zoo.mlp(), 60_000, 128),
    "keras-example": Network(
        [
            *(Conv2D(32, 3), ReLU(), MaxPool2D(2)),
            *(Conv2D(64, 3), ReLU(), MaxPool2D(2)),
            *(Flatten(), Dropout(0.5), Dense(10)),
        ],
        10_000,
        128,
    ),
    "pytorch-example": Network(  # without its dropout
        [
            *(Conv2D(32, 3), ReLU(), Conv2D(64, 3), ReLU(), MaxPool2D(2)),
            *(Flatten(), Dense(128), ReLU(), Dense(10)),
        ],
        5_000,
        64,
    ),
    "lenet5-classic": Network(zoo.lenet5_classic(), 20_000, 64),
    "color": Network(
        [
            *(Conv2D(32, 3, padding=1), ReLU(), MaxPool2D(2)),
            *(Conv2D(64, 3, padding=1), ReLU(), MaxPool2D(2)),
            *(Conv2D(128, 3, padding=1), ReLU(), MaxPool2D(2)),
            *(Flatten(), Dense(10)),
        ],
        5_000,
        64,
        COLORED,
    ),
    "batchnorm": Network(
        [
            *(Conv2D(16, 3), BatchNorm(), ReLU(), MaxPool2D(2)),
            *(Conv2D(32, 3), BatchNorm(), ReLU(), MaxPool2D(2)),
            *(Flatten(), Dense(10)),
        ],
        10_000,
        64,
    ),
    "strides": Network(
        [
            *(Conv2D(16, 3, stride=2, padding=1), ReLU()),
            *(Conv2D(32, 3, stride=2, padding=1), ReLU()),
            *(Conv2D(64, 3, stride=2, padding=1), ReLU()),
            *(Flatten(), Dense(10)),
        ],
        20_000,
        64,
    ),
    "mlp-wide": Network(zoo.mlp((1024, 1024)), 20_000, 128),
    "mlp-dropout": Network(zoo.mlp((512, 512), dropout=0.2), 20_000, 128),
    "leaky-mean": Network(
        [
            *(Conv2D(8, 5), LeakyReLU(), AvgPool2D(2)),
            *(Conv2D(16, 5), LeakyReLU(), AvgPool2D(2)),
            *(Flatten(), Dense(64), LeakyReLU(), Dense(10)),
        ],
        20_000,
        64,
    ),
    "deep-narrow": Network([*_narrow(8), *_narrow(16), Flatten(), Dense(10)], 10_000, 64),
    "wide": Network(
        [
            *(Conv2D(64, 5), ReLU(), MaxPool2D(2)),
            *(Conv2D(64, 5), ReLU(), MaxPool2D(2)),
            *(Flatten(), Dense(256), ReLU(), Dense(10)),
        ],
        5_000,
        64,
    ),
}
KNOWN = {**NETWORKS, "logistic": Network(zoo.logistic(), 60_000, 64)}  # bench_train.py has it, too


def build(name: str) -> nn.Sequential:
    """Return a new network, the same each time."""
    network = KNOWN[name]
    return nn.Sequential(copy.deepcopy(network.layers), network.input_shape, SEED)


def training_flops(name: str) -> int:
    """Return the multiplications and additions with a weight that one image costs in training.

    They are those of the forward pass thrice: it, the gradients of the weights, and those of the inputs, which the
    first layer that has weights does not need.
    """
    work = [row[3] for row in build(name).table() if row[3]]
    return 2 * (3 * sum(work) - work[0])


def dataset(name: str, images: int = 0) -> Data:
    """Return the images and labels that the network is trained and tested with; of the former so many, if not 0."""
    network, mnist = KNOWN[name], nn.load_mnist()
    n = images or network.images
    data = Data(mnist.train_images[:n], mnist.train_labels[:n], mnist.test_images, mnist.test_labels)
    if network.input_shape == COLORED:
        return data._replace(train_images=tinted(data.train_images), test_images=tinted(data.test_images))
    return data


def tinted(images: np.ndarray) -> np.ndarray:
    """Return images (N, 28, 28) as (N, 3, 32, 32), each in a colour of its own, which depends on its place alone."""
    colors = np.random.default_rng(SEED).uniform(0.3, 1, (len(images), 3, 1, 1)).astype(np.float32)
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2)))[:, None]
    return np.rint(padded * colors).astype(np.uint8)


def channels_last(W: np.ndarray, image: tuple[int, ...] | None) -> np.ndarray:
    """Return the weights (D, K) of a dense layer that sees images (C, H, W) flat for those that are (H, W, C).

    Where it sees no images, None, they are the same.
    """
    return W if image is None else W.reshape(len(W), *image).transpose(0, 2, 3, 1).reshape(W.shape)
