"""From stored images to a batch: where "batch first" outside becomes "batch last" inside."""

import numpy as np
from numpy.typing import DTypeLike

from nnscratch.arrays import Array


def gather_batch(
    images: Array, indices: Array, *, scale: float, shift: float, dtype: DTypeLike, by_image: bool = False
) -> Array:
    """Return x (..., N) = images[indices] * scale + shift, the batch moved from the first axis (N, ...) to the last.

    ``images`` is (M, ...) of any number type, ``indices`` (N,) chooses and orders. In memory each pixel of all images
    is in one piece, as convolutions like it, or, ``by_image``, each image, as matrix products do.
    """
    chosen = np.moveaxis(images[indices], 0, -1)
    x = chosen.astype(dtype, order="K" if by_image else "C")
    x *= scale
    x += shift
    return x
