"""What a training is told, and where it stands: all that it depends on besides the images."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.augment import Distortion
from nnscratch.errors import UsageError, shown
from nnscratch.training.losses import Loss, softmax_cross_entropy
from nnscratch.training.optimizers import Adam, Optimizer
from nnscratch.training.schedules import Constant, Schedule

KEEP = ("best", "last")


@dataclass
class Plan:
    """How to train. ``clip``, ``ema`` and ``patience`` are off at 0; ``ema`` is the decay of the weights' average.

    ``keep``: the weights of the "best" validation epoch, or of the "last". The best of many epochs is partly luck, and
    a learning rate that falls to 0 makes the last ones the most settled. ``shard``: how many images of a batch are
    worked on together; 0: what suits a core's caches. Raises UsageError for what is out of range.
    """

    epochs: int = 1
    batch_size: int = 64
    optimizer: Optimizer = field(default_factory=lambda: Adam(1e-3))
    schedule: Schedule = field(default_factory=Constant)
    loss: Loss = softmax_cross_entropy
    label_smoothing: float = 0.0
    clip: float = 0.0
    ema: float = 0.0
    patience: int = 0
    keep: str = "best"
    seed: int = 0
    shard: int = 0
    distortion: Distortion = field(default_factory=Distortion)

    def __post_init__(self) -> None:
        for name, least in (("epochs", 1), ("batch_size", 1), ("patience", 0), ("seed", 0), ("shard", 0)):
            value = getattr(self, name)
            if not isinstance(value, (int, np.integer)) or value < least:
                raise UsageError(f"{name} is {value!r}: give a whole number of at least {least}")
            setattr(self, name, int(value))  # NumPy's have a largest one
        for name, below in (("clip", math.inf), ("ema", 1), ("label_smoothing", 1)):
            value = getattr(self, name)
            if not isinstance(value, (int, float, np.floating)) or not 0 <= value < below:
                raise UsageError(f"{name} is {value!r}: give a number of at least 0 and below {below}")
        if self.keep not in KEEP:
            raise UsageError(f"keep is {self.keep!r}: choose from {', '.join(KEEP)}")
        if self.patience and self.keep == "last":
            raise UsageError("patience waits for a better epoch, so it needs keep 'best': leave one of the two out")
        self.cross_entropy = self.loss is softmax_cross_entropy
        if self.label_smoothing:
            if self.loss is not softmax_cross_entropy:
                raise UsageError("label smoothing belongs to the cross-entropy loss: leave it at 0 with another")
            self.loss = partial(softmax_cross_entropy, label_smoothing=self.label_smoothing)


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


def check_numbers(numbers: dict[str, Any]) -> None:
    """Raise ValueError unless ``numbers``, out of a file, are what :meth:`TrainingState.numbers` may return."""
    for name, default in TrainingState().numbers().items():
        value = numbers[name]
        if name == "history":
            rows = value if isinstance(value, list) else [None]
            if not all(isinstance(row, dict) and all(map(_is_number, row.values())) for row in rows):
                raise ValueError("its history is no list of figures")
        elif not _is_number(value) or (isinstance(default, int) and (not isinstance(value, int) or value < 0)):
            raise ValueError(f"its {name} is {shown(value)}")
    if not numbers["best_epoch"] <= numbers["epoch"] == len(numbers["history"]):
        raise ValueError("its epochs are not those of its history")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)
