"""Figures of a classifier: against counts, by hand, and against published intervals."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnscratch.training.metrics import classification_report, confusion_matrix, precision_recall_f1, wilson_interval
from tests.tools import naive

CONFUSION = np.array([[5, 1, 0, 0], [2, 3, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]])  # class 2 never right, class 3 absent


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=40))
def test_confusion_matrix_against_counting(pairs):
    labels, predicted = (np.array([pair[k] for pair in pairs], np.uint8) for k in (0, 1))
    counts = confusion_matrix(labels, predicted, 4)
    assert counts.tolist() == naive.confusion_matrix(labels.tolist(), predicted.tolist(), 4)


def test_precision_recall_f1_by_hand():
    precision, recall, f1 = precision_recall_f1(CONFUSION)
    assert precision.tolist() == [5 / 7, 3 / 4, 0, 0]
    assert recall.tolist() == [5 / 6, 3 / 5, 0, 0]
    assert f1 == pytest.approx([10 / 13, 6 / 9, 0, 0])  # 2 * right / (predicted + present)


@given(st.integers(1, 6).flatmap(lambda k: st.lists(st.lists(st.integers(0, 5), min_size=k, max_size=k),
                                                    min_size=k, max_size=k)))  # fmt: skip
def test_f1_is_twice_the_right_over_predicted_and_present(rows):
    counts = np.array(rows)
    _, _, f1 = precision_recall_f1(counts)
    for k in range(len(rows)):
        both = counts[k].sum() + counts[:, k].sum()
        assert f1[k] == pytest.approx(2 * counts[k, k] / both if both else 0)


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (5, 10, 0.2366, 0.7634),
        (81, 263, 0.2553, 0.3662),  # R. Newcombe, Statistics in Medicine 17, 1998, table I, method 3
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_published_intervals(right, n, low, high):
    assert wilson_interval(right, n) == pytest.approx((low, high), abs=5.1e-5)


def test_interval_of_a_test_accuracy():
    # z^2 = 3.841459: centre (0.9893 + 3.841459 / 20000) / 1.0003841459 = 0.989112; half width
    # 1.959964 sqrt(0.9893 * 0.0107 / 10000 + 3.841459 / 4e8) / 1.0003841459 = 0.002025
    assert wilson_interval(9893, 10_000) == pytest.approx((0.987087, 0.991137), abs=6e-7)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.5, 4))
def test_intervals_against_bisection(case, z):
    low, high = wilson_interval(*case, z)
    assert (low, high) == pytest.approx(naive.wilson_interval(*case, z), abs=1e-9)
    assert 0 <= low <= high <= 1


def test_no_trials_say_nothing():
    assert wilson_interval(0, 0) == (0, 1)


def test_report_by_hand():
    p = np.array([[0.7, 0.2, 0.1], [0.1, 0.5, 0.4], [0.6, 0.3, 0.1], [0.3, 0.6, 0.1]])
    report = classification_report(np.log(p), np.array([0, 1, 1, 1], np.uint8))
    assert report["n"] == 4
    assert report["accuracy"] == 0.75
    assert report["loss"] == pytest.approx(-math.log(0.7 * 0.5 * 0.3 * 0.6) / 4)
    assert report["accuracy_interval"] == list(wilson_interval(3, 4))
    assert report["confusion"] == [[1, 0, 0], [1, 2, 0], [0, 0, 0]]
    assert report["precision"] == [0.5, 1, 0]
    assert report["recall"] == pytest.approx([1, 2 / 3, 0])
    assert report["f1"] == pytest.approx([2 / 3, 0.8, 0])
    # means over the two classes that are present
    assert report["macro_precision"] == pytest.approx(0.75)
    assert report["macro_recall"] == pytest.approx(5 / 6)
    assert report["macro_f1"] == pytest.approx((2 / 3 + 0.8) / 2)
