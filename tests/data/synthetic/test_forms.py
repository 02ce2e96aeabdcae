"""Other forms of digits: more of them, at the end, in MNIST's form."""

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.data.synthetic.digit_forms import DIGIT_FORMS
from nnscratch.data.synthetic.forms import bar, belt, foot, slash, tail, upstroke, with_forms, with_stroke
from nnscratch.runs.experiment import begin
from nnscratch.runs.settings import Settings
from tests.data.synthetic.shapes import has_mnists_form, holes

STROKES = [upstroke, foot, bar, tail, slash, belt]


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
    assert added.tolist() == [round(share * (labels == k).sum()) if k in DIGIT_FORMS else 0 for k in range(10)]
    assert more.dtype == np.uint8 and truth.dtype == labels.dtype


def test_the_seed_decides(data):
    one, other, third = (with_forms(*data, 0.3, seed)[0] for seed in (1, 1, 2))
    assert np.array_equal(one, other) and not np.array_equal(one[1000:], third[1000:])


def test_the_old_path_still_answers(data):
    from nnscratch.data import digit_variants

    with pytest.warns(DeprecationWarning, match=r"data\.synthetic\.forms\.with_forms"):
        assert digit_variants.with_forms is with_forms


@pytest.mark.parametrize(("digit", "change"), [(1, upstroke), (1, foot), (7, bar), (9, tail), (0, slash), (0, belt)])
def test_ink_is_added_and_the_form_is_mnists(digit, change, data):
    images, labels = data
    rng = np.random.default_rng(0)
    for image in images[labels == digit][:60]:
        assert has_mnists_form(with_stroke(image, change, rng))


def test_an_upstroke_is_to_the_left_of_the_upper_end():
    stem = np.zeros((28, 28), np.uint8)
    stem[4:24, 13:15] = 255
    made = with_stroke(stem, upstroke, np.random.default_rng(0)).astype(int)
    middle = round(np.average(np.arange(28), weights=made[20:23].sum(axis=0)))
    assert made[:16, : middle - 2].sum() > 10 * made[:16, middle + 3 :].sum()
    assert made[20:, : middle - 3].sum() == 0


@pytest.mark.parametrize("change", [slash, belt])
def test_a_ring_with_a_stroke_through_it_has_two_holes(change):
    y, x = np.mgrid[:28, :28]
    ring = np.where(np.abs(np.hypot((x - 13.5) / 0.8, y - 13.5) - 9) < 1, 255, 0).astype(np.uint8)
    rng = np.random.default_rng(0)
    assert holes(ring) == 1
    assert np.mean([holes(with_stroke(ring, change, rng)) == 2 for _ in range(50)]) > 0.8


def test_a_tail_goes_to_the_left_of_the_stem_and_rises():
    nine = np.zeros((28, 28), np.uint8)
    nine[4:12, 9:18] = 255
    nine[6:10, 11:16] = 0
    nine[4:24, 16:18] = 255
    rng = np.random.default_rng(0)
    for _ in range(20):
        made = with_stroke(nine, tail, rng) > 100
        lowest = made[-8:] if made[-1].any() else made[: np.flatnonzero(made.any(axis=1))[-1] + 1][-6:]
        assert np.flatnonzero(lowest.any(axis=0))[0] < np.flatnonzero(made.any(axis=0))[-1] - 3
        assert holes(made) >= 1


@pytest.mark.parametrize("change", STROKES)
def test_a_blank_image_stays_blank(change):
    blank = np.zeros((28, 28), np.uint8)
    assert with_stroke(blank, change, np.random.default_rng(0)).max() == 0


@pytest.mark.parametrize("change", STROKES)
@pytest.mark.parametrize("row", [0, 27])
def test_ink_in_one_row_only(change, row):
    image = np.zeros((28, 28), np.uint8)
    image[row, 5:20] = 255
    assert with_stroke(image, change, np.random.default_rng(0)).shape == (28, 28)


@pytest.mark.slow
def test_a_training_sees_them_and_is_judged_without(tmp_path):
    settings = Settings(limit=600, val_size=100, forms=0.5, epochs=1)
    experiment = begin("logistic", settings, nn.load_mnist(), tmp_path)
    own = nn.load_mnist().train_labels[experiment.train]
    more = sum(round(0.5 * int((own == digit).sum())) for digit in DIGIT_FORMS)
    assert len(experiment.trainer.images) == len(experiment.trainer.labels) == 500 + more
    experiment.trainer.run()
    assert experiment.finish()["train"]["n"] == 500
    described = begin("logistic", settings, nn.load_mnist(), tmp_path, to_run=False)
    assert len(described.trainer.images) == 500
