"""A hand: how one person writes, and what it makes of a glyph, as a picture in MNIST's form.

No two people write a glyph alike, and nobody writes it twice alike. The first is what a :class:`Hand` is, the second is
drawn anew for each picture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.synthetic.glyphs import Glyph
from nnscratch.pictures.drawing import Strokes, render
from nnscratch.pictures.preprocess import BOX, box, center, even_strokes, scale, stretch_contrast, to_uint8
from nnscratch.pictures.stroke_width import THICKEST

FINE = 3  # pixels for each of a finished picture's: so large are strokes drawn
NEARNESS = 0.6  # of what is written to one of a glyph's extremes; all mixtures of them are as likely with 1


@dataclass(frozen=True)
class Hand:
    """How one person writes. Lengths are in heights of what is written."""

    slant: float  # how far the upper end lies to the right of the lower one
    width: float  # times the glyph's
    pen: float  # pixels of the finished picture, whose longer side is 20
    haste: float  # points of a stroke that run into one another: corners become round and loops small
    tremor: float  # how far a stroke wavers
    waist: float  # exponent of the height from the top: what is below 1 makes the upper half large
    freedom: float  # how far a glyph's points lie from where they lay the last time

    @classmethod
    def of(cls, rng: np.random.Generator) -> Hand:
        """Return somebody's hand."""
        return cls(
            slant=float(np.clip(rng.normal(0.12, 0.2), -0.4, 0.6)),
            width=float(np.exp(rng.normal(0, 0.15))),
            pen=float(rng.uniform(1.6, 3.2) if rng.random() < 0.8 else rng.uniform(3.2, 5)),
            haste=float(rng.uniform(0, 1.6)),
            tremor=float(rng.uniform(0, 0.008)),
            waist=float(np.exp(rng.normal(0, 0.15))),
            freedom=float(rng.uniform(0.008, 0.03)),
        )

    def write(self, glyph: Glyph, rng: np.random.Generator) -> Strokes:
        """Return the strokes, points (m, 2) in heights, of a glyph written once more."""
        mixture = rng.dirichlet(np.full(len(glyph.extremes), NEARNESS))
        points = np.tensordot(mixture, glyph.extremes, 1)
        points += rng.normal(0, self.freedom, points.shape)
        low, height = points[:, 1].min(), max(np.ptp(points[:, 1]), 1e-9)
        points[:, 1] = low + height * ((points[:, 1] - low) / height) ** self.waist
        slant = self.slant + rng.normal(0, 0.04)
        width, turn = self.width * math.exp(rng.normal(0, 0.06)), rng.normal(0, 0.04)
        cos, sin = math.cos(turn), math.sin(turn)
        form = np.array([[width, 0], [-slant, 1]]) @ [[cos, sin], [-sin, cos]]
        return [self._draw(path @ points, rng) @ form for path in glyph.paths]

    def picture(self, glyph: Glyph, rng: np.random.Generator) -> Array:
        """Return a glyph (28, 28) uint8, written once more."""
        return picture(self.write(glyph, rng), self.pen)

    def _draw(self, stroke: Array, rng: np.random.Generator) -> Array:
        """Return the points (m, 2) of a stroke as haste and tremor leave them."""
        kernel = gaussian(round(self.haste, 1))
        reach = len(kernel) // 2
        if len(stroke) <= reach:
            return stroke
        noise = rng.normal(0, self.tremor, stroke.shape)
        ends = 2 * stroke[0] - stroke[reach:0:-1], 2 * stroke[-1] - stroke[-2 : -2 - reach : -1]  # these stay in place
        wide = np.concatenate([ends[0], stroke + noise, ends[1]])
        return np.stack([np.convolve(column, kernel, "valid") for column in wide.T], axis=1)


@lru_cache(maxsize=64)
def gaussian(sd: float) -> Array:
    """Return a Gaussian kernel (2 r + 1,) of this standard deviation in samples."""
    reach = math.ceil(2 * sd)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sd, 1e-9)) ** 2)
    return np.asarray(kernel / kernel.sum())


def picture(strokes: Strokes, pen: float) -> Array:
    """Return strokes, points (m, 2) of any scale, as (28, 28) uint8, with a pen of so many pixels of these."""
    points = np.concatenate(strokes)
    low, extent = points.min(axis=0), np.ptp(points, axis=0)
    zoom = FINE * (BOX - pen) / max(float(extent.max()), 1e-9)
    edge = FINE * pen / 2 + 1
    width, height = (math.ceil(side) for side in zoom * extent + 2 * edge)
    ink = render([(stroke - low) * zoom + edge for stroke in strokes], (width, height), FINE * pen)
    ink = ink[box(ink > 0.25, ink > 0)]
    return to_uint8(center(stretch_contrast(scale(even_strokes(ink) if pen > THICKEST else ink))))
