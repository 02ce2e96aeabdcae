"""From strokes to 28 x 28 pixels: the page's modules come to Python's pictures."""

import numpy as np

from nnscratch.pictures.drawing import render_cropped
from nnscratch.pictures.preprocess import ink_box, normalize_digit
from tests.web.engine.conftest import array, drawings

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


def in_python(strokes, brush):
    picture = render_cropped([np.array(one, float).reshape(-1, 2) for one in strokes], brush).picture
    place = ink_box(picture)
    return np.zeros((28, 28), np.uint8) if place is None else normalize_digit(picture[place])["mnist"]


def test_a_thousand_drawings_become_the_same_images(engine):
    asked = [(strokes, 24) for strokes in drawings(1_000)]
    found = in_browser(engine, asked).astype(int)
    apart = np.abs(found - [in_python(*one) for one in asked])
    assert apart.max() <= 1
    assert (apart > 0).reshape(1_000, -1).mean(axis=1).max() <= 0.01
