"""What every operation promises: it changes no argument, keeps the dtype, and takes arrays of any memory layout.

A new name in ``ops.__all__`` fails here until it has a case: add a line to CASES that says how to call it.
"""

import numpy as np
import pytest

from nnscratch import ops
from nnscratch.ops.dropout import stream_key

pytestmark = pytest.mark.usefixtures("readable_ops")

WINDOW = {"stride": (2, 1), "padding": ((1, 0), (0, 2))}
POOL = {"size": (2, 2), "stride": (2, 1)}
FUSED = {"padding": ((1, 0), (0, 2))}
ADAM = {"lr": 0.1, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8}

# name, and what is special if it has several -> (arguments, keywords): a tuple of sizes stands for an array of that
# shape, which "+" in front makes positive, "tap" whole numbers in 0..3, "bits" in 0..15 and "index" in 0..2
CASES = {
    "adam_update": ([(9,), (9,), (9,), ("+", 9), 3], ADAM),
    "add_gradient": ([(9,), (9,)], {}),
    "average_update": ([(9,), (9,)], {"decay": 0.9}),
    "batchnorm_update_running": ([(3,), (3,), ("+", 2, 3, 3), 0.9], {}),
    "decayed_gradient": ([(9,), (9,), (9,)], {}),
    "target_cross_entropy": ([(4, 5), ("+", 3, 4), 0.1, 0.6], {}),
    "target_squared_error": ([(4, 5), (3, 4), 0.6], {}),
    "avgpool2d_backward": ([(2, 2, 3, 5)], {"image": (5, 4), **POOL}),
    "avgpool2d_forward": ([(2, 5, 4, 5)], POOL),
    "batchnorm_backward_batch": ([(3, 2, 2, 5), (3, 2, 2, 5), (3,), ("+", 3), 1e-5], {}),
    "batchnorm_backward_running": ([(3, 2, 2, 5), (3,), ("+", 3), 1e-5], {}),
    "batchnorm_backward_weights": ([(3, 2, 2, 5), (3, 2, 2, 5)], {}),
    "batchnorm_backward_batch of a part": (
        [(3, 2, 2, 5), (3, 2, 2, 5), (3,), ("+", 3), 1e-5, (2, 2, 3), ("+", 3)],
        {},
    ),
    "batchnorm_combine": ([("+", 2, 3, 4)], {}),
    "batchnorm_forward": ([(3, 2, 2, 5), (3,), (3,), (3,), ("+", 3), 1e-5], {}),
    "batchnorm_moments": ([(3, 2, 2, 5)], {}),
    "batchnorm_relu_pool_backward_input": ([(3, 2, 2, 6), (3, 5, 4, 6), (3,), (3,), (3,), ("+", 3), 1e-5], {}),
    "batchnorm_relu_pool_backward_input of a part": (
        [(3, 2, 2, 6), (3, 5, 4, 6), (3,), (3,), (3,), ("+", 3), 1e-5, (2, 2, 3), ("+", 3)],
        {},
    ),
    "batchnorm_relu_pool_backward_weights": ([(3, 2, 2, 6), (3, 5, 4, 6), (3,), (3,), (3,), ("+", 3), 1e-5], {}),
    "batchnorm_relu_pool_forward": ([(3, 5, 4, 6), (3,), (3,), (3,), ("+", 3), 1e-5], {}),
    "batchnorm_statistics": ([(3, 2, 2, 5)], {}),
    "clip_global_norm": ([(9,), 0.5], {}),
    "conv2d_backward_input": ([(3, 3, 5, 6), (3, 2, 2, 3)], {"image": (5, 5), **WINDOW}),
    "conv2d_backward_weights": ([(3, 3, 5, 6), (2, 5, 5, 6)], {"kernel": (2, 3), **WINDOW}),
    "conv2d_forward": ([(2, 5, 5, 6), (3, 2, 2, 3), (3,)], WINDOW),
    "conv2d_relu_pool_backward": (
        [(3, 2, 2, 6), ("bits", 3, 2, 2, 6), (2, 5, 5, 6), (3, 2, 2, 3)],
        {**FUSED, "mean": False, "need_dx": True},
    ),
    "conv2d_relu_pool_backward mean": (
        [(3, 2, 2, 6), ("bits", 3, 2, 2, 6), (2, 5, 5, 6), (3, 2, 2, 3)],
        {**FUSED, "mean": True, "need_dx": True},
    ),
    "conv2d_relu_pool_forward": ([(2, 5, 5, 6), (3, 2, 2, 3), (3,)], {**FUSED, "mean": False}),
    "conv2d_relu_pool_forward mean": ([(2, 5, 5, 6), (3, 2, 2, 3), (3,)], {**FUSED, "mean": True}),
    "conv2d_backward_weights in place": (
        [(3, 3, 5, 6), (2, 5, 5, 6)],
        {"kernel": (2, 3), **WINDOW, "dW": (3, 2, 2, 3), "db": (3,)},
    ),
    "conv2d_relu_pool_backward in place": (
        [(3, 2, 2, 6), ("bits", 3, 2, 2, 6), (2, 5, 5, 6), (3, 2, 2, 3)],
        {**FUSED, "mean": False, "need_dx": True, "dW": (3, 2, 2, 3), "db": (3,)},
    ),
    "dense_backward_input": ([(4, 5), (4, 3)], {}),
    "dense_backward_weights": ([(4, 5), (3, 5)], {}),
    "dense_backward_weights in place": ([(4, 5), (3, 5)], {"dW": (4, 3), "db": (4,)}),
    "dense_forward": ([(3, 5), (4, 3), (4,)], {}),
    "dense_relu_backward_weights": ([(4, 5), (4, 5), (3, 5)], {}),
    "dense_relu_backward_weights in place": ([(4, 5), (4, 5), (3, 5)], {"dW": (4, 3), "db": (4,)}),
    "dense_relu_forward": ([(3, 5), (4, 3), (4,)], {}),
    "distort_batch": (
        [(3, 1, 8, 8), ("index", 5), ("index", 5), ("+", 6)],
        {"scale": 0.5, "shift": 0.1, "dtype": np.dtype},
    ),
    "distort_batch by image": (
        [(3, 1, 8, 8), ("index", 5), ("index", 5), ("+", 6)],
        {"scale": 0.5, "shift": 0.1, "dtype": np.dtype, "by_image": True},
    ),
    "dropout_backward": ([(4, 5), (4, 5)], {}),
    "dropout_forward": ([(4, 5), 0.3], {"key": stream_key(5)}),
    "gather_batch": ([(3, 2, 4), ("index", 5)], {"scale": 0.5, "shift": 0.1, "dtype": np.dtype}),
    "gather_batch by image": (
        [(3, 2, 4), ("index", 5)],
        {"scale": 0.5, "shift": 0.1, "dtype": np.dtype, "by_image": True},
    ),
    "label_cross_entropy": ([(4, 5), ("index", 3), 0.1, 0.6], {}),
    "leaky_relu_backward": ([(4, 5), (4, 5), 0.1], {}),
    "leaky_relu_forward": ([(4, 5), 0.1], {}),
    "log_softmax": ([(4, 5)], {}),
    "maxpool2d_backward": ([(2, 2, 3, 5), ("tap", 2, 2, 3, 5)], {"image": (5, 4), **POOL}),
    "maxpool2d_forward": ([(2, 5, 4, 5)], POOL),
    "mean_squared_error": ([(4, 5), (4, 5)], {}),
    "momentum_update": ([(9,), (9,), (9,)], {"lr": 0.1, "momentum": 0.9}),
    "nesterov_update": ([(9,), (9,), (9,)], {"lr": 0.1, "momentum": 0.9}),
    "relu_backward": ([(4, 5), (4, 5)], {}),
    "relu_forward": ([(4, 5)], {}),
    "rmsprop_update": ([(9,), (9,), ("+", 9)], {"lr": 0.1, "decay": 0.9, "eps": 1e-8}),
    "sgd_update": ([(9,), (9,)], {"lr": 0.1}),
    "sigmoid_backward": ([(4, 5), (4, 5)], {}),
    "sigmoid_forward": ([(4, 5)], {}),
    "softmax_backward": ([(4, 5), (4, 5)], {}),
    "softmax_cross_entropy": ([(4, 5), (4, 5)], {}),
    "softmax_forward": ([(4, 5)], {}),
    "tanh_backward": ([(4, 5), (4, 5)], {}),
    "tanh_forward": ([(4, 5)], {}),
    "weight_decay_update": ([(9,), ("+", 9)], {"lr": 0.1}),
}
# results that are float64 whatever came
EXACT = dict.fromkeys(
    ("batchnorm_moments", "label_cross_entropy", "target_cross_entropy", "target_squared_error"), (0,)
)
# the arguments that an update works on in place
CHANGES = {
    "adam_update": (0, 2, 3),
    "add_gradient": (0,),
    "average_update": (0,),
    "batchnorm_update_running": (0, 1),
    "momentum_update": (0, 2),
    "nesterov_update": (0, 2),
    "rmsprop_update": (0, 2),
    "sgd_update": (0,),
    "weight_decay_update": (0,),
}

