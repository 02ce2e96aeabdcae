"""Dropout: who is zeroed, how the rest grows, and the way back."""

import numpy as np
import pytest

from nnscratch import ops
from nnscratch.ops.dropout import stream_key
from tests.tools.checks import assert_gradients

pytestmark = pytest.mark.usefixtures("readable_ops")


def test_by_hand():
    mask = np.array([[0.0, 2], [2, 0]])
    assert ops.dropout_backward(np.array([[1.0, 3], [5, 7]]), mask).tolist() == [[0, 6], [10, 0]]


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_share_and_mean(rate):
    n = 100_000
    x = np.ones((100, n // 100))
    out, mask = ops.dropout_forward(x, rate, key=stream_key(0))
    assert set(np.unique(out)) == {0.0, 1 / (1 - rate)}
    assert np.array_equal(out, x * mask)
    sd = np.sqrt(rate * (1 - rate) / n)  # of the share of zeros
    assert abs((out == 0).mean() - rate) < 4 * sd
    assert abs(out.mean() - 1) < 4 * sd / (1 - rate)


def test_the_key_decides():
    x = np.ones((20, 20))
    first, again, other = (ops.dropout_forward(x, 0.5, key=stream_key(seed))[0] for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_float32_and_float64_drop_the_same():
    masks = [ops.dropout_forward(np.ones((9, 9), dtype), 0.5, key=stream_key(0))[1] for dtype in ("float32", "float64")]
    assert np.array_equal(*masks)


def test_gradient():
    rng = np.random.default_rng(0)
    x, dout = rng.standard_normal((4, 5)), rng.standard_normal((4, 5))

    def forward():
        return ops.dropout_forward(x, 0.4, key=stream_key(7))[0]

    _, mask = ops.dropout_forward(x, 0.4, key=stream_key(7))
    assert_gradients(forward, dout, {"x": (x, ops.dropout_backward(dout, mask))})


def test_numbers_and_keys_are_independent():
    """Neighbours, and the same number under the next key, agree as often as chance has it."""
    n, start = 200_000, stream_key(3)
    first, second = (
        ops.dropout_forward(np.ones((1, n), "float32"), 0.5, key=key)[1][0] > 0 for key in (start, start + np.uint64(1))
    )
    for other in (second, np.roll(first, 1), np.roll(first, 32)):
        assert abs((first == other).mean() - 0.5) < 4 * 0.5 / np.sqrt(n)


def test_a_rate_is_met_to_the_last_bits():
    x = np.ones((1, 1000))
    assert (ops.dropout_forward(x, 0.0, key=stream_key(1))[1] == 1).all()
    assert not ops.dropout_forward(x, 1 - 2.0**-40, key=stream_key(1))[1].any()


def test_keys_of_many_streams_are_those_of_each():
    steps, shards = np.arange(5), np.arange(3)
    keys = stream_key(-7, 2, steps[:, None], shards[None, :], 4)
    assert keys.shape == (5, 3)
    assert len(np.unique(keys)) == 15
    for step in steps:
        for shard in shards:
            assert stream_key(-7, 2, int(step), shard, 4).tolist() == [keys[step, shard]]


@pytest.mark.parametrize("seed", [-1, 2**70, 2**64 - 1, np.int64(-5), np.uint64(2**63)])
def test_any_integer_is_part_of_a_stream(seed):
    assert stream_key(seed, 0).shape == (1,)
    assert stream_key(seed, 0) != stream_key(seed, 1)
