"""Frozen layers: their parameters stay to the bit, whatever trains the others; and they stay frozen in files."""

import copy

import numpy as np
import pytest

import nnscratch as nn

RNG = np.random.default_rng(0)
IMAGES, LABELS = RNG.random((150, 1, 8, 8), np.float32), RNG.integers(0, 3, 150)
OPTIMIZERS = [
    nn.SGD(0.1),
    nn.Momentum(0.1, weight_decay=0.1),
    nn.Nesterov(0.1),
    nn.RMSProp(0.01),
    nn.Adam(0.01, weight_decay=0.1),
    nn.AdamW(0.01, weight_decay=0.1),
]


def network(middle=(nn.BatchNorm,)):
    layers = [nn.Conv2D(4, 3), nn.ReLU(), nn.MaxPool2D(2), nn.Flatten(), nn.Dense(8), *(one() for one in middle)]
    return nn.Sequential([*layers, nn.ReLU(), nn.Dense(3)], (1, 8, 8))


@pytest.mark.parametrize("backend", nn.available_backends())
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("more", [{}, {"clip": 0.1, "ema": 0.9}], ids=["plain", "clip and EMA"])
def test_frozen_parameters_stay_to_the_bit(backend, optimizer, more):
    nn.set_backend(backend)
    for frozen in ((0,), (0, 4, 5), (7,)):
        net = network()
        for k in frozen:
            net.layers[k].trainable = False
        before = {name: value.copy() for name, value in (net.parameters | net.buffers).items()}
        net.fit(IMAGES, LABELS, epochs=2, optimizer=copy.deepcopy(optimizer), **more)
        names = {net.layers[k].name for k in frozen}
        for name, value in (net.parameters | net.buffers).items():
            assert np.array_equal(value, before[name]) == (name.split(".")[0] in names), name


def test_what_is_trained_does_not_depend_on_what_is_not():
    """Half of a network whose first half is frozen learns as a network of its own on that half's output."""
    nn.set_backend("numpy")
    net = nn.Sequential([nn.Flatten(), nn.Dense(8), nn.Sigmoid(), nn.Dense(3)], (1, 8, 8), dtype="float64")
    net.layers[1].trainable = False
    net.forward(np.moveaxis(IMAGES, 0, -1).astype(float), record=True)
    features = net.activations["sigmoid1"].T
    alone = nn.Sequential([net.layers[3]], (8,), dtype="float64")
    for one, x in ((net, IMAGES), (alone, features)):
        one.fit(x, LABELS, epochs=3, clip=0.05, optimizer=nn.Adam(0.01, weight_decay=0.01))
    np.testing.assert_allclose(alone.parameters["dense1.W"], net.parameters["dense2.W"], rtol=1e-6)


def test_all_frozen_and_thawed_again():
    net = network(())
    before = net.theta.copy()
    for layer in net.layers:
        layer.trainable = False
    with pytest.warns(nn.ConvergenceWarning, match="all layers are frozen"):
        net.fit(IMAGES, LABELS, optimizer=nn.SGD(0.1, weight_decay=0.1))
    assert np.array_equal(net.theta, before)
    assert net.gradient.any()  # to be looked at
    for layer in net.layers:
        layer.trainable = True
    plain = network(())
    for one in (net, plain):
        one.fit(IMAGES, LABELS, optimizer=nn.SGD(0.1), seed=3)
    assert np.array_equal(net.theta, plain.theta)


def test_frozen_in_the_simple_loop_too():
    from nnscratch.training.simple import train

    net = network(())
    net.layers[0].trainable = False
    before = net.parameters["conv1.W"].copy(), net.parameters["dense1.W"].copy()
    list(train(net, net.batches(IMAGES), LABELS, nn.Adam(0.01), epochs=1))
    assert np.array_equal(net.parameters["conv1.W"], before[0])
    assert not np.array_equal(net.parameters["dense1.W"], before[1])


@pytest.mark.parametrize("name", ["m.npz", "m.safetensors"])
def test_frozen_in_the_file_the_copy_and_the_summary(tmp_path, name):
    net = network()
    net.layers[0].trainable = False
    net.save(tmp_path / name)
    for again in (nn.load(tmp_path / name), copy.deepcopy(net)):
        assert [layer.trainable for layer in again.layers] == [False] + [True] * 7
        assert "conv1 (Conv2D 4, 3), frozen" in again.summary()
        assert again.summary().endswith("40 are frozen")
        assert "# frozen" in repr(again)
    assert "frozen" not in network().summary() and "frozen" not in repr(network())


def test_a_network_is_frozen_layer_by_layer():
    net = network()
    net.trainable = False
    assert not net.trainable and not any(layer.trainable for layer in net.layers)
    net.layers[-1].trainable = True
    before = net.theta.copy()
    net.fit(IMAGES, LABELS)
    changed = net.theta != before
    assert net.trainable and changed[-27:].any() and not changed[:-27].any()
    with pytest.raises(AttributeError, match=r"layer\.trainable = False"):
        net.requires_grad_(False)
