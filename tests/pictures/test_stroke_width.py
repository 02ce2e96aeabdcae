"""Strokes brought to the thickness that MNIST knows, whatever the pen."""

import numpy as np
import pytest

from nnscratch.pictures.drawing import render
from nnscratch.pictures.preprocess import stages, to_mnist
from nnscratch.pictures.stroke_width import THICKEST, THINNEST, dilate, erode, even_width, stroke_width


def naive(image, choose, square):
    """Each pixel by itself, with a border of 0."""
    edge, out = np.pad(image, 1), np.empty_like(image)
    for r in range(image.shape[0]):
        for c in range(image.shape[1]):
            near = [edge[r + 1 + i, c + 1 + j] for i in (-1, 0, 1) for j in (-1, 0, 1) if square or i * j == 0]
            out[r, c] = choose.reduce(near)
    return out


SEVEN = [np.array([[150.0, 120], [350, 120], [230, 400]])]


@pytest.mark.parametrize("brush", [6, 10, 20, 40])
def test_the_width_of_a_drawn_stroke_is_the_brush(brush):
    assert stroke_width(render(SEVEN, brush=brush)) == pytest.approx(brush, rel=0.12)


@pytest.mark.parametrize(("change", "choose"), [(dilate, np.maximum), (erode, np.minimum)])
@pytest.mark.parametrize("square", [False, True])
def test_neighbours_are_the_naive_ones(change, choose, square):
    image = np.random.default_rng(0).random((7, 5))
    np.testing.assert_array_equal(change(image, square=square), naive(image, choose, square))


@pytest.mark.parametrize("brush", [3, 8, 24, 60, 90])
def test_any_brush_comes_to_strokes_of_mnists_thickness(brush):
    width = stroke_width(stages(render(SEVEN, brush=brush))["strokes"]) / 4
    assert THINNEST - 0.4 < width < THICKEST + 0.4


def test_what_is_in_the_range_stays_as_it_is():
    picture = render(SEVEN, brush=10)
    unit = 10 / 2.5
    assert even_width(picture, unit) is picture


def test_a_fat_pen_keeps_its_hole():
    ring = [np.array([[250 + 50 * np.cos(t), 250 + 70 * np.sin(t)] for t in np.linspace(0, 2 * np.pi, 60)])]
    digit = to_mnist(render(ring, brush=70))
    assert digit[13:15, 13:15].max() < 60
    assert digit.max() == 255


def test_thinning_stops_before_thin_strokes_are_gone():
    blot = np.zeros((80, 60))
    blot[:, 28:31] = 1.0  # a stem of three pixels
    blot[:20] = 1.0  # and a blot
    assert even_width(blot, 4).sum() > 0.25 * blot.sum()
    assert even_width(blot, 4)[10].max() == 1
