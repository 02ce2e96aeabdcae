"""What is around a digit's sheet is not read: lines at a cell's edges, the next cell, a figure's margin, a table."""

from pathlib import Path

import numpy as np
import pytest

from nnscratch import load_pretrained
from nnscratch.pictures.drawing import render
from nnscratch.pictures.page_crop import on_sheet
from nnscratch.pictures.preprocess import stages, to_mnist
from nnscratch.pictures.reading import read_image
from nnscratch.pictures.segments import segments
from tests.pictures.photos import KINDS, pictures
from tests.tools.photos import DIGITS, written

HARDER = "low", "thick lines", "shadow", "light on"
ONE_DIGIT = "border_", "dark_", "light_", "plt_"  # the other cases have several
CASES = [path for path in sorted((Path(__file__).parent / "cases").glob("*.png")) if path.name.startswith(ONE_DIGIT)]


@pytest.fixture(scope="module")
def lenet5():
    return load_pretrained("lenet5")


def seven(width=300, height=360, brush=24.0):
    return render(written([7], 90, 80, 200), (width, height), brush)


def difference(image, other):
    """The mean difference, 0..255, at the best shift of at most one pixel."""
    shifts = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    return min(np.abs(np.roll(image, by, (0, 1)) - other.astype(float)).mean() for by in shifts)


@pytest.mark.parametrize("kind", KINDS)
def test_photos_of_every_kind_are_read(kind, lenet5):
    for data, label in pictures(kind, 2, first=30_000):
        assert lenet5.read(to_mnist(read_image(data))[None])[0].digit == label


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.startswith(HARDER)])
def test_most_of_the_harder_kinds_are_read(kind, lenet5):
    """Cells of 20 to 30 pixels, beside thick lines or in a shadow, and dark ones whose noise is nearly one tone."""
    answers = [(lenet5.read(to_mnist(read_image(data))[None])[0], label) for data, label in pictures(kind, 12, 21_000)]
    assert sum(answer.digit == label for answer, label in answers) >= 11


def test_a_sheet_aside_from_the_middle():
    """Nothing crosses its sides, so it is whole; a shadow's edge that the digit crosses is no sheet's."""
    digit = render(written([7], 50, 60, 120), (200, 240), 14.0)
    sheet = np.pad(1 - digit, ((150, 0), (130, 0)), constant_values=0.3)
    noisy = (0.9 * sheet + np.random.default_rng(0).normal(0, 0.02, sheet.shape)).clip(0, 1).astype(np.float32)
    assert on_sheet(noisy)[:140, :120].min() > 0.8
    assert difference(to_mnist(noisy), to_mnist(digit)) < 8
    shadow = (0.9 - 0.4 * (np.arange(300) < 150)) * (1 - 0.8 * seven())
    shadow = (shadow + np.random.default_rng(0).normal(0, 0.02, shadow.shape)).clip(0, 1).astype(np.float32)
    np.testing.assert_array_equal(on_sheet(shadow), shadow)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_figure_or_screenshot_with_a_margin_of_another_tone(path, lenet5):
    """The right answer is the last digit of the file's name."""
    answer = lenet5.read(to_mnist(read_image(path))[None])[0]
    assert answer.digit == int(path.stem[-1]) and answer.verdict in ("sure", "unsure")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("tone", [0.45, 0.8, 1.0])
@pytest.mark.parametrize("width", [1, 4, 30, 200])
def test_a_margin_of_any_width_and_tone_changes_nothing(width, tone, dark):
    sheet = seven()
    framed = np.pad(sheet, width, constant_values=tone)
    if dark:
        sheet, framed = 1 - sheet, 1 - framed
    assert difference(to_mnist(framed), to_mnist(sheet)) < 3  # another digit is at 45 and more


@pytest.mark.parametrize("sides", ["t", "l", "br", "lr", "tlbr"])
@pytest.mark.parametrize("thickness", [2, 5, 20])
def test_lines_at_the_edges_are_painted_over_and_strokes_stay(sides, thickness):
    sheet = seven()
    lined = sheet.copy()
    first, last = slice(None, thickness), slice(-thickness, None)
    for side in sides:
        lined[{"t": (first,), "b": (last,), "l": (slice(None), first), "r": (slice(None), last)}[side]] = 1
    np.testing.assert_allclose(on_sheet(lined)[24:-24, 24:-24], sheet[24:-24, 24:-24], atol=0.01)
    assert on_sheet(lined)[:24].max() < 0.1
    assert difference(to_mnist(lined), to_mnist(sheet)) < 6  # by a soft edge more or less


