"""Images that are no digit, of every kind that the library makes: to train with, and to set limits with.

A network that has seen such images in training refuses others, too: D. Hendrycks, M. Mazeika, T. Dietterich: Deep
Anomaly Detection with Outlier Exposure, ICLR 2019. Nothing here comes from a font or a person but MNIST's writers.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nnscratch.arrays import Array, Stream
from nnscratch.data.synthetic import letters, noise, scribbles, shapes, signs, spoiled
from nnscratch.data.synthetic.spoiled import Digits

Kind = Callable[[Digits, int, np.random.Generator], Array]


def _of_none(make: Callable[[int, np.random.Generator], Array]) -> Kind:
    """Return a kind that needs no digits."""
    return lambda digits, count, rng: make(count, rng)


kinds: dict[str, Kind] = {
    "cut": spoiled.cut,
    "joined": spoiled.joined,
    "turned": spoiled.turned,
    "swapped": spoiled.swapped,
    "scrambled": spoiled.scrambled,
    "letters": _of_none(letters.letters),
    "scribbles": _of_none(scribbles.scribbles),
    "signs": _of_none(signs.signs),
    "shapes": _of_none(shapes.shapes),
    "noise": _of_none(noise.noise),
}

NEED_DIGITS = ("cut", "joined", "turned", "swapped", "scrambled")
SHARES = {
    "cut": 0.08,
    "joined": 0.08,
    "turned": 0.06,
    "swapped": 0.04,
    "scrambled": 0.04,
    "letters": 0.25,
    "scribbles": 0.20,
    "signs": 0.10,
    "shapes": 0.09,
    "noise": 0.06,
}


def outliers(images: Array, labels: Array, count: int, seed: int) -> Array:
    """Return ``count`` images that are no digit, (count, 28, 28) uint8, in any order and the shares of :data:`SHARES`.

    Some are made out of the digits ``images`` (N, 28, 28) uint8 with ``labels`` (N,). Where one of the ten is missing,
    these are left out, and there are more of the others.
    """
    digits = Digits(images, labels)
    shares = np.array([digits.are_all_there or name not in NEED_DIGITS for name in SHARES]) * list(SHARES.values())
    ends = np.rint(np.cumsum(shares) / round(float(shares.sum()), 9) * count).astype(int)
    counts = np.diff(ends, prepend=0).tolist()
    made = [
        kinds[name](digits, number, np.random.default_rng((seed, Stream.OUTLIERS, place)))
        for place, (name, number) in enumerate(zip(SHARES, counts, strict=True), start=1)
    ]
    order = np.random.default_rng((seed, Stream.OUTLIERS)).permutation(count)
    return np.concatenate(made)[order]
