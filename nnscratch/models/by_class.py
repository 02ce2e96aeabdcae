"""Figures class by class as tables: of many classes, those that say most of what goes wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnscratch.data.classes import DIGITS, noun
from nnscratch.pages.blocks import Table, percent

MOST_CLASSES = 30  # of which all are shown, and the confusion matrix; of more, so many of the worst


def by_class(test: dict[str, Any], classes: Sequence[str] = DIGITS) -> Table:
    """Return precision, recall and F1 for each class, from the figures of ``metrics.classification_report``.

    Of more than MOST_CLASSES, those with the lowest F1 of which there are test images: see :func:`left_out`.
    """
    counts = [sum(row) for row in test["confusion"]]
    rows = [
        [classes[k], *(percent(test[key][k]) for key in ("precision", "recall", "f1")), f"{counts[k]:,}"]
        for k in _shown(test, counts)
    ]
    rows.append(["mean", *(percent(test[f"macro_{key}"]) for key in ("precision", "recall", "f1")), f"{test['n']:,}"])
    return Table([noun(classes), "precision", "recall", "F1", "test images"], rows)


def _shown(test: dict[str, Any], counts: Sequence[int]) -> list[int]:
    if len(counts) <= MOST_CLASSES:
        return list(range(len(counts)))
    present = [k for k, count in enumerate(counts) if count]
    return sorted(present, key=lambda k: float(test["f1"][k]))[:MOST_CLASSES]


def left_out(test: dict[str, Any]) -> str:
    """Return what :func:`by_class` leaves out, as a sentence; nothing where it shows every class."""
    count = len(test["confusion"])
    shown = f"The {MOST_CLASSES} of {count:,} classes with the lowest F1, the lowest first; the mean is that of all."
    return shown if count > MOST_CLASSES else ""


def worst_confusions(test: dict[str, Any], classes: Sequence[str]) -> Table:
    """Return the MOST_CLASSES most frequent mistakes: the true class, what was said, how often, its share of the true.

    From the figures of ``metrics.classification_report``.
    """
    confusion = np.array(test["confusion"], np.int64)
    counts = confusion.sum(axis=1)
    wrong = confusion - np.diag(np.diag(confusion))
    true, said = np.nonzero(wrong)
    order = np.argsort(-wrong[true, said], kind="stable")[:MOST_CLASSES]
    rows = [
        [classes[t], classes[s], f"{wrong[t, s]:,}", percent(float(wrong[t, s] / counts[t]))]
        for t, s in zip(true[order], said[order], strict=True)
    ]
    return Table(["true class", "predicted", "test images", "share of the class"], rows)
