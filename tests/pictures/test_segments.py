"""Several digits in one picture: how many, in which order, where, and each as it would be alone."""

import numpy as np
import pytest

from nnscratch.errors import DataError
from nnscratch.pictures.drawing import render
from nnscratch.pictures.preprocess import to_mnist
from nnscratch.pictures.segments import segments
from tests.pictures.test_photo import far, gray
from tests.tools.photos import photo, written


def alone(digit, size, brush):
    return to_mnist(render(written([digit], 100, 100, size), (600, 400), brush))


@pytest.mark.parametrize("number", [[7], [4, 2], [1, 9, 5, 0], [5, 5, 5], [8, 1, 1, 7, 6]])
def test_digits_are_read_from_left_to_right(number):
    picture = render(written(number, 40, 60, 100), (600, 240), 8.0)
    found = segments(picture)
    assert len(found) == len(number)
    for segment, digit in zip(found, number, strict=True):
        assert far(segment.image, alone(digit, 100, 8.0)) < 12  # another digit is at 45 and more


def test_boxes_are_where_the_digits_are():
    found = segments(render(written([0, 0], 40, 60, 100), (400, 240), 8.0))
    for segment, left in zip(found, (40, 150), strict=True):
        assert abs(segment.left - (left - 4)) <= 1 and abs(segment.top - 56) <= 1
        assert abs(segment.width - 68) <= 1 and abs(segment.height - 108) <= 1


def test_lines_are_read_one_after_the_other():
    strokes = written([1, 2, 3], 60, 20, 80) + written([4, 5], 40, 160, 80)
    found = segments(render(strokes, (500, 300), 8.0))
    order = [1, 2, 3, 4, 5]
    assert len(found) == 5
    for segment, digit in zip(found, order, strict=True):
        assert far(segment.image, alone(digit, 80, 8.0)) < 12


def test_digits_that_touch_are_cut():
    picture = render(written([0, 6, 8], 40, 60, 100, gap=-0.02), (400, 240), 8.0)
    assert len(segments(picture)) == 3


def test_a_photo_on_ruled_paper():
    strokes = written([3, 0, 7], 120, 150, 130)
    found = segments(gray(photo(strokes, np.random.default_rng(3), paper="ruled", pen=8.0)))
    assert len(found) == 3
    for segment, digit in zip(found, [3, 0, 7], strict=True):
        assert far(segment.image, alone(digit, 130, 8.0)) < 14


@pytest.mark.parametrize(
    "mark", [[[260.0, 158], [262, 160]], [[275.0, 110], [330, 110]], [[40.0, 185], [300, 185]], [[40.0, 40], [300, 40]]]
)
def test_dots_dashes_and_lines_along_a_number_are_no_digits(mark):
    strokes = [*written([2, 5], 60, 60, 100), np.array(mark)]
    found = segments(render(strokes, (500, 240), 8.0))
    assert len(found) == 2
    for segment, digit in zip(found, [2, 5], strict=True):
        assert far(segment.image, alone(digit, 100, 8.0)) < 12


@pytest.mark.parametrize("cut", [slice(38, None), slice(None, 322), slice(38, 322)])
def test_digits_at_the_edge_of_the_picture_are_read(cut):
    picture = render(written([4, 2, 7], 40, 60, 100), (400, 240), 8.0)[:, cut]
    found = segments(np.ascontiguousarray(picture))
    assert len(found) == 3
    for segment, digit in zip(found, [4, 2, 7], strict=True):
        assert far(segment.image, alone(digit, 100, 8.0)) < 16


def test_nothing_and_too_much():
    assert segments(np.ones((100, 200))) == []
    strokes = [stroke for row in range(8) for stroke in written([1] * 10, 20, 20 + 60 * row, 40)]
    with pytest.raises(DataError, match="about 80 digits were found, and at most 50"):
        segments(render(strokes, (600, 520), 5.0))