every_op = pytest.mark.parametrize("name", CASES)


def arguments(name, dtype):
    """Return new, always equal arguments and keywords for an operation."""
    rng = np.random.default_rng(3)
    make = {
        "+": lambda shape: (rng.random(shape) + 0.5).astype(dtype),
        "tap": lambda shape: rng.integers(0, 4, shape).astype(np.int32),
        "bits": lambda shape: rng.integers(0, 16, shape).astype(np.int32),
        "index": lambda shape: rng.integers(0, 3, shape),
    }

    def array(sizes):
        if isinstance(sizes[0], str):
            return make[sizes[0]](sizes[1:])
        return rng.standard_normal(sizes).astype(dtype)

    args, keywords = CASES[name]
    keywords = dict(keywords)
    if "dtype" in keywords:
        keywords["dtype"] = dtype
    for given in {"dW", "db"} & keywords.keys():
        keywords[given] = np.full(keywords[given], np.nan, dtype)
    return [array(a) if isinstance(a, tuple) else a for a in args], keywords


def call(name, args, keywords):
    """Return everything that the operation returned or changed, as a list of arrays."""
    result = getattr(ops, name.split()[0])(*args, **keywords)
    returned = () if result is None else result if isinstance(result, tuple) else (result,)
    return [np.asarray(value) for value in (*returned, *(args[i] for i in CHANGES.get(name, ())))]


