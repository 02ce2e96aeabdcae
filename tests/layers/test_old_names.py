"""Layers of one's own that say what they are in the words of before: read, with a warning that has the new ones."""

from dataclasses import dataclass

import numpy as np
import pytest

import nnscratch as nn


def made(**said):
    """A layer class with these class attributes, as a reader would have written it."""
    return dataclass(eq=False)(type("Mine", (nn.Layer,), {"kind": "mine", "__annotations__": {}, **said}))


@pytest.mark.parametrize(
    ("old", "new", "value"),
    [
        ("draws", "stochastic", True),
        ("mixes_images", "couples_batch", True),
        ("decayed", "weight_decay_params", ("V",)),
    ],
)
def test_an_old_name_is_read_and_the_new_one_named(old, new, value):
    with pytest.warns(DeprecationWarning, match=f"Mine.{old} is called {new} now"):
        layer = made(**{old: value})()
    assert getattr(layer, new) == value != getattr(nn.Layer, new)


def test_a_layer_that_mixes_images_is_one_shard():
    with pytest.warns(DeprecationWarning):
        Mine = made(mixes_images=True, forward=lambda self, x, training=False: x, backward=lambda self, dout: dout)
    assert nn.Sequential([nn.Flatten(), Mine(), nn.Dense(10)], (1, 28, 28)).couples_batch


def test_convolutions_and_poolings_pickled_before_have_their_strides_and_pads():
    net = nn.Sequential([nn.Conv2D(2, 3, 2, "same"), nn.MaxPool2D(2), nn.Flatten(), nn.Dense(3)], (1, 12, 12), seed=1)
    x = np.random.default_rng(0).random((1, 12, 12, 4), np.float32)
    expected = net.layers[1].forward(net.layers[0].forward(x))
    old = {"strides": "step", "pads": "zeros"}
    for layer in net.layers[:2]:
        state = {old.get(name, name): value for name, value in layer.__getstate__().items()}
        assert "step" in state
        vars(layer).clear()
        layer.__setstate__(state)
    np.testing.assert_array_equal(net.layers[1].forward(net.layers[0].forward(x)), expected)
