"""The layers: settings, shapes, what they refuse, state between forward and backward, gradients."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nnscratch as nn
from nnscratch.layers import LAYERS
from nnscratch.layers.network import Network
from nnscratch.training.gradcheck import check_layer
from tests.tools import naive
from tests.tools.checks import geometries, separated, whole

pytestmark = pytest.mark.usefixtures("readable_ops")

IMAGE = (2, 6, 5)
# class name -> (settings, input shape) of each case; a new layer fails here until it has one
CASES = {
    "AvgPool2D": [((2,), IMAGE), (((3, 2), (1, 2)), IMAGE)],
    "BatchNorm": [((), (3,)), ((0.5, 0.1), IMAGE)],
    "Conv2D": [
        ((3, 3), IMAGE),
        ((2, (2, 3), (2, 1), "same"), IMAGE),
        ((1, 3, 2, 1), IMAGE),
        ((3, 2, (1, 3), (0, 2)), IMAGE),
    ],
    "Dense": [((4,), (5,)), ((1,), (1,))],
    "Dropout": [((0.4,), (5,)), ((0.0,), IMAGE)],
    "Flatten": [((), IMAGE), ((), (3,))],
    "LeakyReLU": [((), (5,)), ((0.3,), IMAGE)],
    "MaxPool2D": [((2,), IMAGE), (((3, 2), (1, 2)), IMAGE)],
    "ReLU": [((), (5,)), ((), IMAGE)],
    "Sigmoid": [((), (5,)), ((), IMAGE)],
    "Softmax": [((), (5,)), ((), IMAGE)],
    "Tanh": [((), (5,)), ((), IMAGE)],
}
KINKED = {"LeakyReLU", "MaxPool2D", "ReLU"}
every_case = pytest.mark.parametrize(
    ("name", "settings", "shape"), [(name, *case) for name in LAYERS for case in CASES.get(name, [("missing", ())])]
)


def built(layer, shape, dtype="float64"):
    """The layer, in a network of its own, with random parameters."""
    network = Network([layer], shape, dtype=dtype)
    network.theta[:] = np.random.default_rng(8).standard_normal(network.theta.shape)
    return layer


def out_shape(layer, shape):
    return Network([layer], shape).shapes[-1]


# ---- every layer


@every_case
@pytest.mark.parametrize("training", [True, False])
def test_gradients(name, settings, shape, training):
    rng = np.random.default_rng(5)
    x = separated(rng, (*shape, 5)) if name in KINKED else rng.standard_normal((*shape, 5))
    report = check_layer(LAYERS[name](*settings), shape, x=x, training=training)
    assert report.ok, f"\n{report}"


@every_case
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_shapes_and_dtype(name, settings, shape, dtype):
    network = Network([LAYERS[name](*settings)], shape, dtype=dtype)
    x = np.random.default_rng(0).random((*shape, 4)).astype(dtype)
    before = x.copy()
    out = network.forward(x, training=True)
    assert out.shape == (*network.shapes[-1], 4)
    dx = network.backward(np.ones_like(out))
    assert dx.shape == x.shape
    assert out.dtype == dx.dtype == network.theta.dtype == dtype
    assert np.array_equal(x, before)


@every_case
def test_an_equal_layer_can_be_made_from_the_settings(name, settings, shape):
    layer = LAYERS[name](*settings)
    twin = LAYERS[name](**layer.settings())
    assert twin.settings() == layer.settings()
    nets = [Network([each], shape, seed=4, dtype="float64") for each in (layer, twin)]
    x = np.random.default_rng(0).random((*shape, 2))
    assert np.array_equal(nets[0].forward(x), nets[1].forward(x))


def test_no_case_is_left_over():
    assert set(CASES) == set(LAYERS)


def test_a_layer_of_ones_own():
    class Scale(nn.Layer):
        kind = "scale"

        def build(self, input_shape, rng):
            self.add("s", np.array([3.0]))
            return input_shape

        def forward(self, x, training=False):
            self.x = x
            return self.s * x

        def backward(self, dout):
            self.ds[:] = (dout * self.x).sum()
            return self.s * dout

    assert check_layer(Scale(), (4,)).ok
    network = Network([Scale(), nn.Dense(2), Scale()], (4,))
    assert list(network.parameters) == ["scale1.s", "dense1.W", "dense1.b", "scale2.s"]


@pytest.mark.parametrize("method", ["forward", "backward"])
def test_a_layer_without_its_methods_says_so(method):
    class Lazy(nn.Layer):
        pass

    with pytest.raises(NotImplementedError, match=f"Lazy has no {method} method"):
        getattr(Lazy(), method)(np.ones((1, 1)))


# ---- what is refused


@pytest.mark.parametrize(
    ("make", "shape", "words"),
    [
        (lambda: nn.Conv2D(0, 3), IMAGE, "number of filters of Conv2D is 0: give a whole number of at least 1"),
        (lambda: nn.Conv2D(2.0, 3), IMAGE, "number of filters"),
        (lambda: nn.Conv2D(True, 3), IMAGE, "number of filters"),
        (lambda: nn.Conv2D(2, 0), IMAGE, "kernel of Conv2D is 0"),
        (lambda: nn.Conv2D(2, 2.5), IMAGE, "kernel of Conv2D is 2.5"),
        (lambda: nn.Conv2D(2, (1, 2, 3)), IMAGE, "or two of them"),
        (lambda: nn.Conv2D(2, "3"), IMAGE, "kernel of Conv2D is '3'"),
        (lambda: nn.Conv2D(2, 3, (1, -1)), IMAGE, "stride of Conv2D"),
        (lambda: nn.Conv2D(2, 3, 1, -1), IMAGE, "padding of Conv2D is -1: give a whole number of at least 0"),
        (lambda: nn.Conv2D(2, 3, 1, "full"), IMAGE, "padding of Conv2D is 'full'"),
        (lambda: nn.Conv2D(2, (6, 6)), IMAGE, "window of 6 does not fit into 5 pixels"),
        (lambda: nn.Conv2D(2, 3, init="ones"), IMAGE, "initialiser 'ones' is unknown"),
        (lambda: nn.Conv2D(2, 3), (30,), r"Conv2D works on images \(C, H, W\), but its input has the shape \(30,\)"),
        (lambda: nn.MaxPool2D(0), IMAGE, "size of MaxPool2D is 0"),
        (lambda: nn.MaxPool2D(2, 0), IMAGE, "stride of MaxPool2D is 0"),
        (lambda: nn.MaxPool2D((7, 1)), IMAGE, "window of 7 does not fit into 6 pixels"),
        (lambda: nn.AvgPool2D(None), IMAGE, "size of AvgPool2D is None"),
        (lambda: nn.AvgPool2D(2), (30,), "AvgPool2D works on images"),
        (lambda: nn.Dense(0), (5,), "number of units of Dense is 0"),
        (lambda: nn.Dense("ten"), (5,), "number of units of Dense is 'ten'"),
        (lambda: nn.Dense(3), IMAGE, "Dense works on vectors.*put Flatten before it"),
        (lambda: nn.Dense(3, init="zeros"), (5,), "initialiser 'zeros' is unknown"),
        (lambda: nn.Dropout(1.0), (5,), "dropout rate is 1.0: give a share of at least 0 and below 1"),
        (lambda: nn.Dropout(-0.1), (5,), "dropout rate is -0.1"),
        (lambda: nn.Dropout(float("nan")), (5,), "dropout rate is nan"),
        (lambda: nn.LeakyReLU(float("inf")), (5,), "slope of LeakyReLU is inf"),
        (lambda: nn.BatchNorm(momentum=1.1), (5,), "momentum 1.1"),
        (lambda: nn.BatchNorm(momentum=-0.1), (5,), "momentum -0.1"),
        (lambda: nn.BatchNorm(eps=0.0), (5,), "eps 0.0"),
    ],
)
def test_refused(make, shape, words):
    with pytest.raises(nn.UsageError, match=words):
        Network([make()], shape)


# ---- convolution and pooling


@pytest.mark.parametrize(
    ("arguments", "shape"),
    [
        ((4, 5), (4, 24, 24)),
        ((4, 5, 1, "valid"), (4, 24, 24)),
        ((4, 5, 1, "same"), (4, 28, 28)),
        ((4, 5, 1, 2), (4, 28, 28)),
        ((4, 4, 1, "same"), (4, 28, 28)),  # an even kernel
        ((4, 5, 3, "same"), (4, 10, 10)),  # ceil(28 / 3)
        ((4, 5, 3), (4, 8, 8)),
        ((4, (3, 1), (2, 1), (0, 2)), (4, 13, 32)),
    ],
)
def test_convolution_shapes_by_hand(arguments, shape):
    assert out_shape(nn.Conv2D(*arguments), (1, 28, 28)) == shape


@given(geometries(), st.sampled_from(["valid", "same", 1, (0, 2), (2, 1)]))
def test_convolution_against_loops(g, padding):
    sides = {
        "valid": ((0, 0), (0, 0)),
        "same": tuple(naive.same_padding(*side) for side in zip(g.image, g.kernel, g.stride, strict=True)),
        1: ((1, 1), (1, 1)),
        (0, 2): ((0, 0), (2, 2)),
        (2, 1): ((2, 2), (1, 1)),
    }[padding]
    layer = nn.Conv2D(g.F, g.kernel, g.stride, padding)
    x = whole(g.rng, (g.C, *g.image, g.N))
    counts = [
        naive.positions(size + sum(pair), kernel, stride)
        for size, pair, kernel, stride in zip(g.image, sides, g.kernel, g.stride, strict=True)
    ]
    if 0 in counts:
        with pytest.raises(nn.UsageError, match="does not fit"):
            out_shape(layer, x.shape[:-1])
        return
    built(layer, x.shape[:-1])
    layer.W[...], layer.b[...] = whole(g.rng, layer.W.shape), whole(g.rng, g.F)
    out = layer.forward(x)
    assert np.array_equal(out, naive.conv2d_forward(x, layer.W, layer.b, g.stride, sides))
    dout = whole(g.rng, out.shape)
    dx, dW, db = naive.conv2d_backward(dout, x, layer.W, g.stride, sides)
    assert np.array_equal(layer.backward(dout), dx)
    assert np.array_equal(layer.dW, dW)
    assert np.array_equal(layer.db, db)


@pytest.mark.parametrize("pool", [nn.MaxPool2D, nn.AvgPool2D])
def test_pooling_steps_by_its_size_unless_told(pool):
    assert out_shape(pool((3, 2)), (4, 28, 28)) == (4, 9, 14)
    assert out_shape(pool(3, 1), (4, 28, 28)) == (4, 26, 26)


# ---- flatten


def test_flatten_goes_channel_by_channel_and_row_by_row():
    x = np.arange(2 * 3 * 4).reshape(2, 3, 4, 1) + np.array([0, 100])  # two images
    layer = built(nn.Flatten(), (2, 3, 4))
    flat = layer.forward(x)
    assert flat.T.tolist() == [list(range(24)), list(range(100, 124))]
    assert np.array_equal(layer.backward(flat), x)


# ---- dropout


def test_dropout_is_the_identity_outside_training():
    layer = built(nn.Dropout(0.9), (3, 4, 5))
    x = np.random.default_rng(0).standard_normal((3, 4, 5, 6))
    for training, rate in ((False, 0.9), (True, 0.0)):
        layer.rate = rate
        assert np.array_equal(layer.forward(x, training), x)
        assert np.array_equal(layer.backward(x), x)


def test_dropout_goes_back_through_the_same_mask():
    layer = built(nn.Dropout(0.25), (1000,))
    ones = np.ones((1000, 8))
    out = layer.forward(ones, training=True)
    assert set(np.unique(out)) == {0, 4 / 3}
    assert abs((out == 0).mean() - 0.25) < 4 * np.sqrt(0.25 * 0.75 / ones.size)
    assert np.array_equal(layer.backward(ones), out)
    layer.forward(ones)  # evaluation in between: no mask is left
    assert np.array_equal(layer.backward(ones), ones)


def test_dropout_draws_anew_each_time_and_by_the_stream():
    layer = nn.Dropout(0.5)
    network = Network([layer], (100,))
    ones = np.ones((100, 2), np.float32)
    network.reseed((1, 2))
    first, second = network.forward(ones, training=True), network.forward(ones, training=True)
    assert not np.array_equal(first, second)
    network.reseed((1, 2))
    assert np.array_equal(network.forward(ones, training=True), first)


def test_two_dropout_layers_draw_apart():
    layers = [nn.Dropout(0.5), nn.Dropout(0.5)]
    network = Network(layers, (200,))
    network.reseed((3,))
    network.forward(np.ones((200, 1), np.float32), training=True)
    assert not np.array_equal(layers[0].mask, layers[1].mask)


# ---- batch normalisation

batchnorm_shapes = pytest.mark.parametrize("shape", [(3,), (3, 2, 4)], ids=["1d", "2d"])


@batchnorm_shapes
def test_batchnorm_uses_the_batch_in_training(shape):
    layer = built(nn.BatchNorm(), shape)
    x = 5 * np.random.default_rng(0).standard_normal((*shape, 6)) + 2
    rows = layer.forward(x, training=True).reshape(3, -1)
    np.testing.assert_allclose(rows.mean(axis=1), layer.beta, atol=1e-12)
    np.testing.assert_allclose(rows.std(axis=1), np.abs(layer.gamma), rtol=1e-5)  # but for eps
    expected = naive.batchnorm_forward(
        x.reshape(3, -1), layer.gamma, layer.beta, *naive.statistics(x.reshape(3, -1)), layer.eps
    )
    np.testing.assert_allclose(rows, expected, rtol=1e-12, atol=1e-13)


@batchnorm_shapes
def test_batchnorm_running_statistics(shape):
    layer = built(nn.BatchNorm(momentum=0.8), shape)
    mean, var = np.zeros(3), np.ones(3)
    for seed in range(3):
        x = np.random.default_rng(seed).standard_normal((*shape, 5)) * 3 + seed
        layer.forward(x, training=True)
        rows = x.reshape(3, -1)
        M = rows.shape[1]
        batch_mean, batch_var = naive.statistics(rows)
        mean = 0.8 * mean + 0.2 * batch_mean
        var = 0.8 * var + 0.2 * batch_var * M / (M - 1)  # unbiased
    np.testing.assert_allclose(layer.running_mean, mean, rtol=1e-12)
    np.testing.assert_allclose(layer.running_var, var, rtol=1e-12)

    before = layer.running_mean.copy(), layer.running_var.copy()
    x = np.random.default_rng(9).standard_normal((*shape, 2))
    out = layer.forward(x)  # evaluation: the running ones serve, and stay
    expected = naive.batchnorm_forward(x.reshape(3, -1), layer.gamma, layer.beta, mean, var, layer.eps)
    np.testing.assert_allclose(out.reshape(3, -1), expected, rtol=1e-12)
    assert np.array_equal((layer.running_mean, layer.running_var), before)


def test_batchnorm_of_one_number_a_channel_is_finite():
    layer = built(nn.BatchNorm(), (2,))
    out = layer.forward(np.array([[3.0], [4.0]]), training=True)
    np.testing.assert_array_equal(out[:, 0], layer.beta)
    assert np.isfinite(layer.running_var).all()


@batchnorm_shapes
def test_batchnorm_backward_against_loops(shape):
    layer = built(nn.BatchNorm(), shape)
    rng = np.random.default_rng(0)
    x, dout = rng.standard_normal((2, *shape, 4))
    layer.forward(x, training=True)
    got = layer.backward(dout)
    dx, dgamma, dbeta = naive.batchnorm_backward(dout.reshape(3, -1), x.reshape(3, -1), layer.gamma, layer.eps)
    np.testing.assert_allclose(got.reshape(3, -1), dx, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(layer.dgamma, dgamma, rtol=1e-10)
    np.testing.assert_allclose(layer.dbeta, dbeta, rtol=1e-10)
