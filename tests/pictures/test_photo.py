"""Photos come to the form that the same strokes have on a clean canvas; drawings stay as they are."""

import numpy as np
import pytest

from nnscratch.pictures.components import connected_components
from nnscratch.pictures.drawing import render
from nnscratch.pictures.modes import _of_color
from nnscratch.pictures.neighborhoods import closed
from nnscratch.pictures.photo import flatten_illumination, remove_clutter
from nnscratch.pictures.preprocess import light_ink, stages, to_mnist
from tests.tools.photos import DIGITS, INKS, photo, written


def strokes_of(digit, size=200, place=(220, 130)):
    return written([digit], *place, size)


def far(picture, other):
    """The mean difference, 0..255, at the best shift of at most one pixel."""
    shifts = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    return min(np.abs(np.roll(picture, by, (0, 1)) - other.astype(float)).mean() for by in shifts)


def gray(colours):
    from PIL import Image

    return _of_color(Image.fromarray(colours))


@pytest.mark.slow
@pytest.mark.parametrize("paper", ["blank", "ruled", "squared", "framed"])
@pytest.mark.parametrize("digit", DIGITS)
def test_a_photo_comes_to_the_form_of_the_drawing(paper, digit):
    rng = np.random.default_rng(digit)
    strokes = strokes_of(digit)
    ink = list(INKS)[digit % len(INKS)]
    seen = to_mnist(gray(photo(strokes, rng, ink=ink, paper=paper)))
    assert seen is not None
    clean = to_mnist(render(strokes, (600, 480), 9.0))
    assert far(seen, clean) < 12  # another digit is at 45 and more


@pytest.mark.parametrize("shadow", [0.0, 0.6])
def test_paper_alone_has_no_ink(shadow):
    for seed in range(4):
        picture = gray(photo([], np.random.default_rng(seed), light=0.5, shadow=shadow))
        assert to_mnist(picture) is None


def test_chalk_on_a_board_that_is_lit_unevenly():
    strokes, rng = strokes_of(3), np.random.default_rng(0)
    light = 1 - gray(photo(strokes, rng, ink="black", shadow=0, light=0.3))
    assert far(to_mnist(light), to_mnist(render(strokes, (600, 480), 9.0))) < 12


@pytest.mark.parametrize("digit", DIGITS)
@pytest.mark.parametrize("brush", [14.0, 24.0, 36.0, 60.0])
def test_drawings_stay_as_they_are(digit, brush):
    picture = render(strokes_of(digit, 300, (150, 80)), (500, 500), brush)
    for some in (picture, 1 - picture):
        np.testing.assert_array_equal(flatten_illumination(some), some)
        ink = light_ink(some)
        np.testing.assert_array_equal(remove_clutter(ink), ink)


@pytest.mark.parametrize("digit", set(DIGITS) - {1})
def test_a_digit_that_fills_its_picture_keeps_its_strokes(digit):
    """Cropped to its ink: the bars of a 4, 5 and 7 go from side to side, and are no ruled lines."""
    picture = render(strokes_of(digit, 300, (150, 80)), (500, 500), 24.0)
    rows, columns = (np.flatnonzero(picture.max(axis=axis) > 0.5) for axis in (1, 0))
    crop = picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    if min(crop.shape) >= 56:
        np.testing.assert_array_equal(remove_clutter(crop), crop)
    assert far(to_mnist(crop), to_mnist(picture)) < 6


@pytest.mark.parametrize("inside", ["slash", "dot"])
def test_a_zero_is_no_frame_around_what_stands_in_it(inside):
    picture = render(written([0], 200, 100, 200), (500, 400), 12.0)
    mark = [np.array([[260.0, 240], [270, 160]])] if inside == "slash" else [np.array([[260.0, 200]])]
    both = np.maximum(picture, render(mark, (500, 400), 12.0 if inside == "slash" else 30.0))
    np.testing.assert_array_equal(remove_clutter(both), both)


@pytest.mark.parametrize("size", [3, 10, 31])
def test_a_closing_is_never_below_the_image_and_closing_again_changes_nothing(size):
    image = np.random.default_rng(0).random((40, 60)).astype(np.float32)
    once = closed(image, size)
    assert (once >= image).all()
    np.testing.assert_array_equal(closed(once, size)[size:-size, size:-size], once[size:-size, size:-size])


@pytest.mark.parametrize("shape", [(60, 3000), (6000, 100), (56, 56), (57, 1000)])
def test_pictures_of_any_proportions(shape):
    picture = np.ones(shape)
    picture[20:40, 20:24] = 0
    assert list(stages(picture))[:5] == ["grey", "sheet", "even", "ink", "writing"]


def test_specks_and_pale_marks_go():
    picture = render(strokes_of(2), (600, 480), 12.0)
    clean = remove_clutter(picture.copy())
    picture[20:23, 500:503] = 1  # dust
    picture[400:420, 40:60] = 0.3  # a stain
    np.testing.assert_array_equal(remove_clutter(picture), clean)


def test_what_comes_in_over_the_edge_goes():
    picture = render(strokes_of(2), (600, 480), 12.0)
    clean = remove_clutter(picture.copy())
    picture[200:400, :15] = 1  # the edge of the table
    picture[:10, 300:330] = 1
    np.testing.assert_array_equal(remove_clutter(picture), clean)


def test_stages_show_each_step():
    seen = stages(gray(photo(strokes_of(5), np.random.default_rng(0), paper="ruled")))
    assert list(seen) == ["grey", "sheet", "even", "ink", "writing", "cropped", "strokes", "scaled", "mnist"]
    paper = seen["even"][:60, :60]
    assert np.median(paper) > 0.85  # the light has gone
    assert np.ptp(seen["grey"]) > 0.5
    before, after = ((seen[stage] > 0.1).any(axis=1).mean() for stage in ("ink", "writing"))
    assert before > 0.5 > 0.47 > after  # the lines have gone


@pytest.mark.parametrize("table", [20, 60, 110, 150])
@pytest.mark.parametrize("tone", [0.15, 0.45])
def test_a_sheet_on_a_darker_table(table, tone):
    """Flat or with grain, narrow or wide: what is beside the sheet is not read."""
    rng = np.random.default_rng(table)
    strokes = strokes_of(4)
    seen = np.pad(gray(photo(strokes, rng, light=0.2, shadow=0)), table, constant_values=tone)
    grain = rng.normal(0, 0.04, seen.shape)
    grain[table:-table, table:-table] = 0
    digit = to_mnist(np.clip(seen + grain, 0, 1).astype(np.float32))
    assert far(digit, to_mnist(render(strokes, (600, 480), 9.0))) < 12


def test_a_page_of_dots_comes_to_an_end():
    """10,000 pieces are a halftone; to ask each of them about each other would take minutes."""
    y, x = np.mgrid[:1000, :1000]
    dots = ((y % 10 < 3) & (x % 10 < 3)).astype(np.float32)
    assert len(connected_components(dots > 0.5)[1]) == 10_000
    assert "writing" in stages(dots)


@pytest.mark.parametrize("digit", set(DIGITS) - {1})
def test_a_row_that_is_cropped_tightly_keeps_its_stems(digit):
    picture = render(written([digit, 4, digit], 40, 60, 100), (460, 240), 8.0)
    rows, columns = (np.flatnonzero(picture.max(axis=axis) > 0.5) for axis in (1, 0))
    crop = picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    assert np.abs(remove_clutter(crop, several=True) - crop).mean() < 1e-3
