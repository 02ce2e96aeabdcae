"""Losses: what training makes small. Each returns the loss of a batch and its gradient with respect to the output."""

from __future__ import annotations

import math
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
from nnscratch.ops.replay import mark
from nnscratch.training.bounds import BOUNDS
from nnscratch.training.metrics import count_correct

Loss = Callable[[Array, Array], tuple[float, Array]]


def checked_labels(labels: Array, classes: int) -> Array:
    """Return labels as an array (N,). Raises UsageError unless they are integers in 0..classes - 1."""
    labels = np.asarray(labels)
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise UsageError(
            f"labels are {labels.dtype} of shape {labels.shape}: give integers (N,), or targets, one of {classes} "
            f"numbers for each image"
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


def training_targets(labels: Array, images: int, outputs: tuple[int, ...], loss: Loss) -> Array:
    """Return what ``images`` examples are to be trained on: labels (N,), or targets (N, K) for K outputs.

    Of one output, the mean squared error takes numbers (N,) too, and gets them as (N, 1). Raises UsageError, which says
    what to do, for other shapes, and for targets that are not finite numbers. Labels: see :func:`checked_labels`.
    """
    labels = np.asarray(labels)
    K, shape = outputs[0], labels.shape
    if len(shape) == 2 and shape != (images, K) and shape in ((K, images), (1, images)):
        wanted = f"({images},)" if shape[0] == 1 else f"({images}, {K})"
        how = "ravel them" if shape[0] == 1 else "transpose them"
        raise UsageError(f"the targets have the shape {shape}, and each image has a row: give {wanted}, so {how}")
    if not shape or len(labels) != images or images == 0:
        count = len(labels) if shape else "no"
        raise UsageError(f"{images} images and {count} labels came: give as many of both, at least 1")
    if len(outputs) == 1 and len(shape) > 1 and shape != (images, K):
        labels_only = ", or labels (N,): ravel them" if shape == (images, 1) else ""
        raise UsageError(f"the targets have the shape {shape}: give (N, {K}) for {K} outputs{labels_only}")
    if labels.dtype.kind not in "fiub":
        raise UsageError(
            f"the labels are {labels.dtype}: give whole numbers from 0, as np.unique(labels, return_inverse=True) does"
        )
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        place = np.argwhere(~np.isfinite(labels))[0].tolist()
        raise UsageError(f"the target of image {place[0]} is {labels[tuple(place)]:g}: leave such images out")
    if len(shape) == 2 and smoothing_of(loss) is not None:
        check_shares(labels)
    if len(outputs) > 1 or len(shape) > 1:
        return labels
    if loss is mean_squared_error and K == 1:
        return labels[:, None]
    if labels.dtype.kind not in "iu" and (smoothing_of(loss) is not None or loss is mean_squared_error):
        wanted = "one output and nn.mean_squared_error" if K > 1 else "loss=nn.mean_squared_error"
        raise UsageError(
            f"the labels are {labels.dtype}: give whole numbers 0..{K - 1} for classes, as astype(int) does, or for a "
            f"regression {wanted}"
        )
    return labels


def is_regression(targets: Array, outputs: int, loss: Loss) -> bool:
    """Return whether these are numbers to be met rather than classes: what :func:`training_targets` returned.

    Classes are whole numbers (N,), and rows (N, K) of shares, which sum to 1: one-hot, or soft labels. The
    cross-entropy has nothing but classes; with another loss a single output has none.
    """
    if smoothing_of(loss) is not None:
        return False
    if targets.ndim == 1:
        return outputs == 1 or targets.dtype.kind not in "iu"
    return outputs == 1 or not are_shares(targets).all()


def are_shares(rows: Array) -> Array:
    """Return for each row (N, K) whether it is a class, one-hot, or shares of classes: at least 0, with the sum 1."""
    return np.asarray((rows >= 0).all(axis=1) & np.isclose(rows.sum(axis=1), 1, atol=1e-3))


def check_shares(rows: Array) -> None:
    """Raise UsageError unless each row (N, K) has shares of classes: the cross-entropy means nothing for others."""
    wrong = np.flatnonzero(~are_shares(rows))
    if len(wrong):
        raise UsageError(
            f"the labels of image {wrong[0]} are {short_repr(rows[wrong[0]].tolist())}: the cross-entropy wants shares "
            f"of the classes, from 0 to 1 with the sum 1, or whole numbers (N,); for a regression give "
            f"loss=nn.mean_squared_error"
        )


def floats(out: Array) -> Array:
    """Return whole numbers and half precision as float64, others as they are."""
    out = as_array(out, "the outputs")
    return out.astype(np.float64) if out.dtype.kind in "biu" or out.dtype == np.float16 else out


def targets_for(out: Array, labels: Array) -> Array:
    """Return targets of the shape (K, N) and dtype of ``out`` for integer labels (N,) or targets (K, N).

    Raises UsageError when the shapes do not match, and for an empty batch, whose mean does not exist.
    """
    labels = np.asarray(labels)
    if out.ndim and out.shape[-1] == 0:
        raise UsageError("the batch is empty, and has no mean loss: give at least one image")
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

    Raises UsageError for labels outside 0..K - 1, shapes that differ, an empty batch, a smoothing out of range, or an
    image whose logits are all minus infinity, since no class is possible then.
    """
    BOUNDS["label_smoothing"].check("the label smoothing", label_smoothing)
    logits = floats(logits)
    targets = targets_for(logits, labels)
    loss, dz = ops.softmax_cross_entropy(logits, smoothed(targets, label_smoothing) if label_smoothing else targets)
    if math.isnan(loss) and (logits == -np.inf).all(axis=0).any():
        place = int((logits == -np.inf).all(axis=0).argmax())
        raise UsageError(f"all logits of image {place} are minus infinity, so no class is possible: give it one")
    return loss, dz


def mean_squared_error(outputs: Array, labels: Array) -> tuple[float, Array]:
    """Return the mean of (output - target)^2 over all K * N numbers, and its gradient (K, N).

    labels: integers (N,), taken as one-hot columns, or targets (K, N); of one output, targets (N,) too. Raises
    UsageError for labels outside 0..K - 1, or shapes that differ.
    """
    outputs, labels = floats(outputs), np.asarray(labels)
    if labels.ndim == 1 and len(outputs) == 1:
        labels = labels[None]
    return ops.mean_squared_error(outputs, targets_for(outputs, labels))


def is_recordable(loss: Loss, labels: Array) -> bool:
    """Return whether :func:`shard_loss` is done by kernels alone for such labels."""
    shares = labels.ndim == 1 or (labels.ndim == 2 and labels.dtype.kind == "f")
    return (smoothing_of(loss) is not None and shares) or is_squared_error(loss, labels)


def is_squared_error(loss: Loss, labels: Array) -> bool:
    """Return whether it is the mean squared error of targets (n, K)."""
    return loss is mean_squared_error and labels.ndim == 2 and labels.dtype.kind == "f"


def shard_loss(
    loss: Loss, out: Array, labels: Array, fraction: float, weights: Array | None = None
) -> tuple[Array, Array]:
    """Return [fraction of the loss, correct ones] (2,) of a part of a batch, and dout (K, N), ``fraction`` of it too.

    out: (K, N), of whose columns the first n count, and others only fill up: there dout is 0. labels: integers (n,),
    or targets (n, K). weights: (n,), by which each image's loss is multiplied before the mean is taken. Raises
    UsageError for a loss of one's own that returns something else than loss and gradient.
    """
    mark("loss")
    smoothing = smoothing_of(loss)
    plain = labels.ndim == 1 and out.ndim == 2 and labels.dtype.kind in "iu" and weights is None
    if smoothing is not None and plain:
        return ops.label_cross_entropy(out, labels.astype(np.int64, copy=False), smoothing, fraction)
    targets = labels.ndim == 2 and labels.dtype.kind == "f" and out.ndim == 2 and weights is None
    if smoothing is not None and targets:
        return ops.target_cross_entropy(out, labels, smoothing, fraction)
    if is_squared_error(loss, labels) and targets:
        return ops.target_squared_error(out, labels, fraction)
    counted = out[..., : len(labels)]
    value, dout = pair_of(loss(counted, labels.T))  # transposed, should they be vectors
    if np.shape(dout) != counted.shape:
        raise UsageError(
            f"the loss returned a gradient of shape {np.shape(dout)} for outputs of shape {counted.shape}: "
            f"a loss returns (loss, dout), with a number in dout for each output"
        )
    if weights is not None:
        value, dout = weighted(loss, counted, labels, dout, weights)
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


def weighted(loss: Loss, out: Array, labels: Array, dout: Array, weights: Array) -> tuple[float, Array]:
    """Return the mean of weight * loss over the images, and its gradient, for ``dout``, that of the plain mean.

    loss = 1/N * sum over n of w[n] * l[n], so the column n of the gradient is w[n] times what it is without weights.
    What weighs 0 counts as 0, whatever its loss. out: (K, N); labels: (N,) or (N, K); weights: (N,).
    """
    counts = weights != 0
    each = example_losses(loss, out[..., counts], labels[counts])
    value = float((weights[counts] * each).sum()) / len(weights)
    return value, np.where(counts, np.asarray(dout) * weights.astype(out.dtype), 0).astype(out.dtype)


def example_losses(loss: Loss, out: Array, labels: Array) -> Array:
    """Return the loss of each image (N,) float64, for out (K, N) and labels (N,) or targets (N, K)."""
    smoothing = smoothing_of(loss)
    if len(labels) and smoothing is not None:
        y = smoothed(targets_for(out, labels.T), smoothing)
        return np.asarray(-np.multiply(y, ops.log_softmax(out), where=y != 0, out=np.zeros_like(y)).sum(axis=0))
    if len(labels) and loss is mean_squared_error:
        return np.asarray(((out - targets_for(out, labels.T)) ** 2).mean(axis=0))
    return np.array([loss(out[..., n : n + 1], labels[n : n + 1].T)[0] for n in range(len(labels))], np.float64)


def constant_loss(loss: Loss, targets: Array, outputs: int, weights: Array | None = None) -> float | None:
    """Return the least mean loss of one answer for all images; None for a loss of one's own.

    Of the cross-entropy the best such answer is the mean of the targets, whose loss is the entropy of the classes'
    shares; of the mean squared error it is the mean too, and the loss is the targets' variance. targets: (N,) or
    (N, K); weights: (N,).
    """
    smoothing = smoothing_of(loss)
    if smoothing is None and loss is not mean_squared_error:
        return None
    if targets.ndim == 1:
        mean = np.bincount(targets, weights, outputs) / len(targets)
        variance = mean * (1 - mean)
    else:
        mean = np.average(targets, axis=0, weights=weights).astype(np.float64)
        variance = np.average((targets - mean) ** 2, axis=0, weights=weights)
    if smoothing is None:
        return float(variance.mean())
    mean = smoothed(mean, smoothing)
    return float(-np.multiply(mean, np.log(mean, where=mean > 0, out=np.zeros_like(mean))).sum())


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
