"""Temperature and calibration error, against cases whose answer is known."""

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.models.confidence import fit_temperature
from nnscratch.training.metrics import calibration_error


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
def test_the_temperature_that_labels_were_drawn_with_is_found(temperature):
    rng = np.random.default_rng(0)
    logits = 2 * rng.standard_normal((5, 40_000))
    p = np.exp(logits) / np.exp(logits).sum(axis=0)
    labels = (p.cumsum(axis=0) < rng.random(40_000)).sum(axis=0)
    assert fit_temperature(logits * temperature, labels) == pytest.approx(temperature, rel=0.03)


def test_always_right_and_always_wrong_end_at_the_limits():
    logits = np.array([[3.0, 0.0], [0.0, 3.0]])
    assert fit_temperature(logits, np.array([0, 1])) == pytest.approx(0.05, rel=1e-3)
    assert fit_temperature(logits, np.array([1, 0])) == pytest.approx(20, rel=1e-3)


def test_calibration_error_by_hand():
    confidence = np.array([0.95, 0.95, 0.55, 0.55])
    right = np.array([True, False, True, True])
    assert calibration_error(confidence, right, bins=10) == pytest.approx((2 * 0.45 + 2 * 0.45) / 4)
    assert calibration_error(np.array([0.75] * 4), np.array([1, 1, 1, 0])) == 0
    assert calibration_error(np.array([1.0, 0.0]), np.array([0, 1])) == 1


def test_a_temperature_changes_confidence_and_no_answer_and_is_saved(tmp_path):
    model, images = nn.build("logistic", seed=1), nn.load_mnist().test_images[:50]
    before = model.predict_proba(images)
    model.temperature = 0.1
    after = model.predict_proba(images)
    assert np.array_equal(before.argmax(axis=1), after.argmax(axis=1))
    assert (after.max(axis=1) > before.max(axis=1)).all()
    model.save(tmp_path / "m.npz")
    again = nn.load(tmp_path / "m.npz")
    assert again.temperature == 0.1
    assert np.array_equal(again.predict_proba(images), after)


@pytest.mark.parametrize("temperature", [0, -1, "hot", None, float("nan"), float("inf"), True])
def test_a_file_with_another_temperature_is_refused(tmp_path, temperature):
    model = nn.build("logistic")
    model.temperature = temperature
    try:
        model.save(tmp_path / "m.npz")
    except (nn.UsageError, ValueError):
        return
    with pytest.raises(nn.DataError, match="temperature"):
        nn.load(tmp_path / "m.npz")
