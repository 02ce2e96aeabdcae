"""Verdicts, against cases whose answer is known."""

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.models.confidence import (
    NEVER,
    Thresholds,
    energy_score,
    fit_thresholds,
    logit_spread,
    readings,
    verdict_figures,
)
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


def test_spread_is_how_far_the_logits_are_from_saying_the_same_of_every_class():
    logits = np.random.default_rng(0).standard_normal((10, 50))
    by_hand = [np.sqrt(sum((z - sum(column) / 10) ** 2 for z in column) / 10) for column in logits.T]
    np.testing.assert_allclose(logit_spread(logits), by_hand)
    np.testing.assert_allclose(logit_spread(logits + 900), by_hand)
    assert logit_spread(np.full((10, 1), 3.0))[0] == 0


def test_what_is_in_doubt_between_two_classes_is_unsure_and_what_says_nothing_is_refused():
    """All of the same energy, so that only the spread tells them apart."""
    doubt, nothing = np.full(10, -5.0), np.zeros(10)
    doubt[[4, 9]] = 5.0
    logits = np.stack([doubt - energy_score(doubt[:, None]), nothing - energy_score(nothing[:, None])], axis=1)
    limits = Thresholds(sure=0.9, familiar=1.0, score="spread")
    assert [reading.verdict for reading in readings(logits, limits)] == ["unsure", "not a digit"]


def test_limits_of_the_spread_let_99_of_100_pass():
    logits = np.random.default_rng(1).standard_normal((10, 1000)) * np.linspace(0.1, 5, 1000)
    limits = fit_thresholds(logits, logits.argmax(axis=0), "spread")
    assert limits.score == "spread"
    assert limits.familiar == pytest.approx(np.quantile(logits.std(axis=0), 0.01))
    refused = [reading.verdict == "not a digit" for reading in readings(logits, limits)]
    assert sum(refused) == 10


def test_another_share_may_be_refused():
    logits = np.random.default_rng(1).standard_normal((10, 1000)) * np.linspace(0.1, 5, 1000)
    limits = fit_thresholds(logits, logits.argmax(axis=0), "spread", 0.25)
    assert sum(reading.verdict == "not a digit" for reading in readings(logits, limits)) == 250
    with pytest.raises(nn.UsageError, match="refused"):
        fit_thresholds(logits, logits.argmax(axis=0), "spread", 1.5)


def test_an_unknown_score_changes_nothing():
    model, images = nn.build("logistic"), np.zeros((20, 28, 28), np.uint8)
    before = model.temperature, model.limits
    with pytest.raises(nn.UsageError, match="score"):
        model.calibrate(images, np.arange(20) % 10, score="spred")
    assert (model.temperature, model.limits) == before


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
    assert figures["sure"] > (0.02 if name == "logistic" else 0.85)


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


@pytest.mark.parametrize("ending", ["npz", "safetensors"])
@pytest.mark.parametrize("score", ["energy", "spread"])
def test_limits_come_back_from_a_file(tmp_path, ending, score):
    model = nn.build("logistic")
    model.limits = Thresholds(0.75, 1.5, score)
    model.save(tmp_path / f"m.{ending}")
    assert nn.load(tmp_path / f"m.{ending}").limits == model.limits


@pytest.mark.parametrize(
    "limits",
    [
        None,
        {"sure": 0.5},
        {"sure": "x", "familiar": 0},
        {"sure": True, "familiar": 0},
        {"sure": 0.5, "familiar": 0, "score": "entropy"},
        {"sure": 0.5, "familiar": 0, "score": ["spread"]},
        {"sure": 0.5, "familiar": 0, "more": 1},
    ],
)
def test_a_file_with_other_limits_is_refused(tmp_path, limits, monkeypatch):
    model = nn.build("logistic")
    monkeypatch.setattr(Thresholds, "to_dict", lambda self: limits)
    model.save(tmp_path / "m.npz")
    monkeypatch.undo()
    with pytest.raises(nn.DataError, match="limits"):
        nn.load(tmp_path / "m.npz")
