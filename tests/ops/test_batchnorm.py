"""Batch normalisation: by hand, against loops and whole Jacobians, against difference quotients."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnscratch import ops
from tests.tools import naive
from tests.tools.checks import assert_gradients, seeds

pytestmark = pytest.mark.usefixtures("readable_ops")

# (C, N) or (C, H, W, N), with at least 3 numbers a channel: of two, xhat is -1 and 1 whatever they are
shapes = st.one_of(
    st.tuples(st.integers(1, 3), st.integers(3, 6)),
    st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.integers(3, 4)),
)
EPS = 1e-5


def draw(rng, shape):
    """x, gamma, beta, dout."""
    x, dout = 2 * rng.standard_normal(shape) + 1, rng.standard_normal(shape)
    return x, rng.standard_normal(len(x)), rng.standard_normal(len(x)), dout


def test_by_hand():
    x = np.array([[1.0, 3, 5, 7], [0, 0, 0, 4]])
    mean, var = ops.batchnorm_statistics(x)
    assert mean.tolist() == [4, 1]
    assert var.tolist() == [(9 + 1 + 1 + 9) / 4, (1 + 1 + 1 + 9) / 4]
    out, xhat = ops.batchnorm_forward(x, np.array([2.0, 1]), np.array([0.0, 10]), mean, var, eps=4.0)  # sd 3 and 7^.5
    np.testing.assert_allclose(xhat, [[-1, -1 / 3, 1 / 3, 1], np.array([-1, -1, -1, 3]) / 7**0.5], rtol=1e-15)
    np.testing.assert_allclose(out, [[-2, -2 / 3, 2 / 3, 2], 10 + np.array([-1, -1, -1, 3]) / 7**0.5], rtol=1e-15)


def test_backward_by_hand():
    xhat = np.array([[-1.0, 1, 1, -1]])
    dout = np.array([[4.0, 0, 0, 0]])
    dgamma, dbeta = ops.batchnorm_backward_weights(dout, xhat)
    assert (dgamma.tolist(), dbeta.tolist()) == ([-4], [4])
    gamma, var = np.array([3.0]), np.array([3.0])  # with eps 1 the standard deviation is 2
    assert ops.batchnorm_backward_running(dout, gamma, var, 1.0).tolist() == [[4 * 3 / 2, 0, 0, 0]]
    # dxhat = 12 0 0 0, its mean 3, mean of dxhat * xhat -3: (12 - 3 + 3 * -1, -3 + 3, -3 + 3, -3 - 3) / 2
    assert ops.batchnorm_backward_batch(dout, xhat, gamma, var, 1.0).tolist() == [[3, 0, 0, -3]]


@given(shapes, seeds)
def test_against_loops(shape, rng):
    x, gamma, beta, dout = draw(rng, shape)
    rows, drows = x.reshape(len(x), -1), dout.reshape(len(x), -1)
    mean, var = ops.batchnorm_statistics(x)
    for ours, theirs in zip((mean, var), naive.statistics(rows), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    out, xhat = ops.batchnorm_forward(x, gamma, beta, mean, var, EPS)
    expected = naive.batchnorm_forward(rows, gamma, beta, mean, var, EPS)
    np.testing.assert_allclose(out.reshape(rows.shape), expected, rtol=1e-12, atol=1e-13)
    dx, dgamma, dbeta = naive.batchnorm_backward(drows, rows, gamma, EPS)
    np.testing.assert_allclose(
        ops.batchnorm_backward_batch(dout, xhat, gamma, var, EPS).reshape(rows.shape), dx, rtol=1e-9, atol=1e-11
    )
    for ours, theirs in zip(ops.batchnorm_backward_weights(dout, xhat), (dgamma, dbeta), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("of_batch", [True, False])
@settings(max_examples=10)
@given(shape=shapes, rng=seeds)
def test_gradients(of_batch, shape, rng):
    x, gamma, beta, dout = draw(rng, shape)
    fixed = rng.standard_normal(len(x)), rng.random(len(x)) + 0.5

    def forward():
        mean, var = ops.batchnorm_statistics(x) if of_batch else fixed
        return ops.batchnorm_forward(x, gamma, beta, mean, var, 0.1)[0]

    mean, var = ops.batchnorm_statistics(x) if of_batch else fixed
    _, xhat = ops.batchnorm_forward(x, gamma, beta, mean, var, 0.1)
    dgamma, dbeta = ops.batchnorm_backward_weights(dout, xhat)
    if of_batch:
        dx = ops.batchnorm_backward_batch(dout, xhat, gamma, var, 0.1)
    else:
        dx = ops.batchnorm_backward_running(dout, gamma, var, 0.1)
    assert_gradients(forward, dout, {"gamma": (gamma, dgamma), "beta": (beta, dbeta), "x": (x, dx)})


def test_a_constant_channel_stays_finite():
    x = np.full((1, 5), 3.0)
    out, xhat = ops.batchnorm_forward(x, np.ones(1), np.array([7.0]), *ops.batchnorm_statistics(x), EPS)
    assert out.tolist() == [[7] * 5]
    assert np.isfinite(ops.batchnorm_backward_batch(np.ones((1, 5)), xhat, np.ones(1), np.zeros(1), EPS)).all()