def test_a_digit_that_touches_two_opposite_lines_keeps_its_strokes():
    """It cuts the sheet in two, neither of which is the sheet."""
    one = render([np.array([[60.0, 5], [60, 155]])], (140, 160), 12.0)
    lined = one.copy()
    lined[:6] = lined[-6:] = lined[:, :6] = lined[:, -6:] = 1
    seen = on_sheet(lined)
    assert seen[20:140, 56:64].min() == 1
    assert seen[:, :6].max() < 0.1


@pytest.mark.parametrize("digit", DIGITS)
@pytest.mark.parametrize("light", [False, True])
def test_a_digit_without_lines_is_left_alone(digit, light):
    """At an edge of the picture, or filling it: the stem of a 1 and the bar of a 7 are no lines."""
    picture = render(written([digit], 60, 60, 200), (300, 320), 20.0)
    rows, columns = (np.flatnonzero(picture.max(axis=axis) > 0.5) for axis in (1, 0))
    top, left = int(rows[0]), int(columns[0])
    crop = picture[top : rows[-1] + 1, left : columns[-1] + 1]
    for some in (picture, crop, picture[top:], picture[:, left:], picture[top:, left:]):
        some = some if light else 1 - some
        assert on_sheet(some) is some


def test_the_bar_of_a_large_seven_is_no_sheet():
    seven = [np.array([[110.0, 90], [300, 100], [390, 130], [330, 230], [250, 300], [240, 400]])]
    for brush in (14.0, 24.0, 40.0):
        picture = render(seven, (500, 500), brush)
        assert on_sheet(picture) is picture


AT_THE_EDGE = {
    "a 0 in the corner": [[[490, 400], [470, 300], [400, 295], [330, 350], [310, 430], [360, 495], [440, 495],
                           [495, 450], [490, 390]]],
    "a 2 with its bar along the lower edge": [[[120, 180], [220, 90], [330, 150], [260, 320], [60, 492], [430, 492]]],
    "a 2 that is cut by the lower edge": [[[120, 180], [220, 90], [330, 150], [260, 320], [70, 500], [440, 505]]],
    "a 2 in the corner": [[[300, 330], [380, 290], [440, 340], [300, 495], [495, 495]]],
    "a 7 with its bar along the upper edge": [[[60, 6], [430, 6], [300, 250], [240, 470]]],
    "a 1 along the right edge": [[[494, 60], [494, 440]]],
    "a 3 in the corner": [[[340, 280], [480, 290], [400, 380], [495, 430], [470, 495], [320, 490]]],
    "a 4 with its bar to the right edge": [[[260, 60], [80, 330], [500, 330]], [[330, 200], [330, 480]]],
    "a 5 with its bar along the upper edge": [[[420, 5], [120, 5], [100, 200], [300, 220], [330, 400], [90, 440]]],
}  # fmt: skip


@pytest.mark.parametrize("strokes", AT_THE_EDGE.values(), ids=AT_THE_EDGE)
@pytest.mark.parametrize("brush", [14.0, 22.0, 36.0])
def test_a_drawing_at_the_edge_of_its_canvas_stays_as_it_is(strokes, brush):
    """Its strokes are no lines at the edge, for these go from side to side."""
    picture = render([np.array(stroke, float) for stroke in strokes], (500, 500), brush)
    assert on_sheet(picture) is picture
    np.testing.assert_array_equal(on_sheet(1 - picture), 1 - picture)


def test_a_row_of_digits_keeps_a_one_at_its_side():
    row = render(written([1, 0, 7], 12, 20, 100), (300, 140), 10.0)[20:122, 38:]
    assert len(segments(row)) == len(segments(1 - row)) == 3


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (24, 24), (25, 190), (1000, 24), (129, 131)])
def test_pictures_of_any_shape(shape):
    noise = np.random.default_rng(0).random(shape).astype(np.float32)
    for picture in (noise, np.zeros(shape, np.float32), np.ones(shape, np.float32)):
        assert on_sheet(picture).shape == shape


def test_the_sheet_is_a_stage_of_its_own():
    steps = stages(np.pad(seven(), 30, constant_values=1))
    assert list(steps)[:3] == ["grey", "sheet", "even"]
    assert steps["grey"][0, 0] == 1
    assert steps["sheet"][0, 0] < 0.01
