"""Softmax, cross-entropy and squared error: by hand, against plain mathematics, against difference quotients."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnscratch import ops
from nnscratch.training.numerical_gradient import check_array
from tests.tools import naive
from tests.tools.checks import SMOOTH, assert_gradients, seeds

pytestmark = pytest.mark.usefixtures("readable_ops")

few = st.integers(1, 5)
Z = np.log([[1.0, 4], [2, 1], [5, 3]])  # columns with the probabilities 1/8 2/8 5/8 and 4/8 1/8 3/8
P = np.array([[1, 4], [2, 1], [5, 3]]) / 8
LOSSES = {"softmax_cross_entropy": naive.cross_entropy, "mean_squared_error": naive.mean_squared_error}


def targets(rng, K, N):
    """Random columns that sum to 1."""
    y = rng.random((K, N))
    return y / y.sum(axis=0)


def test_softmax_by_hand():
    np.testing.assert_allclose(ops.softmax_forward(Z), P, rtol=1e-15)
    np.testing.assert_allclose(ops.log_softmax(Z), np.log(P), rtol=1e-14)
    # dout picks p[0] of the first column: dz = p[0] (1{k = 0} - p[k])
    dout = np.array([[1.0, 0], [0, 0], [0, 0]])
    dz = [[1 / 8 * 7 / 8, 0], [-1 / 8 * 2 / 8, 0], [-1 / 8 * 5 / 8, 0]]
    np.testing.assert_allclose(ops.softmax_backward(dout, P), dz, atol=1e-16)


def test_cross_entropy_by_hand():
    y = np.array([[0.0, 1], [0, 0], [1, 0]])  # classes 2 and 0
    loss, dz = ops.softmax_cross_entropy(Z, y)
    assert loss == pytest.approx((math.log(8 / 5) + math.log(8 / 4)) / 2, rel=1e-14)
    np.testing.assert_allclose(dz, [[1 / 16, -4 / 16], [2 / 16, 1 / 16], [-3 / 16, 3 / 16]], rtol=1e-14)


def test_squared_error_by_hand():
    loss, dout = ops.mean_squared_error(np.array([[1.0, 2], [3, 4]]), np.array([[0.0, 2], [5, 1]]))
    assert loss == (1 + 0 + 4 + 9) / 4
    assert dout.tolist() == [[2 / 4, 0], [-4 / 4, 6 / 4]]


@given(few, few, seeds)
def test_against_plain_mathematics(K, N, rng):
    z, dout, y = 3 * rng.standard_normal((K, N)), rng.standard_normal((K, N)), targets(rng, K, N)
    p = naive.softmax_columns(z)
    np.testing.assert_allclose(ops.softmax_forward(z), p, rtol=1e-13)
    np.testing.assert_allclose(ops.log_softmax(z), np.log(p), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(ops.softmax_backward(dout, p), naive.softmax_backward(dout, z), atol=1e-13)
    loss, dz = ops.softmax_cross_entropy(z, y)
    assert loss == pytest.approx(naive.cross_entropy(z, y), rel=1e-12, abs=1e-14)
    np.testing.assert_allclose(dz, naive.cross_entropy_gradient(z, y), atol=1e-13)
    assert ops.mean_squared_error(z, y)[0] == pytest.approx(naive.mean_squared_error(z, y), rel=1e-12)


@settings(max_examples=10)
@given(st.integers(2, 5), few, seeds)
def test_gradients(K, N, rng):
    z, dout = rng.standard_normal((K, N)), rng.standard_normal((K, N))
    dz = ops.softmax_backward(dout, ops.softmax_forward(z))
    assert_gradients(lambda: ops.softmax_forward(z), dout, {"z": (z, dz)})


@pytest.mark.parametrize("name", LOSSES)
@settings(max_examples=10)
@given(K=st.integers(2, 5), N=few, rng=seeds)
def test_gradients_of_losses(name, K, N, rng):
    z, y = rng.standard_normal((K, N)), targets(rng, K, N)
    loss = getattr(ops, name)
    row = check_array("z", z, loss(z, y)[1], lambda: loss(z, y)[0], samples=25, rng=rng)
    assert row.worst <= SMOOTH, row


def test_softmax_of_images_is_over_channels():
    z = np.random.default_rng(0).standard_normal((3, 2, 4, 5))
    p = ops.softmax_forward(z)
    np.testing.assert_allclose(p.reshape(3, -1), naive.softmax_columns(z.reshape(3, -1)), rtol=1e-13)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("label", "loss"),
    [(0, 0.0), (1, 2e4), (2, 1e4)],
)
def test_huge_logits(dtype, label, loss):
    z = np.array([[1e4], [-1e4], [0.0]], dtype)  # p = 1, 0, 0
    y = np.eye(3, dtype=dtype)[:, [label]]
    with np.errstate(all="raise", under="ignore"):
        ours, dz = ops.softmax_cross_entropy(z, y)
        assert ops.softmax_forward(z).ravel().tolist() == [1, 0, 0]
    assert ours == loss
    assert dz.ravel().tolist() == (np.eye(3)[0] - np.eye(3)[label]).tolist()


def test_a_shift_of_all_logits_changes_nothing():
    rng = np.random.default_rng(1)
    z, y = rng.integers(-8, 8, (4, 3)).astype(float), targets(rng, 4, 3)
    (loss, dz), (moved_loss, moved_dz) = (ops.softmax_cross_entropy(z + shift, y) for shift in (0, 2.0**20))
    assert loss == moved_loss
    assert np.array_equal(dz, moved_dz)


INF = math.inf
INFINITE = [  # logits of one image, their p, and the losses of the classes
    ([0.0, -INF, 0.0], [0.5, 0, 0.5], [math.log(2), INF, math.log(2)]),
    ([INF, 3.0, -INF], [1, 0, 0], [0, INF, INF]),
    ([INF, 1.0, INF], [0.5, 0, 0.5], [math.log(2), INF, math.log(2)]),
    ([-INF, -INF, -INF], [math.nan] * 3, [math.nan] * 3),
    ([math.nan, INF, 0.0], [math.nan] * 3, [math.nan] * 3),
]


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize(("z", "p", "losses"), INFINITE)
def test_infinite_logits_have_the_limit(z, p, losses, kind):
    """0 times minus infinity, and infinity less infinity, were NaN."""
    z = np.array(z, kind)[:, None]
    np.testing.assert_allclose(ops.softmax_forward(z)[:, 0], p)
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(ops.log_softmax(z)[:, 0], np.log(p), rtol=1e-6)
    for label, wanted in enumerate(losses):
        y = np.eye(3, dtype=kind)[:, [label]]
        loss, dz = ops.softmax_cross_entropy(z, y)
        assert loss == pytest.approx(wanted, nan_ok=True)
        np.testing.assert_allclose(dz, np.array(p)[:, None] - y)
        totals, dz = ops.label_cross_entropy(z, np.array([label]), 0.0, 0.5)
        assert totals[0] == pytest.approx(wanted / 2, nan_ok=True)
        np.testing.assert_allclose(dz, (np.array(p)[:, None] - y) / 2)
    smoothed, _ = ops.label_cross_entropy(z, np.array([0]), 0.1, 1.0)
    assert math.isnan(smoothed[0]) if math.isnan(p[0]) else smoothed[0] == INF
