"""Going on where the last ``fit`` of a network has ended, as if there had been one longer training."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.errors import UsageError
from nnscratch.layers.network import Network
from nnscratch.training.callbacks import Callback
from nnscratch.training.trainer import Trainer


class Ending(Callback):
    """How a training has ended: its last weights, not the best that the network is left with; the optimiser's state.

    It belongs to the network in memory: files, copies and pickles do without.
    """

    trainer: Trainer | None = None

    def on_begin(self, trainer: Trainer) -> None:
        """Remember whose end it is to be."""
        self.trainer = trainer

    def close(self) -> None:
        """Take the state, before the network is given its best weights."""
        trainer, self.trainer = self.trainer, None
        if trainer is None:  # another callback's on_begin has failed
            return
        own = {"theta", *(f"buffer.{name}" for name in trainer.network.buffers)}  # the next training changes these
        self.numbers: dict[str, Any] = trainer.state.numbers()
        self.arrays = {name: value.copy() if name in own else value for name, value in trainer.state.arrays().items()}
        self.optimizer = type(trainer.plan.optimizer)
        self.batches = batches_of(trainer)

    @property
    def epochs(self) -> int:
        """How many epochs were done."""
        return int(self.numbers["epoch"])

    def weights(self) -> Array:
        """Return the weights that the network was left with: the best, or with no epoch done the last."""
        return self.arrays["best"] if self.numbers["best_epoch"] else self.arrays["theta"]

    def check(self, network: Network, optimizer: object) -> None:
        """Raise UsageError where a training of ``network`` by ``optimizer`` cannot go on from here."""
        if type(optimizer) is not self.optimizer:
            came, was = type(optimizer).__name__, self.optimizer.__name__
            raise UsageError(
                f"the last fit was by {was}, and {came} cannot go on with its state: give {was}, or no warm_start"
            )
        if not np.array_equal(network.theta, self.weights()):
            raise UsageError("the network's weights were changed since its last fit: leave warm_start out")

    def restore(self, trainer: Trainer) -> None:
        """Let a new trainer, whose plan counts the epochs that are done too, go on from here.

        An epoch that was stopped midway is gone on with where images, batches and seed are the same, else begun anew.
        """
        numbers = self.numbers
        if self.batches != batches_of(trainer):
            numbers = numbers | {"position": 0, "loss_sum": 0.0, "correct": 0, "seconds": 0.0}
        try:
            trainer.state.restore(numbers, self.arrays)
        except UsageError:
            raise UsageError(
                "the last fit averaged the weights and this one does not, or the other way: give the same ema, or no "
                "warm_start"
            ) from None
        trainer.first_epoch = self.epochs


def batches_of(trainer: Trainer) -> tuple[int, int, int]:
    """Return what an epoch's batches depend on."""
    return len(trainer.images), trainer.plan.batch_size, trainer.plan.seed
