"""The reader's LeNet-5 and the library's, trained on the same digits from the same weights in the same order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.mnist import load_mnist
from nnscratch.study.exercises.sandbox import Limits, Value, call_all
from nnscratch.study.exercises.tasks.training.lenet5 import EXERCISE, PARAMETERS, initial_parameters, scores

IMAGES, BATCH_SIZE, TESTED = 640, 16, 1000
LEARNING_RATE, MOMENTUM, SEED = 0.02, 0.9, 0
AGREE = 1e-6  # losses are the same when they differ by at most this, relatively: sums are added up in some order
SECONDS = 180.0  # for the reader's, whose loops may be slow


@dataclass(frozen=True)
class Race:
    """The losses of each step. ``failure``: why there are none of the reader's; shares of test digits read right."""

    library: Array  # (steps,)
    library_share: float
    yours: Array | None = None
    share: float | None = None
    failure: str = ""

    @property
    def parted(self) -> int | None:
        """The first step, from 0, of which the losses differ; None when none do."""
        if self.yours is None:
            return None
        steps = min(len(self.yours), len(self.library))
        ours, theirs = self.yours[:steps], self.library[:steps]
        apart = ~(np.abs(ours - theirs) <= AGREE * np.maximum(np.abs(theirs), 1))  # true for NaN, too
        if apart.any():
            return int(apart.argmax())
        return None if len(self.yours) == len(self.library) else steps


def race(file: Path, images: int = IMAGES, seconds: float = SECONDS) -> Race:
    """Train both on the first ``images`` of MNIST, once through, and read test digits with both."""
    arguments = _arguments(images)
    losses, *parameters = EXERCISE.solution(*arguments)
    library = (losses, _share(parameters))
    report = call_all(file, EXERCISE.name, [arguments], Limits(seconds=seconds))
    failure = report.failure or (report.calls[0].failure if report.calls else "no answer came")
    if failure:
        return Race(*library, failure=failure)
    first, *others = report.calls[0].values
    if first.array is None or first.array.ndim != 1 or len(first.array) == 0:
        return Race(*library, failure="no losses came back: one for each step is wanted, all in one array")
    shapes = [parameter.shape for parameter in parameters]
    return Race(*library, yours=first.array.astype(np.float64), share=_share_of(others, shapes))


def _arguments(images: int) -> tuple[Any, ...]:
    """Return what both functions are called with."""
    mnist = load_mnist()
    x, y = _as_input(mnist.train_images[:images]), np.eye(10)[:, mnist.train_labels[:images]]
    orders = np.random.default_rng(SEED).permutation(images)[None]
    return x, y, *initial_parameters(SEED), orders, BATCH_SIZE, LEARNING_RATE, MOMENTUM


def _as_input(images: Array) -> Array:
    """Return images (N, 28, 28) of 0..255 as (1, 28, 28, N) of 0..1."""
    return np.asarray(images.transpose(1, 2, 0)[None] / 255)


def _share(parameters: Sequence[Array]) -> float:
    """Return the share of test digits whose largest score is that of their label."""
    mnist = load_mnist()
    read = scores(_as_input(mnist.test_images[:TESTED]), *parameters).argmax(axis=0)
    return float((read == mnist.test_labels[:TESTED]).mean())


def _share_of(values: Sequence[Value], shapes: Sequence[tuple[int, ...]]) -> float | None:
    """Return that of the reader's parameters, None when they are not such arrays."""
    arrays = [value.array for value in values if value.array is not None]
    if len(values) != len(PARAMETERS) or [array.shape for array in arrays] != list(shapes):
        return None
    with np.errstate(all="ignore"):
        return _share([array.astype(np.float64) for array in arrays])
