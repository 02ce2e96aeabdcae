"""Strokes: what may come, and the picture that a brush makes of them."""

import gzip
import json

import numpy as np
import pytest

import nnscratch as nn
from benchmarks.quality.bench_drawings import placed
from nnscratch.data.drawings import read_drawings
from nnscratch.pictures.drawing import BRUSH, CANVAS, checked_strokes, render, render_cropped
from nnscratch.pictures.preprocess import to_mnist
from tests.tools.photos import DIGITS

GOOD = {"strokes": [[[10, 20], [30.5, 40]], [[5, 5]]], "box": [60, 50], "label": 7, "writer": "w1"}


def written(tmp_path, content, name="drawings.json"):
    path = tmp_path / name
    data = json.dumps(content).encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


@pytest.mark.parametrize("name", ["drawings.json", "drawings.json.gz"])
def test_a_file_is_read(tmp_path, name):
    one, other = read_drawings(written(tmp_path, [GOOD, {"strokes": [[[1, 2]]]}], name))
    assert [stroke.tolist() for stroke in one.strokes] == GOOD["strokes"]
    assert (one.box, one.label, one.writer) == ((60, 50), 7, "w1")
    assert (other.box, other.label, other.writer) == ((500, 500), None, "")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"strokes": None}, "strokes"),
        ({"strokes": "abc"}, "strokes"),
        ({"strokes": [[1, 2]]}, "strokes"),
        ({"strokes": [5]}, "strokes"),
        ({"strokes": [True, []]}, "strokes"),
        ({"strokes": [{}]}, "strokes"),
        ({"strokes": [[[1, 2, 3]]]}, "strokes"),
        ({"strokes": [[[1, None]]]}, "strokes"),
        ({"strokes": [[[1, "2"]]]}, "strokes"),
        ({"strokes": [[[1, True]]]}, "strokes"),
        ({"strokes": [[[1, 1e300]]]}, "strokes"),
        ({"strokes": [[[1, float("nan")]]]}, "strokes"),
        ({"strokes": [[[0, 0]] * 100_001]}, "points"),
        ({"box": [0, 5]}, "box"),
        ({"box": 500}, "box"),
        ({"box": [9000, 9000]}, "box"),
        ({"box": [1.5, 5]}, "box"),
        ({"label": 10}, "label"),
        ({"label": "7"}, "label"),
        ({"label": True}, "label"),
        ({"writer": 3}, "writer"),
    ],
)
def test_what_is_wrong_is_named_in_one_line(tmp_path, change, said):
    path = written(tmp_path, [GOOD, GOOD | change])
    with pytest.raises(nn.DataError) as error:
        read_drawings(path)
    assert said in str(error.value) and "drawing 1" in str(error.value)
    assert "\n" not in str(error.value) and len(str(error.value)) < 300


@pytest.mark.parametrize("content", [{}, [], 3, "x", [3], [{}], [{"box": [5, 5]}]])
def test_other_json_is_refused(tmp_path, content):
    with pytest.raises(nn.DataError):
        read_drawings(written(tmp_path, content))


@pytest.mark.parametrize("data", [b"", b"[", b"\xff\xfe", b"[" * 100_000])
@pytest.mark.parametrize("name", ["a.json", "a.json.gz"])
def test_other_files_are_refused(tmp_path, data, name):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(nn.DataError):
        read_drawings(tmp_path / name)


def test_a_tap_is_a_dot():
    picture = render(checked_strokes([[[20, 10]]], "here"), (40, 30), 8)
    y, x = np.mgrid[:30, :40]
    distance = np.hypot(x - 20, y - 10)
    assert (picture[distance <= 3.5] == 1).all()
    assert (picture[distance >= 4.5] == 0).all()
    assert picture[10, 24] == pytest.approx(0.5)


def test_as_many_points_as_are_allowed_are_read():
    strokes = [[[0, 0]] * 50_000, [[1, 1]] * 50_000]
    assert sum(map(len, checked_strokes(strokes, "here"))) == 100_000
    with pytest.raises(nn.DataError, match="more than 100,000 points"):
        checked_strokes([*strokes, [[2, 2]]], "here")


