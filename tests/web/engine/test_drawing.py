"""From strokes to 28 x 28 pixels: the page's modules come to Python's pictures."""

import numpy as np
import pytest

from nnscratch.pictures.drawing import render
from nnscratch.pictures.preprocess import to_square
from tests.web.engine.conftest import array, as_placed, drawings, image_of

MNIST = """
const asked = JSON.parse(new TextDecoder().decode(await bytes('asked')));
const images = new Uint8Array(784 * asked.length);
asked.forEach(({ strokes, brush }, k) => {
  const ink = inkOf(renderCropped(strokes, brush));
  if (ink) images.set(normalizeDigit(ink).mnist, 784 * k);
});
return base64(images);
"""


def in_browser(engine, asked):
    asked = [{"strokes": [np.asarray(one).tolist() for one in strokes], "brush": brush} for strokes, brush in asked]
    return array(engine.run(MNIST, asked=asked), np.uint8).reshape(-1, 28, 28)


def check_images(found, wanted):
    """At most one level apart, in at most one pixel in a hundred."""
    apart = np.abs(found.astype(int) - wanted).reshape(len(found), -1)
    assert apart.max() <= 1
    assert (apart > 0).mean(axis=1).max() <= 0.01


def test_a_thousand_drawings_become_the_same_images(engine, made):
    strokes, wanted = made
    check_images(in_browser(engine, [(one, 24) for one in strokes]), wanted)


EDGES = {
    "nothing": [],
    "an empty stroke": [[]],
    "a tap": [[[250, 250]]],
    "two taps": [[[100, 100]], [[110, 400]]],
    "a stroke of one place": [[[250, 250], [250, 250]]],
    "upright": [[[250, 60], [250, 440]]],
    "upright, between pixels": [[[250.5, 60], [250.5, 440.5]]],
    "level": [[[60, 250], [440, 250]]],
    "aslant": [[[60, 60], [440, 440]]],
    "a square": [[[100, 100], [400, 100], [400, 400], [100, 400], [100, 100]]],
    "a cross": [[[250, 100], [250, 400]], [[100, 250], [400, 250]]],
    "all of the canvas": [[[0, 0], [500, 500], [0, 500], [500, 0]]],
    "over the edges": [[[-1e6, 250], [1e6, 260]], [[30, -900], [40, 900]]],
    "outside": [[[600, 600], [700, 900]]],
    "in a corner": [[[3, 3], [12, 40], [3, 60]]],
    "a scribble": [[[50 + 4 * k % 390, 60 + 97 * k % 380] for k in range(120)]],
}


@pytest.mark.parametrize("brush", [1, 2.5, 10, 24, 37, 100])
def test_odd_drawings_become_the_same_images(engine, brush):
    asked = [(strokes, brush) for strokes in EDGES.values()]
    wanted = [image_of(*one) for one in asked]
    check_images(np.array([as_placed(*both) for both in zip(in_browser(engine, asked), wanted, strict=True)]), wanted)


def test_a_canvas_of_no_digits_becomes_the_same_square(engine):
    strokes = drawings(1, seed=4)[0]
    script = """
    const strokes = JSON.parse(new TextDecoder().decode(await bytes('strokes')));
    return base64(toSquare(render(strokes, 500, 500, 24)));
    """
    found = array(engine.run(script, strokes=[one.tolist() for one in strokes]), np.uint8).reshape(1, 28, 28)
    check_images(found, [to_square(render(strokes))])
