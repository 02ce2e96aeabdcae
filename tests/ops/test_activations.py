"""Activations: by hand, against plain mathematics, against difference quotients; NaN and large numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnscratch import ops
from tests.tools import naive
from tests.tools.checks import assert_gradients, seeds, separated

pytestmark = pytest.mark.usefixtures("readable_ops")

SLOPE = 0.25
# name -> (forward(x), backward(dout, x)): what backward takes besides dout is x or the output
FORWARD = {
    "relu": lambda x: ops.relu_forward(x),
    "leaky_relu": lambda x: ops.leaky_relu_forward(x, SLOPE),
    "tanh": lambda x: ops.tanh_forward(x),
    "sigmoid": lambda x: ops.sigmoid_forward(x),
}
BACKWARD = {
    "relu": lambda dout, x: ops.relu_backward(dout, x),
    "leaky_relu": lambda dout, x: ops.leaky_relu_backward(dout, x, SLOPE),
    "tanh": lambda dout, x: ops.tanh_backward(dout, ops.tanh_forward(x)),
    "sigmoid": lambda dout, x: ops.sigmoid_backward(dout, ops.sigmoid_forward(x)),
}
every_activation = pytest.mark.parametrize("name", FORWARD)
shapes = st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple)


@pytest.mark.parametrize(
    ("name", "x", "out", "slope"),
    [
        ("relu", 3.0, 3.0, 1.0),
        ("relu", -3.0, 0.0, 0.0),
        ("relu", 0.0, 0.0, 0.0),  # at the kink 0 is taken
        ("leaky_relu", 4.0, 4.0, 1.0),
        ("leaky_relu", -4.0, -1.0, 0.25),
        ("leaky_relu", 0.0, 0.0, 0.25),
        ("tanh", 0.0, 0.0, 1.0),
        ("tanh", np.log(2), 0.6, 0.64),  # (2 - 1/2) / (2 + 1/2) = 3/5, and 1 - 9/25
        ("sigmoid", 0.0, 0.5, 0.25),
        ("sigmoid", np.log(3), 0.75, 0.1875),  # 1 / (1 + 1/3), and 3/4 * 1/4
        ("sigmoid", -np.log(3), 0.25, 0.1875),
    ],
)
def test_by_hand(name, x, out, slope):
    x = np.array([[x]])
    assert FORWARD[name](x).item() == pytest.approx(out, abs=1e-15)
    assert BACKWARD[name](np.array([[10.0]]), x).item() == pytest.approx(10 * slope, abs=1e-14)


@every_activation
@given(shapes, seeds)
def test_against_plain_mathematics(name, shape, rng):
    f, slope = naive.ACTIVATIONS[name]
    x, dout = 3 * rng.standard_normal(shape), rng.standard_normal(shape)
    np.testing.assert_allclose(FORWARD[name](x), naive.each(f, x), rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(BACKWARD[name](dout, x), dout * naive.each(slope, x), rtol=1e-12, atol=1e-14)


@every_activation
@settings(max_examples=10)
@given(shapes, seeds)
def test_gradients(name, shape, rng):
    x = separated(rng, shape)
    x /= max(1.0, np.abs(x).max() / 2)  # -2..2: tanh and sigmoid not yet flat, and zero still far
    dout = rng.standard_normal(shape)
    assert_gradients(lambda: FORWARD[name](x), dout, {"x": (x, BACKWARD[name](dout, x))})


@every_activation
def test_nan_shows(name):
    assert np.isnan(FORWARD[name](np.array([1.0, np.nan])))[1]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sigmoid_and_tanh_of_huge_numbers(dtype):
    x = np.array([-np.inf, -1e30, -1e4, 1e4, 1e30, np.inf], dtype)
    with np.errstate(all="raise", under="ignore"):
        assert ops.sigmoid_forward(x).tolist() == [0, 0, 0, 1, 1, 1]
        assert ops.tanh_forward(x).tolist() == [-1, -1, -1, 1, 1, 1]


def test_sigmoid_keeps_small_probabilities():
    x = np.array([-50.0, -300.0])
    np.testing.assert_allclose(ops.sigmoid_forward(x), np.exp(x), rtol=1e-14)  # 1 / (1 + e^50) = e^-50 (1 - e^-50)
