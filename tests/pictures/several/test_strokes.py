"""Which strokes make which digit: right answers by a person's eye, and what is never done."""

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.errors import DataError
from nnscratch.models.confidence import legibility
from nnscratch.models.pretrained import pretrained
from nnscratch.pictures.several.strokes import digits_in_strokes, finely
from tests.tools.photos import DIGITS, written


@pytest.fixture(scope="module")
def model():
    return nn.load(pretrained("lenet5"))


def line(*points):
    return np.array(points, float)


WAVE = np.stack([np.linspace(40, 460, 60), 250 + 40 * np.sin(np.linspace(0, 18, 60))], axis=1)
ROUND = np.stack([250 + 200 * np.cos(np.linspace(0, 6.3, 40)), 250 + 60 * np.sin(np.linspace(0, 6.3, 40))], axis=1)
NO_DIGITS = {
    "minus": [line((60, 250), (440, 250))],
    "short minus": [line((200, 250), (300, 250))],
    "equals": [line((100, 210), (400, 210)), line((100, 290), (400, 290))],
    "plus": [line((100, 250), (400, 250)), line((250, 100), (250, 400))],
    "wave": [WAVE],
    "rule": [line((0, 480), (500, 480))],
}


def texts(model, strokes, brush=24.0, **how):
    found = digits_in_strokes(strokes, brush, read=lambda images: legibility(model.read(images)), **how)
    if not found:
        return ""
    readings = model.read(np.stack([one.image for one in found]))
    return "".join(str(one.digit) if one.verdict in ("sure", "unsure") else "?" for one in readings)


@pytest.mark.parametrize("name", NO_DIGITS)
def test_what_is_no_digit_is_one_thing_and_refused(model, name):
    assert texts(model, NO_DIGITS[name]) == "?"


@pytest.mark.parametrize("name", ["minus", "short minus", "wave", "rule"])
def test_a_stroke_is_never_cut(name):
    assert len(digits_in_strokes(NO_DIGITS[name])) == 1


def test_a_wide_zero_is_a_zero_or_refused(model):
    assert texts(model, [ROUND]) in ("0", "?")


@pytest.mark.parametrize("digit", range(10))
@pytest.mark.parametrize("height", [60, 160, 440])
def test_one_digit_is_one(model, digit, height):
    strokes = written([digit], 60, 40, height)
    brush = min(24.0, height / 6)
    assert len(digits_in_strokes(strokes, brush, read=lambda images: legibility(model.read(images)))) == 1


def test_digits_side_by_side_and_in_two_lines_are_read_in_order(model):
    assert texts(model, written([4, 2], 60, 150, 180), 14.0) == "42"
    above, below = written([7], 200, 40, 150), written([3], 205, 280, 150)
    assert texts(model, above + below) == "73"
    assert texts(model, below + above) == "73"


def test_digits_that_touch_are_cut_between_strokes(model):
    strokes = [*written([2], 60, 150, 200), *written([0], 60, 150, 200)]
    two, zero = strokes[: len(DIGITS[2])], strokes[len(DIGITS[2]) :]
    right = max(stroke[:, 0].max() for stroke in two)
    left = min(stroke[:, 0].min() for stroke in zero)
    near = [stroke + np.array([right - left + 18, 0]) for stroke in zero]
    assert texts(model, [*two, *near]) == "20"


@pytest.mark.parametrize(("left", "right"), [(2, 2), (8, 0)])
def test_wide_digits_that_touch_are_cut_though_their_row_is_wider_than_any_digit(model, left, right):
    (first,), (second,) = ([stroke * (1.6, 1) for stroke in written([digit], 0, 150, 120)] for digit in (left, right))
    first[:, 0] += 60
    second[:, 0] += first[:, 0].max() + 18 - second[:, 0].min()  # less than the brush
    assert texts(model, [first, second]) == f"{left}{right}"


def test_a_bar_belongs_to_its_five(model):
    body, bar = (
        line((200, 150), (195, 240), (260, 230), (300, 290), (270, 370), (190, 380)),
        line((210, 120), (310, 118)),
    )
    assert texts(model, [body, bar], 20.0) == texts(model, [bar, body], 20.0) == "5"


def test_dots_beside_a_digit_are_none(model):
    assert texts(model, [*written([3], 150, 100, 250), line((400, 340))]) == "3"


def test_many_dots_are_refused_before_they_are_drawn():
    dots = [line((20 + 22 * k, 20 + 22 * row)) for k in range(20) for row in range(20)]
    with pytest.raises(DataError, match="about 400 digits were found, and at most 50"):
        digits_in_strokes(dots, 8.0)


@pytest.mark.parametrize("strokes", [[], [line((-300, 20), (-200, 40))], [line((30, 30))]])
@pytest.mark.parametrize("single", [False, True])
def test_what_leaves_no_ink_is_nothing(strokes, single):
    assert digits_in_strokes(strokes, 1.0, single=single) == []


def test_points_between_are_no_farther_apart_than_asked():
    fine = finely(line((0, 0), (10, 0), (10, 0), (10, 7)), 3.0)
    assert (np.hypot(*np.diff(fine, axis=0).T) <= 3.0).all()
    np.testing.assert_array_equal(fine[[0, -1]], [[0, 0], [10, 7]])
