"""Convolution: by hand, against seven loops, against difference quotients."""

import numpy as np
import pytest
from hypothesis import given, settings

from nnscratch import ops
from tests.tools import naive
from tests.tools.checks import assert_gradients, geometries, whole

pytestmark = pytest.mark.usefixtures("readable_ops")

X = np.array([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]])[None, :, :, None]
W = np.array([[1.0, 2], [3, 4]])[None, None]
b = np.array([10.0])


@pytest.mark.parametrize(
    ("stride", "padding", "expected"),
    [
        # 1*1 + 2*2 + 3*4 + 4*5 = 37, 1*2 + 2*3 + 3*5 + 4*6 = 47, ...
        ((1, 1), ((0, 0), (0, 0)), [[47, 57], [77, 87]]),
        # a row of zeros above, a column of zeros to the right: windows [0 0, 1 2], [0 0, 3 0], [4 5, 7 8], [6 0, 9 0]
        ((2, 2), ((1, 0), (0, 1)), [[21, 19], [77, 43]]),
        # rows at 0 and 1, columns at 0 only
        ((1, 2), ((0, 0), (0, 0)), [[47], [77]]),
        # zeros below and to the left: the last row is 1*0 + 2*7, 1*7 + 2*8, 1*8 + 2*9
        ((1, 1), ((0, 1), (1, 0)), [[2 + 16 + 10, 47, 57], [8 + 28 + 10, 77, 87], [24, 33, 36]]),
    ],
)
def test_forward_by_hand(stride, padding, expected):
    out = ops.conv2d_forward(X, W, b, stride, padding)
    assert out[0, :, :, 0].tolist() == expected


def test_channels_add_up_and_filters_stand_apart():
    x = np.array([2.0, 3.0]).reshape(2, 1, 1, 1)  # two channels of one pixel
    filters = np.array([[1.0, 10.0], [5.0, -1.0]]).reshape(2, 2, 1, 1)
    out = ops.conv2d_forward(x, filters, np.array([0.0, 100.0]))
    assert out.ravel().tolist() == [2 + 30, 10 - 3 + 100]


def test_backward_by_hand():
    dout = np.array([[1.0, 0], [0, 2]])[None, :, :, None]
    dW, db = ops.conv2d_backward_weights(dout, X, (2, 2))
    assert dW[0, 0].tolist() == [[1 + 2 * 5, 2 + 2 * 6], [4 + 2 * 8, 5 + 2 * 9]]
    assert db.tolist() == [3]
    dx = ops.conv2d_backward_input(dout, W, (3, 3))  # W at the upper left, 2 W at the lower right
    assert dx[0, :, :, 0].tolist() == [[1, 2, 0], [3, 4 + 2 * 1, 2 * 2], [0, 2 * 3, 2 * 4]]


def test_backward_sums_over_the_batch():
    x, dout = np.ones((1, 1, 1, 3)), np.array([1.0, 10, 100]).reshape(1, 1, 1, 3)
    dW, db = ops.conv2d_backward_weights(dout, x, (1, 1))
    assert (dW.item(), db.item()) == (111, 111)


def test_pixels_left_over_have_no_gradient():
    dx = ops.conv2d_backward_input(np.ones((1, 1, 1, 1)), W, (3, 3), (2, 2))
    assert dx[0, :, :, 0].tolist() == [[1, 2, 0], [3, 4, 0], [0, 0, 0]]


@given(geometries())
def test_against_seven_loops(g):
    x, filters, bias = whole(g.rng, (g.C, *g.image, g.N)), whole(g.rng, (g.F, g.C, *g.kernel)), whole(g.rng, g.F)
    out = ops.conv2d_forward(x, filters, bias, g.stride, g.padding)
    assert np.array_equal(out, naive.conv2d_forward(x, filters, bias, g.stride, g.padding))
    dout = whole(g.rng, out.shape)
    dx, dW, db = naive.conv2d_backward(dout, x, filters, g.stride, g.padding)
    assert np.array_equal(ops.conv2d_backward_input(dout, filters, g.image, g.stride, g.padding), dx)
    ours = ops.conv2d_backward_weights(dout, x, g.kernel, g.stride, g.padding)
    assert np.array_equal(ours[0], dW)
    assert np.array_equal(ours[1], db)


@settings(max_examples=10)
@given(geometries())
def test_gradients(g):
    rng = g.rng
    x, filters = rng.standard_normal((g.C, *g.image, g.N)), rng.standard_normal((g.F, g.C, *g.kernel))
    bias = rng.standard_normal(g.F)

    def forward():
        return ops.conv2d_forward(x, filters, bias, g.stride, g.padding)

    dout = rng.standard_normal(forward().shape)
    dW, db = ops.conv2d_backward_weights(dout, x, g.kernel, g.stride, g.padding)
    dx = ops.conv2d_backward_input(dout, filters, g.image, g.stride, g.padding)
    assert_gradients(forward, dout, {"W": (filters, dW), "b": (bias, db), "x": (x, dx)})
