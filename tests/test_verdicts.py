"""Verdicts, against cases whose answer is known."""

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.pretrained import pretrained
from nnscratch.verdicts import NEVER, Limits, familiarity, fit_limits, readings, verdict_figures


def logits_of(confidence, digits, energy):
    """Logits (10, N) with these confidences for these digits, whose exponentials add up to exp(energy)."""
    p = np.repeat((1 - np.asarray(confidence))[None] / 9, 10, axis=0)
    p[digits, np.arange(len(digits))] = confidence
    return np.log(p) + energy


def test_familiarity_is_the_logarithm_of_the_sum():
    logits = np.random.default_rng(0).standard_normal((10, 50))
    np.testing.assert_allclose(familiarity(logits), np.log(np.exp(logits).sum(axis=0)))
    np.testing.assert_allclose(familiarity(logits + 900), familiarity(logits) + 900)


def test_limits_by_hand():
    """Of 3,000 images, 2,000 are right at confidences above 0.9; one below them is wrong, and then many more."""
    rng = np.random.default_rng(0)
    confidence = np.concatenate([rng.uniform(0.9, 0.99, 2000), [0.89], rng.uniform(0.8, 0.88, 500), [0.5] * 499])
    digits = rng.integers(0, 10, 3000)
    labels = digits.copy()
    labels[2000] = (digits[2000] + 1) % 10  # 1 of 2,001 wrong
    labels[2501:] = (digits[2501:] + 1) % 10  # 2 of 2,502 still are 999 in 1,000, 3 of 2,503 are not
    limits = fit_limits(logits_of(confidence, digits, np.arange(3000.0)), labels)
    assert limits.sure == pytest.approx(0.5)
    assert limits.familiar == pytest.approx(29.99)


def test_nothing_is_sure_where_the_most_confident_answer_is_wrong():
    logits = logits_of([0.9, 0.8], [1, 2], 0)
    limits = fit_limits(logits, np.array([3, 2]))
    assert limits.sure == NEVER
    assert [reading.verdict for reading in readings(logits, Limits(NEVER, -99))] == ["unsure", "unsure"]


def test_each_verdict():
    logits = logits_of([0.95, 0.7, 0.95], [4, 5, 6], np.array([5.0, 5, 1]))
    read = readings(logits, Limits(sure=0.9, familiar=2))
    assert [reading.verdict for reading in read] == ["sure", "unsure", "not a digit"]
    assert [reading.digit for reading in read] == [4, 5, 6]
    assert read[0].confidence == pytest.approx(0.95)
    assert sum(read[1].probabilities) == pytest.approx(1)
    figures = verdict_figures(logits, np.array([4, 5, 6]), Limits(sure=0.9, familiar=2))
    assert figures == {"sure": 1 / 3, "unsure": 1 / 3, "not_a_digit": 1 / 3, "right_of_sure": 1.0}


@pytest.mark.parametrize("name", ["lenet5", "mlp", "logistic"])
def test_limits_hold_for_images_they_were_not_chosen_with(name):
    model, mnist = nn.load(pretrained(name)), nn.load_mnist()
    figures = verdict_figures(model.logits(mnist.test_images), mnist.test_labels, model.limits)
    assert figures["right_of_sure"] > 0.997
    assert figures["not_a_digit"] < 0.02
    assert figures["sure"] > (0.2 if name == "logistic" else 0.9)


def test_noise_is_less_familiar_than_digits():
    noise = np.random.default_rng(0).integers(0, 256, (200, 28, 28), np.uint8)
    read = nn.load(pretrained("mlp")).read(noise)
    assert np.mean([reading.verdict == "sure" for reading in read]) < 0.1


@pytest.mark.parametrize("limits", [None, {"sure": 0.5}, {"sure": "x", "familiar": 0}, {"sure": True, "familiar": 0}])
def test_a_file_with_other_limits_is_refused(tmp_path, limits, monkeypatch):
    model = nn.build("logistic")
    monkeypatch.setattr(Limits, "told", lambda self: limits)
    model.save(tmp_path / "m.npz")
    monkeypatch.undo()
    with pytest.raises(nn.DataError, match="limits"):
        nn.load(tmp_path / "m.npz")
