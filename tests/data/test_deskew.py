"""Deskewing against loops over pixels, on shapes whose slant is known."""

import math

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.data.deskew import deskew
from nnscratch.errors import UsageError


@pytest.fixture(scope="module")
def mnist():
    return nn.load_mnist()


def by_loops(image):
    """What the moments say, one pixel after the other: (H, W) floats."""
    H, W = image.shape
    pixels = [(r, c, float(image[r, c])) for r in range(H) for c in range(W)]
    mass = math.fsum(p for _, _, p in pixels)
    r0, c0 = (math.fsum(place[axis] * place[2] for place in pixels) / mass for axis in (0, 1))
    variance = math.fsum(p * (r - r0) ** 2 for r, _, p in pixels)
    slant = math.fsum(p * (r - r0) * (c - c0) for r, c, p in pixels) / variance
    out = np.zeros((H, W))
    for r in range(H):
        for c in range(W):
            place = c + slant * (r - r0)
            left = math.floor(place)
            for column, share in ((left, 1 - (place - left)), (left + 1, place - left)):
                if 0 <= column < W:
                    out[r, c] += share * image[r, column]
    return out


def moments(image):
    """Mass, mean row and column, and the covariance of rows and columns."""
    image = image.astype(np.float64)
    r, c = np.mgrid[: image.shape[0], : image.shape[1]]
    mass = image.sum()
    r0, c0 = (image * r).sum() / mass, (image * c).sum() / mass
    return mass, r0, c0, (image * (r - r0) * (c - c0)).sum() / mass


def bar(slant):
    """A bar three pixels wide on rows 4 to 24, whose row r begins slant (r - 14) pixels further right: (29, 40)."""
    image = np.zeros((29, 40))
    for r in range(4, 25):
        start = 18 + slant * (r - 14)
        left = math.floor(start)
        share = start - left
        image[r, left : left + 4] = [1 - share, 1, 1, share]
    return image


@pytest.mark.parametrize("slant", [-1.5, -1, -0.5, 0, 0.5, 1])
def test_a_sheared_bar_stands_upright_again(slant):
    """Slants of whole pixels a row come back exactly, those of half pixels as linear interpolation has them."""
    upright, found = bar(0), deskew(bar(slant))
    if slant == int(slant):
        np.testing.assert_allclose(found, upright, atol=1e-12)
    else:
        np.testing.assert_allclose(found.sum(axis=1), upright.sum(axis=1), atol=1e-12)
        np.testing.assert_allclose(found, upright, atol=0.5 + 1e-12)  # half of an edge's pixel beside it
        assert np.count_nonzero(found.max(axis=0) > 1e-12) <= 5


def test_it_is_what_the_loops_say(mnist):
    images = mnist.train_images[:30]
    expected = np.stack([by_loops(image) for image in images])
    np.testing.assert_allclose(deskew(images.astype(np.float64)), expected, atol=1e-9)
    np.testing.assert_allclose(deskew(images), expected, atol=0.5 + 1e-9)
    np.testing.assert_allclose(deskew((images / 255).astype(np.float32)), expected / 255, atol=1e-6)


def test_the_covariance_is_0_and_all_else_is_kept(mnist):
    for image in mnist.train_images[:29] / 255:  # of the 30th, dust at the edge leaves the image
        mass, r0, c0, _ = moments(image)
        np.testing.assert_allclose(moments(deskew(image)), (mass, r0, c0, 0), atol=1e-9)


def test_twice_is_once(mnist):
    images = mnist.train_images[:29]
    once = deskew(images / 255)
    np.testing.assert_allclose(deskew(once), once, atol=1e-9)
    rounded = deskew(images).astype(int)
    assert np.abs(deskew(rounded.astype(np.uint8)).astype(int) - rounded).max() <= 3


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_images_without_a_slant_stay_as_they_are(dtype):
    blank, row, dot, symmetric = np.zeros((4, 9, 12), dtype)
    row[3, 2:7], dot[5, 5], symmetric[2:7, 4:8] = 200, 1, 9
    images = np.stack([blank, row, dot, symmetric])
    assert deskew(images).tobytes() == images.tobytes()
    assert deskew(images[:0]).shape == (0, 9, 12)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300, -1.0])
def test_what_is_no_picture_raises_nothing_and_warns_of_nothing(value):
    image = bar(0.5)
    image[10, 10] = value
    assert deskew(image).shape == image.shape


def test_an_image_does_not_depend_on_its_neighbours_or_its_memory(mnist):
    images = mnist.train_images[:600]
    together = deskew(images)
    assert all(
        deskew(image).tobytes() == one.tobytes() for image, one in zip(images[250:260], together[250:260], strict=True)
    )
    assert deskew(images[::-1]).tobytes() == together[::-1].tobytes()
    floats = images[:20] / 255
    assert deskew(np.asfortranarray(floats)).tobytes() == deskew(floats).tobytes()
    assert deskew(floats[:, None])[:, 0].tobytes() == deskew(floats).tobytes()


@pytest.mark.parametrize("images", [np.zeros((2, 28, 28), np.int64), np.zeros(784), np.zeros((3, 3), bool), "digits"])
def test_other_arrays_are_refused(images):
    with pytest.raises(UsageError, match=r"deskew got .*: give images \(N, height, width\) in uint8 or float"):
        deskew(images)
