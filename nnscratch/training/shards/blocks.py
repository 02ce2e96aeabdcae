"""Many steps in one call: the recordings of a gradient and an update, played one after the other for batch after batch.

Between two steps there is neither the interpreter nor a thread that the system has to wake: the threads meet in
compiled code. What differs from step to step, which images, labels, random numbers, and the learning rate, stands in
arrays with a row for each step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.batches import Batches
from nnscratch.ops.backend import tapes
from nnscratch.training.shards.gradient import ShardGradients
from nnscratch.training.shards.update import Update

MOST = 512  # steps in a call
MOST_IMAGES = 1 << 20  # of all of these steps


class Blocks:
    """Plays steps of a training, once both of their recordings are trusted."""

    def __init__(self, gradients: ShardGradients, update: Update) -> None:
        self.gradients, self.update = gradients, update
        self.most = max(min(MOST, MOST_IMAGES // gradients.plan.batch_size), 1)
        self.close()

    def close(self) -> None:
        """Let go of the arrays."""
        self.made_of: tuple[Any, ...] = ()
        self.program: Any = None
        self.inputs: list[Array] = []  # for each of the recording's, one with the rows of all steps
        self.totals: list[Array] = []  # of each shard, (most, 2)

    def ready(self, images: Batches, labels: Array, indices: Array, average: Array | None) -> bool:
        """Return whether these batches, indices (B, n), can be played as they were recorded."""
        gradient, update = self.gradients.replay, self.update.replay
        if gradient is None or update is None or not (gradient.trusted and update.trusted):
            return False
        if not self.gradients.is_recorded(labels, indices.shape[1]):
            return False
        buffer, _ = images.buffered(indices.ravel())  # of all steps: a callback may have read another window
        replicas = self.gradients.replicas[: len(gradient.results)]
        pending = [replica.gradient for replica in replicas]
        return gradient.is_of(self.gradients.given(images, buffer)) and update.is_of(
            self.update.given(pending, average)
        )

    def play(
        self, images: Batches, labels: Array, indices: Array, *, epoch: int, step: int, rates: Sequence[float]
    ) -> tuple[Array, Array]:
        """Do the steps of batches, indices (B, n), the first of which is the training's batch number ``step``.

        ``rates``: the learning rate of each. Returns each one's mean loss, and how many images were right, (B,).
        """
        B, n = indices.shape
        self._make()
        _, rows = images.buffered(indices.ravel())
        values = self.gradients.values(rows.reshape(B, n), labels[indices], indices, epoch, step)
        for array, value in zip(self.inputs, values.all(), strict=True):
            array[:B] = value
        settings = [self.update.settings(rate, step + 1 + k) for k, rate in enumerate(rates)]
        self.program.set({name: [each[name] for each in settings] for name in settings[0]})
        self.program.play(self.gradients.team, B)
        self.update.plan.optimizer.t = step + B
        totals = sum(self.totals[1:], start=self.totals[0])[:B]
        return totals[:, 0], totals[:, 1]

    def _make(self) -> None:
        """Make the program of the two recordings, unless it is there."""
        gradient, update = self.gradients.replay, self.update.replay
        assert gradient is not None and update is not None
        if self.made_of == (gradient.phases, update.phases):
            return
        self.close()
        self.inputs = [np.zeros((self.most, *array.shape), array.dtype) for array in gradient.inputs]
        self.totals = [np.zeros((self.most, 2)) for _ in gradient.results]
        varying = [*zip(gradient.inputs, self.inputs, strict=True), *zip(gradient.results, self.totals, strict=True)]
        self.program = tapes().Program([*gradient.phases, *update.phases], varying, self.most)
        self.made_of = gradient.phases, update.phases
