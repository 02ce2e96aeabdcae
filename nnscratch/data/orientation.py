"""Do digits stand upright, light on dark? A warning of those that are read better otherwise; nothing is turned.

A few hundred are compared with the mean digits of MNIST, by the largest correlation: as they are, and in the other
seven ways to lay a square, light on dark and dark on light.
"""

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.mapped import take_rows
from nnscratch.data.mnist import first_digits

MOST, FEWEST = 400, 40  # images that are compared
GAIN = 0.25  # more of them must be read in another way
SURE = 0.5  # of all, at least

LOOKS = {  # where a transposition, or none, and then so many quarter turns to the left bring digits upright
    (False, 0): "",
    (False, 1): "turned a quarter to the right",
    (False, 2): "upside down",
    (False, 3): "turned a quarter to the left",
    (True, 0): "transposed (rows and columns exchanged)",
    (True, 1): "mirrored top to bottom",
    (True, 2): "transposed across the other diagonal",
    (True, 3): "mirrored left to right",
}


def orientation_warning(images: Array, labels: Array) -> str:
    """A warning of digits (n, 28, 28) that seem to lie, or to be dark on light; "" for all others, and for few."""
    if len(images) < FEWEST:
        return ""
    rows = np.unique(np.linspace(0, len(images) - 1, MOST).astype(np.int64))
    shares = shares_read(take_rows(images, rows), labels[rows])
    way, as_it_is = max(shares, key=lambda way: shares[way]), next(iter(shares))
    if shares[way] < SURE or shares[way] - shares[as_it_is] < GAIN:
        return ""
    looks = [LOOKS[way[:2]], "dark on light" if way[2] else ""]
    return (
        f"warning: the digits look {' and '.join(filter(None, looks))} beside MNIST's (that way {shares[way]:.0%} of "
        f"{len(rows)} are read by its mean digits, as they are {shares[as_it_is]:.0%}): they are taken as they are"
    )


def shares_read(images: Array, labels: Array) -> dict[tuple[bool, int, bool], float]:
    """How many of the images (n, 28, 28) are most like their digit's mean, 0..1, for each way to bring them upright.

    A way is a key of ``LOOKS``, and whether light and dark are exchanged; the first leaves them as they are.
    """
    pixels = images.reshape(len(images), -1).astype(np.float32)
    pixels -= pixels.mean(axis=1, keepdims=True)
    means, shares = mean_digits(), {}
    for transposed, turns in LOOKS:  # the means are laid as the images are
        laid = np.rot90(means, -turns, (1, 2))
        laid = laid.swapaxes(1, 2) if transposed else laid
        scores = pixels @ laid.reshape(len(laid), -1).T
        for exchanged in (False, True):
            best = (-scores if exchanged else scores).argmax(axis=1)
            shares[transposed, turns, exchanged] = float((best == labels).mean())
    return shares


def mean_digits() -> Array:
    """The mean digits of a part of MNIST, (10, 28, 28) float32, each with mean 0 and length 1."""
    images, labels = first_digits()
    means = np.stack([images[labels == digit].mean(axis=0, dtype=np.float32) for digit in range(10)])
    means -= means.mean(axis=(1, 2), keepdims=True)
    return np.asarray(means / np.sqrt((means**2).sum(axis=(1, 2), keepdims=True)))
