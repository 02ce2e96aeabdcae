"""Compiled twins against the readable functions: every name of the backend's table, in both precisions.

Twins with kernels for some geometries only are called with geometries that have one, and with others. Each geometry is
compiled, which takes longer than all else here: so not all that can be combined is (geometry, stride, type, order in
memory), but each value with some of the others. ``test_tiles.py`` has random geometries.
"""

import gc
import inspect

import numpy as np
import pytest

import nnscratch as nn
from nnscratch import ops
from nnscratch.models.zoo import MODELS
from nnscratch.ops import backend as backends
from nnscratch.ops.distort import rng_streams
from nnscratch.ops.dropout import stream_key
from tests.ops.test_losses import INFINITE
from tests.tools.checks import COMPILED, fewer

pytest.importorskip("numba")

from nnscratch.ops.compiled import conv as conv_numba
from nnscratch.ops.compiled import fused as fused_numba
from nnscratch.ops.compiled import sparse
from nnscratch.ops.compiled.jit import Kernel
from nnscratch.ops.compiled.sparse import serves

TWINS = backends.compiled_ops()
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


# (C, H, W, F, KH, KW, N, padding). Float32 gets by with the first two
CONVOLUTIONS = [
    (6, fewer(12, 7), fewer(12, 7), 16, 5, 5, fewer(32, 8), NONE),  # LeNet-5's second
    (2, 7, 9, 3, 3, 2, 8, ((1, 0), (2, 1))),  # odd filters, padding; of 6 x 11 outputs a column is left over
    (1, 6, 9, 11, 1, 7, 16, NONE),  # one row of seven offsets, from one channel to a prime number of filters
    (3, 8, 8, 5, 2, 6, 8, ((0, 1), (0, 0))),  # six offsets, odd channels; of 8 x 3
    (3, 4, 13, 2, 3, 11, 1, NONE),  # eleven offsets, one image
    (2, 6, 5, 1, 3, 3, 7, NONE),  # one filter
]
STRIDES = ((1, 1), (2, 1))


def convolutions(choices, number):
    """Yield each geometry and one of two choices, by turns; the first two geometries have both in float64."""
    for k, geometry in enumerate(CONVOLUTIONS if number is np.float64 else CONVOLUTIONS[:2]):
        for choice in choices if k < 2 and number is np.float64 else (choices[k % 2],):
            yield geometry, choice


def conv_cases(name, rng, number):
    for (C, H, W, F, KH, KW, N, padding), stride in convolutions(STRIDES, number):
        x, w, b = normal(rng, C, H, W, N), normal(rng, F, C, KH, KW), normal(rng, F)
        out = REFERENCE["conv2d_forward"](x, w, b, stride, padding)
        if name == "conv2d_forward":
            yield (x, w, b, stride, padding), {}
        elif name == "conv2d_backward_weights":
            for given in ((), (w * np.nan, b * np.nan)):
                yield (normal(rng, *out.shape), x, (KH, KW), stride, padding, *given), {}
        else:
            yield (normal(rng, *out.shape), w, (H, W), stride, padding), {}


def fused_conv_cases(name, rng, number):
    for (C, H, W, F, KH, KW, N, padding), mean in convolutions((False, True), number):
        x, w, b = normal(rng, C, H, W, N), normal(rng, F, C, KH, KW), normal(rng, F)
        if name == "conv2d_relu_pool_forward":
            yield (x, w, b, padding), {"mean": mean}
            continue
        out, grad_mask = REFERENCE["conv2d_relu_pool_forward"](x, w, b, padding, mean=mean)
        for need_dx in (True, False):
            given = () if need_dx else (w * np.nan, b * np.nan)
            yield (normal(rng, *out.shape), grad_mask, x, w, padding, *given), {"mean": mean, "need_dx": need_dx}


SIDE_BY_SIDE, OVERLAPPING, LOW = ((2, 2), (2, 2)), ((2, 2), (1, 1)), ((2, 1), (2, 1))  # windows and their strides

# (C, H, W, N) and windows. Float32 gets by with the first two
POOLS = [
    ((6, fewer(24, 6), fewer(24, 4), fewer(32, 8)), (SIDE_BY_SIDE, OVERLAPPING)),
    ((2, 7, 5, 8), (SIDE_BY_SIDE, LOW)),
    ((1, 2, 2, 3), (SIDE_BY_SIDE, LOW)),
    ((2, 3, 4, 1), (SIDE_BY_SIDE, OVERLAPPING)),
]


