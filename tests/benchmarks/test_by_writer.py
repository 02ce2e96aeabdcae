"""Figures by writer: who chooses and who judges, intervals over writers, calibration in bins of equal count."""

import numpy as np
import pytest

from benchmarks.quality.by_writer import figures, gaps, groups, interval, split, without_prefix, worst_first
from benchmarks.quality.readings import Readings


def readings(right, confidence=1.0, sure=True, refused=False):
    right = np.atleast_2d(np.array(right, bool))
    full = [np.broadcast_to(each, right.shape) for each in (confidence, sure, refused)]
    return Readings(np.where(right, 1, 2), right, *full)


def test_every_writer_once_and_every_third_judges():
    choosing, judging = split()["choosing"], split()["judging"]
    assert (len(choosing), len(judging)) == (20, 10) and not set(choosing) & set(judging)
    assert sorted(choosing + judging)[2::3] == judging
    assert sorted(choosing + judging) == [f"pendigits-train-w{number:02}" for number in range(1, 31)]


def test_groups():
    known = ["pendigits-train-w03", "pendigits-train-w01", "pendigits-train-w02"]
    found = groups(known)
    assert {name: part.tolist() for name, part in found.items()} == {
        "all": [True, True, True],
        "choosing": [False, True, True],
        "judging": [True, False, False],
    }
    assert list(groups(known[:1])) == ["all", "judging"]
    for others in ([*known, "somebody"], [*known, ""], ["", ""]):
        assert list(groups(others)) == ["all"]


def test_the_interval_of_what_does_not_vary_is_its_value():
    assert interval(np.full(7, 3.0), np.full(7, 12.0)) == (0.25, 0.25, 0.25)
    assert interval(np.zeros(3), np.zeros(3)) is None


def test_an_interval_over_many_writers_is_the_normal_one():
    rng = np.random.default_rng(3)
    shares = rng.normal(0.8, 0.1, 400)
    value, low, high = interval(100 * shares, np.full(400, 100))
    spread = 1.96 * shares.std() / np.sqrt(400)
    assert value == pytest.approx(shares.mean())
    assert (low, high) == pytest.approx((value - spread, value + spread), abs=0.1 * spread)
    assert interval(100 * shares, np.full(400, 100)) == (value, low, high)


def test_sets_of_writers_without_any_are_left_out():
    value, low, high = interval(np.array([0.0, 0, 0, 1]), np.array([0.0, 0, 0, 2]))
    assert (value, low, high) == (0.5, 0.5, 0.5)


def test_writers_are_drawn_not_drawings():
    right = [True] * 50 + [False] * 50
    few = figures(readings(right), ["a"] * 50 + ["b"] * 50)["accuracy"]
    many = figures(readings(right), [str(k) for k in range(100)])["accuracy"]
    assert few == (0.5, 0, 1) and 0.35 < many[1] < 0.45 and 0.55 < many[2] < 0.65


def test_verdicts_and_wrong_ones_of_the_sure():
    sure, refused = [True, True, True, False, False], [False, False, False, False, True]
    found = figures(readings([1, 1, 0, 0, 1], 1.0, sure, refused), ["a"] * 5)
    assert [found[name][0] for name in ("accuracy", "sure", "unsure", "refused")] == [0.6, 0.6, 0.2, 0.2]
    assert found["wrong_of_sure"][0] == pytest.approx(1 / 3)
    assert figures(readings([1, 0], 1.0, False), ["a", "b"])["wrong_of_sure"] is None


def test_calibration_error_in_bins_of_equal_count():
    right, confidence = [[1, 0, 1, 0]], [[0.5, 0.5, 0.9, 0.9]]
    assert figures(readings(right, confidence), ["a"] * 4)["calibration_error"][0] == pytest.approx(2 / 4)
    together = gaps(np.array(confidence), np.array(right), np.zeros(4, int), bins=2)
    assert together == pytest.approx(np.array([[0.0, 0.8]]))
    rng = np.random.default_rng(0)
    sure = rng.uniform(0.5, 1, (25, 4000)) ** 0.1  # most of them close to 1
    true = rng.uniform(size=sure.shape) < sure
    honest, low, high = figures(readings(true, sure), [str(k % 30) for k in range(4000)])["calibration_error"]
    assert honest < 0.003 and low < high < 0.006
    boastful = figures(readings(true, np.ones(sure.shape)), [str(k % 30) for k in range(4000)])["calibration_error"]
    assert boastful[0] == pytest.approx(1 - true.mean())
    counts = gaps(np.ones(sure.shape), np.zeros(sure.shape), np.zeros(4000, int)).sum(axis=0)
    assert counts.max() - counts.min() <= 1


def test_the_worst_writer_comes_first():
    found = worst_first(readings([[1, 0, 1], [1, 1, 1]]), ["a", "b", ""])
    assert found == [
        {"writer": "b", "digits": 1, "accuracy": 0.5},
        {"writer": "a", "digits": 1, "accuracy": 1.0},
    ]


def test_names_without_their_common_prefix():
    assert without_prefix(["pendigits-train-w01", "pendigits-train-w12"]) == ["w01", "w12"]
    assert without_prefix(["anna", "anton"]) == ["anna", "anton"]
    assert without_prefix(["a-b"]) == ["a-b"] and without_prefix(["", "a-b"]) == ["", "a-b"]
