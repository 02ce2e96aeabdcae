"""Where a training stands, what of it is saved and restored, and which weights it keeps."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from nnscratch.arrays import Array
from nnscratch.errors import UsageError, short_repr
from nnscratch.layers.network import Network
from nnscratch.training.optimizers import Optimizer


@dataclass
class TrainingState:
    """Where a training stands, between two batches. The vectors are (P,), beside the network's own ``theta``."""

    network: Network
    optimizer: Optimizer
    vectors: dict[str, Array] = field(default_factory=dict)  # "average" (the EMA), "best", "best.<buffer>"
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

    def count(self, images: int, loss: float, correct: int, seconds: float) -> None:
        """Count a batch, of this mean loss."""
        self.step += 1
        self.position += images
        self.loss_sum += loss * images
        self.correct += correct
        self.seconds += seconds

    def end_epoch(
        self,
        images: int,
        learning_rate: float,
        validated: dict[str, float] | None,
        *,
        keep_last: bool,
        min_delta: float = 0.0,
        regression: bool = False,
    ) -> None:
        """Write the history's row of an epoch of so many images, and begin to count anew.

        ``validated``: validation_loss and, of classes, validation_accuracy. Where these are the best so far (the
        highest accuracy, then the lowest loss; of equals, the first), or there are none, or the last weights are to be
        kept, the weights are remembered. A ``regression`` has no accuracy.
        """
        row = {
            "epoch": self.epoch + 1,
            "learning_rate": learning_rate,
            "loss": self.loss_sum / images,
            "accuracy": self.correct / images,
            "seconds": self.seconds,
            "images_per_second": images / self.seconds,
        }
        if regression:
            del row["accuracy"]
        if validated is None:
            self.remember()
        else:
            row |= validated
            loss, accuracy = validated["validation_loss"], validated.get("validation_accuracy")
            if keep_last or self.is_better(accuracy, loss, min_delta):
                self.best_accuracy, self.best_loss = 0.0 if accuracy is None else accuracy, loss
                self.remember()
        self.history.append(row)
        self.epoch += 1
        self.position, self.loss_sum, self.correct, self.seconds = 0, 0.0, 0, 0.0

    def is_better(self, accuracy: float | None, loss: float, min_delta: float = 0.0) -> bool:
        """Return whether an epoch is better than the best so far: more accurate, by more than ``min_delta``.

        At 0 the lower loss decides between equals. Where there is no accuracy the loss must fall by more than that.
        """
        if accuracy is None:
            return loss < self.best_loss - min_delta
        if min_delta:
            return accuracy > self.best_accuracy + (min_delta if self.best_epoch else 0)
        return (accuracy, -loss) > (self.best_accuracy, -self.best_loss)

    # ---- the weights that are kept: the best, and their EMA

    @property
    def weights(self) -> Array:
        """The weights (P,) that are evaluated: their EMA where there is one, else the network's own."""
        return self.vectors.get("average", self.network.theta)

    def remember(self) -> None:
        """Keep a copy of the weights, and of the running statistics, as those of the best epoch: the one that ends."""
        self.best_epoch = self.epoch + 1
        self.vectors["best"] = self.weights.copy()
        for name, value in self.network.buffers.items():
            self.vectors[f"best.{name}"] = value.copy()

    def use_best(self) -> None:
        """Give the network the weights of its best epoch, and the running statistics that it had then."""
        self.network.theta[:] = self.vectors["best"]
        for name, value in self.network.buffers.items():
            value[...] = self.vectors[f"best.{name}"]

    @contextmanager
    def best_weights(self) -> Iterator[None]:
        """Within the block, the network is as it was after its best epoch."""
        with unchanged(self.network):
            self.use_best()
            yield

    # ---- to disk and back

    def numbers(self) -> dict[str, Any]:
        """Return everything but the vectors, fit for JSON."""
        apart = ("network", "optimizer", "vectors")
        return {name: copy.deepcopy(value) for name, value in vars(self).items() if name not in apart}

    def arrays(self) -> dict[str, Array]:
        """Return every array that the rest of the training depends on."""
        moments = {f"optimizer.{name}": value for name, value in self.optimizer.state.items()}
        buffers = {f"buffer.{name}": value for name, value in self.network.buffers.items()}
        return {"theta": self.network.theta, **moments, **buffers, **self.vectors}

    def restore(self, numbers: dict[str, Any], arrays: dict[str, Array]) -> None:
        """Continue from what :meth:`numbers` and :meth:`arrays` returned in a training of the same plan.

        Raises UsageError when an array is missing, unknown or of another shape. Of a file, :meth:`check` comes first.
        """
        own = self.arrays()
        best = {"best": self.network.theta} | {f"best.{name}": value for name, value in self.network.buffers.items()}
        wanted = own | (best if numbers["best_epoch"] else {})
        if {name: value.shape for name, value in wanted.items()} != {k: v.shape for k, v in arrays.items()}:
            raise UsageError("the saved training is of another model or optimiser: resume it with its own settings")
        for name, value in own.items():
            value[...] = arrays[name]
        self.vectors |= {name: arrays[name].copy() for name in wanted if name in best}
        vars(self).update(copy.deepcopy(numbers))
        self.optimizer.t = self.step

    def check(self, numbers: dict[str, Any]) -> None:
        """Raise ValueError or KeyError unless ``numbers`` are what :meth:`numbers` may return."""
        for name, default in self.numbers().items():
            value = numbers[name]
            if name == "history":
                rows = value if isinstance(value, list) else [None]
                if not all(isinstance(row, dict) and all(map(_is_number, row.values())) for row in rows):
                    raise ValueError("its history is no list of figures")
            elif not _is_number(value) or (isinstance(default, int) and (not isinstance(value, int) or value < 0)):
                raise ValueError(f"its {name} is {short_repr(value)}")
        unknown = numbers.keys() - self.numbers().keys()
        if unknown:
            raise ValueError(f"it has a number that is unknown, {short_repr(min(unknown))}")
        if not numbers["best_epoch"] <= numbers["epoch"] == len(numbers["history"]):
            raise ValueError("its epochs are not those of its history")


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


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)
