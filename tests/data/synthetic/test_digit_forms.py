"""Digits drawn from strokes: each form is what its name says, and what a network that knows digits reads in it."""

from dataclasses import replace

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.data.synthetic.digit_forms import DIGIT_FORMS, OVALS, draw
from nnscratch.data.synthetic.glyphs import glyph
from nnscratch.data.synthetic.hand import Hand
from tests.data.synthetic.shapes import has_mnists_form, holes

EVERY = [(digit, name) for digit, forms in DIGIT_FORMS.items() for name in forms]
HOLES = {  # of forms whose strokes close, by most hands
    (0, "slash"): 2,
    (0, "backslash"): 2,
    (0, "bar"): 2,
    (1, "short flag"): 0,
    (1, "long flag"): 0,
    (1, "wide foot"): 0,
    (2, "straight base"): 0,
    (2, "loop"): 1,
    (3, "flat top"): 0,
    (3, "round"): 0,
    (4, "open"): 0,
    (4, "open in one stroke"): 0,
    (4, "closed"): 1,
    (4, "closed in one stroke"): 1,
    (5, "one stroke"): 0,
    (5, "cornered"): 0,
    (6, "one stroke"): 1,
    (7, "round top and bar"): 0,
    (7, "serif"): 0,
    (8, "one stroke"): 2,
    (8, "two rings"): 2,
    (9, "curled tail"): 1,
    (9, "bent stem"): 1,
    (1, "bent foot"): 0,
    (8, "ribbon"): 2,
    (9, "small head"): 1,
}
KNOWN = [  # as MNIST's writers write, too
    (1, "stem"), (2, "straight base"), (2, "loop"), (3, "round"), (4, "open"), (4, "closed"), (5, "cornered"),
    (6, "one stroke"), (7, "round top"), (8, "one stroke"), (9, "straight stem"), (9, "bent stem"),
]  # fmt: skip


def written(notations, count, thin=False):
    rng = np.random.default_rng(5)
    hands = (Hand.of(rng) for _ in range(count))
    return np.stack([(replace(hand, pen=1.6) if thin else hand).picture(glyph(*notations), rng) for hand in hands])


def test_every_digit_has_forms_and_most_have_several_extremes():
    assert sorted(DIGIT_FORMS) == list(range(10)) and all(len(forms) >= 3 for forms in DIGIT_FORMS.values())
    assert all(len(form) >= 2 for forms in DIGIT_FORMS.values() for form in forms.values())


@pytest.mark.parametrize(("digit", "name"), EVERY)
def test_forms_have_mnists_form(digit, name):
    images = written(DIGIT_FORMS[digit][name], 15)
    assert images.shape == (15, 28, 28) and images.dtype == np.uint8 and images.max(axis=(1, 2)).min() > 240
    assert all(has_mnists_form(image) for image in images)


@pytest.mark.parametrize(("digit", "name"), HOLES)
def test_holes(digit, name):
    found = [holes(image) for image in written(DIGIT_FORMS[digit][name], 40, thin=True)]
    assert np.mean(np.array(found) == HOLES[digit, name]) > 0.6, found


@pytest.mark.parametrize("name", ["slash", "short slash", "backslash", "bar"])
def test_a_crossed_zero_has_more_ink_inside_than_its_zero(name):
    inside = np.s_[:, 12:17, 12:17]
    assert written(DIGIT_FORMS[0][name], 40)[inside].mean() > 3 * written(OVALS, 40)[inside].mean()


@pytest.mark.parametrize(("digit", "name"), KNOWN)
def test_the_pretrained_network_reads_plain_forms(digit, name):
    assert np.mean(nn.load_pretrained("lenet5").predict(written(DIGIT_FORMS[digit][name], 100)) == digit) > 0.9


def test_the_numbers_decide():
    one, other, third = (draw(7, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, other) and not np.array_equal(one, third)
