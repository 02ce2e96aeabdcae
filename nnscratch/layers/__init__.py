"""The layers: parameters and what backward needs, around the pure functions of :mod:`nnscratch.ops`."""

from nnscratch.layers.activations import LeakyReLU, ReLU, Sigmoid, Softmax, Tanh
from nnscratch.layers.base import Layer, Shape
from nnscratch.layers.batchnorm import BatchNorm
from nnscratch.layers.checked import METHODS
from nnscratch.layers.conv import Conv2D
from nnscratch.layers.dense import Dense
from nnscratch.layers.dropout import Dropout
from nnscratch.layers.flatten import Flatten
from nnscratch.layers.pool import AvgPool2D, MaxPool2D

__all__ = [
    "LAYERS",
    "AvgPool2D",
    "BatchNorm",
    "Conv2D",
    "Dense",
    "Dropout",
    "Flatten",
    "Layer",
    "LeakyReLU",
    "MaxPool2D",
    "ReLU",
    "Shape",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "is_custom",
]

LAYERS: dict[str, type[Layer]] = {
    layer.__name__: layer
    for layer in (
        *(AvgPool2D, BatchNorm, Conv2D, Dense, Dropout, Flatten),
        *(LeakyReLU, MaxPool2D, ReLU, Sigmoid, Softmax, Tanh),
    )
}


def is_custom(layer: Layer) -> bool:
    """Return whether the layer is not the library's: another class, or a method put in another's place."""
    return LAYERS.get(type(layer).__name__) is not type(layer) or not vars(layer).keys().isdisjoint(METHODS)
