"""The changes that robustness is measured with, where they are exact."""

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.models.pretrained import pretrained
from nnscratch.runs import robustness as r


@pytest.fixture(scope="module")
def digits():
    return (nn.load_mnist().test_images[:16] / 255).astype(np.float32)


@pytest.mark.parametrize("change", [r.turned, r.moved, r.noisy, r.thickened])
def test_zero_changes_nothing(change, digits):
    np.testing.assert_allclose(change(digits, 0), digits, atol=1e-6)


def test_a_quarter_turn_to_the_right(digits):
    turned = r.turned(digits, 90)
    # the centre of MNIST's digits is index 14 of 0..27, so what NumPy turns must move down by one
    np.testing.assert_allclose(turned[:, 1:, 1:], np.rot90(digits[:, 1:, 1:], -1, axes=(1, 2)), atol=1e-5)


def test_moved_goes_eight_ways(digits):
    moved = r.moved(digits, 2)
    np.testing.assert_allclose(moved[0], np.roll(digits[0], 2, axis=1), atol=1e-5)  # right
    np.testing.assert_allclose(moved[2], np.roll(digits[2], 2, axis=0), atol=1e-5)  # down
    np.testing.assert_allclose(moved[4], np.roll(digits[4], -2, axis=1), atol=1e-5)


def test_twice_as_large_has_four_times_the_ink(digits):
    small = r.scaled(digits, 0.5)
    assert small.sum() == pytest.approx(digits.sum() / 4, rel=0.05)


def test_noise_has_its_spread_and_is_the_same_again():
    blank = np.full((50, 28, 28), 0.5, np.float32)
    assert r.noisy(blank, 0.1).std() == pytest.approx(0.1, rel=0.02)
    np.testing.assert_array_equal(r.noisy(blank, 0.1), r.noisy(blank, 0.1))


def test_curves_peak_where_nothing_is_changed(monkeypatch):
    monkeypatch.setattr(r, "EVERY", 40)
    mnist, model = nn.load_mnist(), nn.load(pretrained("logistic"))
    curves = r.robustness(model, mnist.test_images, mnist.test_labels)
    assert {kind: tuple(value for value, _ in points) for kind, points in curves.items()} == r.VALUES
    expected = model.score(mnist.test_images[::40], mnist.test_labels[::40])
    for kind, points in curves.items():
        plain = dict(points)[1 if kind == "scale" else 0]
        assert plain == pytest.approx(expected, abs=0.005)
        assert min(accuracy for _, accuracy in points) < plain - 0.05
