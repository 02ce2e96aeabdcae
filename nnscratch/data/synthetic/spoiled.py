"""MNIST's digits made into what is no digit: cut, joined, turned, swapped piece by piece, scrambled.

What a person would still read as a digit is left out: half an 8 is a 3 or a 0, a 7 without its bar a 1, an upside-down
6 a 9. The tables tell which digits are spoiled how; they were made by looking at sheets of each.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.synthetic.ink import enlarged, in_form

ALL = tuple(range(10))
BUT_ONE = (0, *range(2, 10))  # of a 1 any piece is a 1, and with any other digit it may make that digit again

# What of a digit's box goes (rows or columns, from, to), of which digits. Only what is no digit then: a shallow bow, an
# alpha, a hook, a C, arcs, bars. All else leaves one: the half of a 4 or 9 is a 7, that of an 8 a 0 or a 3, that of a 3
# a 2 or a 5; a 0 may be open at its top, and a 2, a 3 or a 5 is read without one third of it, whichever that is.
CUTS: dict[tuple[str, float, float], tuple[int, ...]] = {
    ("rows", 0, 1 / 2): (0, 2, 3, 5),
    ("rows", 1 / 2, 1): (0, 5),
    ("rows", 2 / 3, 1): (0,),
    ("columns", 2 / 3, 1): (0,),
    ("rows", 1 / 3, 2 / 3): (0, 4),
    ("rows", 1 / 3, 1): (0, 4, 5),
    ("rows", 0, 2 / 3): (0, 2, 3, 5),
}

# Which two digits: a 0 or 6 under a 0, 6, 8 or 9 makes an 8.
PAIRS = (("beside", ALL, ALL), ("above", BUT_ONE, (2, 3, 4, 5, 7, 9)), ("over", BUT_ONE, BUT_ONE))

# A 0, 1 or 8 stays one, lying slantwise too; a 6 and a 9 change places, or nearly so; a 2 upside down is one, and
# mirrored a 5, and the other way round; a mirrored 4 is a child's 4.
TURNS: dict[str, tuple[Callable[[Array], Array], tuple[int, ...]]] = {
    "upside down": (lambda image: image[::-1, ::-1], (3, 4, 7)),
    "mirrored": (lambda image: image[:, ::-1], (3, 6, 7, 9)),
    "mirrored in water": (lambda image: image[::-1], (6, 7, 9)),
    "to the left": (lambda image: np.rot90(image), (2, 3, 4, 5, 7)),
    "to the right": (lambda image: np.rot90(image, -1), (2, 3, 4, 5, 7)),
}


class Digits:
    """Images (N, 28, 28) uint8 by their labels (N,), 0..9."""

    def __init__(self, images: Array, labels: Array) -> None:
        self.images = images
        self.places = [np.flatnonzero(labels == digit) for digit in ALL]
        self.are_all_there = all(len(places) for places in self.places)

    def any(self, rng: np.random.Generator, *digits: int) -> Array:
        """Return any image (28, 28) of any of these digits, all of which must be there."""
        places = self.places[digits[int(rng.integers(len(digits)))]]
        return np.asarray(self.images[places[int(rng.integers(len(places)))]])


def cropped(image: Array) -> Array:
    """Return the box of the ink of (28, 28) uint8, as float32 0..1."""
    ink = image / np.float32(255)
    rows, columns = (np.flatnonzero(ink.max(axis=axis) > 0.1) for axis in (1, 0))
    if len(rows) == 0:
        return ink
    return np.asarray(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def cut(digits: Digits, count: int, rng: np.random.Generator) -> Array:
    """Return digits of which a half, a third or a band in the middle is gone, (count, 28, 28) uint8."""
    pairs = [(place, digit) for place, fitting in CUTS.items() for digit in fitting]
    made = []
    for number in rng.integers(len(pairs), size=count):
        place, digit = pairs[number]
        made.append(in_form(enlarged(without(cropped(digits.any(rng, digit)), *place), 2)))
    return stacked(made)


def without(ink: Array, axis: str, start: float, stop: float) -> Array:
    """Return ink (h, w) without the rows or columns from a share of the way to another."""
    left = ink.copy()
    along = left if axis == "rows" else left.T
    along[round(start * len(along)) : round(stop * len(along))] = 0
    return left


def turned(digits: Digits, count: int, rng: np.random.Generator) -> Array:
    """Return digits upside down, mirrored, or lying on one side, (count, 28, 28) uint8."""
    ways = list(TURNS.values())
    made = []
    for number in rng.integers(len(ways), size=count):
        turn, fitting = ways[number]
        made.append(in_form(turn(cropped(digits.any(rng, *fitting)))))
    return stacked(made)


def joined(digits: Digits, count: int, rng: np.random.Generator) -> Array:
    """Return two digits beside or above one another, touching or not, (count, 28, 28) uint8."""
    made = []
    for number in rng.integers(len(PAIRS), size=count):
        way, first, second = PAIRS[number]
        made.append(in_form(both(cropped(digits.any(rng, *first)), cropped(digits.any(rng, *second)), way, rng)))
    return stacked(made)


def both(a: Array, b: Array, way: str, rng: np.random.Generator) -> Array:
    """Return two inks in one picture: ``b`` beside, above or over ``a``."""
    gap = int(rng.integers(-3, 4))
    aside = int(rng.integers(-3, 4))
    if way == "beside":
        row, column = (a.shape[0] - b.shape[0]) // 2 + aside, a.shape[1] + gap
    elif way == "above":
        row, column = a.shape[0] + gap, (a.shape[1] - b.shape[1]) // 2 + aside
    else:
        row, column = (int(number) for number in rng.choice([-1, 1], 2) * rng.integers(5, 10, 2))
    field = np.zeros((84, 84), np.float32)
    field[28 : 28 + a.shape[0], 28 : 28 + a.shape[1]] = a
    place = field[28 + row : 28 + row + b.shape[0], 28 + column : 28 + column + b.shape[1]]
    np.maximum(place, b, out=place)
    return field


def swapped(digits: Digits, count: int, rng: np.random.Generator) -> Array:
    """Return quarters of two digits, each in the place of the one across, (count, 28, 28) uint8."""
    made = []
    for _ in range(count):
        a, b = (digits.any(rng, *BUT_ONE)[4:24, 4:24] / np.float32(255) for _ in range(2))
        made.append(in_form(np.block([[b[10:, 10:], a[10:, :10]], [a[:10, 10:], b[:10, :10]]])))
    return stacked(made)


def scrambled(digits: Digits, count: int, rng: np.random.Generator) -> Array:
    """Return digits whose tiles lie in another order, or whose rows are pushed aside, (count, 28, 28) uint8."""
    made = []
    for way in rng.integers(2, size=count):
        ink = digits.any(rng, *ALL)[2:26, 2:26] / np.float32(255)
        made.append(in_form(shuffled(ink, rng) if way else sheared(ink, rng)))
    return stacked(made)


def shuffled(ink: Array, rng: np.random.Generator) -> Array:
    """Return (24, 24) whose 9 or 16 tiles have changed places and are turned."""
    side = int(rng.choice([6, 8]))
    n = 24 // side
    tiles = ink.reshape(n, side, n, side).swapaxes(1, 2).reshape(-1, side, side)
    order = rng.permutation(len(tiles))
    turned = [np.rot90(tiles[k], turns) for k, turns in zip(order, rng.integers(4, size=len(tiles)), strict=True)]
    return np.stack(turned).reshape(n, n, side, side).swapaxes(1, 2).reshape(24, 24)


def sheared(ink: Array, rng: np.random.Generator) -> Array:
    """Return (24, 24) whose bands of rows, or of columns, are pushed to and fro by more than a stroke."""
    bands = np.split(ink if rng.random() < 0.5 else ink.T, int(rng.choice([3, 4, 6])))
    sides = np.where(np.arange(len(bands)) % 2, 1, -1) * rng.integers(4, 8, len(bands))
    return np.concatenate(
        [np.roll(np.pad(band, ((0, 0), (8, 8))), side, axis=1) for band, side in zip(bands, sides, strict=True)]
    )


def stacked(made: list[Array]) -> Array:
    """Return images (28, 28) uint8 as (n, 28, 28), also none."""
    return np.stack(made) if made else np.empty((0, 28, 28), np.uint8)
