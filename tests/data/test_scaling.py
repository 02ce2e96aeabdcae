"""What is done to numbers before they enter a network, where there is nothing to divide by."""

import numpy as np
import pytest

from nnscratch.data.scaling import learn_scaling


@pytest.mark.parametrize("scaling", ["images", "features"])
def test_what_is_blank_stays_blank(scaling):
    mean, scale = learn_scaling(np.zeros((3, 4)), scaling, pixels=False)
    np.testing.assert_array_equal((np.zeros((3, 4)) - mean) / scale, 0)


def test_images_keep_their_zero_and_features_get_none():
    X = np.array([[1.0, -8, 5], [3, 4, 5]])
    assert learn_scaling(X, "auto", pixels=True) == (0, 8)
    mean, scale = learn_scaling(X, "auto", pixels=False)
    np.testing.assert_array_equal(mean, [2, -2, 5])
    np.testing.assert_array_equal(scale, [1, 6, 1])
    assert learn_scaling(X.astype(np.uint8), "auto", pixels=False) == (0, 255)
    assert learn_scaling(X, "none", pixels=True) == (0, 1)
