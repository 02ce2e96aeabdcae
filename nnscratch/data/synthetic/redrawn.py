"""MNIST's digits as people draw them on a page: bent more than in training, with any pen, of any size, at any place.

Then they go the whole way that a drawing goes. A temperature and limits that fit them fit drawings, which the
networks read less well than MNIST's own digits.
"""

from __future__ import annotations

import numpy as np

from nnscratch.arrays import Array, Stream
from nnscratch.data.augment import Distortion
from nnscratch.data.synthetic.pen import enlarged
from nnscratch.pictures.preprocess import to_mnist
from nnscratch.pictures.stroke_width import even_width

# Chosen so that the pretrained LeNet-5 reads about as many of them as of drawings, and is as often wrong when sure.
BENT = Distortion(rotation=15, stretch=0.3, shear=0.25, elastic=0.9)
TIMES = (1.5, 4.5)  # as large as in MNIST
PENS = (0.8, 4.5)  # pixels wide, of MNIST's
UNEVEN = 0.15  # how far the grey that counts as ink differs from place to place
ROOM = 6  # pixels at each side of MNIST's field, for what grows
MARGIN = (4, 40)  # pixels around a digit


def redrawn(images: Array, seed: int) -> Array:
    """Return digits (n, 28, 28) uint8 as people draw them, in MNIST's form, (n, 28, 28) uint8: each keeps its label."""
    room = np.pad(images, ((0, 0), (ROOM, ROOM), (ROOM, ROOM)))
    bent = BENT.apply(room, seed=seed) / np.float32(255)
    made = np.empty_like(images)
    for n, ink in enumerate(bent):
        image = to_mnist(on_a_page(ink, np.random.default_rng((seed, Stream.REDRAWN, n))))
        made[n] = images[n] if image is None else image
    return made


def on_a_page(ink: Array, rng: np.random.Generator) -> Array:
    """Return a digit's ink (h, w) of 0..1 as a pen draws it, larger and somewhere on a page, (H, W) float32."""
    times = float(np.exp(rng.uniform(*np.log(TIMES))))
    large = enlarged(box_of(ink), times)
    y, x = (np.linspace(0, 1, side, dtype=np.float32) for side in large.shape)
    level = 0.5 + UNEVEN * np.add.outer(*(np.sin(rng.uniform(2, 6) * t + rng.uniform(0, 6)) / 2 for t in (y, x)))
    strokes = ((large - level) * 2 * times + 0.5).clip(0, 1).astype(np.float32)
    pen = float(np.exp(rng.uniform(*np.log(PENS))))
    strokes = even_width(strokes, times, pen, pen)
    top, bottom, left, right = rng.integers(*MARGIN, 4)
    return np.pad(strokes, ((top, bottom), (left, right)))


def box_of(ink: Array) -> Array:
    """Return the part (h, w) of (H, W) that has ink."""
    rows, columns = (np.flatnonzero(ink.max(axis=axis)) for axis in (1, 0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] if len(rows) else ink
