"""Training in the experiments: the library's own ``fit``, watched batch by batch, divergence caught."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from nnscratch.arrays import Array
from nnscratch.errors import ConvergenceWarning, DivergedError
from nnscratch.lab.base import Data
from nnscratch.layers import Dense, Flatten, Layer, ReLU
from nnscratch.models.sequential import Sequential
from nnscratch.training.callbacks import Callback
from nnscratch.training.losses import Loss, softmax_cross_entropy
from nnscratch.training.optimizers import Optimizer
from nnscratch.training.trainer import Trainer

BATCH = 32  # images


@dataclass
class Training(Callback):
    """A training, which it watches: the loss of every batch and the row of every epoch, also where it diverges.

    ``diverged`` is the library's message where the loss became NaN.
    """

    network: Sequential
    losses: list[float] = field(default_factory=list)
    history: list[dict[str, float]] = field(default_factory=list)
    diverged: str = ""

    def on_batch_end(self, trainer: Trainer) -> None:
        self.losses.append(trainer.batch_loss)

    def on_epoch_end(self, trainer: Trainer) -> None:
        self.history.append(trainer.state.history[-1])

    def last(self, key: str) -> float:
        """Return a figure of the last epoch; NaN where the training diverged."""
        return float("nan") if self.diverged else self.history[-1][key]

    @property
    def loss(self) -> float:
        """The mean loss of the last epoch's batches; NaN where the training diverged."""
        return self.last("loss")

    @property
    def accuracy(self) -> float:
        """The accuracy on the validation images, 0..1, at the end; NaN where the training diverged."""
        return self.last("validation_accuracy")

    @property
    def end(self) -> str:
        """What to write where a curve breaks off: nothing unless the training diverged."""
        return "NaN" if self.diverged else ""

    def column(self, key: str) -> list[float]:
        """Return a figure of every epoch."""
        return [row[key] for row in self.history]


def train(
    name: str,
    network: Sequential,
    data: Data,
    *,
    epochs: int,
    optimizer: Optimizer,
    batch_size: int = BATCH,
    loss: Loss = softmax_cross_entropy,
) -> Training:
    """Train ``network`` in place with ``fit`` and return what happened; a loss that is NaN ends it quietly."""
    data.tell(name)
    run = Training(network)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # that nothing is learned is often the experiment
        try:
            network.fit(
                data.images,
                data.labels,
                epochs=epochs,
                batch_size=batch_size,
                optimizer=optimizer,
                loss=loss,
                validation=data.validation,
                keep="last",
                seed=data.seed,
                callbacks=[run],
            )
        except DivergedError as error:
            run.diverged = str(error)
    return run


def mean(runs: Sequence[Training]) -> Training:
    """Return trainings of equal length as one, whose figures of each epoch are their means."""
    rows = zip(*(run.history for run in runs), strict=True)
    history = [{key: float(np.mean([row[key] for row in some])) for key in some[0]} for some in rows]
    return Training(runs[-1].network, history=history)


def dense_network(
    data: Data, *hidden: int, activation: type[Layer] = ReLU, init: str = "glorot", dtype: str = "float32"
) -> Sequential:
    """Return dense layers of these sizes with an activation between them, and ten outputs; pixels 0..1."""
    layers: list[Layer] = [Flatten()]
    for units in hidden:
        layers += [Dense(units, init=init), activation()]
    return Sequential([*layers, Dense(10, init=init)], seed=data.seed, dtype=dtype)


def backward_once(network: Sequential, data: Data, count: int = 500) -> None:
    """One pass forward and back with the first ``count`` images, recorded: the network holds every gradient."""
    x = network.batches(data.images).x(np.arange(min(count, len(data.images))))
    out = network.forward(x, record=True)
    _, dout = softmax_cross_entropy(out, data.labels[: x.shape[-1]])
    network.backward(dout)


def norm(array: Array) -> float:
    """Return the norm of an array taken as one vector."""
    return float(np.linalg.norm(array.astype(np.float64)))


def smooth(losses: list[float], group: int) -> tuple[list[float], list[float]]:
    """Return (batches seen, mean loss of the last ``group``) for every ``group`` batches."""
    whole = len(losses) // group * group
    means = np.array(losses[:whole]).reshape(-1, group).mean(axis=1)
    return [float(group * (place + 1)) for place in range(len(means))], [float(mean) for mean in means]
