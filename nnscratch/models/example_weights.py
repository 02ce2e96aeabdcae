"""How much each example counts in the loss: sample_weight and class_weight, as scikit-learn has them.

    loss = 1/N * sum over n of w[n] * l[n],  with w = N * v / sum(v)  and  v[n] = sample_weight[n] * class_weight[y[n]]

So only ratios matter: weights twice as large train the same network. In expectation over the batches, a weight of 2
is an example that is there twice, and one of 0 an example that is not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.scaling import as_array
from nnscratch.errors import UsageError, is_whole, short_repr

ClassWeight = str | Mapping[int, float] | Array | None


def example_weights(
    sample_weight: Array | None, class_weight: ClassWeight, labels: Array, classes: int
) -> Array | None:
    """Return weights (N,) float64 of mean 1 for labels (N,) or shares (N, K); None where all examples count alike.

    class_weight: {class: weight}, where others weigh 1; weights (K,); or "balanced": all examples' number, divided by
    that of the class times that of the classes that are there, each example as often as its sample_weight.

    Raises UsageError for weights that are negative, not finite, too many or too few, or all 0.
    """
    n = len(labels)
    weights = np.ones(n) if sample_weight is None else checked_weights("sample_weight", sample_weight, n, "image")
    if class_weight is not None:
        rows = np.eye(classes)[labels] if labels.ndim == 1 else labels
        weights = weights * (rows @ class_weights(class_weight, weights @ rows))
    if not weights.any():
        raise UsageError("the weights of all examples are zero: give one at least a weight above 0")
    if (weights == weights[0]).all():
        return None
    weights = weights / weights.max()  # whatever their size, the sum is a number
    return np.asarray(weights * (n / weights.sum()))


def class_weights(given: ClassWeight, counts: Array) -> Array:
    """Return the weight of each class (K,), of which there are ``counts`` (K,) examples."""
    K = len(counts)
    if isinstance(given, Mapping):
        weights = dict.fromkeys(range(K), 1.0)
        for label, weight in given.items():
            if not is_whole(label, 0, K - 1):
                raise UsageError(f"class_weight has the class {short_repr(label)}: give whole numbers 0..{K - 1}")
            weights[int(label)] = weight
        given = np.array(list(weights.values()))
    elif isinstance(given, str):
        if given != "balanced":
            raise UsageError(f"class_weight is {short_repr(given)}: give 'balanced', a dict, or {K} weights")
        present = counts > 0
        return np.asarray(np.divide(counts.sum() / max(present.sum(), 1), counts, where=present, out=np.zeros(K)))
    return checked_weights("class_weight", given, K, "class")


def checked_weights(name: str, given: Any, count: int, thing: str) -> Array:
    """Return weights (count,) float64. Raises UsageError, which calls them ``name``, unless they can be weights."""
    weights = np.asarray(given) if np.isscalar(given) else as_array(given, name)
    if weights.dtype.kind not in "fiub" or weights.shape != (count,):
        raise UsageError(
            f"{name} is {weights.dtype} of shape {weights.shape}: give a number for each {thing}, ({count},)"
        )
    weights = weights.astype(np.float64)
    wrong = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if len(wrong):
        raise UsageError(f"{name} of {thing} {wrong[0]} is {weights[wrong[0]]:g}: give finite numbers of at least 0")
    return weights
