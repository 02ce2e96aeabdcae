"""Noise of many kinds: whole fields of 28 x 28 as they are, and larger ones brought through the pipeline."""

from __future__ import annotations

from collections.abc import Callable
from math import pi

import numpy as np

from nnscratch.arrays import Array
from nnscratch.pictures.preprocess import FIELD, to_mnist, to_uint8

SIDES = (32, 44)  # of larger fields, pixels


def noise(count: int, rng: np.random.Generator) -> Array:
    """Return noise of any of :data:`FIELDS`, (count, 28, 28) uint8; a quarter of it has gone through the pipeline."""
    made = np.empty((count, FIELD, FIELD), np.uint8)
    for n in range(count):
        field = FIELDS[int(rng.integers(len(FIELDS)))]
        piped = to_mnist(field(int(rng.choice(SIDES)), rng)) if rng.random() < 0.25 else None
        made[n] = to_uint8(field(FIELD, rng)) if piped is None else piped  # where the pipeline finds no ink
    return made


# ---- fields (side, side) of 0..1


def uniform(side: int, rng: np.random.Generator) -> Array:
    """Return pixels between two levels."""
    low, high = np.sort(rng.random(2))
    return rng.uniform(low, high, (side, side))


def gaussian(side: int, rng: np.random.Generator) -> Array:
    """Return pixels around one level."""
    return np.asarray(np.clip(rng.normal(rng.uniform(0, 0.7), rng.uniform(0.05, 0.5), (side, side)), 0, 1))


def salt_and_pepper(side: int, rng: np.random.Generator) -> Array:
    """Return white pixels on black, few or many."""
    return np.asarray(rng.random((side, side)) < rng.uniform(0.02, 0.7), np.float64)


def skewed(side: int, rng: np.random.Generator) -> Array:
    """Return pixels most of which are dark."""
    return rng.random((side, side)) ** rng.uniform(1.5, 8)


def smooth(side: int, rng: np.random.Generator) -> Array:
    """Return clouds, pale or with a threshold."""
    clouds = enlarged(rng.random((n := int(rng.integers(4, 12)), n)), side)
    level = rng.uniform(0.3, 0.7)
    return np.asarray(np.clip((clouds - level) * rng.choice([1, 3, 20]) + 0.5, 0, 1))


def blocks(side: int, rng: np.random.Generator) -> Array:
    """Return squares of several pixels, each of its own grey or all black and white."""
    n = int(rng.integers(3, 15))
    squares = rng.random((n, n))
    if rng.random() < 0.5:
        squares = np.asarray(squares < rng.uniform(0.2, 0.7), np.float64)
    place = np.arange(side) * n // side
    return np.asarray(squares[place][:, place])


def texture(side: int, rng: np.random.Generator) -> Array:
    """Return waves that cross each other, or chequers."""
    return np.asarray(np.abs(stripes(side, rng) - stripes(side, rng)))


def gradient(side: int, rng: np.random.Generator) -> Array:
    """Return light that fades in one direction or around a point."""
    y, x = (np.linspace(-1, 1, side)[:, None], np.linspace(-1, 1, side)[None])
    a, b = rng.normal(0, 0.5, 2)
    slope = a * x + b * y if rng.random() < 0.5 else np.hypot(x - a, y - b) * rng.choice([-0.6, 0.6])
    return np.asarray(np.clip(rng.uniform(0.2, 0.8) + slope, 0, 1))


def one_grey(side: int, rng: np.random.Generator) -> Array:
    """Return one level."""
    return np.full((side, side), rng.random())


def stripes(side: int, rng: np.random.Generator) -> Array:
    """Return waves in one direction, soft or hard, 2 to 12 of them."""
    angle, periods = rng.uniform(0, pi), rng.uniform(2, 12)
    t = np.arange(side) / side
    phase = np.add.outer(np.sin(angle) * t, np.cos(angle) * t) * periods * 2 * pi + rng.uniform(0, 2 * pi)
    return np.asarray((0.5 + np.sin(phase) * rng.choice([0.3, 0.5, 5])).clip(0, 1))


def enlarged(small: Array, side: int) -> Array:
    """Return (n, n) as (side, side), with straight lines between its values."""
    distance = np.abs(np.linspace(0, len(small) - 1, side)[:, None] - np.arange(len(small)))
    weights = (1 - distance).clip(0)
    return np.asarray(weights @ small @ weights.T)


FIELDS: tuple[Callable[[int, np.random.Generator], Array], ...]
FIELDS = (
    *(uniform, gaussian, salt_and_pepper, skewed, smooth, smooth),
    *(blocks, stripes, texture, gradient, one_grey),
)
