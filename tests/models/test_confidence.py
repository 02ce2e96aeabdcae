"""Verdicts, against cases whose answer is known."""

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.models.confidence import NEVER, Thresholds, energy_score, fit_thresholds, readings, verdict_figures
from nnscratch.models.pretrained import pretrained


def logits_of(confidence, digits, energy):
    """Logits (10, N) with these confidences for these digits, whose exponentials add up to exp(energy)."""
    p = np.repeat((1 - np.asarray(confidence))[None] / 9, 10, axis=0)
    p[digits, np.arange(len(digits))] = confidence
    return np.log(p) + energy


def test_familiarity_is_the_logarithm_of_the_sum():
    logits = np.random.default_rng(0).standard_normal((10, 50))
    np.testing.assert_allclose(energy_score(logits), np.log(np.exp(logits).sum(axis=0)))
    np.testing.assert_allclose(energy_score(logits + 900), energy_score(logits) + 900)


def test_limits_by_hand():
    """Of 3,000 images, 2,500 are right but for one; the other 500 are wrong, and less confident."""
    rng = np.random.default_rng(0)
    confidence = np.concatenate([rng.uniform(0.9, 0.99, 2000), [0.89], rng.uniform(0.8, 0.88, 500), [0.5] * 499])
    digits = rng.integers(0, 10, 3000)
    labels = digits.copy()
    labels[2000] = (digits[2000] + 1) % 10  # 1 of 2,001 wrong
    labels[2501:] = (digits[2501:] + 1) % 10
    logits = logits_of(confidence, digits, np.arange(3000.0))
    limits = fit_thresholds(logits, labels)
    assert limits.sure == pytest.approx(confidence[2001:2501].min())
    assert limits.familiar == pytest.approx(29.99)
    sure = np.array([reading.confidence for reading in readings(logits, Thresholds(limits.sure, -1e9))]) >= limits.sure
    assert (digits == labels)[sure].mean() >= 0.999


@pytest.mark.parametrize(("right", "surely"), [(999, 1000), (998, 998)])
def test_as_many_as_one_in_a_thousand_may_be_wrong(right, surely):
    """The last of 1,000 that are right but for it is sure; the last of 999 is not."""
    confidence = np.linspace(0.99, 0.9, right + 1)
    digits = np.arange(right + 1) % 10
    labels = np.append(digits[:right], (digits[right] + 1) % 10)
    limits = fit_thresholds(logits_of(confidence, digits, 0), labels)
    assert limits.sure == pytest.approx(confidence[surely - 1])


def test_answers_of_one_confidence_are_all_sure_or_none():
    digits = np.zeros(100, int)
    labels = np.where(np.arange(100) < 1, 0, 1)  # the first is right, and so would be a share of 1 of 1
    assert fit_thresholds(logits_of(np.full(100, 0.95), digits, 0), labels).sure == NEVER


def test_nothing_is_sure_where_the_most_confident_answer_is_wrong():
    logits = logits_of([0.9, 0.8], [1, 2], 0)
    limits = fit_thresholds(logits, np.array([3, 2]))
    assert limits.sure == NEVER
    assert [reading.verdict for reading in readings(logits, Thresholds(NEVER, -99))] == ["unsure", "unsure"]


def test_each_verdict():
    logits = logits_of([0.95, 0.7, 0.95], [4, 5, 6], np.array([5.0, 5, 1]))
    read = readings(logits, Thresholds(sure=0.9, familiar=2))
    assert [reading.verdict for reading in read] == ["sure", "unsure", "not a digit"]
    assert [reading.digit for reading in read] == [4, 5, 6]
    assert read[0].confidence == pytest.approx(0.95)
    assert sum(read[1].probabilities) == pytest.approx(1)
    figures = verdict_figures(logits, np.array([4, 5, 6]), Thresholds(sure=0.9, familiar=2))
    assert figures == {"sure": 1 / 3, "unsure": 1 / 3, "not_a_digit": 1 / 3, "right_of_sure": 1.0}


@pytest.mark.parametrize("name", ["lenet5", "mlp", "logistic"])
def test_limits_hold_for_images_they_were_not_chosen_with(name):
    model, mnist = nn.load(pretrained(name)), nn.load_mnist()
    figures = verdict_figures(model.logits(mnist.test_images), mnist.test_labels, model.limits)
    assert figures["right_of_sure"] > 0.997
    assert 0.004 < figures["not_a_digit"] < 0.02
    assert figures["sure"] > (0.02 if name == "logistic" else 0.9)


def test_blots_are_refused_more_often_than_digits():
    """Random pixels, smoothed: nothing that anybody would write."""
    noise = np.random.default_rng(0).random((300, 36, 36))
    blots = sum(np.roll(noise, (i, j), (1, 2)) for i in range(-2, 3) for j in range(-2, 3))[:, 4:32, 4:32] / 25
    blots = (255 * np.clip(4 * (blots - 0.5), 0, 1)).astype(np.uint8)
    read = nn.load(pretrained("mlp")).read(blots)
    assert np.mean([reading.verdict == "not a digit" for reading in read]) > 0.1


def test_a_network_that_was_never_calibrated_is_sure_of_nothing():
    (reading,) = nn.build("mlp").read(nn.load_mnist().test_images[:1])
    assert reading.verdict == "unsure"


@pytest.mark.parametrize("limits", [None, {"sure": 0.5}, {"sure": "x", "familiar": 0}, {"sure": True, "familiar": 0}])
def test_a_file_with_other_limits_is_refused(tmp_path, limits, monkeypatch):
    model = nn.build("logistic")
    monkeypatch.setattr(Thresholds, "to_dict", lambda self: limits)
    model.save(tmp_path / "m.npz")
    monkeypatch.undo()
    with pytest.raises(nn.DataError, match="limits"):
        nn.load(tmp_path / "m.npz")
