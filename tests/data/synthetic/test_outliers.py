"""Images that are no digit: of every kind, the same for a seed, in MNIST's form where that is promised."""

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.data.synthetic.outliers import SHARES, kinds, outliers
from nnscratch.data.synthetic.spoiled import Digits


@pytest.fixture(scope="module")
def data():
    mnist = nn.load_mnist()
    return mnist.train_images[:1000], mnist.train_labels[:1000]


@pytest.mark.parametrize("name", kinds)
def test_every_kind_has_ink_and_the_seed_decides(name, data):
    digits = Digits(*data)
    one, same, other = (kinds[name](digits, 60, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one.shape == (60, 28, 28) and one.dtype == np.uint8
    assert np.array_equal(one, same) and not np.array_equal(one, other)
    assert (one.max(axis=(1, 2)) > (0 if name == "noise" else 127)).all()
    assert kinds[name](digits, 0, np.random.default_rng(0)).shape == (0, 28, 28)


def test_outliers_mixes_all_kinds(data):
    assert SHARES.keys() == kinds.keys() and sum(SHARES.values()) == pytest.approx(1)
    one, same, other = (outliers(*data, 301, seed=seed) for seed in (1, 1, 2))
    assert one.shape == (301, 28, 28) and one.dtype == np.uint8
    assert np.array_equal(one, same) and not np.array_equal(one, other)
