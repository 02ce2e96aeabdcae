"""Dropout: who is zeroed, how the rest grows, and the way back."""

import numpy as np
import pytest

from nnscratch import ops
from tests.tools.checks import assert_gradients

pytestmark = pytest.mark.usefixtures("readable_ops")


def test_by_hand():
    mask = np.array([[0.0, 2], [2, 0]])
    assert ops.dropout_backward(np.array([[1.0, 3], [5, 7]]), mask).tolist() == [[0, 6], [10, 0]]


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_share_and_mean(rate):
    n = 100_000
    x = np.ones((100, n // 100))
    out, mask = ops.dropout_forward(x, rate, rng=np.random.default_rng(0))
    assert set(np.unique(out)) == {0.0, 1 / (1 - rate)}
    assert np.array_equal(out, x * mask)
    sd = np.sqrt(rate * (1 - rate) / n)  # of the share of zeros
    assert abs((out == 0).mean() - rate) < 4 * sd
    assert abs(out.mean() - 1) < 4 * sd / (1 - rate)


def test_the_generator_decides():
    x = np.ones((20, 20))
    first, again, other = (ops.dropout_forward(x, 0.5, rng=np.random.default_rng(seed))[0] for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_float32_and_float64_drop_the_same():
    masks = [
        ops.dropout_forward(np.ones((9, 9), dtype), 0.5, rng=np.random.default_rng(0))[1]
        for dtype in ("float32", "float64")
    ]
    assert np.array_equal(*masks)


def test_gradient():
    rng = np.random.default_rng(0)
    x, dout = rng.standard_normal((4, 5)), rng.standard_normal((4, 5))

    def forward():
        return ops.dropout_forward(x, 0.4, rng=np.random.default_rng(7))[0]

    _, mask = ops.dropout_forward(x, 0.4, rng=np.random.default_rng(7))
    assert_gradients(forward, dout, {"x": (x, ops.dropout_backward(dout, mask))})
