"""Confidence that holds for what people draw, too: a temperature and limits from images that were not trained on.

MNIST's validation images are read better than anybody's drawings, so a network that is sure by them alone is wrong more
often than it says. Half as many of them are drawn again as people draw (``data/synthetic/redrawn.py``); both together
decide.
"""

from __future__ import annotations

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.dataset import Dataset
from nnscratch.data.mapped import take_rows
from nnscratch.data.synthetic.redrawn import redrawn
from nnscratch.models.sequential import Sequential

SHARE_REFUSED = 0.02  # of both together: about 1 % of validation images, and as many of the drawings that chose it
MOST_REDRAWN = 2_500  # images: they take two milliseconds each


def calibrate(model: Sequential, dataset: Dataset, held_out: Array, *, seed: int, outliers: bool) -> None:
    """Set the model's temperature and limits by the training images ``held_out`` (n,), indices; of digits, redrawn too.

    ``outliers``: whether the model was shown what is no digit.
    """
    images, labels = take_rows(dataset.train_images, held_out), dataset.train_labels[held_out]
    if dataset.is_digits:
        chosen = np.arange(0, len(labels), max(2, -(-len(labels) // MOST_REDRAWN)))
        images = np.concatenate([images, redrawn(images[chosen], seed)])
        labels = np.concatenate([labels, labels[chosen]])
    score = "spread" if outliers else "energy"
    model.calibrate(images, labels, score=score, **({"refused": SHARE_REFUSED} if dataset.is_digits else {}))


def redrawn_test_images(dataset: Dataset, seed: int) -> tuple[Array, Array]:
    """Return some test images redrawn, (n, 28, 28), other than those which calibrate; and their labels (n,)."""
    chosen = np.arange(0, len(dataset.test_labels), -(-len(dataset.test_labels) // MOST_REDRAWN))
    return redrawn(take_rows(dataset.test_images, chosen), seed), dataset.test_labels[chosen]
