"""Losses: what training makes small. Each returns the loss of a batch and its gradient with respect to the output."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from nnscratch import ops
from nnscratch.arrays import Array
from nnscratch.data.scaling import as_array
from nnscratch.errors import UsageError, short_repr
from nnscratch.ops.losses import smoothed
from nnscratch.training.bounds import BOUNDS
from nnscratch.training.metrics import count_correct

Loss = Callable[[Array, Array], tuple[float, Array]]


def checked_labels(labels: Array, classes: int) -> Array:
    """Return labels as an array (N,). Raises UsageError unless they are integers in 0..classes - 1."""
    labels = np.asarray(labels)
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise UsageError(
            f"labels are {labels.dtype} of shape {labels.shape}: give integers (N,), or targets ({classes}, N)"
        )
    if labels.size and not (labels.min() >= 0 and labels.max() < classes):
        raise UsageError(f"labels run from {labels.min()} to {labels.max()}, but must lie in 0..{classes - 1}")
    return labels


def one_hot(labels: Array, classes: int, dtype: DTypeLike = "float32") -> Array:
    """Return targets (classes, N): 1 in the row of each label (N,), 0 elsewhere.

    Raises UsageError for labels that are not integers in 0..classes - 1.
    """
    labels = checked_labels(labels, classes)
    targets = np.zeros((classes, labels.size), dtype)
    targets[labels, np.arange(labels.size)] = 1
    return targets


def floats(out: Array) -> Array:
    """Return whole numbers and half precision as float64, others as they are."""
    out = as_array(out, "the outputs")
    return out.astype(np.float64) if out.dtype.kind in "biu" or out.dtype == np.float16 else out


def targets_for(out: Array, labels: Array) -> Array:
    """Return targets of the shape (K, N) and dtype of ``out`` for integer labels (N,) or targets (K, N).

    Raises UsageError when the shapes do not match.
    """
    labels = np.asarray(labels)
    targets = labels.astype(out.dtype) if labels.ndim == 2 else one_hot(labels, out.shape[0], out.dtype)
    if targets.shape != out.shape:
        raise UsageError(
            f"the network's output has the shape {out.shape} and the targets {targets.shape}: they must agree"
        )
    return targets


def softmax_cross_entropy(logits: Array, labels: Array, *, label_smoothing: float = 0.0) -> tuple[float, Array]:
    """Return the mean cross-entropy in nats and dlogits (K, N), for logits (K, N) straight from the last layer.

    labels: integers (N,) or one-hot columns (K, N). label_smoothing, 0 <= s < 1, spreads a share of each label over all
    classes. The formulas stand in ``ops/losses.py``.

    Raises UsageError for labels outside 0..K - 1, shapes that differ, or a smoothing out of range.
    """
    BOUNDS["label_smoothing"].check("the label smoothing", label_smoothing)
    logits = floats(logits)
    targets = targets_for(logits, labels)
    return ops.softmax_cross_entropy(logits, smoothed(targets, label_smoothing) if label_smoothing else targets)


def mean_squared_error(outputs: Array, labels: Array) -> tuple[float, Array]:
    """Return the mean of (output - target)^2 over all K * N numbers, and its gradient (K, N).

    labels: integers (N,), taken as one-hot columns, or targets (K, N). Raises UsageError for labels outside 0..K - 1,
    or shapes that differ.
    """
    outputs = floats(outputs)
    return ops.mean_squared_error(outputs, targets_for(outputs, labels))


def shard_loss(loss: Loss, out: Array, labels: Array, fraction: float) -> tuple[Array, Array]:
    """Return [fraction of the loss, correct ones] (2,) of a part of a batch, and dout (K, N), ``fraction`` of it too.

    out: (K, N), of whose columns the first n count, and others only fill up: there dout is 0. labels: integers (n,),
    or targets (n, K). Raises UsageError for a loss of one's own that returns something else than loss and gradient.
    """
    smoothing = smoothing_of(loss)
    if smoothing is not None and labels.ndim == 1 and out.ndim == 2 and labels.dtype.kind in "iu":
        return ops.label_cross_entropy(out, labels.astype(np.int64, copy=False), smoothing, fraction)
    counted = out[..., : len(labels)]
    value, dout = pair_of(loss(counted, labels.T))  # transposed, should they be vectors
    if np.shape(dout) != counted.shape:
        raise UsageError(
            f"the loss returned a gradient of shape {np.shape(dout)} for outputs of shape {counted.shape}: "
            f"a loss returns (loss, dout), with a number in dout for each output"
        )
    totals = np.array([fraction * value, count_correct(counted, labels)])
    return totals, pad_columns(fraction * dout, out.shape[-1])


def pair_of(returned: Any) -> tuple[float, Array]:
    """Return the loss and the gradient that somebody's loss has returned. Raises UsageError for something else."""
    is_pair = isinstance(returned, (tuple, list)) and len(returned) == 2
    if not is_pair or np.ndim(returned[0]) or np.asarray(returned[0]).dtype.kind not in "biuf":
        raise UsageError(
            f"the loss returned {short_repr(returned)}: a loss returns (loss, dout), the mean over the batch as one "
            f"number, and its gradient with respect to the outputs"
        )
    return returned[0], np.asarray(returned[1])


def smoothing_of(loss: Loss) -> float | None:
    """Return the label smoothing of softmax and cross-entropy, as a plan makes it; None for another loss."""
    if loss is softmax_cross_entropy:
        return 0.0
    if isinstance(loss, partial) and loss.func is softmax_cross_entropy and not loss.args:
        smoothing = loss.keywords.get("label_smoothing", 0.0)
        return float(smoothing) if isinstance(smoothing, int | float) and 0 <= smoothing < 1 else None
    return None


def pad_columns(dout: Array, width: int) -> Array:
    """Return dout (K, n) with columns of zeros up to ``width``."""
    n = dout.shape[-1]
    if n >= width:
        return dout
    wide = np.zeros((*dout.shape[:-1], width), dout.dtype)
    wide[..., :n] = dout
    return wide
