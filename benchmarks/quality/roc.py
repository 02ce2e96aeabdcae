"""How well a score tells the known from the unknown, whatever the limit: AUROC, and the unknown that still pass."""

import numpy as np

from nnscratch.arrays import Array


def auroc(known: Array, unknown: Array) -> float:
    """Return the share of pairs of scores known (N,) and unknown (M,) whose known one is higher; equal ones count half.

    By ranks, of equal scores their mean: J. Hanley, B. McNeil: The Meaning and Use of the Area under a Receiver
    Operating Characteristic (ROC) Curve, Radiology 143, 1982.
    """
    N, M = len(known), len(unknown)
    _, place, counts = np.unique(np.concatenate([known, unknown]), return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2  # from 1
    return float((ranks[place[:N]].sum() - N * (N + 1) / 2) / (N * M))


def fpr_at_95(known: Array, unknown: Array) -> float:
    """Return the share of unknown scores (M,) that reach the highest limit which 95 % of the known (N,) reach."""
    limit = np.sort(known)[len(known) // 20]
    return float((unknown >= limit).mean())
