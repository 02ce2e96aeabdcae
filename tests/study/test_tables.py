"""Rows of the library's layers are those of the dense Jacobian, and the page's tables are those rows."""

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.layers.network import Network
from nnscratch.study.step import jacobian, tables


def unpacked(table):
    """Undo ``compressed``, as the script does."""
    bounds = [0, *table["ends"]]
    return [
        first + table["steps"][bounds[which] : bounds[which + 1]]
        for first, which in zip(table["first"], table["which"], strict=True)
    ]


LIBRARY = {
    "conv": (nn.Conv2D(3, (2, 3), stride=(2, 1), padding=(1, 2)), (2, 7, 6)),
    "same": (nn.Conv2D(2, 3, stride=2, padding="same"), (3, 6, 5)),
    "dense": (nn.Dense(7), (12,)),
    "max": (nn.MaxPool2D(3, 2), (2, 7, 8)),
    "average": (nn.AvgPool2D((2, 3), (1, 2)), (2, 5, 7)),
    "much padding": (nn.Conv2D(2, 2, padding=3), (2, 3, 4)),  # windows of nothing but zeros
    "flatten": (nn.Flatten(), (2, 3, 4)),
    "softmax": (nn.Softmax(), (6,)),
}


class OneLayer:
    """As much of a step as the Jacobian asks of it: one layer on random numbers."""

    def __init__(self, layer, shape):
        self.network = Network([layer], shape, 1, "float64")
        self.before = {name: value.copy() for name, value in self.network.parameters.items()}
        x = np.random.default_rng(2).standard_normal((*shape, 1))
        self.arrays = [x[..., 0], self.network.forward(x, record=True)[..., 0]]

    def output(self, k):
        return self.arrays[k + 1]


@pytest.mark.parametrize("name", LIBRARY)
@pytest.mark.parametrize("at_once", [1, 1 << 22])
def test_sparse_rows_are_those_of_the_dense_jacobian(name, at_once, monkeypatch):
    monkeypatch.setattr(jacobian, "AT_ONCE", at_once)
    layer, shape = LIBRARY[name]
    layer.name = ""
    one = OneLayer(layer, shape)
    out, x = one.output(0), one.output(-1)
    twin = layer.copy()
    twin.forward(np.repeat(x[..., None], out.size, axis=-1))
    dense = twin.backward(np.eye(out.size).reshape(*out.shape, out.size)).reshape(x.size, out.size).T
    found = np.zeros_like(dense)
    pattern = np.zeros(dense.shape, bool)
    for unit, row in enumerate(jacobian.rows(one, 0, range(out.size))):
        found[unit, row.inputs], pattern[unit, row.inputs] = row.factors, True
        if row.weights:
            np.testing.assert_array_equal(layer.W.ravel()[row.weights["W"]], row.factors)
        assert (np.diff(row.inputs) > 0).all()
    np.testing.assert_array_equal(found, dense)
    assert (pattern.sum(axis=1) > 0).all() or name == "much padding"
    for number in range(x.size):
        np.testing.assert_array_equal(
            [unit for unit, _, _ in jacobian.column(one, 0, number)], np.flatnonzero(pattern[:, number])
        )


@pytest.mark.parametrize("name", [name for name in LIBRARY if name != "softmax"])
@pytest.mark.parametrize("wrong", [False, True])
def test_the_tables_of_the_page_are_the_rows(name, wrong, monkeypatch):
    """Also where the guess, by which most units are not asked, is a wrong one."""
    layer, shape = LIBRARY[name]
    layer.name = ""
    one = OneLayer(layer, shape)
    units = range(one.output(0).size)
    expected = list(jacobian.patterns(one, 0, units))
    if wrong:
        nothing = [(np.zeros(1, int), np.zeros(1, int)) for _ in units]
        monkeypatch.setattr(tables, "_by_weight", lambda *_: nothing)
        monkeypatch.setattr(tables, "_by_channel", lambda *_: nothing)
    table = tables.link_table(one, 0)
    for which, key in enumerate(("inputs", "weights") if layer.parameters else ("inputs",)):
        for row, pair in zip(unpacked(table[key]), expected, strict=True):
            np.testing.assert_array_equal(row, pair[which])
