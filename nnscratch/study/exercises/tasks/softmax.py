"""Exercise: softmax with cross-entropy, the loss and its gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.ops.losses import log_softmax, softmax_backward, softmax_cross_entropy, softmax_forward
from nnscratch.study.exercises.exercise import Case, Exercise, Mistake, numbers


def _targets(labels: list[int], classes: int, smoothing: float = 0.0) -> Array:
    y = np.eye(classes)[:, labels]
    return np.asarray((1 - smoothing) * y + smoothing / classes)


def _over_the_batch(z: Array, y: Array) -> tuple[Any, ...]:
    log_p = log_softmax(z.T).T
    return -float((y * log_p).sum()) / z.shape[1], (np.exp(log_p) - y) / z.shape[1]


def _by_the_probability(z: Array, y: Array) -> tuple[Any, ...]:
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        return None, -y / softmax_forward(z) / z.shape[1]


def _without_maximum(z: Array, y: Array) -> tuple[Any, ...]:
    with np.errstate(all="ignore"):
        p = np.exp(z) / np.exp(z).sum(axis=0)
        return -(y * np.log(p)).sum() / z.shape[1], (p - y) / z.shape[1]


def _log_of_a_sum_without_maximum(z: Array, y: Array) -> tuple[Any, ...]:
    with np.errstate(all="ignore"):
        log_p = z - np.log(np.exp(z).sum(axis=0))
        return -(y * log_p).sum() / z.shape[1], (np.exp(log_p) - y) / z.shape[1]


def _log_of_zero(z: Array, y: Array) -> tuple[Any, ...]:
    with np.errstate(all="ignore"):
        return -(y * np.log(softmax_forward(z))).sum() / z.shape[1], None


EXERCISE = Exercise(
    name="softmax_cross_entropy",
    line="the mean cross-entropy of softmax, and its gradient by the scores",
    parameters=("z", "y"),
    returns=("loss", "dz"),
    shapes="z (K, N) scores, y (K, N) targets, each column sums to 1\n-> loss (a float), dz (K, N)",
    forward="p[k, n] = exp(z[k, n]) / sum over j of exp(z[j, n])\nloss = -1/N * sum over k, n of y[k, n] log p[k, n]",
    hint="log p[j] = z[j] - log(sum over k of exp(z[k])): differentiate that by z[k], and use that y sums to 1. Scores "
    "may be as large as 1000: what may be taken off all of a column without changing p?",
    read='nnscratch/ops/DERIVATIONS.md, "Softmax and cross-entropy"; nnscratch/ops/losses.py',
    solution=softmax_cross_entropy,
    own_loss=True,
    cases=(
        Case("3 classes, 4 images", (numbers(1, 3, 4), _targets([2, 0, 1, 2], 3))),
        Case("smoothed targets", (numbers(2, 4, 3), _targets([1, 3, 0], 4, 0.2))),
        Case("one image", (numbers(3, 5, 1), _targets([4], 5))),
        Case(
            "scores of 1000",
            (np.array([[1000.0, -3.0], [1.0, 1000.0], [0.0, 2.0]]), _targets([0, 2], 3)),
            "take the largest score off each column, so that exp does not overflow, and compute log p as "
            "z - max - log(sum of exp), so that log never meets 0",
        ),
    ),
    mistakes=(
        Mistake(
            "the sum over the batch is not divided by N: the loss is a mean",
            lambda z, y: tuple(z.shape[1] * value for value in softmax_cross_entropy(z, y)),
        ),
        Mistake(
            "divided by the classes too: the mean runs over the N images, not over all K N numbers",
            lambda z, y: tuple(value / z.shape[0] for value in softmax_cross_entropy(z, y)),
        ),
        Mistake(
            "one loss for each image came: the mean over the batch is missing",
            lambda z, y: (-(y * log_softmax(z)).sum(axis=0), None),
        ),
        Mistake("softmax runs over the batch (axis 1), but must run over the classes (axis 0)", _over_the_batch),
        Mistake(
            "the derivative of softmax is missing: this is the gradient by p, -y / p, not by z", _by_the_probability
        ),
        Mistake("y is not subtracted: dz is (p - y) / N", lambda z, y: (None, softmax_forward(z) / z.shape[1])),
        Mistake("this is p itself: dz is (p - y) / N", lambda z, y: (None, softmax_forward(z))),
        Mistake(
            "the log is missing: the loss sums y log p, not y p",
            lambda z, y: (
                -float((y * softmax_forward(z)).sum()) / z.shape[1],
                softmax_backward(-y / z.shape[1], softmax_forward(z)),
            ),
        ),
        Mistake(
            "the logarithm has base 2, but must be the natural one",
            lambda z, y: tuple(value / np.log(2) for value in softmax_cross_entropy(z, y)),
        ),
        Mistake(
            "softmax is missing: y - z, or the scores themselves, stand where probabilities must",
            lambda z, y: (None, (z - y) / z.shape[1]),
        ),
        Mistake("exp overflows for large scores: take the largest of each column off first", _without_maximum),
        Mistake(
            "exp overflows inside the log of the sum: take the largest of each column off first",
            _log_of_a_sum_without_maximum,
        ),
        Mistake("the log meets 0 for large scores: compute log p as z - max - log(sum of exp)", _log_of_zero),
    ),
)
