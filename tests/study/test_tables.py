"""Links of the library's layers are the dense Jacobian, and the page's tables are those links."""

import base64

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.layers.network import Network
from nnscratch.study.step import jacobian, tables


def unpacked(packed):
    values = np.frombuffer(base64.b64decode(packed["base64"]), f"<{packed['type']}")
    return np.broadcast_to(values, packed["shape"]) if len(values) == 1 else values.reshape(packed["shape"])


def take_rows(table):
    """Undo ``compressed``, as the script does."""
    first, which, ends, steps = (unpacked(table[name]).astype(int) for name in ("first", "which", "ends", "steps"))
    bounds = [0, *ends]
    return [start + steps[bounds[kind] : bounds[kind + 1]] for start, kind in zip(first, which, strict=True)]


LIBRARY = {
    "conv": (nn.Conv2D(3, (2, 3), stride=(2, 1), padding=(1, 2)), (2, 7, 6)),
    "same": (nn.Conv2D(2, 3, stride=2, padding="same"), (3, 6, 5)),
    "dense": (nn.Dense(7), (12,)),
    "max": (nn.MaxPool2D(3, 2), (2, 7, 8)),
    "average": (nn.AvgPool2D((2, 3), (1, 2)), (2, 5, 7)),
    "much padding": (nn.Conv2D(2, 2, padding=3), (2, 3, 4)),  # windows of nothing but zeros
    "flatten": (nn.Flatten(), (2, 3, 4)),
    "softmax": (nn.Softmax(), (6,)),
    "relu": (nn.ReLU(), (2, 3, 4)),
    "batchnorm": (nn.BatchNorm(), (3, 4)),
}


class OneLayer:
    """As much of a step as the Jacobian asks of it: one layer on random numbers."""

    def __init__(self, layer, shape):
        self.network = Network([layer], shape, 1, "float64")
        self.before = {name: value.copy() for name, value in self.network.parameters.items()}
        x = np.random.default_rng(2).standard_normal((*shape, 1))
        self.arrays = [x[..., 0], self.network.forward(x, record=True)[..., 0]]
        self.network.backward(np.ones_like(self.network.activations[layer.name]))
        self.gradients = self.network.gradients

    def output(self, k):
        return self.arrays[k + 1]

    def dout(self, k):
        return np.ones_like(self.output(k))


def one(name):
    layer, shape = LIBRARY[name]
    layer.name = ""
    return layer, OneLayer(layer, shape)


@pytest.mark.parametrize("name", LIBRARY)
def test_links_are_the_dense_jacobian(name):
    layer, step = one(name)
    out, x = step.output(0), step.output(-1)
    twin = layer.copy()
    twin.forward(np.repeat(x[..., None], out.size, axis=-1))
    dense = twin.backward(np.eye(out.size).reshape(*out.shape, out.size)).reshape(x.size, out.size).T
    found, links = np.zeros_like(dense), jacobian.rows(step, 0, range(out.size))
    np.add.at(found, (links.units, links.inputs), links.factors)
    np.testing.assert_array_equal(found, dense)
    if links.weights:
        np.testing.assert_array_equal(layer.W.ravel()[links.weights["W"]], links.factors)
    for unit in range(out.size):
        row = jacobian.rows(step, 0, [unit])
        assert (np.diff(row.inputs) > 0).all() and (row.units == unit).all()
        np.testing.assert_array_equal(row.inputs, links.inputs[links.units == unit])
    for number in range(x.size):
        column = jacobian.column(step, 0, number)
        np.testing.assert_array_equal(np.sort(column.units), links.units[links.inputs == number])


@pytest.mark.parametrize("name", LIBRARY)
def test_the_tables_of_the_page_are_the_links(name):
    layer, step = one(name)
    units = step.output(0).size
    data, links = tables.layer_data(step, 0), jacobian.rows(step, 0, range(units))
    for unit, row in enumerate(take_rows(data["links"])):
        np.testing.assert_array_equal(row, links.inputs[links.units == unit])
    if links.weights:
        assert data["factors"] is None
        for unit, row in enumerate(take_rows(data["weights"]["W"])):
            np.testing.assert_array_equal(row, links.weights["W"][links.units == unit])
    else:
        np.testing.assert_array_equal(unpacked(data["factors"]), links.factors)
    for parameter, (which, factors) in data["owners"].items():
        gradient = step.gradients[f"{layer.name}.{parameter}"]
        made = np.bincount(unpacked(which).astype(int), unpacked(factors), gradient.size)
        np.testing.assert_allclose(made, gradient.ravel(), rtol=1e-12, atol=1e-12)
    assert set(data["owners"]) | set(data["weights"]) == set(layer.parameters)


def test_an_array_is_packed_without_loss():
    for array in (np.zeros((3, 4)), np.arange(6.0).reshape(2, 3), np.array([0.1, 0.2]), np.zeros(0), np.array([0.1])):
        np.testing.assert_array_equal(unpacked(tables.packed(array)), array)
