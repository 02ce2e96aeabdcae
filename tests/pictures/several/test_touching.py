"""Digits that touch are cut where the parts read best; what cannot be told apart is said."""

import numpy as np
import pytest

from nnscratch.pictures.drawing import render
from nnscratch.pictures.segments import segments
from nnscratch.pictures.several.touching import seams
from tests.pictures.several.test_cells import read
from tests.tools.photos import written


def test_a_seam_goes_through_the_gap_between_slanting_strokes():
    ink = np.zeros((40, 60), np.float32)
    for row in range(40):
        ink[row, 35 - row // 2 : 39 - row // 2] = 1
        ink[row, 45 - row // 2 : 49 - row // 2] = 1
    assert any(ink[np.arange(40), seam].sum() == 0 and 39 <= seam[0] < 46 for seam in seams(ink))


@pytest.mark.parametrize("number", ["45", "52"])
def test_digits_that_touch_are_cut(number):
    picture = render(written(map(int, number), 40, 60, 100, gap=-0.02), (400, 240), 8.0)
    assert read(picture) == number


@pytest.mark.parametrize("digit", [0, 2, 4, 5, 8])
def test_one_digit_is_not_cut(digit):
    wide = [stroke * [1.9, 1] for stroke in written([digit], 30, 60, 100)]
    assert len(read(render(wide, (300, 240), 8.0))) == 1


def test_what_reads_badly_whole_and_cut_is_unclear():
    picture = render(written([2, 3, 8], 40, 60, 100, gap=-0.1), (400, 240), 8.0)
    (segment,) = segments(picture, lambda images: np.zeros(len(images)))
    assert segment.unclear


def test_what_reads_well_whole_is_never_cut_and_unclear_where_its_parts_read_well():
    picture = render(written([3, 2], 40, 60, 100, gap=-0.02), (400, 240), 8.0)
    (segment,) = segments(picture, lambda images: np.full(len(images), 0.95))
    assert segment.unclear


def test_two_straight_strokes_side_by_side_are_no_parts():
    strokes = [
        np.array([[60.0, 60], [60, 160]]),
        np.array([[130.0, 60], [130, 160]]),
        np.array([[60.0, 110], [130, 110]]),
    ]
    wholes = iter([0.6])  # the whole is asked for first, and its parts all read well
    found = segments(
        render(strokes, (300, 240), 8.0), lambda images: np.array([next(wholes, 1.0) for _ in range(len(images))])
    )
    assert len(found) == 1


def test_the_reader_is_asked_twice_at_most_where_nothing_is_put_together():
    asked = []

    def reader(images):
        asked.append(len(images))
        return np.full(len(images), 0.6)

    segments(render(written([0, 2, 0, 8, 2], 40, 60, 100), (700, 240), 8.0), reader)
    assert len(asked) <= 2
