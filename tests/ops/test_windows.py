"""The geometry of windows: how many fit, what "same" means, padding, offsets."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnscratch.errors import UsageError
from nnscratch.ops.windows import NO_PADDING, kernel_offsets, output_size, pad, same_padding, unpad
from tests.tools import naive
from tests.tools.checks import geometries, whole

sizes, kernels, strides = st.integers(1, 12), st.integers(1, 6), st.integers(1, 5)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding", "windows"),
    [
        (5, 3, 1, (0, 0), 3),  # at 0, 1, 2
        (5, 3, 2, (0, 0), 2),  # at 0, 2
        (6, 3, 2, (0, 0), 2),  # at 0, 2; the last pixel is left over
        (28, 5, 1, (2, 2), 28),
        (4, 2, 3, (1, 0), 2),  # of 5: at 0, 3
        (2, 3, 1, (0, 1), 1),
        (7, 7, 9, (0, 0), 1),
    ],
)
def test_output_size_by_hand(size, kernel, stride, padding, windows):
    assert output_size(size, kernel, stride, padding) == windows


@given(sizes, kernels, strides, st.tuples(st.integers(0, 3), st.integers(0, 3)))
def test_output_size_counts_windows(size, kernel, stride, padding):
    expected = naive.positions(size + sum(padding), kernel, stride)
    if expected:
        assert output_size(size, kernel, stride, padding) == expected
    else:
        with pytest.raises(UsageError, match=f"window of {kernel} does not fit into {size} pixels"):
            output_size(size, kernel, stride, padding)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "zeros"),
    [
        (28, 5, 1, (2, 2)),
        (28, 4, 1, (1, 2)),  # three zeros: the odd one after
        (5, 3, 2, (1, 1)),  # 3 windows at -1, 1, 3
        (6, 3, 2, (0, 1)),  # 3 windows at 0, 2, 4
        (4, 1, 3, (0, 0)),  # windows smaller than the step need none
    ],
)
def test_same_padding_by_hand(size, kernel, stride, zeros):
    assert same_padding(size, kernel, stride) == zeros


@given(sizes, kernels, strides)
def test_same_padding_is_the_least_that_gives_the_length(size, kernel, stride):
    zeros = same_padding(size, kernel, stride)
    assert zeros == naive.same_padding(size, kernel, stride)
    assert output_size(size, kernel, stride, zeros) == -(-size // stride)


@given(geometries())
def test_pad_and_unpad(g):
    x = whole(g.rng, (g.C, *g.image, g.N))
    assert np.array_equal(pad(x, g.padding), naive.padded(x, g.padding))
    assert np.array_equal(unpad(pad(x, g.padding), g.padding), x)


def test_no_padding_copies_nothing():
    x = np.ones((1, 2, 2, 1))
    assert pad(x, NO_PADDING) is x


@given(geometries(most_padding=0))
def test_taps_show_the_pixel_under_each_place_of_the_window(g):
    x = whole(g.rng, (g.C, *g.image, g.N))
    views = dict(kernel_offsets(x, g.kernel, g.stride))
    assert list(views) == list(naive.everywhere(*g.kernel))  # reading order
    OH, OW = (naive.positions(*side) for side in zip(g.image, g.kernel, g.stride, strict=True))
    for (i, j), view in views.items():
        assert view.shape == (g.C, OH, OW, g.N)
        for oh, ow in naive.everywhere(OH, OW):
            assert np.array_equal(view[:, oh, ow], x[:, oh * g.stride[0] + i, ow * g.stride[1] + j])


def test_taps_can_be_written_through():
    x = np.zeros((1, 3, 3, 1))
    for _, view in kernel_offsets(x, (2, 2), (1, 1)):
        view += 1
    assert x[0, :, :, 0].tolist() == [[1, 2, 1], [2, 4, 2], [1, 2, 1]]  # windows in which a pixel stands
