"""A file of drawings as a data set: --data and --add of the drawing page's corrections."""

import gzip
import json

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.data import load_dataset
from nnscratch.data.formats.drawn import read_drawn
from nnscratch.data.source import open_dataset
from nnscratch.pictures.drawing import render_cropped
from nnscratch.pictures.preprocess import ink_box, normalize_digit
from tests.tools.photos import DIGITS


def entry(digit, scale=3.0, **more):
    """A digit as the page exports it."""
    strokes = [(stroke * scale + 100).round(1).tolist() for stroke in DIGITS[digit]]
    return {"label": digit, "strokes": strokes, "box": [500, 500], "brush": 24, **more}


def written(path, content):
    data = json.dumps(content).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("name", ["corrections.json", "corrections.json.gz"])
def test_drawings_become_the_images_that_the_page_reads(tmp_path, name):
    path = written(tmp_path / name, [entry(3), entry(7, writer="w")])
    images, labels, notes = read_drawn(path)
    assert labels.tolist() == [3, 7] and "2 drawings" in notes
    for image, digit in zip(images, (3, 7), strict=True):
        picture = render_cropped([np.array(stroke) for stroke in entry(digit)["strokes"]], 24)
        np.testing.assert_array_equal(image, normalize_digit(picture[ink_box(picture)])["mnist"])


def test_size_of_canvas_and_brush_do_not_matter(tmp_path):
    half = entry(5, brush=12, box=[250, 250])
    half["strokes"] = [[[x / 2, y / 2] for x, y in stroke] for stroke in half["strokes"]]
    images = read_drawn(written(tmp_path / "a.json", [entry(5), half])).images
    np.testing.assert_array_equal(*images)


def test_they_are_added_to_what_is_trained_on(tmp_path):
    path = written(tmp_path / "corrections.json", [entry(k) for k in (3, 7, 7)])
    data, mnist = open_dataset(None, add=str(path)), nn.load_mnist()
    assert len(data.train_labels) == 60_003 and data.added == 3 and data.train_labels[-3:].tolist() == [3, 7, 7]
    np.testing.assert_array_equal(data.test_images, mnist.test_images)
    assert "3 training images are added" in data.notes


def test_they_are_a_data_set_by_themselves(tmp_path):
    data = load_dataset(written(tmp_path / "mine.json", [entry(k % 10) for k in range(20)]))
    assert (len(data.train_labels), len(data.test_labels), data.is_digits) == (18, 2, True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"label": None}, 'drawing 1: "label" is missing'),
        ({"label": 10}, '"label" is 10'),
        ({"strokes": []}, "drawing 1 shows no ink"),
        ({"strokes": [[[9000, 9000], [9500, 9500]]]}, "drawing 1 shows no ink"),
        ({"brush": 0}, '"brush" is 0: give its width in pixels, 1 to 500'),
        ({"brush": 501}, '"brush" is 501'),
        ({"brush": True}, '"brush" is true'),
        ({"brush": "24"}, '"brush" is "24"'),
        ({"brush": float("nan")}, '"brush" is NaN'),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path, change, said):
    path = written(tmp_path / "a.json", [entry(1), entry(2) | change])
    with pytest.raises(nn.DataError) as error:
        read_drawn(path)
    assert said in str(error.value) and "\n" not in str(error.value)


def test_drawings_without_ink_are_left_out_if_so_wanted(tmp_path):
    path = written(tmp_path / "a.json", [entry(1), entry(2) | {"strokes": []}])
    _, labels, notes = read_drawn(path, skip_bad=True)
    assert labels.tolist() == [1] and "drawing 1 shows no ink" in notes