def test_a_line_is_as_wide_as_the_brush_and_has_round_ends():
    picture = render([np.array([[10.0, 15], [30, 15]])], (40, 30), 6)
    assert picture[:, 20].sum() == pytest.approx(6)
    assert picture[15, :].sum() == pytest.approx(20 + 6)
    assert picture[15 + 3, 10 - 3] == 0


def test_lines_join_without_a_gap_and_overlap_once():
    picture = render([np.array([[10.0, 10], [20, 10], [20, 20]])], (40, 40), 4)
    assert picture.max() == 1
    assert picture[10, 20] == 1


@pytest.mark.parametrize("points", [[[-100, 15], [200, 15]], [[-50, -50]], [[20, -3], [20, 400]]])
def test_what_lies_outside_is_cut_off(points):
    assert render([np.array(points, float)], (40, 30), 6).shape == (30, 40)


def test_nothing_drawn_is_blank():
    assert render([], (4, 3)).tolist() == [[0] * 4] * 3


@pytest.mark.parametrize("place", [(0, 0), (1, 0), (0.5, 0.5), (1, 1)])
@pytest.mark.parametrize("size", [0.5, 1, 3, 100])
def test_a_placed_drawing_fits_and_keeps_its_proportions(place, size):
    strokes = placed([np.array([[10.0, 20], [60, 120]])], (500, 400), size, place)
    low, high = strokes[0].min(axis=0), strokes[0].max(axis=0)
    assert (low >= BRUSH - 1e-9).all() and (high <= np.array([500, 400]) - BRUSH + 1e-9).all()
    width, height = high - low
    assert height == pytest.approx(2 * width)
    assert height == pytest.approx(min(100 * size, 400 - 2 * BRUSH))
    if place == (1, 1):
        assert high.tolist() == pytest.approx([500 - BRUSH, 400 - BRUSH])


def test_a_box_that_has_no_room_is_refused():
    with pytest.raises(nn.DataError, match="too small"):
        placed([np.array([[0.0, 0], [5, 5]])], (40, 200), 1, (0.5, 0.5))


@pytest.mark.parametrize("digit", DIGITS)
@pytest.mark.parametrize("size", [0.8, 2.0, 4.5])
@pytest.mark.parametrize("place", [(0.5, 0.5), (0, 1)])
def test_a_close_picture_comes_to_the_same_form(digit, size, place):
    strokes = placed(DIGITS[digit], (CANVAS, CANVAS), size, place)
    closely, whole = render_cropped(strokes), render(strokes)
    assert closely.size < whole.size
    one, other = to_mnist(closely).astype(float), to_mnist(whole)
    shifts = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    assert min(np.abs(np.roll(one, by, (0, 1)) - other).mean() for by in shifts) < 8  # another digit: 45


def test_strokes_that_leave_the_canvas_are_cut_off_there():
    t = np.linspace(0, 5, 40)
    inside = [np.stack([250 + 130 * np.cos(t), 230 + 140 * np.sin(t)], axis=1)]
    beyond = [*inside, np.array([[450.0, 600], [900, 700]])]
    np.testing.assert_allclose(to_mnist(render_cropped(beyond)), to_mnist(render_cropped(inside)), atol=40)
    assert render_cropped([np.array([[-500.0, -500], [-400, -400]])]).max() == 0
    assert render_cropped([]).max() == 0
    assert render_cropped([np.array([[1e5, -1e5], [-1e5, 1e5]])]).size < 400 * 400


def test_a_packed_file_that_is_a_bomb_is_refused(tmp_path):
    path = tmp_path / "x.json.gz"
    path.write_bytes(gzip.compress(b"[" + b"0," * 6_000_000 + b"0]", 1))
    with pytest.raises(nn.DataError, match="more than 10,000,000 bytes when unpacked"):
        read_drawings(path)


@pytest.mark.filterwarnings("error")
def test_a_line_of_hardly_any_length_is_a_dot(tmp_path):
    (drawing,) = read_drawings(
        written(tmp_path, [{"strokes": [[[250, 250], [250, 250 + 1e-300]], [[0, 0], [5e-324, 0]]]}])
    )
    assert render(drawing.strokes).max() == 1
