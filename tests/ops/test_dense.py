"""The dense layer's sums: by hand, against loops, against difference quotients."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnscratch import ops
from tests.tools import naive
from tests.tools.checks import assert_gradients, seeds, whole

pytestmark = pytest.mark.usefixtures("readable_ops")

few = st.integers(1, 5)


def test_by_hand():
    x = np.array([[1.0, 2], [3, 4], [5, 6]])  # two columns of three
    W = np.array([[1.0, 0, -1], [2, 2, 2]])
    b = np.array([10.0, 20])
    assert ops.dense_forward(x, W, b).tolist() == [[1 - 5 + 10, 2 - 6 + 10], [18 + 20, 24 + 20]]
    dout = np.array([[1.0, 0], [0, 10]])  # output 0 of image 0, ten times output 1 of image 1
    dW, db = ops.dense_backward_weights(dout, x)
    assert dW.tolist() == [[1, 3, 5], [20, 40, 60]]
    assert db.tolist() == [1, 10]
    assert ops.dense_backward_input(dout, W).tolist() == [[1, 20], [0, 20], [-1, 20]]


@given(few, few, few, seeds)
def test_against_loops(K, D, N, rng):
    x, W, b, dout = whole(rng, (K, N)), whole(rng, (D, K)), whole(rng, D), whole(rng, (D, N))
    assert np.array_equal(ops.dense_forward(x, W, b), naive.dense_forward(x, W, b))
    dx, dW, db = naive.dense_backward(dout, x, W)
    assert np.array_equal(ops.dense_backward_input(dout, W), dx)
    for ours, theirs in zip(ops.dense_backward_weights(dout, x), (dW, db), strict=True):
        assert np.array_equal(ours, theirs)


@settings(max_examples=10)
@given(few, few, few, seeds)
def test_gradients(K, D, N, rng):
    x, W, b, dout = (rng.standard_normal(shape) for shape in ((K, N), (D, K), D, (D, N)))
    dW, db = ops.dense_backward_weights(dout, x)
    dx = ops.dense_backward_input(dout, W)
    assert_gradients(lambda: ops.dense_forward(x, W, b), dout, {"W": (W, dW), "b": (b, db), "x": (x, dx)})
