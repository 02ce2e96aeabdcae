"""Exercise: softmax with cross-entropy, the loss and its gradient."""

from __future__ import annotations

import math

import numpy as np

from nnscratch.arrays import Array
from nnscratch.study.exercises.exercise import Case, Exercise, numbers, sizes

LARGE = (  # for who fails with large scores alone
    "take the largest score off each column, so that exp does not overflow, and compute log p as "
    "z - max - log(sum of exp), so that log never meets 0"
)
EPSILONS = ("1e-16", "1e-15", "1e-12", "1e-10", "1e-9", "1e-8", "1e-7")  # which people add to p


def _targets(labels: list[int], classes: int, smoothing: float = 0.0) -> Array:
    y = np.eye(classes)[:, labels]
    return np.asarray((1 - smoothing) * y + smoothing / classes)


def softmax_cross_entropy(z: Array, y: Array) -> tuple[float, Array]:
    """Return the loss and dz."""
    N = z.shape[1]
    shifted = z - z.max(axis=0, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=0, keepdims=True))
    p = np.exp(log_p)
    loss = -(y * log_p).sum() / N
    dz = (p - y) / N
    return loss, dz


def _draw(rng: np.random.Generator) -> tuple[Case, ...]:
    (K, N), high = sizes(rng, 2), float(rng.uniform(800, 2000))
    labels = [int(label) for label in rng.integers(K, size=N)]
    scores = numbers(rng, K, N)
    scores[labels[1:], range(1, N)] = high  # far above the others: p is 1 or 0 in floating point
    scores[(labels[0] + 1) % K, 0] = 30.0
    return (
        Case(f"{K} classes, {N} images", (numbers(rng, K, N), _targets(labels, K))),
        Case("smoothed targets", (numbers(rng, K, N), _targets(labels, K, float(rng.uniform(0.1, 0.3))))),
        Case("one image", (numbers(rng, N + 2, 1), _targets([int(rng.integers(N))], N + 2))),
        Case(f"scores of {high:.0f}", (scores, _targets(labels, K)), LARGE),
    )


