"""Kernels made of tiles of vectors: random geometries against the readable functions, and replays of their networks."""

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.layers.network import Network
from nnscratch.ops import backend as backends
from nnscratch.ops.windows import output_size
from nnscratch.training.callbacks import EachEpoch
from nnscratch.training.trainer import Plan, Trainer
from tests.tools.checks import needs_compiler, some

pytest.importorskip("numba")

from nnscratch.ops.compiled.tiles.places import alike_pixels
from nnscratch.ops.compiled.tiles.sizes import lanes_of, registers, tile

TWINS, REFERENCE = backends.compiled_ops(), backends._reference
PRECISION = {"float32": 2e-5, "float64": 1e-12}
NONE = ((0, 0), (0, 0))


def geometry(number):
    """Random images, filters, window, stride and padding, of which the window has at least two rows and columns."""
    rng = np.random.default_rng(number)
    while True:
        C, F = (int(rng.choice([1, 2, 3, 5, 8, 13])) for _ in range(2))
        (H, W), (KH, KW), stride = (tuple(map(int, rng.integers(1, most, 2))) for most in (11, 6, 4))
        N = int(rng.choice([1, 2, 3, 7, 8, 16, 19, 32]))
        padding = tuple(tuple(map(int, rng.integers(0, 4, 2))) for _ in range(2)) if number % 3 else NONE
        padded = H + sum(padding[0]), W + sum(padding[1])
        if padded[0] > KH and padded[1] > KW:
            return rng, ("float32", "float64")[number % 2], (C, H, W, N), (F, C, KH, KW), stride, padding


def called(name, *arguments, **how):
    """What both functions return, which must have a kernel: it reads nothing where the readable one is called."""
    module = __import__(TWINS[name].__module__, fromlist=["reference"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "reference", None)
        results = [REFERENCE[name](*arguments, **how), TWINS[name](*arguments, **how)]
    return zip(*(result if isinstance(result, tuple) else (result,) for result in results), strict=True)


def assert_equal(expected, got):
    assert got.dtype == expected.dtype and got.shape == expected.shape
    assert np.abs(got - expected).max() <= PRECISION.get(str(got.dtype), 0) * max(np.abs(expected).max(), 1)


@pytest.mark.slow
@pytest.mark.parametrize("number", some(range(12), 6))
def test_convolutions_of_any_geometry(number):
    rng, dtype, image, filters, stride, padding = geometry(number)
    x, W, b = (rng.standard_normal(shape).astype(dtype) for shape in (image, filters, filters[0]))
    ((out, got),) = called("conv2d_forward", x, W, b, stride, padding)
    assert_equal(out, got)
    dout = rng.standard_normal(out.shape).astype(dtype)
    for expected, got in called("conv2d_backward_weights", dout, x, filters[2:], stride, padding):
        assert_equal(expected, got)
    for expected, got in called("conv2d_backward_input", dout, W, image[1:3], stride, padding):
        assert_equal(expected, got)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(6))
def test_fused_convolutions_of_any_geometry(number):
    """Three types and paddings with the largest, three with the mean."""
    mean = number > 2
    rng, dtype, image, filters, _, padding = geometry(number)
    x, W, b = (rng.standard_normal(shape).astype(dtype) for shape in (image, filters, filters[0]))
    (out, got), (mask, _) = called("conv2d_relu_pool_forward", x, W, b, padding, mean=mean)
    assert_equal(out, got)
    dout = rng.standard_normal(out.shape).astype(dtype)
    for expected, got in called("conv2d_relu_pool_backward", dout, mask, x, W, padding, mean=mean, need_dx=True):
        assert_equal(expected, got)


@pytest.mark.slow
@pytest.mark.parametrize("number", some(range(8), 4))
def test_pooling_of_any_geometry(number):
    rng, dtype, image, (_, _, *size), stride, _ = geometry(number)
    image = (image[0], image[1] + 5, image[2] + 5, image[3])
    x, size = rng.standard_normal(image).astype(dtype), tuple(size)
    (out, got), (argmax, _) = both = list(called("maxpool2d_forward", x, size, stride))
    for expected, got in both:
        assert np.array_equal(expected, got)
    dout = rng.standard_normal(out.shape).astype(dtype)
    for name, arguments in {
        "maxpool2d_backward": (dout, argmax, image[1:3]),
        "avgpool2d_forward": (x,),
        "avgpool2d_backward": (dout, image[1:3]),
    }.items():
        ((expected, got),) = called(name, *arguments, size, stride)
        assert_equal(expected, got)


