"""Digits that lie or are dark on light are warned of, and no others."""

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.data.orientation import LOOKS, orientation_warning
from nnscratch.pictures.preprocess import to_mnist
from tests.tools.data_files import digits
from tests.tools.published import mnist_digits, small_digits

IMAGES, LABELS = mnist_digits(600)
WRONG = {
    "transposed (": IMAGES.swapaxes(1, 2),
    "transposed across": np.rot90(IMAGES.swapaxes(1, 2), 2, (1, 2)),
    "turned a quarter to the left": np.rot90(IMAGES, 1, (1, 2)),
    "turned a quarter to the right": np.rot90(IMAGES, -1, (1, 2)),
    "upside down": np.rot90(IMAGES, 2, (1, 2)),
    "mirrored left": IMAGES[:, :, ::-1],
    "mirrored top": IMAGES[:, ::-1],
    "dark on light": 255 - IMAGES,
    "exchanged) and dark on light": 255 - IMAGES.swapaxes(1, 2),
}


@pytest.mark.parametrize("looks", WRONG)
@pytest.mark.parametrize("count", [50, 600])
def test_what_lies_is_warned_of(looks, count):
    said = orientation_warning(WRONG[looks][:count], LABELS[:count])
    assert said.startswith("warning: the digits look ") and looks in said and "taken as they are" in said
    assert len(set(LOOKS.values())) == 8


def noisy(images):
    return np.clip(images * 0.5 + np.random.default_rng(0).normal(0, 80, images.shape), 0, 255).astype(np.uint8)


UPRIGHT = {
    "MNIST": (IMAGES, LABELS),
    "few": (WRONG["upside down"][:30], LABELS[:30]),
    "noisy": (noisy(IMAGES), LABELS),
    "noise": digits(600),
    "faint": (IMAGES // 8, LABELS),
    "grey": (IMAGES // 3 + 120, LABELS),
    "wrong labels": (IMAGES, LABELS[::-1]),
    "one class": (IMAGES[LABELS == 6], LABELS[LABELS == 6]),
    "zeros and ones": (IMAGES[LABELS < 2], LABELS[LABELS < 2]),
    "not centred": (np.roll(IMAGES, 6, 1), LABELS),
    "blank": (np.zeros_like(IMAGES), LABELS),
}


@pytest.mark.parametrize("name", UPRIGHT)
def test_others_are_not(name):
    assert orientation_warning(*UPRIGHT[name]) == ""


def test_small_digits_are_not():
    images, labels = small_digits(200)
    made = [to_mnist(np.kron(image / 16, np.ones((4, 4))).astype(np.float32)) for image in images]
    assert orientation_warning(np.stack(made), labels) == ""


def test_all_of_mnist_is_not_warned_of():
    data = nn.load_mnist()
    assert data.notes == "" and orientation_warning(data.test_images, data.test_labels) == ""
