"""Figures of few classes are shown whole; of more than 30, those that say most of what goes wrong."""

import numpy as np
import pytest

from nnscratch.models.by_class import by_class, left_out, worst_confusions
from nnscratch.training.metrics import classification_report
from tests.tools.glyphs import many


def figures(read):
    """Those of a classifier that reads class k as ``read[k]`` (K,), of two images of each, and never doubts."""
    labels = np.repeat(np.arange(len(read)), 2)
    return classification_report(np.log(np.eye(len(read))[read[labels]] + 1e-9), labels)


@pytest.mark.parametrize(("count", "whole"), [(2, True), (30, True), (31, False)])
def test_thirty_classes_are_shown_whole(count, whole):
    test = figures(np.arange(count))
    assert len(by_class(test, many(count)).rows) == min(count, 30) + 1  # and the mean
    assert (left_out(test) == "") is whole


def test_of_more_classes_those_read_worst_are_shown():
    read = np.arange(40)
    read[35] = 3
    rows = by_class(figures(read), many(40)).rows
    assert [row[0] for row in rows[:2]] == ["kind 035", "kind 003"] and rows[-1][0] == "mean"
    assert worst_confusions(figures(read), many(40)).rows == [["kind 035", "kind 003", "2", "100.00 %"]]
