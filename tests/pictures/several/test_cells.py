"""Boxes and grids: what is written in their cells is read, cell by cell, and walls are no digits."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nnscratch.models.confidence import legibility
from nnscratch.models.pretrained import pretrained
from nnscratch.models.saving import load
from nnscratch.pictures.drawing import render
from nnscratch.pictures.modes import to_gray
from nnscratch.pictures.reading import read_image
from nnscratch.pictures.segments import as_number, segments
from nnscratch.pictures.several.cells import find_grid
from tests.pictures.grids import picture
from tests.tools.photos import written

CASES = Path(__file__).parents[1] / "cases"


@cache
def lenet5():
    return load(pretrained("lenet5"))


def read(gray):
    found = segments(gray, lambda images: legibility(lenet5().read(images)))
    return as_number(found, [one.digit for one in lenet5().read(np.stack([segment.image for segment in found]))])


@pytest.mark.parametrize(
    ("name", "digits"),
    [
        ("boxes_joined", "72104"),
        ("joined_147268", "147268"),
        ("n3", "53698"),
        ("t5_2", "537619598686348317266284195879"),
    ],
)
def test_joined_boxes_and_printed_grids(name, digits):
    assert read(read_image(CASES / f"{name}.png")) == digits


@pytest.mark.parametrize(
    "kind",
    [
        "column of boxes",
        "boxes by hand",
        "thick lines",
        "thin lines",
        "blue lines",
        "turned grid",
        "perspective",
        "sudoku on a page",
        "bracket",
        "column",
    ],
)
def test_kinds_of_grids_rows_and_columns(kind):
    seen, digits = picture(kind, np.random.default_rng([0, sum(map(ord, kind))]))
    found = read(to_gray(Image.fromarray(seen)))
    assert len(found) == len(digits)
    assert sum(a != b for a, b in zip(found, digits, strict=True)) <= 1  # cells are found; a network misreads a digit


@pytest.mark.parametrize("digit", range(10))
def test_a_digit_alone_is_no_box(digit):
    assert find_grid(render(written([digit], 60, 60, 200), (300, 320), 12.0)) is None


def test_an_empty_box_is_no_grid():
    box = np.array([[40.0, 40], [260, 40], [260, 260], [40, 260], [40, 40]])
    assert find_grid(render([box], (300, 300), 6.0)) is None


def test_a_seven_above_a_three_is_two_digits():
    strokes = [[[200, 60], [300, 60], [240, 220]]]
    strokes += [[[200, 290], [260, 280], [290, 310], [250, 345], [300, 380], [270, 430], [200, 430]]]
    assert read(render([np.array(stroke, float) for stroke in strokes])) == "73"
