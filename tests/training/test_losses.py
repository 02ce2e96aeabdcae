"""The losses at the end of a network: labels, targets, smoothing, refusals."""

import math

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.training.losses import one_hot, targets_for
from tests.tools import naive

Z = np.random.default_rng(0).standard_normal((3, 4))
LABELS = np.array([2, 0, 0, 1])
Y = np.array([[0.0, 1, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0]])
LOSSES = [nn.softmax_cross_entropy, nn.mean_squared_error]


@pytest.mark.parametrize("kind", ["uint8", "int32", "int64"])
def test_one_hot(kind):
    targets = one_hot(LABELS.astype(kind), 3, "float64")
    assert targets.tolist() == Y.tolist()
    assert targets.dtype == "float64"


def test_cross_entropy_of_labels():
    loss, dz = nn.softmax_cross_entropy(Z, LABELS)
    assert loss == pytest.approx(naive.cross_entropy(Z, Y), rel=1e-13)
    np.testing.assert_allclose(dz, (naive.softmax_columns(Z) - Y) / 4, atol=1e-15)


def test_squared_error_of_labels():
    loss, dout = nn.mean_squared_error(Z, LABELS)
    assert loss == pytest.approx(naive.mean_squared_error(Z, Y), rel=1e-13)
    np.testing.assert_allclose(dout, 2 * (Z - Y) / 12, rtol=1e-14)


@pytest.mark.parametrize("loss", LOSSES)
def test_labels_and_one_hot_columns_are_the_same(loss):
    (one, d_one), (two, d_two) = loss(Z, LABELS), loss(Z, Y)
    assert one == two
    assert np.array_equal(d_one, d_two)


@pytest.mark.parametrize("smoothing", [0.1, 0.5])
def test_label_smoothing(smoothing):
    loss, dz = nn.softmax_cross_entropy(Z, LABELS, label_smoothing=smoothing)
    y = np.where(Y == 1, 1 - smoothing + smoothing / 3, smoothing / 3)
    assert loss == pytest.approx(naive.cross_entropy(Z, y), rel=1e-13)
    np.testing.assert_allclose(dz, (naive.softmax_columns(Z) - y) / 4, atol=1e-15)


def test_untrained_loss_is_log_of_the_classes():
    loss, _ = nn.softmax_cross_entropy(np.zeros((10, 7)), np.arange(7))
    assert loss == pytest.approx(math.log(10), rel=1e-14)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_loss_is_a_mean_over_the_batch(loss):
    (one, d_one), (two, d_two) = loss(Z, LABELS), loss(np.tile(Z, 2), np.tile(LABELS, 2))
    assert one == pytest.approx(two, rel=1e-14)
    np.testing.assert_allclose(d_two, np.tile(d_one, 2) / 2, rtol=1e-14)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("labels", [LABELS, Y])
def test_dtype_is_that_of_the_output(loss, labels):
    value, dz = loss(Z.astype(np.float32), labels)
    assert isinstance(value, float)
    assert dz.dtype == "float32"


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.array([0, 1, 2, 3]), r"labels run from 0 to 3, but must lie in 0\.\.2"),
        (np.array([0, 1, 2, -1]), "labels run from -1 to 2"),
        (np.array([0.0, 1, 2, 1]), "labels are float64"),
        (np.array([True, False, True, True]), "labels are bool"),
        (np.array([0, 1, 2]), r"shape \(3, 4\) and the targets \(3, 3\)"),
        (Y.T, r"targets \(4, 3\)"),
        (np.zeros((3, 4, 1), int), r"labels are int64 of shape \(3, 4, 1\)"),
        (np.array(1), r"labels are int64 of shape \(\)"),
    ],
)
@pytest.mark.parametrize("loss", LOSSES)
def test_labels_that_do_not_fit_are_refused(loss, labels, words):
    with pytest.raises(nn.UsageError, match=words):
        loss(Z, labels)


@pytest.mark.parametrize("smoothing", [-0.1, 1.0, float("nan")])
def test_smoothing_out_of_range_is_refused(smoothing):
    with pytest.raises(nn.UsageError, match="label smoothing"):
        nn.softmax_cross_entropy(Z, LABELS, label_smoothing=smoothing)


def test_targets_are_not_changed():
    y = Y.copy()
    nn.softmax_cross_entropy(Z, y, label_smoothing=0.3)
    assert np.array_equal(y, Y)
    assert targets_for(Z, Y).dtype == Z.dtype


def test_whole_outputs_are_numbers_like_others():
    """Targets of a half beside whole outputs were cut to whole ones."""
    loss, dout = nn.mean_squared_error(np.zeros((1, 4), np.int64), np.full((1, 4), 0.5))
    assert loss == 0.25 and dout.tolist() == [[-0.25] * 4]
    half, _ = nn.mean_squared_error(np.zeros((1, 4), np.float16), np.full((1, 4), 0.1))
    assert half == pytest.approx(0.01, rel=1e-12)
    assert nn.mean_squared_error(np.zeros((1, 4), np.float32), np.full((1, 4), 0.5))[1].dtype == np.float32
    assert nn.softmax_cross_entropy(np.zeros((2, 1), np.int64), np.array([[0.5], [0.5]]))[0] == pytest.approx(
        math.log(2)
    )
