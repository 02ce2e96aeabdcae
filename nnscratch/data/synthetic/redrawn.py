"""MNIST's digits as people draw them on a page: bent more than in training, with any pen, of any size, at any place.

Then they go the whole way that a drawing goes. A temperature and limits that fit them fit drawings, which the
networks read less well than MNIST's own digits.
"""

from __future__ import annotations

import numpy as np

from nnscratch.arrays import Array, Stream
from nnscratch.data.augment import Distortion
from nnscratch.data.synthetic.ink import enlarged
from nnscratch.data.synthetic.skeleton import eroded, skeletons
from nnscratch.parallel.threads import one_blas_thread
from nnscratch.pictures.preprocess import to_mnist

# Chosen so that a LeNet-5 reads about as many of them as of the drawings of the writers that choose
# (benchmarks/quality/writers.json), and is as often wrong when sure.
BENT = Distortion(rotation=15, stretch=0.25, shear=0.2, elastic=0.5)
TIMES = (1.5, 4.0)  # as large as in MNIST
PENS = (0.8, 2.8)  # pixels wide, of MNIST's
UNEVEN = 0.3  # how far a pen presses more or less from place to place
ROOM = 6  # pixels at each side of MNIST's field, for what grows
MARGIN = (4, 25)  # pixels around a digit
INK = 0.45  # grey that is ink
FINE = 2  # pixels of a skeleton for each of MNIST's
STROKE = 4  # pixels of these: what is thicker on each side is a hole that the pen has filled
SPACING = 1.15  # of a skeleton's points along a line: more than 1 where it slants
EDGE = 1.2  # standard deviations from the middle of a stroke
CHUNK = 100  # images at a time


def redrawn(images: Array, seed: int) -> Array:
    """Return digits (n, 28, 28) uint8 as people draw them, in MNIST's form, (n, 28, 28) uint8: each keeps its label."""
    room = np.pad(images, ((0, 0), (ROOM, ROOM), (ROOM, ROOM)))
    bent = BENT.apply(room, seed=seed)
    made = images.copy()
    with one_blas_thread():
        for start in range(0, len(images), CHUNK):
            ink = enlarged(bent[start : start + CHUNK] / np.float32(255), FINE) > INK
            for n, lines in enumerate(skeletons(ink) | eroded(ink, STROKE), start):
                rng = np.random.default_rng((seed, Stream.REDRAWN, n))
                image = to_mnist(on_a_page(lines, rng)) if lines.any() else None
                if image is not None:
                    made[n] = image
    return made


def on_a_page(lines: Array, rng: np.random.Generator) -> Array:
    """Return a skeleton (h, w) drawn with a pen, at any size and somewhere on a page, (H, W) float32 of 0..1.

    A Gaussian around each of its points adds up to a ridge along each line; the level at the pen's edge bounds the ink.
    """
    times, pen = (float(np.exp(rng.uniform(*np.log(span)))) for span in (TIMES, PENS))
    width = pen * times
    sd = width / 2 / EDGE
    y, x = np.nonzero(lines)
    top, bottom, left, right = width + rng.integers(*MARGIN, 4)
    rows = _blur((y - y.min()) * times / FINE + top, bottom, sd)
    columns = _blur((x - x.min()) * times / FINE + left, right, sd)
    ridges = rows @ columns.T * (SPACING * times / FINE / (sd * np.sqrt(2 * np.pi)))  # 1 in the middle of a line
    waves = (np.sin(rng.uniform(0.1, 0.4) / times * np.arange(n) + rng.uniform(0, 6)) for n in ridges.shape)
    level = np.exp(UNEVEN / 2 * np.add.outer(*waves) - EDGE**2 / 2)
    inside = (ridges / level - 1) * sd / EDGE  # pixels from the edge, near it
    return np.asarray(np.clip(inside + 0.5, 0, 1), np.float32)


def _blur(at: Array, after: float, sd: float) -> Array:
    """Return a Gaussian (length, n) around each of n places, in a line that goes on for ``after`` pixels."""
    length = int(at.max() + after)
    return np.asarray(np.exp(-0.5 * ((np.arange(length)[:, None] - at) / sd) ** 2), np.float32)
