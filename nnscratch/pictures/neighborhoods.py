"""What pictures are looked at by: blocks of pixels, their outermost rows and columns, what is near each pixel."""

import numpy as np

from nnscratch.arrays import Array


def blocks(picture: Array, most: int) -> Array:
    """Return (H, W) as squares (h, side, w, side), at most ``most`` along the longer side, without what fills none."""
    side = -(-max(picture.shape) // most)
    h, w = (length // side for length in picture.shape)
    return picture[: h * side, : w * side].reshape(h, side, w, side)


def edge(picture: Array) -> Array:
    """Return the outermost rows and columns of (H, W) as one vector; each corner is in it twice."""
    return np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])


def closed(image: Array, size: int) -> Array:
    """Return the morphological closing of (H, W) by a square of ``size`` pixels: dark things smaller than it go.

    Outside, the image goes on as it came, so that light that fades towards an edge is no dark thing there.
    """
    size |= 1  # an even window has no middle
    wide = np.pad(image, size, mode="reflect", reflect_type="odd")
    for axis in (0, 1):
        wide = running(wide, size, axis, np.maximum, -np.inf)
    for axis in (0, 1):
        wide = running(wide, size, axis, np.minimum, np.inf)
    return np.asarray(wide[size:-size, size:-size])


def running(image: Array, size: int, axis: int, choose: np.ufunc, outside: float) -> Array:
    """Return the largest or smallest of the ``size`` pixels around each along an axis, in log2(size) steps."""
    image = np.moveaxis(image, axis, 0)
    before = size // 2
    line = np.pad(image, ((before, size - 1 - before), (0, 0)), constant_values=outside)
    done = 1
    while done < size:
        step = min(done, size - done)
        line = choose(line[: len(line) - step], line[step:])
        done += step
    return np.moveaxis(line, 0, axis)
