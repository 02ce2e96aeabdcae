"""Compiled twins against the readable functions: every name of the backend's table, in both precisions.

Twins with kernels for some geometries only are called with geometries that have one, and with others.
"""

import inspect

import numpy as np
import pytest

import nnscratch as nn
from nnscratch import ops
from nnscratch.ops import backend as backends

pytest.importorskip("numba")

TWINS = backends.twins()
REFERENCE = backends._reference
PRECISION = {np.float64: 1e-12, np.float32: 1e-5}
NONE = ((0, 0), (0, 0))
ADAM = {"lr": 0.1, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8}


@pytest.fixture(autouse=True)
def keep_the_backend():
    before = backends.backend()
    yield
    backends.set_backend(before)


def normal(rng, *shape):
    return rng.standard_normal(shape)


def winners(rng, *shape):
    return rng.integers(0, 5, shape).astype(np.int32)


# (C, H, W, F, KH, KW, N, padding): with kernels, but for the last two
CONVOLUTIONS = [
    (6, 12, 12, 16, 5, 5, 32, NONE),
    (2, 7, 9, 3, 3, 2, 8, ((1, 0), (2, 1))),
    (1, 6, 9, 2, 1, 7, 16, NONE),
    (2, 6, 5, 3, 3, 3, 7, NONE),
    (2, 6, 5, 3, 3, 3, 1, NONE),
]


