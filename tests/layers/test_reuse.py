"""Layers that go from one network into another, and arrays that are put in the place of a network's own."""

import numpy as np
import pytest

import nnscratch as nn

RNG = np.random.default_rng(0)
IMAGES, LABELS = RNG.random((60, 1, 8, 8), np.float32), RNG.integers(0, 3, 60)


def network():
    layers = [nn.Conv2D(4, 3), nn.BatchNorm(), nn.ReLU(), nn.Flatten(), nn.Dense(3)]
    net = nn.Sequential(layers, (1, 8, 8))
    net.fit(IMAGES, LABELS)
    return net


def test_layers_of_a_trained_network_begin_another():
    old = network()
    weights = old.theta.copy()
    old.layers[0].trainable = False
    new = nn.Sequential([*old.layers[:-1], nn.Dense(5)], old.input_shape)
    assert not new.layers[0].trainable and new.shapes[-1] == (5,)
    for name in ("conv1.W", "conv1.b", "batchnorm1.gamma"):
        assert np.array_equal(new.parameters[name], old.parameters[name])
    assert np.array_equal(new.buffers["batchnorm1.running_var"], old.buffers["batchnorm1.running_var"])
    new.fit(IMAGES, LABELS)
    assert np.array_equal(old.theta, weights)
    assert np.array_equal(new.parameters["conv1.W"], old.parameters["conv1.W"])  # frozen
    whole = nn.Sequential(old.layers, old.input_shape)
    assert np.array_equal(whole.logits(IMAGES), old.logits(IMAGES))


def test_learnt_weights_need_the_input_that_they_had():
    with pytest.raises(nn.UsageError, match=r"dense1 \(Dense\) brings W of shape \(3, 144\).* needs \(3, 4\)"):
        nn.Sequential([network().layers[-1]], (4,))


def test_a_failed_attempt_leaves_layers_free():
    layers = [nn.Dense(3), nn.Dense(4)]
    with pytest.raises(nn.UsageError):
        nn.Sequential([*layers, nn.Conv2D(2, 3)], (5,))
    assert nn.Sequential(layers, (6,)).layers[0] is layers[0]


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p.__setitem__("dense1.b", np.zeros(3)),
        lambda p: p.update({"dense1.b": np.zeros(3)}),
        lambda p: p.pop("dense1.b"),
        lambda p: p.__delitem__("dense1.b"),
        lambda p: p.__ior__({"dense1.b": np.zeros(3)}),
        lambda p: p.clear(),
    ],
)
def test_arrays_of_a_network_cannot_be_replaced(change):
    net = network()
    for arrays in (net.parameters, net.gradients):
        with pytest.raises(nn.UsageError, match=r"net\.parameters\[.dense1\.b.\]\[\.\.\.\] =|dense1\.W"):
            change(arrays)
    net.parameters["dense1.b"] += 1
    net.parameters["dense1.b"][...] = 7
    assert (net.layers[-1].b == 7).all() and net.theta[-3:].tolist() == [7, 7, 7]


def test_what_would_not_be_trained_or_saved_is_told(tmp_path):
    net = network()
    net.layers[0].W = np.zeros((4, 1, 3, 3), np.float32)
    for use in (lambda: net.fit(IMAGES, LABELS), lambda: net.save(tmp_path / "m.npz")):
        with pytest.raises(nn.UsageError, match=r"in the place of conv1\.W.*write into the one"):
            use()
    net = network()
    net.theta = np.zeros_like(net.theta)
    with pytest.raises(nn.UsageError, match=r"net\.theta"):
        net.fit(IMAGES, LABELS)
    for change in (
        lambda layers: layers.pop(),
        lambda layers: layers.append(nn.Sequential([nn.Dense(2)], 3).layers[0]),
        lambda layers: layers.append(nn.Dense(3)),  # not built
    ):
        net = network()
        change(net.layers)
        for use in ((net.summary,), (net.predict, IMAGES), (net.fit, IMAGES, LABELS), (net.save, tmp_path / "m.npz")):
            with pytest.raises(nn.UsageError, match="the list of layers has lost or gained"):
                use[0](*use[1:])
    assert not (tmp_path / "m.npz").exists()


def test_seed_dtype_and_shape_as_people_write_them(tmp_path):
    one, two = (nn.Sequential([nn.Dense(9), nn.Dropout(0.5), nn.Dense(3)], 4, seed=None) for _ in range(2))
    assert not np.array_equal(one.theta, two.theta) and one.input_shape == (4,)
    one.fit(RNG.random((20, 4)), np.arange(20) % 3)
    one.save(tmp_path / "m.npz")
    assert nn.load(tmp_path / "m.npz").seed == one.seed
    for dtype in (np.float64, np.dtype("float64"), float, "float64"):
        assert nn.Sequential(nn.Dense(3), np.int64(4), dtype=dtype).theta.dtype == np.float64
    for dtype in (np.float16, int, None, "x", object()):
        with pytest.raises(nn.UsageError, match=r"the dtype .* is unknown: choose from float32, float64"):
            nn.Sequential(nn.Dense(3), 4, dtype=dtype)
    assert len(nn.Sequential(layer for layer in [nn.Flatten(), nn.Dense(3)]).layers) == 2
    with pytest.raises(nn.UsageError, match=r"Dense is a class, and no layer yet: write Dense\(\.\.\.\)"):
        nn.Sequential([nn.Dense])


def test_the_summary_follows_the_list_of_layers():
    net = nn.Sequential([nn.Dense(8), nn.Tanh(), nn.Dense(2)], 4)
    net.layers.insert(1, nn.Dropout(0.5))
    assert [row[1:3] for row in net.table()] == [((8,), 40), ((8,), 0), ((8,), 0), ((2,), 18)]
    del net.layers[1:3]
    assert [row[1:3] for row in net.table()] == [((8,), 40), ((2,), 18)] and net.shapes == [(4,), (8,), (2,)]
