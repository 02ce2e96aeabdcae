"""What a training is told: all that it depends on besides network, images and labels."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from nnscratch.data.augment import Distortion
from nnscratch.errors import UsageError
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
        if self.label_smoothing:
            if self.loss is not softmax_cross_entropy:
                raise UsageError("label smoothing belongs to the cross-entropy loss: leave it at 0 with another")
            self.loss = partial(softmax_cross_entropy, label_smoothing=self.label_smoothing)