def conv_cases(name, rng):
    for C, H, W, F, KH, KW, N, padding in CONVOLUTIONS:
        x, w, b = normal(rng, C, H, W, N), normal(rng, F, C, KH, KW), normal(rng, F)
        for stride in ((1, 1), (2, 1)):
            out = REFERENCE["conv2d_forward"](x, w, b, stride, padding)
            if name == "conv2d_forward":
                yield (x, w, b, stride, padding), {}
            elif name == "conv2d_backward_weights":
                yield (normal(rng, *out.shape), x, (KH, KW), stride, padding), {}
            elif name == "conv2d_backward_input":
                yield (normal(rng, *out.shape), w, (H, W), stride, padding), {}
            elif min(out.shape[1:3]) >= 2:
                pooled = (F, out.shape[1] // 2, out.shape[2] // 2, N)
                pool = ((2, 2), (2, 2))
                if name == "conv2d_relu_maxpool_forward":
                    yield (x, w, b, stride, padding, *pool), {}
                else:
                    for need_dx in (True, False):
                        given = (normal(rng, *pooled), winners(rng, *pooled), x, w, stride, padding, *pool)
                        yield given, {"need_dx": need_dx}


def pool_cases(name, rng):
    for C, H, W, N in ((6, 24, 24, 32), (2, 7, 5, 8), (1, 2, 2, 3)):
        for size, stride in (((2, 2), (2, 2)), ((2, 2), (1, 1)), ((2, 1), (2, 1))):
            x = normal(rng, C, H, W, N)
            out = REFERENCE["avgpool2d_forward"](x, size, stride)
            if name.endswith("forward"):
                yield (x, size, stride), {}
            elif name == "avgpool2d_backward":
                yield (normal(rng, *out.shape), (H, W), size, stride), {}
            else:
                yield (normal(rng, *out.shape), winners(rng, *out.shape), (H, W), size, stride), {}


def vector_cases(name, rng):
    vectors = [normal(rng, 1000) for _ in range(3)]
    if name == "adam_update":
        yield (*vectors, abs(normal(rng, 1000)), 3), ADAM
    elif name == "momentum_update":
        yield (*vectors,), {"lr": 0.1, "momentum": 0.9}
    else:
        yield (*vectors[:2],), {"decay": 0.9}


def other_cases(name, rng):
    if name == "softmax_cross_entropy":
        targets = np.eye(10)[rng.integers(0, 10, 33)].T
        for scale in (1, 1e4):
            yield (scale * normal(rng, 10, 33), targets), {}
    else:
        images = rng.integers(0, 256, (9, 1, 4, 5)).astype(np.uint8)
        yield (images, np.array([8, 0, 3, 3])), {"scale": 0.5, "shift": 0.1, "dtype": np.dtype}


CASES = {
    "conv2d_forward": conv_cases,
    "conv2d_backward_weights": conv_cases,
    "conv2d_backward_input": conv_cases,
    "conv2d_relu_maxpool_forward": conv_cases,
    "conv2d_relu_maxpool_backward": conv_cases,
    "maxpool2d_forward": pool_cases,
    "maxpool2d_backward": pool_cases,
    "avgpool2d_forward": pool_cases,
    "avgpool2d_backward": pool_cases,
    "adam_update": vector_cases,
    "momentum_update": vector_cases,
    "average_update": vector_cases,
    "softmax_cross_entropy": other_cases,
    "gather_batch": other_cases,
}


def of_type(value, number):
    if value is np.dtype:
        return np.dtype(number)
    return value.astype(number) if isinstance(value, np.ndarray) and value.dtype.kind == "f" else value


def outcome(function, arguments, keywords):
    """What a function returns, and what has become of its arguments."""
    arguments = [value.copy() if isinstance(value, np.ndarray) else value for value in arguments]
    result = function(*arguments, **keywords)
    results = result if isinstance(result, tuple) else (result,)
    return [*results, *(value for value in arguments if isinstance(value, np.ndarray))]


@pytest.mark.parametrize("number", PRECISION)
@pytest.mark.parametrize("name", TWINS)
def test_twin_equals_the_readable_function(name, number):
    rng = np.random.default_rng(0)
    cases = list(CASES[name](name, rng))  # a KeyError here: a twin without a case
    assert cases
    for arguments, keywords in cases:
        arguments = [of_type(value, number) for value in arguments]
        keywords = {key: of_type(value, number) for key, value in keywords.items()}
        results = [outcome(f, arguments, keywords) for f in (REFERENCE[name], TWINS[name])]
        for expected, got in zip(*results, strict=True):
            assert_equal(expected, got, PRECISION[number])


def assert_equal(expected, got, precision):
    if expected is None:
        assert got is None
        return
    if not isinstance(expected, np.ndarray):
        assert got == pytest.approx(expected, rel=precision)
        return
    assert got.dtype == expected.dtype
    assert got.shape == expected.shape
    scale = np.abs(expected).max(initial=1e-30)
    assert np.abs(got - expected).max(initial=0) <= precision * scale


@pytest.mark.parametrize("name", TWINS)
def test_same_signature(name):
    assert inspect.signature(TWINS[name]) == inspect.signature(REFERENCE[name])


def test_broken_twin_is_noticed(monkeypatch):
    twin = TWINS["conv2d_backward_weights"]

    def broken(*arguments):
        dW, db = twin(*arguments)
        return dW * 1.0001, db

    monkeypatch.setitem(TWINS, "conv2d_backward_weights", broken)
    with pytest.raises(AssertionError):
        test_twin_equals_the_readable_function("conv2d_backward_weights", np.float32)


@pytest.mark.parametrize("name", ["maxpool2d_forward", "conv2d_relu_maxpool_forward"])
@pytest.mark.parametrize("tap", range(4))
def test_nan_shows(name, tap):
    x = np.zeros((1, 2, 2, 8))
    x[0, tap // 2, tap % 2, 5] = np.nan
    pool = ((2, 2), (2, 2))
    given = (x, *pool) if name == "maxpool2d_forward" else (x, np.ones((1, 1, 1, 1)), np.zeros(1), (1, 1), NONE, *pool)
    out, _ = TWINS[name](*given)
    assert np.isnan(out[0, 0, 0]).tolist() == [n == 5 for n in range(8)]


def test_ties_go_to_the_first():
    x = np.ones((1, 4, 4, 8))
    assert (TWINS["maxpool2d_forward"](x, (2, 2), (2, 2))[1] == 0).all()


@pytest.mark.parametrize("model", ["lenet5", "lenet5-classic", "mlp"])
@pytest.mark.parametrize(("dtype", "precision"), [("float64", 1e-12), ("float32", 1e-5)])
@pytest.mark.parametrize("n", [32, 5])
def test_fused_network_equals_the_plain_one(model, dtype, precision, n):
    """Outputs, all gradients, and dx, with kernels (32 images) and without (5)."""
    rng = np.random.default_rng(1)
    x = rng.random((1, 28, 28, n)).astype(dtype)
    labels = rng.integers(0, 10, n)
    results = []
    for name in ("numpy", "numba"):
        nn.set_backend(name)
        network = nn.build(model, seed=0, dtype=dtype)
        out = network.forward(x, training=True)
        loss, dout = nn.softmax_cross_entropy(out, labels)
        dx = network.backward(dout)
        whole = network.gradient.copy()
        network.backward_parameters(dout)
        assert (network.gradient == whole).all()
        results.append([out, np.array([loss]), dx, whole])
    for expected, got in zip(*results, strict=True):
        assert_equal(expected, got, precision)


def test_the_model_that_a_reader_sees_stays_as_it_is():
    nn.set_backend("numba")
    network = nn.build("lenet5")
    assert [type(layer).__name__ for layer in network.layers][:3] == ["Conv2D", "ReLU", "MaxPool2D"]
    assert len(network.steps()) == len(network.layers) - 4
    nn.set_backend("numpy")
    assert network.steps() is network.layers


def test_training_takes_numba_and_a_handful_of_predictions_does_not(monkeypatch):
    monkeypatch.setattr(backends, "_chosen", False)
    monkeypatch.setattr(backends, "_serving", "numpy")
    model = nn.build("logistic")
    images = np.zeros((3, 28, 28), np.uint8)
    model.predict(images)
    assert backends.backend() == "numpy"
    model.fit(images, np.array([1, 2, 3]))
    assert backends.backend() == "numba"


def test_without_numba_numpy_serves(monkeypatch):
    monkeypatch.setattr(backends.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(backends, "_chosen", False)
    assert backends.available_backends() == ("numpy",)
    assert backends.settle_backend() == "numpy"
    with pytest.raises(nn.UsageError, match="install numba"):
        nn.set_backend("numba")


def test_every_op_is_looked_up_at_the_call():
    """``set_backend`` replaces names in ``nnscratch.ops`` and puts them back."""
    for name in ("numba", "numpy"):
        nn.set_backend(name)
        for key, twin in TWINS.items():
            assert getattr(ops, key) is (twin if name == "numba" else REFERENCE[key])
