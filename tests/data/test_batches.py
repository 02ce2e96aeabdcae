"""Which numbers batches are made of, and which they are not."""

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.data.batches import Batches


@pytest.mark.parametrize("wrong", [np.nan, -0.001, 1.001, np.inf, -np.inf])
def test_one_pixel_that_is_no_share_of_white_is_refused(wrong):
    images = np.full((3, 2, 2), 0.5, np.float32)
    assert len(Batches(images, (1, 2, 2), (0.0, 1.0), np.float32)) == 3
    images[1, 0, 1] = wrong
    with pytest.raises(nn.UsageError, match=r"must lie in 0\.\.1|all must be finite"):
        Batches(images, (1, 2, 2), (0.0, 1.0), np.float32)


def test_zero_and_one_are_in():
    images = np.array([[[0.0, 1.0]]])
    assert len(Batches(images, (1, 1, 2), (0.0, 1.0), np.float32)) == 1