def pool_cases(name, rng, number):
    for (C, H, W, N), windows in POOLS if number is np.float64 else POOLS[:2]:
        for size, stride in windows:
            x = normal(rng, C, H, W, N)
            out = REFERENCE["avgpool2d_forward"](x, size, stride)
            if name.endswith("forward"):
                yield (x, size, stride), {}
            elif name == "avgpool2d_backward":
                yield (normal(rng, *out.shape), (H, W), size, stride), {}
            else:
                argmax = rng.integers(0, size[0] * size[1], out.shape).astype(np.int32)
                yield (normal(rng, *out.shape), argmax, (H, W), size, stride), {}


def images(rng, K, N, inked):
    """x (K, N) with about a share ``inked`` of numbers that are not 0; "one" fills one image and leaves the others."""
    if inked == "one":
        x = np.zeros((K, N))
        x[:, N // 2] = normal(rng, K)
        return x
    return normal(rng, K, N) * (rng.random((K, N)) < inked)


# (D, K, N, inked): few inked pixels, which are all that is added up where images and inputs each lie in one piece, many
# inked ones, and more weights than a kernel takes. Each shape is compiled, so float32 gets by with three
DENSE = [
    (4, 3, 5, 1.0),
    (10, 84, 32, 1.0),
    (1, 1, 1, 1.0),
    (1, 5, 3, 0.2),
    (130, 50, 1, 0.2),
    (65, 37, 7, 0.15),
    (66, 21, 6, 0.0),
    (66, 21, 6, "one"),
    (66, 21, 6, 0.2),
    (513, 256, 8, 0.2),
    (513, 256, 8, 1.0),
]
ORDERS = ("CC", "FF", "CF", "FC")  # of the images and the weights; all of them for two of the shapes


def dense_cases(name, rng, number):
    left_out = 0
    for D, K, N, inked in DENSE if number is np.float64 else (DENSE[1], DENSE[5], DENSE[-1]):
        for order, W_order in ORDERS if (D, K, N) in ((10, 84, 32), (66, 21, 6)) else ORDERS[:2]:
            W, b = normal(rng, D, K).copy(W_order), normal(rng, D)
            if name == "dense_backward_input":
                dout = images(rng, D, N, inked).copy(order)
                left_out += serves(dout, W.T)
                yield (dout, W), {}
                continue
            x, dout = images(rng, K, N, inked).copy(order), normal(rng, D, N)
            assert serves(x, W) == (W_order == "F" and (order == "F" or N == 1) and D > 1)
            left_out += serves(x, W)
            given = (W.copy(W_order) * np.nan, b * np.nan)  # to be overwritten
            if name.endswith("forward"):
                yield (x, W, b), {}
            elif name == "dense_backward_weights":
                yield (dout, x), {}
                yield (dout, x, *given), {}
            else:
                out = REFERENCE["dense_relu_forward"](x, W, b)
                out[0, 0] = 0  # no gradient at the kink itself
                yield (dout, out, x), {}
                yield (dout, out, x, *given), {}
    assert left_out, "these cases are to meet both ways"


def activation_cases(name, rng, number):
    for shape in ((4, 5), (3, 2, 3, 8), (1, 1), (67, 9)):
        x = normal(rng, *shape)
        x[0, 0] = 0
        x[-1, -1] = -0.0
        x[0, -1] = 30  # where tanh and sigmoid have met their limit
        slope = (0.1,) if name.startswith("leaky") else ()
        yield (x, *slope) if name.endswith("forward") else (normal(rng, *shape), x, *slope), {}


def dropout_cases(name, rng, number):
    for shape in ((4, 5), (3, 2, 3, 8), (1, 1), (67, 9)):
        if name == "dropout_backward":
            yield (normal(rng, *shape), normal(rng, *shape)), {}
            continue
        for rate in (0.0, 1 / 3, 0.5, 1 - 2.0**-20):
            yield (normal(rng, *shape), rate), {"key": stream_key(-3, 5)}


def batchnorm_cases(name, rng, number):
    """Of images and of vectors, of more numbers a channel than a block; of all of a batch, and of parts."""
    for shape in ((2, 30, 20, 8), (4, 7), (3, 2, 5, 8), (1, 1))[: 4 if number is np.float64 else 2]:
        x, dout = 3 * normal(rng, *shape) + 5, normal(rng, *shape)
        gamma, beta, mean, var = normal(rng, 4, len(x))
        var = abs(var) + 0.1
        if name == "batchnorm_moments":
            yield (x,), {}
        elif name == "batchnorm_combine":
            yield (np.stack([REFERENCE["batchnorm_moments"](part).astype(number) for part in (x, x + 1, dout)]),), {}
        elif name == "batchnorm_forward":
            yield (x, gamma, beta, mean, var, 1e-5), {}
        elif name == "batchnorm_backward_weights":
            yield (dout, x), {}
            yield (dout, x, gamma * np.nan, beta * np.nan, np.zeros((2, len(x)))), {}
        elif name == "batchnorm_backward_running":
            yield (dout, gamma, var, 0.1), {}
        else:
            yield (dout, x, gamma, var, 0.1), {}
            yield (dout, x, gamma, var, 0.1, normal(rng, 3, 2, len(x)), np.full(len(x), 100.0)), {}


def batchnorm_pool_cases(name, rng, number):
    """With rows and columns that are left over, and without; of a part of a batch, and of running statistics."""
    for shape in ((2, 7, 5, 8), (3, 6, 4, 8), (2, 2, 3, 1))[: 3 if number is np.float64 else 2]:
        x, dout = normal(rng, *shape), normal(rng, shape[0], shape[1] // 2, shape[2] // 2, shape[3])
        gamma, beta, mean, var = normal(rng, 4, len(x))
        given = x, gamma, beta, mean, abs(var) + 0.1, 1e-5
        if name == "batchnorm_relu_pool_forward":
            yield given, {}
            continue
        yield (dout, *given), {}
        more = normal(rng, 3, 2, len(x)), np.full(len(x), 100.0)
        if name == "batchnorm_relu_pool_backward_weights":
            more = gamma * np.nan, beta * np.nan, np.zeros((2, len(x)))
        yield (dout, *given, *more), {}


def squared_error_cases(name, rng, number):
    for K, N, n in ((10, 33, 33), (10, 32, 5), (1, 8, 8), (3, 1, 1)):
        yield (normal(rng, K, N), normal(rng, n, K), 0.25), {}


def share_cases(name, rng, number):
    for K, N, n, smoothing in ((10, 33, 33, 0.0), (10, 32, 5, 0.1), (3, 1, 1, 0.0), (4, 16, 16, 0.0)):
        shares = rng.dirichlet(np.ones(K), n)
        shares[: n // 3] = 1 / K  # no class at all
        yield (normal(rng, K, N), shares, smoothing, 0.25), {}


def running_cases(name, rng, number):
    for S in (1, 3):
        parts = np.stack([REFERENCE["batchnorm_moments"](normal(rng, 5, 12 + s)) for s in range(S)])
        yield (normal(rng, 5), abs(normal(rng, 5)), parts, 0.9), {}


def vector_cases(name, rng, number):
    for size in (1000, 1, 0):
        vectors = [normal(rng, size) for _ in range(3)]
        if name == "adam_update":
            yield (*vectors, abs(normal(rng, size)), 3), ADAM
        elif name in ("momentum_update", "nesterov_update"):
            yield (*vectors,), {"lr": 0.1, "momentum": 0.9}
        elif name == "rmsprop_update":
            yield (*vectors[:2], abs(normal(rng, size))), {"lr": 0.1, "decay": 0.9, "eps": 1e-8}
        else:
            yield (*vectors[:2],), {"decay": 0.9} if name == "average_update" else {"lr": 0.1}


def loss_cases(name, rng, number):
    labels = rng.integers(0, 10, 33)
    for scale in (1, 1e4):
        z = scale * normal(rng, 10, 33)
        if name == "softmax_cross_entropy":
            yield (z, np.eye(10)[labels].T), {}
            continue
        for smoothing, share, n in ((0.0, 1.0, 33), (0.1, 0.25, 33), (0.1, 0.5, 5), (0.0, 1.0, 1)):
            yield (z, labels[:n], smoothing, share), {}
            yield (np.round(z / scale), labels[:n], smoothing, share), {}  # ties go to the first


def gather_cases(name, rng, number):
    several = ([-1, 5, -9, 0, 8, -2, 7, 7, 1, -3], range(8), [4], [8, 0, 3, 3])  # each number of them is compiled
    for stored in (np.uint8, np.float32, np.float64):
        stack = rng.integers(0, 256, (9, 1, 4, 5)).astype(stored)
        for k, indices in enumerate((*several[: 4 if stored is np.uint8 and number is np.float32 else 1], [])):
            for by_image in (False, True) if k in (0, 3) else (False,):  # those not by image go in eights
                how = {"scale": 0.5, "shift": 0.1, "dtype": np.dtype, "by_image": by_image}
                yield (stack, np.array(indices, int)), how


def distort_cases(name, rng, number):
    """Each distortion alone, all together, none; pictures that are not square; places far outside."""
    alone = np.eye(6) * [15, 0.15, 0.25, 2, 1, 0.7]
    for stored, strengths in ((np.uint8, alone), (np.float64, [alone.sum(axis=0), 0 * alone[0], alone[3] * 20])):
        stack = (rng.integers(0, 256, (9, 1, 13, 11)) * (rng.random((9, 1, 13, 11)) < 0.4)).astype(stored)
        for how in strengths:
            for by_image in (False, True) if number is np.float32 else (stored is np.uint8,):
                form = {"scale": 0.5, "shift": 0.1, "dtype": np.dtype, "by_image": by_image}
                chosen = np.array([8, 0, 3, 3, 7])
                yield (stack, chosen, rng_streams(10**15, 3, chosen), how), form


CASES = {
    "conv2d_forward": conv_cases,
    "conv2d_backward_weights": conv_cases,
    "conv2d_backward_input": conv_cases,
    "conv2d_relu_pool_forward": fused_conv_cases,
    "conv2d_relu_pool_backward": fused_conv_cases,
    "maxpool2d_forward": pool_cases,
    "maxpool2d_backward": pool_cases,
    "avgpool2d_forward": pool_cases,
    "avgpool2d_backward": pool_cases,
    "dense_forward": dense_cases,
    "dense_backward_input": dense_cases,
    "dense_backward_weights": dense_cases,
    "dense_relu_forward": dense_cases,
    "dense_relu_backward_weights": dense_cases,
    "relu_backward": activation_cases,
    **{
        f"{name}_{way}": activation_cases
        for name in ("leaky_relu", "tanh", "sigmoid", "softmax")
        for way in ("forward", "backward")
    },
    "relu_forward": activation_cases,
    "dropout_forward": dropout_cases,
    "dropout_backward": dropout_cases,
    "batchnorm_moments": batchnorm_cases,
    "batchnorm_combine": batchnorm_cases,
    "batchnorm_forward": batchnorm_cases,
    "batchnorm_backward_weights": batchnorm_cases,
    "batchnorm_backward_batch": batchnorm_cases,
    "batchnorm_backward_running": batchnorm_cases,
    "batchnorm_relu_pool_forward": batchnorm_pool_cases,
    "batchnorm_relu_pool_backward_weights": batchnorm_pool_cases,
    "batchnorm_relu_pool_backward_input": batchnorm_pool_cases,
    "adam_update": vector_cases,
    "momentum_update": vector_cases,
    "nesterov_update": vector_cases,
    "rmsprop_update": vector_cases,
    "sgd_update": vector_cases,
    "weight_decay_update": vector_cases,
    "average_update": vector_cases,
    "add_gradient": lambda name, rng, number: [((normal(rng, 37), normal(rng, 37)), {})],
    "decayed_gradient": lambda name, rng, number: [((normal(rng, 37), normal(rng, 37), normal(rng, 37)), {})],
    "target_squared_error": squared_error_cases,
    "target_cross_entropy": share_cases,
    "batchnorm_update_running": running_cases,
    "softmax_cross_entropy": loss_cases,
    "label_cross_entropy": loss_cases,
    "gather_batch": gather_cases,
    "distort_batch": distort_cases,
}


def of_type(value, number):
    if value is np.dtype:
        return np.dtype(number)
    return value.astype(number) if isinstance(value, np.ndarray) and value.dtype == np.float64 else value


def outcome(function, arguments, keywords):
    """What a function returns, and what has become of its arguments."""
    arguments = [value.copy(order="K") if isinstance(value, np.ndarray) else value for value in arguments]
    result = function(*arguments, **keywords)
    results = result if isinstance(result, tuple) else (result,)
    if function.__name__ in ("label_cross_entropy", "target_cross_entropy", "target_squared_error"):
        results = (*results[0], results[1])  # loss and number, each to be compared by itself
    return [*results, *(value for value in arguments if isinstance(value, np.ndarray))]


@pytest.mark.parametrize("number", [np.float32, pytest.param(np.float64, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", TWINS)
def test_twin_equals_the_readable_function(name, number):
    rng = np.random.default_rng(0)
    cases = list(CASES[name](name, rng, number))  # a KeyError here: a twin without a case
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


@pytest.mark.parametrize("name", [name for name in TWINS if "dW" in inspect.signature(TWINS[name]).parameters])
def test_given_arrays_are_filled_and_returned(name):
    """dW and db are views into the network's gradient: a copy would be lost."""
    given = 0
    for arguments, keywords in CASES[name](name, np.random.default_rng(0), np.float64):
        *_, dW, db = TWINS[name](*arguments, **keywords)
        if "db" in inspect.signature(TWINS[name]).bind(*arguments, **keywords).arguments:
            assert np.shares_memory(dW, arguments[-2])
            assert db is arguments[-1]
            given += 1
    assert given


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


@pytest.mark.parametrize(
    ("module", "factory", "name"),
    [(conv_numba, "_sums", "conv2d_forward"), (fused_numba, "_forward", "conv2d_relu_pool_forward")],
)
def test_broken_kernel_is_noticed(module, factory, name, monkeypatch):
    """A factory whose kernel leaves out the last weight of each filter, of one geometry alone."""
    make = getattr(module, factory)
    weights = 3 * 3 * 11
    seen = []

    def broken(*geometry):
        kernel = make(*geometry)

        def run(x, w, *others):
            seen.append(w.size)
            if w.size == 2 * weights:
                w = w.copy()
                w[weights - 1 :: weights] = 0
            kernel(x, w, *others)

        return run

    monkeypatch.setattr(module, factory, broken)
    with pytest.raises(AssertionError):
        test_twin_equals_the_readable_function(name, np.float64)
    assert seen[-1] == 2 * weights
    assert 16 * 6 * 5 * 5 in seen


def test_kernel_that_forgets_a_pixel_is_noticed(monkeypatch):
    """The last inked pixel of the last image, where zeros are left out."""
    forward = sparse.forward

    def broken(*geometry):
        def kernel(xT, WT, out):
            xT = xT.copy()
            xT[np.flatnonzero(xT)[-1:]] = 0
            forward(*geometry)(xT, WT, out)

        return kernel

    monkeypatch.setattr(sparse, "forward", broken)
    with pytest.raises(AssertionError):
        test_twin_equals_the_readable_function("dense_forward", np.float32)


FUSED = ["maxpool2d_forward", "largest of conv2d_relu_pool_forward", "mean of conv2d_relu_pool_forward"]


@pytest.mark.parametrize("name", FUSED)
@pytest.mark.parametrize("offset", range(4))
def test_nan_shows(name, offset):
    x = np.zeros((1, 2, 2, 8))
    x[0, offset // 2, offset % 2, 5] = np.nan
    if name == "maxpool2d_forward":
        out, _ = TWINS[name](x, (2, 2), (2, 2))
    else:
        W, b = np.ones((2, 1, 1, 1)), np.zeros(2)
        out, grad_mask = TWINS[name.split()[-1]](x, W, b, NONE, mean=name.startswith("mean"))
        assert not grad_mask.any()
    for plane in out:
        assert np.isnan(plane[0, 0]).tolist() == [n == 5 for n in range(8)]


@pytest.mark.parametrize("name", ["dense_forward", "dense_relu_forward"])
@pytest.mark.parametrize("by_image", [False, True])
def test_nan_shows_in_dense_products(name, by_image):
    x = np.zeros((21, 6), order="F" if by_image else "C")
    x[20, 5] = np.nan
    W = np.ones((66, 21), order="F" if by_image else "C")  # as among the cases above
    assert serves(x, W) == by_image
    out = TWINS[name](x, W, np.zeros(66))
    assert np.isnan(out).tolist() == [[n == 5 for n in range(6)]] * 66


@pytest.mark.parametrize("k", [0, 3, 9])
def test_nan_shows_in_the_loss_and_filled_up_columns_do_not(k):
    z = np.zeros((10, 8))
    z[k, 5] = np.nan
    for function in (REFERENCE["label_cross_entropy"], TWINS["label_cross_entropy"]):
        totals, dz = function(z, np.zeros(6, int), 0.1, 0.5)
        assert np.isnan(totals[0])
        assert np.isnan(dz).any(axis=0).tolist() == [n == 5 for n in range(8)]
        totals, dz = function(z, np.zeros(5, int), 0.1, 0.5)
        assert np.isfinite(totals).all()
        assert not dz[:, 5:].any()
        assert np.isfinite(dz).all()


@pytest.mark.parametrize("by_image", [False, True])
@pytest.mark.parametrize("index", [9, -10, 2**40, -(2**40)])
@pytest.mark.parametrize("place", [0, 8])
def test_an_index_outside_the_images_is_refused(index, place, by_image):
    indices = np.zeros(9, int)
    indices[place] = index
    for functions in (REFERENCE, TWINS):
        with pytest.raises(IndexError):
            functions["gather_batch"](
                np.zeros((9, 4, 5), np.uint8), indices, scale=1.0, shift=0.0, dtype="float32", by_image=by_image
            )


def test_ties_go_to_the_first():
    x = np.ones((1, 4, 4, 8))
    assert (TWINS["maxpool2d_forward"](x, (2, 2), (2, 2))[1] == 0).all()


def network_to_fuse(name, dtype):
    if name in MODELS:
        return nn.build(name, seed=0, dtype=dtype)
    pool = {"max": nn.MaxPool2D, "average": nn.AvgPool2D}[name]
    layers = [
        nn.Conv2D(3, 4, padding="same"),
        nn.ReLU(),
        pool(2),
        nn.Conv2D(5, (3, 2)),  # 12 x 13: a column is left over
        nn.ReLU(),
        pool(2),
        nn.Flatten(),
        nn.Dense(7),
        nn.ReLU(),
        nn.Dense(10),
    ]
    return nn.Sequential(layers, seed=0, dtype=dtype)


FUSED_NETWORKS = [  # each has kernels of its own; every single twin has met both types above
    ("max", "float64", 1e-12, 32),
    ("lenet5", "float32", 1e-5, 32),
    *((name, "float32", 1e-5, 5) for name in ("average", "mlp")),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "dtype", "precision", "n"), fewer(FUSED_NETWORKS, FUSED_NETWORKS[2:]))
def test_fused_network_equals_the_plain_one(name, dtype, precision, n):
    """Outputs, all gradients, and dx of a batch of MNIST."""
    mnist = nn.load_mnist()
    results = []
    for backend in ("numpy", "numba"):
        nn.set_backend(backend)
        network = network_to_fuse(name, dtype)
        x = network.batches(mnist.test_images).x(np.arange(n))
        out = network.forward(x, training=True)
        assert np.array_equal(network.infer(x), out)
        loss, dout = nn.softmax_cross_entropy(out, mnist.test_labels[:n])
        dx = network.backward(dout)
        whole = network.gradient.copy()
        network.gradient[:] = np.nan
        network.backward_parameters(dout)
        assert (network.gradient == whole).all()
        results.append([out, np.array([loss]), dx, whole])
    for expected, got in zip(*results, strict=True):
        assert_equal(expected, got, precision)


def test_fused_steps():
    """What is taken together: stride 1 and 2 x 2 windows side by side, ReLU alone."""
    nn.set_backend("numba")
    plain = [
        [nn.Conv2D(2, 3), nn.ReLU(), nn.MaxPool2D(2, stride=1)],
        [nn.Conv2D(2, 3), nn.ReLU(), nn.AvgPool2D(3)],
        [nn.Conv2D(2, 3, stride=2), nn.ReLU(), nn.MaxPool2D(2)],
        [nn.Conv2D(2, 3), nn.Tanh(), nn.MaxPool2D(2)],
        [nn.Conv2D(2, 3), nn.BatchNorm(), nn.ReLU(), nn.MaxPool2D(3)],
        [nn.Flatten(), nn.Dense(3), nn.LeakyReLU()],
    ]
    for layers in plain:
        assert nn.Sequential(layers).steps() == layers
    for layers in ([nn.Conv2D(2, 3), nn.ReLU(), nn.MaxPool2D(2)], [nn.Conv2D(2, 3), nn.ReLU(), nn.AvgPool2D(2)]):
        assert len(nn.Sequential(layers).steps()) == 1
    assert len(nn.Sequential([nn.Conv2D(2, 3), nn.BatchNorm(), nn.ReLU(), nn.MaxPool2D(2)]).steps()) == 2
    assert len(nn.Sequential([nn.Flatten(), nn.Dense(3), nn.ReLU()]).steps()) == 2


def test_the_model_that_a_reader_sees_stays_as_it_is():
    nn.set_backend("numba")
    network = nn.build("lenet5")
    assert [type(layer).__name__ for layer in network.layers][:3] == ["Conv2D", "ReLU", "MaxPool2D"]
    assert len(network.steps()) == len(network.layers) - 5
    nn.set_backend("numpy")
    assert network.steps() == network.layers


def test_training_takes_numba_and_a_handful_of_predictions_does_not(monkeypatch):
    monkeypatch.setattr(backends, "_chosen", False)
    monkeypatch.setattr(backends, "_serving", "numpy")
    model = nn.build("logistic")
    images = np.zeros((3, 28, 28), np.uint8)
    model.predict(images)
    assert backends.backend() == "numpy"
    model.fit(images, np.array([1, 2, 3]))
    assert backends.backend() == ("numba" if COMPILED else "numpy")  # plain Python twins are for tests


def test_without_numba_numpy_serves(monkeypatch):
    monkeypatch.setattr(backends.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(backends, "_chosen", False)
    assert backends.available_backends() == ("numpy",)
    assert backends.resolve_backend() == "numpy"
    with pytest.raises(nn.UsageError, match="install numba"):
        nn.set_backend("numba")


def test_every_op_is_looked_up_at_the_call():
    """``set_backend`` replaces names in ``nnscratch.ops`` and puts them back."""
    for name in ("numba", "numpy"):
        nn.set_backend(name)
        for key, twin in TWINS.items():
            assert getattr(ops, key) is (twin if name == "numba" else REFERENCE[key])


def test_a_subclass_is_not_fused():
    """A user's own layer is what runs, whichever backend serves."""

    class Clipped(nn.ReLU):
        def forward(self, x, training=False):
            return np.minimum(super().forward(x, training), 0.1)

    x = np.random.default_rng(0).random((1, 12, 12, 8))
    outs = []
    for name in ("numpy", "numba"):
        nn.set_backend(name)
        layers = [nn.Conv2D(4, 5), Clipped(), nn.MaxPool2D(2), nn.Flatten(), nn.Dense(7), Clipped(), nn.Dense(3)]
        outs.append(nn.Sequential(layers, (1, 12, 12), dtype="float64").forward(x))
    assert_equal(*outs, 1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["numpy", "numba"])
def test_backward_takes_the_shape_of_the_output_and_any_numbers(name):
    nn.set_backend(name)
    network = network_to_fuse("max", "float64")
    out = network.forward(np.random.default_rng(0).random((1, 28, 28, 32)), training=True)
    for shape in ((10, 8), (8, 32), (10,)):
        with pytest.raises(nn.UsageError, match=r"backward got an array of shape .* the shape \(10, 32\)"):
            network.backward(np.zeros(shape))
    whole = np.zeros(out.shape, int)
    whole[3] = 1
    assert np.array_equal(network.backward(whole), network.backward(whole.astype(float)))
    assert network.backward(whole).any()


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("z", [z for z, *_ in INFINITE])
def test_infinite_logits_are_those_of_the_readable_functions(z, kind):
    z, labels = np.array([z, [1.0, 2, 3]], kind).T, np.array([0, 2])
    for y in (np.eye(3, dtype=kind)[:, labels], np.full((3, 2), 1 / 3, kind)):
        for mine, theirs in zip(*(f["softmax_cross_entropy"](z, y) for f in (TWINS, REFERENCE)), strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-6, atol=1e-7)
    for smoothing in (0.0, 0.1):
        given = z, labels, smoothing, 0.5
        for mine, theirs in zip(*(f["label_cross_entropy"](*given) for f in (TWINS, REFERENCE)), strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-6, atol=1e-7)


def test_no_kernel_holds_a_compiled_function():
    """Numba's key of such a function is another in each process, so the kernel would be compiled anew by each."""
    for name in ("sigmoid_forward", "tanh_forward", "softmax_forward"):
        TWINS[name](np.ones((2, 3), np.float32))
    kernels = [each for each in gc.get_objects() if isinstance(each, Kernel)]
    held = [cell.cell_contents for each in kernels for cell in each.function.__closure__ or ()]
    assert len(kernels) >= 3 and not [each for each in held if hasattr(each, "py_func")]
