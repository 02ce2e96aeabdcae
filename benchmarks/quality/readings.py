"""What a model reads in drawings, each drawn in several conditions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np

import nnscratch as nn
from nnscratch.arrays import Array
from nnscratch.models.confidence import SURE, UNSURE


@dataclass(frozen=True)
class Readings:
    """What one model reads in N drawings in C conditions, each (C, N). Where there is no ink, ``read`` is -1."""

    read: Array
    right: Array
    confidence: Array
    sure: Array
    refused: Array

    def of(self, drawings: Array) -> Readings:
        """Return those of some drawings: (N,) bool, or their numbers."""
        return Readings(*(each[:, drawings] for each in astuple(self)))

    def confusions(self, labels: Array) -> Counter[tuple[int, int]]:
        """Return how often each (label, read) occurs that is wrong; labels: (N,)."""
        true = np.broadcast_to(labels, self.read.shape)[~self.right]
        return Counter(zip(true.tolist(), self.read[~self.right].tolist(), strict=True))

    def by_class(self, labels: Array) -> list[float]:
        """Return the share of each digit's readings that is right, 0 of those that do not occur."""
        return [float(self.right[:, labels == k].mean()) if (labels == k).any() else 0.0 for k in range(10)]


def read_all(model: nn.Sequential, pictures: Sequence[Array | None], labels: Array) -> Readings:
    """Return what a model reads in N pictures in MNIST's form, (1, N) each; None: there is no ink."""
    blank = np.array([picture is None for picture in pictures])
    said = model.read(np.stack([np.zeros((28, 28), np.uint8) if picture is None else picture for picture in pictures]))
    read = np.where(blank, -1, [one.digit for one in said])
    confidence = np.where(blank, 0, [one.confidence for one in said])
    sure = ~blank & [one.verdict == SURE for one in said]
    refused = blank | [one.verdict not in (SURE, UNSURE) for one in said]
    return Readings(*(each[None] for each in (read, read == labels, confidence, sure, refused)))


def stacked(parts: Sequence[Readings]) -> Readings:
    """Return readings of the same drawings as one, a condition below the other."""
    return Readings(*(np.concatenate(each) for each in zip(*map(astuple, parts), strict=True)))