def test_pixels_stand_under_all_their_windows():
    """Each place of each window under one pixel, and those of a run at the same."""
    for side, length, step, before, after in ((7, 3, 1, 0, 0), (7, 3, 1, 1, 1), (8, 3, 2, 0, 1), (5, 2, 3, 4, 4)):
        positions = output_size(side, length, step, (before, after))
        seen = {
            (pixel + step * k, last + k - u, place + step * u)
            for pixel, count, last, place, windows in alike_pixels(side, positions, length, step, before)
            for k in range(count)
            for u in range(windows)
        }
        assert seen == {
            (position * step + i - before, position, i)
            for position in range(positions)
            for i in range(length)
            if 0 <= position * step + i - before < side
        }


def test_tiles_fit_into_the_registers():
    width, count = registers()
    assert lanes_of(10**6, np.dtype("float32")) * 4 == width and lanes_of(7, np.dtype("float64")) == min(4, width // 8)
    for rows in (1, 3, 6, 16, 64):
        for columns in (1, 2, 9, 500):
            r, c = tile(rows, ((columns, 25),))
            assert 1 <= r <= rows and 1 <= c <= columns and r * c < count


def test_nan_shows_in_every_sum_that_it_is_in():
    for stride, padding in (((1, 1), NONE), ((2, 2), ((1, 2), (2, 1)))):
        x, W, b = np.ones((2, 6, 6, 3)), np.ones((5, 2, 3, 3)), np.ones(5)
        x[1, 3, 3, 1] = np.nan
        ((expected, got),) = called("conv2d_forward", x, W, b, stride, padding)
        assert np.array_equal(np.isnan(expected), np.isnan(got)) and np.isnan(got).any()
        ((dW, got), _) = called("conv2d_backward_weights", np.ones(expected.shape), x, (3, 3), stride, padding)
        assert np.array_equal(np.isnan(dW), np.isnan(got)) and np.isnan(got).any()


@pytest.fixture
def numba_backend():
    before = nn.backend(), nn.threads()
    nn.set_backend("numba")
    nn.set_threads(2)
    yield
    nn.set_backend(before[0])
    nn.set_threads(before[1])


NETWORKS = {
    "padding": lambda: [nn.Conv2D(5, 3, padding="same"), nn.ReLU(), nn.MaxPool2D(2), nn.Conv2D(3, 3, padding=2)],
    "strides": lambda: [nn.Conv2D(4, 3, stride=2), nn.Conv2D(6, (3, 2), stride=(2, 1), padding=(1, 2))],
    "pooling": lambda: [nn.Conv2D(1, 1, padding=(3, 0)), nn.MaxPool2D(3, stride=2), nn.AvgPool2D((2, 3), stride=4)],
}


@pytest.mark.slow
@needs_compiler
@pytest.mark.parametrize("name", NETWORKS)
def test_networks_of_any_geometry_are_replayed_bit_for_bit(name, numba_backend, monkeypatch):
    mnist = nn.load_mnist()

    def trained():
        model = nn.Sequential([*NETWORKS[name](), nn.Flatten(), nn.Dense(10)], (1, 28, 28), seed=1)
        images, labels = model.batches(mnist.train_images[:192]), mnist.train_labels[:192]
        trusted = []
        look = EachEpoch(lambda trainer: trusted.append(getattr(trainer.shards.gradients.replay, "trusted", None)))
        Trainer(model, images, labels, Plan(epochs=2, batch_size=64, shard=16), callbacks=[look]).run()
        return trusted, model.theta.tobytes()

    trusted, theta = trained()
    assert trusted == [True, True]
    monkeypatch.setattr(Network, "replayable", False)
    assert trained() == ([None, None], theta)