EXERCISE = Exercise(
    name="softmax_cross_entropy",
    line="the loss of classifiers, and dz",
    parameters=("z", "y"),
    returns=("loss", "dz"),
    shapes="z (K, N) scores, y (K, N) targets, each column sums to 1\n-> loss (a float), dz (K, N)",
    forward="p[k, n] = exp(z[k, n]) / (sum over j of exp(z[j, n]))\nloss = -1/N sum over k, n of y[k, n] log p[k, n]\n"
    "Scores may be as large as 1000: for them, too, the loss is a number.",
    hints=(
        "exp(1000) is more than a float can hold. What may be taken off all scores of a column without changing p?",
        "Take the largest score of each column off z. Then log p[j] = z[j] - log(sum over k of exp(z[k])). "
        "Differentiate that by z[k], and use that each column of y sums to 1.",
        "With log_p (K, N) as a whole: loss = -(y * log_p).sum() / N, and dz = (p - y) / N with p = np.exp(log_p).",
    ),
    read="Softmax and cross-entropy",
    library="nnscratch/ops/losses.py",
    solution=softmax_cross_entropy,
    own_loss=True,
    cases=(
        Case("3 classes, 4 images", (numbers(1, 3, 4), _targets([2, 0, 1, 2], 3))),
        Case("smoothed targets", (numbers(2, 4, 3), _targets([1, 3, 0], 4, 0.2))),
        Case("one image", (numbers(3, 5, 1), _targets([4], 5))),
        Case(
            "scores of 1000",
            (np.array([[1000.0, -3.0, 0.5], [1.0, 1000.0, -1.0], [0.0, 2.0, 1.5]]), _targets([0, 2, 1], 3)),
            LARGE,
        ),
    ),
    draw=_draw,
    slips={
        "the sum over the batch is not divided by N: the loss is a mean": ("z.shape[1]", "1"),
        "divided by the number of classes: N is that of the images, z.shape[1]": ("z.shape[1]", "z.shape[0]"),
        "divided by the classes too: the mean runs over the N images, not over all K N numbers": (
            "z.shape[1]",
            "z.size",
        ),
        "the arrays are taken batch-first: here the batch is the last axis, z and y are (K, N)": (
            "z.shape[1]",
            "z.shape[0]",
            "axis=0",
            "axis=1",
        ),
        "the loss is that of the last image alone: add all up (= where += must stand?)": (
            "(y * log_p).sum()",
            "(y * log_p)[:, -1].sum()",
        ),
        "one loss for each image came: the mean over the batch is missing": (".sum() / N", ".sum(axis=0)"),
        "softmax runs over the batch (axis 1), but must run over the classes (axis 0)": ("axis=0", "axis=1"),
        "the derivative of softmax is missing: this is the gradient with respect to p, -y / p, not by z": (
            "(p - y)",
            "-y / p",
        ),
        "y is not subtracted: dz is (p - y) / N": ("(p - y)", "p"),
        "this is p itself: dz is (p - y) / N": ("(p - y) / N", "p"),
        "the log is missing: the loss sums y log p, not y p": (
            "y * log_p",
            "y * p",
            "(p - y)",
            "p * ((y * p).sum(axis=0) - y)",
        ),
        "the logarithm has base 2, but must be the natural one": ("N = z.shape[1]", "N = z.shape[1] * np.log(2)"),
        "softmax is missing: y - z, or the scores themselves, stand where probabilities must": ("(p - y)", "(z - y)"),
        "exp overflows for large scores: take the largest of each column off first": (
            "z - z.max(axis=0, keepdims=True)",
            "z",
            "shifted - np.log(np.exp(shifted).sum(axis=0, keepdims=True))",
            "np.log(np.exp(z) / np.exp(z).sum(axis=0, keepdims=True))",
        ),
        "exp overflows inside the log of the sum: take the largest of each column off first": (
            "z - z.max(axis=0, keepdims=True)",
            "z",
        ),
        "the log meets 0 for large scores: compute log p as z - max - log(sum of exp)": ("y * log_p", "y * np.log(p)"),
        "softmax is missing: the shifted scores stand where probabilities must": ("(p - y)", "(shifted - y)"),
        "the sum of exp runs over all images: each column has its own": (
            ".sum(axis=0, keepdims=True)",
            ".sum()",
        ),
        "this is the diagonal of softmax's derivative: z[k] changes every p, and dz is (p - y) / N": (
            "(p - y)",
            "p * (1 - p)",
        ),
        "p (1 - p) stands in it once more: with cross-entropy it cancels, and dz is (p - y) / N": (
            "(p - y)",
            "(p - y) * p * (1 - p)",
        ),
        "this is a squared error: the loss is -1/N times the sum of y log p": (
            "-(y * log_p).sum()",
            "((p - y) ** 2).sum()",
        ),
        "log(1 - p) belongs to questions of yes or no: the loss is -1/N times the sum of y log p": (
            "(y * log_p)",
            "(y * log_p + (1 - y) * np.log(1 - p))",
        ),
        "the largest of all scores is taken off, but each column has its own: for the others exp gives 0": (
            "z.max(axis=0, keepdims=True)",
            "z.max()",
        ),
        "softmax is applied twice: it is a part of this loss, which takes the scores themselves": (
            "N = z.shape[1]",
            "N = z.shape[1]; z = np.exp(z - z.max(axis=0)); z = z / z.sum(axis=0)",
        ),
        "each column is taken to have one label: y may be smoothed, and all of it counts": (
            "N = z.shape[1]",
            "N = z.shape[1]; y = np.eye(len(y))[:, y.argmax(axis=0)]",
        ),
    }
    | {
        f"with eps = {eps} log p is at least {math.log(float(eps)):.0f}: compute it as z - max - log(sum of exp)": (
            "y * log_p",
            f"y * np.log(p + {eps})",
        )
        for eps in EPSILONS
    },
)
