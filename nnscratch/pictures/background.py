"""Is the ground of 28 x 28 pictures black? Networks that learned digits on black read on grey what is not there.

Of MNIST's digits, every border is black. On a ground of 0.05 of white the MLP loses 0.7 points and logistic regression
6, on one of 0.3 they read three in ten (LeNet-5, which looks for edges, loses nothing).
"""

import warnings

import numpy as np

from nnscratch.arrays import Array
from nnscratch.errors import BackgroundWarning

FIELD = 28
BLACK = 0.05  # of white: lighter than this is clearly not black
MOSTLY = 0.9  # of the border's pixels
_FRAME = np.pad(np.zeros((FIELD - 2, FIELD - 2), bool), 1, constant_values=True)
BORDER = np.flatnonzero(_FRAME)  # the places of its 108 pixels among the 784


def is_black(images: Array) -> bool:
    """Whether most of images (N, ...), uint8 or float 0..1, have 28 x 28 pixels and a black border."""
    if not len(images) or images[0].size != FIELD * FIELD:
        return False
    return _most(np.abs(_border(images), dtype=np.float32) <= _level(images))


def is_lighter(images: Array) -> bool:
    """Whether most of images (N, ...), uint8 or float 0..1, have a border that is clearly not black. N > 0.

    They are of 28 x 28 pixels.
    """
    if max(images.reshape(len(images), -1)[:, 0].tolist()) <= _level(images):  # one corner tells of most, and at once
        return False
    return _most(_border(images) > _level(images))


def warn_of_lighter() -> None:
    """Give a BackgroundWarning to who called the caller's caller."""
    warnings.warn(
        "the pictures' ground is not black, as that of the digits trained on was, and may be read for ink: bring each "
        "into MNIST's form with nnscratch.pictures.preprocess.to_mnist",
        BackgroundWarning,
        stacklevel=4,
    )


def without_ground(image: Array) -> Array:
    """Return a picture (28, 28) uint8 with its ground, the border's median, brought to black, and white still white.

    One whose border is black, or not of one tone, is returned as it is.
    """
    if not is_lighter(image[None]):
        return image
    ground = np.median(_border(image[None]))
    return np.asarray(np.rint(np.clip(image - ground, 0, None) * (255 / (255 - min(ground, 254)))), np.uint8)


def _border(images: Array) -> Array:
    return np.asarray(images.reshape(len(images), -1)[:, BORDER])


def _level(images: Array) -> float:
    return 255 * BLACK if images.dtype == np.uint8 else BLACK


def _most(border: Array) -> bool:
    """Whether in more than half of the images nearly the whole border (N, 108) is so."""
    return bool(2 * np.count_nonzero(border.mean(axis=1) >= MOSTLY) > len(border))