@pytest.mark.parametrize("name", ops.__all__)
def test_every_operation_has_a_case(name):
    assert name in CASES, f"ops.{name} has no case: add how to call it to CASES in {__file__}"


def test_no_case_is_left_over():
    assert {name.split()[0] for name in CASES} == set(ops.__all__)
    changing = {name for name in CASES if "_update" in name}
    assert set(CHANGES) == changing | {"add_gradient"}


@every_op
def test_only_the_documented_arguments_change(name):
    args, keywords = arguments(name, "float64")
    before = [np.array(a) for a in args]
    for i, a in enumerate(args):
        if isinstance(a, np.ndarray) and i not in CHANGES.get(name, ()):
            a.flags.writeable = False
    call(name, args, keywords)
    changed = tuple(i for i, (a, old) in enumerate(zip(args, before, strict=True)) if not np.array_equal(a, old))
    assert changed == CHANGES.get(name, ())


@every_op
def test_the_dtype_is_kept(name):
    single, double = (call(name, *arguments(name, dtype)) for dtype in ("float32", "float64"))
    for place, (narrow, wide) in enumerate(zip(single, double, strict=True)):
        if wide.ndim == 0 or place in EXACT.get(name, ()):  # a loss, returned as a Python number or among totals
            assert narrow.dtype == wide.dtype == "float64"
        elif wide.dtype.kind == "f":
            assert (narrow.dtype, wide.dtype) == ("float32", "float64")
        else:
            assert narrow.dtype == wide.dtype == "int32"
        np.testing.assert_allclose(narrow, wide, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", [name for name, (_, keywords) in CASES.items() if "dW" in keywords])
def test_given_gradients_are_filled_and_returned(name):
    args, keywords = arguments(name, "float64")
    *_, dW, db = getattr(ops, name.split()[0])(*args, **keywords)
    assert dW is keywords["dW"] or np.shares_memory(dW, keywords["dW"])
    assert db is keywords["db"]
    for given in ("dW", "db"):
        assert np.isfinite(keywords.pop(given)).all()
    *_, newW, newb = getattr(ops, name.split()[0])(*args, **keywords)
    assert np.array_equal(newW, dW)
    assert np.array_equal(newb, db)


def sliced(a):
    """``a`` as every second number of a larger array."""
    wide = np.zeros((*a.shape[:-1], 2 * a.shape[-1]), a.dtype)
    wide[..., ::2] = a
    return wide[..., ::2]


LAYOUTS = {
    "sliced": sliced,
    "reversed": lambda a: a[::-1].copy()[::-1],
    "columns first": lambda a: a.copy(order="F"),
    "batch first": lambda a: np.moveaxis(np.moveaxis(a, -1, 0).copy(), 0, -1),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@every_op
def test_any_memory_layout_gives_the_same(name, layout):
    expected = call(name, *arguments(name, "float64"))
    args, keywords = arguments(name, "float64")
    args = [LAYOUTS[layout](a) if isinstance(a, np.ndarray) else a for a in args]
    for ours, theirs in zip(call(name, args, keywords), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)
