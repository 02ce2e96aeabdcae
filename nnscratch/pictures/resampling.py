"""Pictures at another size, by the mean of the area that each new pixel covers."""

from functools import lru_cache

import numpy as np

from nnscratch.arrays import Array


def area_resize(image: Array, height: int, width: int) -> Array:
    """(H, W) as (height, width) float32: each new pixel is the mean of the area of the old ones it covers.

    Nothing between two samples is skipped, so thin strokes stay. Separable: rows first, then columns.
    The same size gives the same picture; a larger one repeats pixels, and blends where their edges do not meet.
    """
    rows = area_weights(image.shape[0], height)  # (height, H)
    columns = area_weights(image.shape[1], width)  # (width, W)
    return np.asarray(rows @ image.astype(np.float32) @ columns.T)


@lru_cache(maxsize=64)
def area_weights(old: int, new: int) -> Array:
    """(new, old) float32, not to be changed: the share of new pixel i, [i, i + 1) * old / new, over old pixel j."""
    edges = np.arange(new + 1) * (old / new)
    start, stop = edges[:-1, None], edges[1:, None]
    pixel = np.arange(old)
    overlap = np.minimum(stop, pixel + 1) - np.maximum(start, pixel)
    weights = np.asarray(np.maximum(overlap, 0) * (new / old), dtype=np.float32)
    weights.flags.writeable = False
    return weights
