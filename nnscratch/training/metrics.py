"""Figures of a classifier: accuracy with its interval, confusion matrix, precision, recall, F1, loss; of a regression:
R^2 and errors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nnscratch.arrays import Array


def confusion_matrix(labels: Array, predicted: Array, classes: int = 10) -> Array:
    """Return counts (classes, classes) int64: row = true label, column = predicted label, both (N,)."""
    cells = np.asarray(labels, np.int64) * classes + np.asarray(predicted, np.int64)
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def count_correct(out: Array, labels: Array) -> int:
    """Return for how many columns of out (K, N) the largest is the label's (N,), or has the largest share (N, K)."""
    answers = out.argmax(axis=0)
    if labels.ndim == 2:
        return int((labels[np.arange(len(labels)), answers] == labels.max(axis=1)).sum())
    return int((answers == labels).sum())


def precision_recall_f1(confusion: Array) -> tuple[Array, Array, Array]:
    """Return precision, recall and F1 per class, each (classes,) in 0..1; 0 where nothing was predicted or present.

    Source: C. van Rijsbergen, "Information Retrieval", 1979, chapter 7.
    """
    correct = np.diag(confusion).astype(float)
    predicted, present = confusion.sum(axis=0), confusion.sum(axis=1)
    precision = np.divide(correct, predicted, out=np.zeros_like(correct), where=predicted > 0)
    recall = np.divide(correct, present, out=np.zeros_like(correct), where=present > 0)
    total = precision + recall
    f1 = np.divide(2 * precision * recall, total, out=np.zeros_like(correct), where=total > 0)
    return precision, recall, f1


def wilson_interval(correct: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """Return the 95 % interval of a share of ``correct`` in ``n`` trials. E. Wilson, JASA 22, 1927."""
    if n == 0:
        return 0.0, 1.0
    p = correct / n
    center = p + z * z / (2 * n)
    spread = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max((center - spread) / scale, 0.0), min((center + spread) / scale, 1.0)


def calibration_error(confidence: Array, correct: Array, bins: int = 15) -> float:
    """Return the expected calibration error: how far confidence (N,) is from the share that is ``correct`` (N,), 0..1.

    The mean over ``bins`` equal ranges of confidence of |mean confidence - share right|, weighted by their images.
    C. Guo, G. Pleiss, Y. Sun, K. Weinberger: On Calibration of Modern Neural Networks, ICML 2017, equation 3.
    """
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    total = np.bincount(place, weights=confidence - correct, minlength=bins)
    return float(np.abs(total).sum() / max(len(confidence), 1))


TOP = 5


def top_k_accuracy(scores: Array, labels: Array, k: int = TOP) -> float:
    """Return the share of images whose label (N,) is among the ``k`` largest of scores (N, K); of equals, the first."""
    own = scores[np.arange(len(labels)), labels][:, None]
    earlier = np.arange(scores.shape[1]) < np.asarray(labels)[:, None]
    ahead = (scores > own) | ((scores == own) & earlier)
    return float((ahead.sum(axis=1) < k).mean())


def r2_score(predicted: Array, targets: Array) -> float:
    """Return the coefficient of determination, the mean over the outputs, for predictions and targets (N, K).

    1 - (sum of squared errors) / (sum of squares about the targets' mean): 1 is perfect, and 0 what always answering
    that mean gives. Targets that are all the same give 1 where they are met, else 0, as in scikit-learn.
    """
    errors = ((np.asarray(targets, np.float64) - predicted) ** 2).sum(axis=0)
    total = ((np.asarray(targets, np.float64) - np.mean(targets, axis=0, dtype=np.float64)) ** 2).sum(axis=0)
    scores = np.where(errors == 0, 1.0, 0.0)
    np.divide(total - errors, total, out=scores, where=total > 0)
    return float(scores.mean())


def regression_report(predicted: Array, targets: Array) -> dict[str, Any]:
    """Return the figures of predictions for targets, both (N, K), as plain numbers.

    Keys: n, loss (the mean squared error), mean_absolute_error, r2 (see :func:`r2_score`).
    """
    errors = np.asarray(targets, np.float64) - predicted
    return {
        "n": len(errors),
        "loss": float((errors**2).mean()),
        "mean_absolute_error": float(np.abs(errors).mean()),
        "r2": r2_score(predicted, targets),
    }


def classification_report(log_probabilities: Array, labels: Array) -> dict[str, Any]:
    """Return every figure for log-probabilities (N, K) and integer labels (N,), as plain numbers and lists.

    Keys: n, loss (nats), accuracy, accuracy_interval (95 %, Wilson), top_5_accuracy (of more than 5 classes),
    precision, recall, f1 (lists by class), macro_precision, macro_recall, macro_f1 (means over the classes that are
    present), calibration_error (expected, 15 bins), confusion (rows: true).
    """
    n, classes = log_probabilities.shape
    labels = np.asarray(labels, np.int64)
    confusion = confusion_matrix(labels, log_probabilities.argmax(axis=1), classes)
    precision, recall, f1 = precision_recall_f1(confusion)
    correct = int(np.trace(confusion))
    present = confusion.sum(axis=1) > 0
    return {
        "n": n,
        "loss": float(-log_probabilities[np.arange(n), labels].mean()),
        "accuracy": correct / n,
        "accuracy_interval": list(wilson_interval(correct, n)),
        **({f"top_{TOP}_accuracy": top_k_accuracy(log_probabilities, labels)} if classes > TOP else {}),
        "precision": precision.tolist(),
        "recall": recall.tolist(),
        "f1": f1.tolist(),
        "macro_precision": float(precision[present].mean()),
        "macro_recall": float(recall[present].mean()),
        "macro_f1": float(f1[present].mean()),
        "calibration_error": calibration_error(
            np.exp(log_probabilities.max(axis=1).astype(np.float64)), log_probabilities.argmax(axis=1) == labels
        ),
        "confusion": confusion.tolist(),
    }
