"""What layers and pickles say in the words of before: read, with a warning that has the new ones."""

import copy
from dataclasses import dataclass

import numpy as np
import pytest

import nnscratch as nn


class Passing(nn.Layer):
    """A layer of one's own that changes nothing."""

    def forward(self, x, training=False):
        return x

    def backward(self, dout):
        return dout


def in_a_network(layer):
    return nn.Sequential([nn.Flatten(), layer, nn.Dense(10)], (1, 28, 28), seed=0)


def in_the_class(old, value):
    return type("Mine", (Passing,), {old: value})()


def in_a_mixin(old, value):
    return type("Mine", (type("Mixin", (), {old: value}), Passing), {})()


def in_the_instance(old, value):
    layer = Passing()
    setattr(layer, old, value)
    return layer


@pytest.mark.parametrize("made", [in_the_class, in_a_mixin, in_the_instance])
@pytest.mark.parametrize(
    ("old", "new", "value"),
    [
        ("draws", "stochastic", True),
        ("mixes_images", "couples_batch", True),
        ("decayed", "weight_decay_params", ("V",)),
    ],
)
def test_an_old_name_is_read_and_the_new_one_named(old, new, value, made):
    layer = made(old, value)
    with pytest.warns(DeprecationWarning, match=f"{old} is called {new} now"):
        network = in_a_network(layer)
    assert getattr(layer, new) == value != getattr(nn.Layer, new)
    assert network.couples_batch == (old == "mixes_images")


def test_the_librarys_layers_and_networks_answer_to_the_old_names():
    network = in_a_network(nn.BatchNorm())
    with pytest.warns(DeprecationWarning, match="mixes_images of a layer is called couples_batch now"):
        assert network.layers[1].mixes_images
    with pytest.warns(DeprecationWarning, match="mixes_images of a network is called couples_batch now"):
        assert network.mixes_images
    with pytest.raises(AttributeError, match="'Dense' object has no attribute 'draw'"):
        network.layers[2].draw  # noqa: B018


def test_a_trainer_answers_for_its_state():
    seen = []

    class Look(nn.Callback):
        def on_epoch_end(self, trainer):
            with pytest.warns(DeprecationWarning, match="arrays of a trainer is arrays of its state now"):
                seen.extend(trainer.arrays())
            with pytest.warns(DeprecationWarning), trainer.best_weights():
                seen.append("best")

    images, labels = np.zeros((20, 28, 28), np.uint8), np.arange(20) % 10
    nn.build("logistic", seed=0).fit(images, labels, epochs=1, callbacks=[Look()])
    assert "theta" in seen and "best" in seen


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


@dataclass(eq=False)
class Stepping(Passing):
    step: int = 2


def test_a_layer_of_ones_own_may_have_a_step():
    assert copy.deepcopy(in_a_network(Stepping(3))).layers[1].step == 3
