"""Other forms of the 1, the 7 and the 9: more of them, at the end, in MNIST's form."""

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.data.digit_variants import bar, tail, upstroke, with_forms, with_stroke
from nnscratch.runs.experiment import begin
from nnscratch.runs.settings import Settings


@pytest.fixture(scope="module")
def data():
    mnist = nn.load_mnist()
    return mnist.train_images[:1000], mnist.train_labels[:1000]


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_share_of_each_digit_is_added_at_the_end(share, data):
    images, labels = data
    more, truth = with_forms(images, labels, share, seed=1)
    assert np.array_equal(more[:1000], images) and np.array_equal(truth[:1000], labels)
    added = np.bincount(truth[1000:], minlength=10)
    assert added.tolist() == [round(share * (labels == k).sum()) if k in (1, 7, 9) else 0 for k in range(10)]
    assert more.dtype == np.uint8 and truth.dtype == labels.dtype


def test_the_seed_decides(data):
    one, other, third = (with_forms(*data, 0.3, seed)[0] for seed in (1, 1, 2))
    assert np.array_equal(one, other) and not np.array_equal(one[1000:], third[1000:])


@pytest.mark.parametrize(("digit", "change"), [(1, upstroke), (7, bar), (9, tail)])
def test_ink_is_added_and_the_form_is_mnists(digit, change, data):
    images, labels = data
    rng = np.random.default_rng(0)
    for image in images[labels == digit][:60]:
        made = with_stroke(image, change, rng)
        rows, columns = (np.flatnonzero(made.any(axis=axis)) for axis in (1, 0))
        assert max(np.ptp(rows), np.ptp(columns)) + 1 in (19, 20, 21)
        mass = made / made.sum()
        for axis in (0, 1):
            assert abs(mass.sum(axis=1 - axis) @ np.arange(28) - 14) < 0.6


def test_an_upstroke_is_to_the_left_of_the_upper_end():
    stem = np.zeros((28, 28), np.uint8)
    stem[4:24, 13:15] = 255
    made = with_stroke(stem, upstroke, np.random.default_rng(0)).astype(int)
    middle = round(np.average(np.arange(28), weights=made[20:23].sum(axis=0)))
    assert made[:16, : middle - 2].sum() > 10 * made[:16, middle + 3 :].sum()
    assert made[20:, : middle - 3].sum() == 0


@pytest.mark.parametrize("change", [upstroke, bar, tail])
def test_a_blank_image_stays_blank(change):
    blank = np.zeros((28, 28), np.uint8)
    assert with_stroke(blank, change, np.random.default_rng(0)).max() == 0


@pytest.mark.slow
def test_a_training_sees_them_and_is_judged_without(tmp_path):
    settings = Settings(limit=600, val_size=100, forms=0.5, epochs=1)
    experiment = begin("logistic", settings, nn.load_mnist(), tmp_path)
    own = nn.load_mnist().train_labels[experiment.train]
    more = sum(round(0.5 * int((own == digit).sum())) for digit in (1, 7, 9))
    assert len(experiment.trainer.images) == len(experiment.trainer.labels) == 500 + more
    experiment.trainer.run()
    assert experiment.finish()["train"]["n"] == 500
    described = begin("logistic", settings, nn.load_mnist(), tmp_path, to_run=False)
    assert len(described.trainer.images) == 500


@pytest.mark.parametrize("change", [upstroke, bar, tail])
@pytest.mark.parametrize("row", [0, 27])
def test_ink_in_one_row_only(change, row):
    image = np.zeros((28, 28), np.uint8)
    image[row, 5:20] = 255
    assert with_stroke(image, change, np.random.default_rng(0)).shape == (28, 28)
