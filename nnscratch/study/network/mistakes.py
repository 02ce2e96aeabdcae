"""What a network reads wrongly, by the true digit and the one that was read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnscratch.arrays import Array


@dataclass(frozen=True)
class Confusion:
    """The images of the digit ``true`` that were read as ``read``: their numbers and confidence (0..1), both (n,).

    The most confident comes first.
    """

    true: int
    read: int
    images: Array
    confidence: Array


def confusions(log_probabilities: Array, labels: Array) -> list[Confusion]:
    """Return every pair of digits that was confused, by true digit, then by the one read.

    log_probabilities (N, K), labels (N,).
    """
    read = log_probabilities.argmax(axis=1)
    confidence = np.exp(log_probabilities.max(axis=1).astype(np.float64))
    found = []
    for true, other in sorted({(int(t), int(r)) for t, r in zip(labels, read, strict=True) if t != r}):
        images = np.flatnonzero((labels == true) & (read == other))
        images = images[np.argsort(-confidence[images], kind="stable")]
        found.append(Confusion(true, other, images, confidence[images]))
    return found
