"""Data sets of other classes than digits: made-up signs, which any network can tell apart."""

import numpy as np

from nnscratch.data import Dataset

ANIMALS = ("cat", "dog")
LETTERS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def many(count):
    """Names of any number of classes."""
    return tuple(f"kind {k:03}" for k in range(count))


def glyphs(classes, per_class=8, test=2, noise=25, seed=0):
    """A data set of (28, 28) uint8: of each class a sign of random 4 x 4 blocks, moved, faded and noisy."""
    rng = np.random.default_rng(seed)
    signs = np.kron(rng.integers(0, 2, (len(classes), 6, 6)), np.ones((4, 4))) * 255.0

    def drawn(n):
        labels = np.tile(np.arange(len(classes)), n)
        images = np.zeros((len(labels), 28, 28))
        for image, label in zip(images, labels, strict=True):
            top, left = rng.integers(0, 5, 2)
            image[top : top + 24, left : left + 24] = signs[label] * rng.uniform(0.6, 1)
        return (images + rng.normal(0, noise, images.shape)).clip(0, 255).astype(np.uint8), labels

    return Dataset(*drawn(per_class), *drawn(test), name="signs", source="made up", classes=tuple(classes))
