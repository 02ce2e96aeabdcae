"""Letters drawn from strokes: no digits among them, several ways of most, and MNIST's form."""

import numpy as np

import nnscratch as nn
from nnscratch.data.synthetic.letters import KINDS, LETTERS, letters
from tests.data.synthetic.shapes import has_mnists_form


def test_shape_kind_and_form():
    images = letters(150, np.random.default_rng(0))
    assert images.shape == (150, 28, 28) and images.dtype == np.uint8
    assert all(has_mnists_form(image) for image in images)
    assert letters(0, np.random.default_rng(0)).shape == (0, 28, 28)


def test_the_numbers_decide():
    one, other, third = (letters(20, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, other) and not any(np.array_equal(a, b) for a, b in zip(one, third, strict=True))


def test_which_letters():
    assert not set(LETTERS) & set("OoQqDIilSsZzBbgj") and len(LETTERS) >= 36
    assert sum(len(ways) > 1 for ways in LETTERS.values()) >= 30 and len(KINDS) == len(set(KINDS))


def test_a_network_that_knows_digits_alone_is_less_sure_of_letters():
    model = nn.load_pretrained("lenet5")
    mnist = nn.load_mnist().test_images[:300]
    sure, unsure = (
        np.median(model.predict_proba(images).max(axis=1)) for images in (mnist, letters(300, np.random.default_rng(0)))
    )
    assert unsure < sure
