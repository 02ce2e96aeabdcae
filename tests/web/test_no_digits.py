"""What people draw that is no digit, or not one: it is one piece and refused, and never read as a number."""

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.models.confidence import NOT_A_DIGIT, UNCLEAR
from nnscratch.models.pretrained import pretrained

pytest.importorskip("flask")
from nnscratch.web.app import create_app


@pytest.fixture(scope="module")
def ask():
    client = create_app({"lenet5": nn.load(pretrained("lenet5"))}).test_client()
    return lambda strokes, **body: client.post("/api/predict", json={"strokes": strokes, "single": False, **body})


def level(left, right, y):
    return [[x, y] for x in np.linspace(left, right, 13).tolist()]


def circle(rx, ry):
    turn = np.linspace(0, 2 * np.pi, 37)
    return np.stack([250 + rx * np.sin(turn), 250 - ry * np.cos(turn)], axis=1).tolist()


def wave(swings, height):
    x = np.arange(60, 450, 10)
    return np.stack([x, 250 + height * np.sin((x - 60) / 380 * 2 * np.pi * swings)], axis=1).tolist()


def hatching(count):
    return [[[80 + 45 * k, 120], [110 + 45 * k, 380]] for k in range(count)] + [[[70, 250], [70 + 45 * count, 250]]]


@pytest.mark.parametrize(
    "stroke", [level(100, 400, 250)[::12], level(200, 300, 250), level(180, 340, 120)], ids=["minus", "short", "bar"]
)
def test_a_stroke_across_is_one_piece_and_no_digit(ask, stroke):
    answer = ask([stroke]).get_json()
    assert answer["verdict"] == NOT_A_DIGIT and len(answer["digits"]) == 1


def test_an_equals_sign_is_no_digit(ask):
    answer = ask([level(120, 380, 200), level(120, 380, 300)]).get_json()
    assert answer["verdict"] in (NOT_A_DIGIT, UNCLEAR)
    assert all(digit["predictions"][0]["verdict"] == NOT_A_DIGIT for digit in answer["digits"])


@pytest.mark.parametrize("width", [170, 200, 220])
def test_a_wide_zero_is_one_piece(ask, width):
    (digit,) = ask([circle(width, 110)]).get_json()["digits"]
    assert digit["predictions"][0]["digit"] == 0 or digit["predictions"][0]["verdict"] == NOT_A_DIGIT


@pytest.mark.parametrize("brush", [8, 16])
@pytest.mark.parametrize("strokes", [[wave(2.5, 60)], [wave(3.5, 60)], hatching(6), hatching(8)])
def test_waves_and_hatching_are_one_piece_and_no_number(ask, strokes, brush):
    answer = ask(strokes, brush=brush).get_json()
    assert answer["verdict"] in (NOT_A_DIGIT, UNCLEAR) and len(answer["digits"]) == 1


def test_a_seven_above_a_three(ask):
    three = [[200, 290], [260, 280], [290, 310], [250, 345], [300, 380], [270, 430], [200, 430]]
    answer = ask([[[200, 60], [300, 60], [240, 220]], three]).get_json()
    assert answer["numbers"]["lenet5"] == "73"


def test_400_dots_are_refused(ask):
    dots = [[[20 + 24 * k, 20 + 24 * row]] for row in range(20) for k in range(20)]
    response = ask(dots, brush=8)
    assert response.status_code == 422 and "about 400 digits" in response.get_json()["error"]["message"]
