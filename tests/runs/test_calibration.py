"""Temperature and limits come from images that were not trained on: MNIST's own, and of digits some redrawn."""

from dataclasses import replace

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.data.synthetic.redrawn import redrawn
from nnscratch.models.confidence import fit_temperature, fit_thresholds
from nnscratch.runs.calibration import calibrate, redrawn_test_images

HELD_OUT = np.arange(100, 160)


@pytest.fixture(scope="module")
def mnist():
    return nn.load_mnist()


@pytest.mark.parametrize(("outliers", "score"), [(True, "spread"), (False, "energy")])
def test_digits_are_calibrated_by_redrawn_ones_too(mnist, outliers, score):
    model = nn.build("logistic", seed=1)
    calibrate(model, mnist, HELD_OUT, seed=5, outliers=outliers)
    images, labels = mnist.train_images[HELD_OUT], mnist.train_labels[HELD_OUT]
    both = np.concatenate([images, redrawn(images[::2], 5)])
    truth = np.concatenate([labels, labels[::2]])
    logits = nn.build("logistic", seed=1).logits(both)
    assert model.temperature == pytest.approx(fit_temperature(logits, truth), rel=1e-4)
    expected = fit_thresholds(logits / model.temperature, truth, score, 0.02)
    assert model.limits.score == expected.score
    assert model.limits.familiar == pytest.approx(expected.familiar, rel=1e-4)


def test_other_classes_are_calibrated_by_themselves(mnist):
    letters = replace(mnist, classes=tuple("abcdefghij"))
    model, alone = nn.build("logistic", seed=1), nn.build("logistic", seed=1)
    calibrate(model, letters, HELD_OUT, seed=5, outliers=False)
    alone.calibrate(mnist.train_images[HELD_OUT], mnist.train_labels[HELD_OUT])
    assert (model.temperature, model.limits) == (alone.temperature, alone.limits)


def test_redrawn_test_images_keep_their_labels(mnist, monkeypatch):
    few = replace(mnist, test_images=mnist.test_images[:50], test_labels=mnist.test_labels[:50])
    monkeypatch.setattr("nnscratch.runs.calibration.MOST_REDRAWN", 20)
    images, labels = redrawn_test_images(few, 0)
    np.testing.assert_array_equal(labels, few.test_labels[::3])
    np.testing.assert_array_equal(images, redrawn(few.test_images[::3], 0))
