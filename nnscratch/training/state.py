"""Where a training stands, what of it is saved and restored, and which weights it keeps."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from nnscratch.arrays import Array
from nnscratch.errors import UsageError, is_whole, short_repr
from nnscratch.layers.network import Network
from nnscratch.training.optimizers import Optimizer


@dataclass
class TrainingState:
    """Where a training stands, between two batches. The vectors are (P,), beside the network's own ``theta``."""

    epoch: int = 0  # epochs finished
    position: int = 0  # images seen in the epoch that runs
    step: int = 0  # batches seen in all
    loss_sum: float = 0.0  # over the images of the epoch that runs
    correct: int = 0
    seconds: float = 0.0  # of this epoch's batches
    best_epoch: int = 0  # 0: none yet
    best_accuracy: float = -1.0
    best_loss: float = math.inf
    history: list[dict[str, float]] = field(default_factory=list)
    vectors: dict[str, Array] = field(default_factory=dict)  # "average", "best", "best.<buffer>"

    def numbers(self) -> dict[str, Any]:
        """Return everything but the vectors, fit for JSON."""
        numbers = asdict(self)
        del numbers["vectors"]
        return numbers

    def count(self, images: int, loss: float, correct: int, seconds: float) -> None:
        """Count a batch, of this mean loss."""
        self.step += 1
        self.position += images
        self.loss_sum += loss * images
        self.correct += correct
        self.seconds += seconds

    def end_epoch(self, row: dict[str, float]) -> None:
        """Write the history's row, and begin to count anew."""
        self.history.append(row)
        self.epoch += 1
        self.position, self.loss_sum, self.correct, self.seconds = 0, 0.0, 0, 0.0

    # ---- the weights that are kept: the best, and a running average

    def weights(self, network: Network) -> Array:
        """Return the weights (P,) that are judged: the running average where there is one, else the network's own."""
        return self.vectors.get("average", network.theta)

    def remember(self, network: Network, epoch: int) -> None:
        """Keep a copy of the weights, and of the running statistics, as the best so far."""
        self.best_epoch = epoch
        self.vectors["best"] = self.weights(network).copy()
        for name, value in network.buffers.items():
            self.vectors[f"best.{name}"] = value.copy()

    def use_best(self, network: Network) -> None:
        """Give the network the weights of its best epoch, and the running statistics that it had then."""
        network.theta[:] = self.vectors["best"]
        for name, value in network.buffers.items():
            value[...] = self.vectors[f"best.{name}"]

    # ---- to disk and back

    def arrays(self, network: Network, optimizer: Optimizer) -> dict[str, Array]:
        """Return every array that the rest of the training depends on."""
        moments = {f"optimizer.{name}": value for name, value in optimizer.state.items()}
        buffers = {f"buffer.{name}": value for name, value in network.buffers.items()}
        return {"theta": network.theta, **moments, **buffers, **self.vectors}

    def restored(
        self, numbers: dict[str, Any], arrays: dict[str, Array], network: Network, optimizer: Optimizer
    ) -> TrainingState:
        """Return the state that :meth:`numbers` and :meth:`arrays` describe; network and optimiser are set to it.

        ``self`` is a training of the same plan at its beginning. Raises UsageError when an array is missing, unknown or
        of another length, TypeError for an unknown number.
        """
        own = self.arrays(network, optimizer)
        extra = {"best": network.theta} | {f"best.{name}": value for name, value in network.buffers.items()}
        wanted = own | (extra if numbers.get("best_epoch") else {})
        shapes = {name: value.shape for name, value in wanted.items()}
        if shapes != {name: value.shape for name, value in arrays.items()}:
            raise UsageError("the saved training is of another model or optimiser: resume it with its own settings")
        for name, value in own.items():
            value[...] = arrays[name]
        vectors = {name: arrays[name].copy() for name in wanted if name in extra}
        state = TrainingState(**numbers, vectors=vectors | self.vectors)
        optimizer.t = state.step
        return state


@contextmanager
def using(network: Network, weights: Array) -> Iterator[None]:
    """Within the block, the network has these weights (P,)."""
    with unchanged(network):
        network.theta[:] = weights
        yield


@contextmanager
def unchanged(network: Network) -> Iterator[None]:
    """After the block, the network has the weights and running statistics again that it has now."""
    theta = network.theta.copy()
    buffers = {name: value.copy() for name, value in network.buffers.items()}
    try:
        yield
    finally:
        network.theta[:] = theta
        for name, value in network.buffers.items():
            value[...] = buffers[name]


def check_numbers(numbers: dict[str, Any]) -> None:
    """Raise ValueError unless ``numbers``, out of a file, are what :meth:`TrainingState.numbers` may return."""
    for name, default in TrainingState().numbers().items():
        value = numbers[name]
        if name == "history":
            rows = value if isinstance(value, list) else [None]
            if not all(isinstance(row, dict) and all(map(_is_number, row.values())) for row in rows):
                raise ValueError("its history is no list of figures")
        elif not _is_number(value) or (isinstance(default, int) and not is_whole(value, 0)):
            raise ValueError(f"its {name} is {short_repr(value)}")
    if not numbers["best_epoch"] <= numbers["epoch"] == len(numbers["history"]):
        raise ValueError("its epochs are not those of its history")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)
