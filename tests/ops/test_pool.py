"""Pooling: by hand, against loops, against difference quotients; ties and NaN."""

import numpy as np
import pytest
from hypothesis import given, settings

from nnscratch import ops
from tests.tools import naive
from tests.tools.checks import assert_gradients, geometries, separated, whole

pytestmark = pytest.mark.usefixtures("readable_ops")

X = np.array([[1.0, 5, 2, 0], [3, 4, 8, 8], [-1, -2, -5, -6], [-4, -3, -8, -7]])[None, :, :, None]
DOUT = np.array([[1.0, 2], [3, 4]])[None, :, :, None]
TWO = (2, 2)


def test_maximum_by_hand():
    out, argmax = ops.maxpool2d_forward(X, TWO, TWO)
    assert out[0, :, :, 0].tolist() == [[5, 8], [-1, -5]]
    assert argmax[0, :, :, 0].tolist() == [[1, 2], [0, 0]]  # offsets 0 1 / 2 3; the first of the two eights
    assert argmax.dtype == np.int32
    dx = ops.maxpool2d_backward(DOUT, argmax, (4, 4), TWO, TWO)
    assert dx[0, :, :, 0].tolist() == [[0, 1, 0, 0], [0, 0, 2, 0], [3, 0, 4, 0], [0, 0, 0, 0]]


def test_mean_by_hand():
    out = ops.avgpool2d_forward(X, TWO, TWO)
    assert out[0, :, :, 0].tolist() == [[13 / 4, 18 / 4], [-10 / 4, -26 / 4]]
    dx = ops.avgpool2d_backward(DOUT, (4, 4), TWO, TWO)
    assert dx[0, :, :, 0].tolist() == [[0.25, 0.25, 0.5, 0.5]] * 2 + [[0.75, 0.75, 1, 1]] * 2


def test_a_pixel_collects_from_all_windows_that_it_wins():
    x = np.zeros((1, 3, 3, 1))
    x[0, 1, 1, 0] = 9
    out, argmax = ops.maxpool2d_forward(x, TWO, (1, 1))
    assert out.ravel().tolist() == [9] * 4
    assert argmax.ravel().tolist() == [3, 2, 1, 0]
    dx = ops.maxpool2d_backward(DOUT, argmax, (3, 3), TWO, (1, 1))
    assert dx[0, :, :, 0].tolist() == [[0, 0, 0], [0, 1 + 2 + 3 + 4, 0], [0, 0, 0]]


def test_ties_go_to_the_first_in_reading_order():
    x = np.ones((1, 4, 4, 1))
    _, argmax = ops.maxpool2d_forward(x, TWO, TWO)
    assert not argmax.any()
    dx = ops.maxpool2d_backward(DOUT, argmax, (4, 4), TWO, TWO)
    assert dx[0, :, :, 0].tolist() == [[1, 0, 2, 0], [0, 0, 0, 0], [3, 0, 4, 0], [0, 0, 0, 0]]


@pytest.mark.parametrize("place", range(4))
def test_nan_shows_through_the_maximum(place):
    x = np.arange(4.0).reshape(1, 2, 2, 1)
    x.ravel()[place] = np.nan
    out, _ = ops.maxpool2d_forward(x, TWO, TWO)
    assert np.isnan(out).all()


@given(geometries(most_padding=0))
def test_against_loops(g):
    x = whole(g.rng, (g.C, *g.image, g.N))  # nine values only: ties are frequent
    out, argmax = ops.maxpool2d_forward(x, g.kernel, g.stride)
    expected, offset = naive.maxpool2d_forward(x, g.kernel, g.stride)
    assert np.array_equal(out, expected)
    assert np.array_equal(argmax, offset)
    dout = whole(g.rng, out.shape)
    dx = ops.maxpool2d_backward(dout, argmax, g.image, g.kernel, g.stride)
    assert np.array_equal(dx, naive.maxpool2d_backward(dout, x, g.kernel, g.stride))
    np.testing.assert_allclose(
        ops.avgpool2d_forward(x, g.kernel, g.stride), naive.avgpool2d_forward(x, g.kernel, g.stride), atol=1e-13
    )
    np.testing.assert_allclose(
        ops.avgpool2d_backward(dout, g.image, g.kernel, g.stride),
        naive.avgpool2d_backward(dout, x, g.kernel, g.stride),
        atol=1e-13,
    )


@settings(max_examples=10)
@given(geometries(most_padding=0))
def test_gradients(g):
    x = separated(g.rng, (g.C, *g.image, g.N))
    out, argmax = ops.maxpool2d_forward(x, g.kernel, g.stride)
    dout = g.rng.standard_normal(out.shape)
    dx = ops.maxpool2d_backward(dout, argmax, g.image, g.kernel, g.stride)
    assert_gradients(lambda: ops.maxpool2d_forward(x, g.kernel, g.stride)[0], dout, {"x": (x, dx)})
    dx = ops.avgpool2d_backward(dout, g.image, g.kernel, g.stride)
    assert_gradients(lambda: ops.avgpool2d_forward(x, g.kernel, g.stride), dout, {"x": (x, dx)})
