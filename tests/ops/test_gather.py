"""From stored images to a batch with the batch last."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnscratch import ops

pytestmark = pytest.mark.usefixtures("readable_ops")


def test_by_hand():
    images = np.array([[10, 20], [30, 40], [50, 60]], np.uint8)
    x = ops.gather_batch(images, np.array([2, 0]), scale=0.5, shift=-1, dtype="float64")
    assert x.tolist() == [[50 / 2 - 1, 10 / 2 - 1], [60 / 2 - 1, 20 / 2 - 1]]  # a column for each image


@pytest.mark.parametrize("stored", ["uint8", "float32", "float64"])
@pytest.mark.parametrize("wanted", ["float32", "float64"])
@given(st.lists(st.integers(0, 3), min_size=0, max_size=6), st.lists(st.integers(1, 3), min_size=1, max_size=3))
def test_every_pixel_of_every_image(stored, wanted, indices, shape):
    images = np.arange(4 * np.prod(shape)).reshape(4, *shape).astype(stored)
    x = ops.gather_batch(images, np.array(indices, int), scale=2, shift=3, dtype=wanted)
    assert x.shape == (*shape, len(indices))
    assert x.dtype == wanted
    assert x.flags.c_contiguous
    for n, index in enumerate(indices):
        assert np.array_equal(x[..., n], 2.0 * images[index] + 3)
