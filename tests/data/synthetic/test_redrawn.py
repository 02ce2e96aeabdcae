"""Digits as people draw them: they keep their labels, and the networks read them less well than MNIST's."""

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.cli.commands.predict import find_model
from nnscratch.data.synthetic.redrawn import redrawn
from nnscratch.data.synthetic.skeleton import eroded, skeletons


@pytest.fixture(scope="module")
def data():
    mnist = nn.load_mnist()
    return mnist.train_images[-400:], mnist.train_labels[-400:]


def test_they_are_read_but_not_as_well_as_mnists(data):
    images, labels = data
    made = redrawn(images, seed=0)
    assert made.shape == images.shape and made.dtype == np.uint8
    _, network = find_model("lenet5")
    assert 0.93 < np.mean(network.predict(made) == labels) < np.mean(network.predict(images) == labels)


def test_the_seed_decides_and_not_the_company(data):
    images = data[0][:120]
    one, same, other = (redrawn(images, seed) for seed in (1, 1, 2))
    assert np.array_equal(one, same) and np.array_equal(one[:30], redrawn(images[:30], 1))
    assert (one != other).any(axis=(1, 2)).all() and (one != images).any(axis=(1, 2)).all()


def test_without_ink_an_image_stays_as_it_is():
    blank = np.zeros((2, 28, 28), np.uint8)
    assert np.array_equal(redrawn(blank, 0), blank)
    assert redrawn(blank[:0], 0).shape == (0, 28, 28)


def test_a_skeleton_is_one_pixel_wide_and_holds_together():
    ink = np.zeros((2, 20, 20), bool)
    ink[0, 5:15, 8:11] = True  # a bar
    ink[1, 3:17, 3:17] = True  # a ring
    ink[1, 7:13, 7:13] = False
    bar, ring = skeletons(ink)
    assert bar.sum(axis=1).max() == 1 and bar[7:13, 9].all() and not (bar & ~ink[0]).any()
    rows, columns = np.nonzero(ring)
    assert not ring[7:13, 7:13].any() and ring.sum() < 50
    for row, column in zip(rows, columns, strict=True):  # no ends
        assert ring[row - 1 : row + 2, column - 1 : column + 2].sum() >= 3


def test_erosion_leaves_what_is_thick():
    ink = np.zeros((1, 20, 20), bool)
    ink[0, 2:13, 2:13] = True
    ink[0, 15, 2:18] = True
    left = eroded(ink, 4)[0]
    assert left.sum() == 9 and left[6:9, 6:9].all()
