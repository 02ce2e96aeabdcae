"""The ground of 28 x 28 pictures: what is black, what is clearly not, and grey made black again."""

import warnings

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.pictures.background import is_black, is_lighter, without_ground
from nnscratch.pictures.preprocess import to_mnist


@pytest.fixture(scope="module")
def digits():
    return nn.load_mnist().test_images[:300], nn.load_mnist().test_labels[:300]


def on_gray(images, gray):
    return (gray + (1 - gray) * (images / 255)).astype(np.float32)


def to_bytes(images):
    return np.rint(255 * images).astype(np.uint8)


def test_mnist_is_black_and_never_lighter(digits):
    for images in (digits[0], digits[0] / np.float32(255), digits[0].reshape(-1, 784), digits[0][:, None]):
        assert is_black(images) and not any(is_lighter(image[None]) for image in images)


@pytest.mark.parametrize("gray", [0.1, 0.3, 0.8])
def test_gray_is_lighter_and_not_black(digits, gray):
    for images in (on_gray(digits[0], gray), to_bytes(on_gray(digits[0], gray)), on_gray(digits[0][:1], gray)):
        assert is_lighter(images) and not is_black(images)


def test_what_is_neither(digits):
    gray = on_gray(digits[0], 0.3)
    gray[: len(gray) // 2 + 1] = digits[0][: len(gray) // 2 + 1] / 255
    assert not is_lighter(gray) and not is_black(np.zeros((3, 8, 8))) and not is_black(np.zeros((0, 28, 28)))
    faint = np.clip(np.random.default_rng(0).normal(0, 0.1, (50, 28, 28)), 0, 1)  # noise on black
    assert not is_lighter(faint)
    picture = np.zeros((1, 28, 28))
    picture[0, :20] = 1  # what is no digit may touch most of the border
    assert not is_lighter(picture)


@pytest.mark.parametrize("gray", [0.06, 0.3, 0.5, 0.8])
def test_gray_is_made_black_again(digits, gray):
    for image in digits[0][:50]:
        for picture in (on_gray(image, gray), 1 - on_gray(image, gray)):
            again = to_mnist(to_bytes(picture))
            assert np.abs(again.astype(int) - image).max() <= 1 + 0.5 / (1 - gray)
        assert without_ground(image) is image


def test_networks_of_digits_warn_of_gray_and_read_what_the_remedy_makes(digits):
    images, labels = digits
    gray = on_gray(images, 0.3)
    mlp = nn.load_pretrained("mlp")
    for ask in (mlp.predict, mlp.predict_proba, mlp.read, mlp.logits, lambda given: mlp.score(given, labels)):
        for given in (gray, to_bytes(gray), gray.reshape(-1, 784)):
            with pytest.warns(nn.BackgroundWarning, match="to_mnist") as told:
                ask(given)
            assert len(told) == 1
    with pytest.warns(nn.BackgroundWarning):
        assert mlp.score(gray, labels) < 0.5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert mlp.score(np.stack([to_mnist(image) for image in gray]), labels) == mlp.score(images, labels)
        for given in (images, images / 255, images[:1], images[:0]):
            mlp.predict(given)


@pytest.mark.parametrize("ground", [0.0, 0.4])
def test_who_was_trained_on_another_ground_or_on_other_classes_is_left_alone(digits, ground, tmp_path):
    images, labels = digits
    model = nn.Sequential([nn.Flatten(), nn.Dense(10)])
    assert not model.black_background
    model.fit(on_gray(images, ground), labels, epochs=1)
    model.save(tmp_path / "model.npz")
    for own in (model, nn.load(tmp_path / "model.npz")):
        assert own.black_background == (ground == 0)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            own.predict(on_gray(images, 0.4))
        assert len(told) == (ground == 0)
        own.classes = list("abcdefghij")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            own.predict(on_gray(images, 0.4))
