"""What a training is told: all that it depends on besides network, images and labels."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from nnscratch.arrays import Array
from nnscratch.data.augment import Distortion
from nnscratch.data.batches import Batches
from nnscratch.errors import UsageError, unknown
from nnscratch.layers.network import Network
from nnscratch.training.bounds import BOUNDS
from nnscratch.training.losses import Loss, checked_labels, smoothing_of, softmax_cross_entropy
from nnscratch.training.optimizers import Adam, Optimizer
from nnscratch.training.schedules import Constant, Schedule

KEEP = ("best", "last")
NUMBERS = ("epochs", "batch_size", "label_smoothing", "clip", "ema", "patience", "seed", "shard")


@dataclass
class Plan:
    """How to train: the arguments of ``Sequential.fit``, in its order.

    ``clip``, ``ema`` (the decay of an EMA of the weights) and ``patience`` are off at 0. ``keep``: the weights of the
    "best" validation epoch, or of the "last". The best of many epochs is partly luck, and a learning rate that falls
    to 0 makes the last ones the most settled. ``shard``: how many images of a batch are worked on together; 0: what
    suits a core's caches. Raises UsageError for what is out of range.
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
        for name in NUMBERS:
            BOUNDS[name].check(name, getattr(self, name))
            if BOUNDS[name].kind is int:
                setattr(self, name, int(getattr(self, name)))  # NumPy's have a largest one
        if self.keep not in KEEP:
            raise unknown("keep", self.keep, KEEP)
        if self.patience and self.keep == "last":
            raise UsageError("patience waits for a better epoch, so it needs keep 'best': leave one of the two out")
        if self.label_smoothing:
            if self.loss is not softmax_cross_entropy:
                raise UsageError("label smoothing belongs to the cross-entropy loss: leave it at 0 with another")
            self.loss = partial(softmax_cross_entropy, label_smoothing=self.label_smoothing)


def check_data(images: Batches, labels: Array) -> None:
    """Raise UsageError unless there is a label for each image, and an image."""
    if len(images) != len(labels) or len(images) == 0:
        raise UsageError(f"{len(images)} images and {len(labels)} labels came: give as many of both, at least 1")


def check_training(network: Network, plan: Plan, labels: Array) -> None:
    """Raise UsageError for a network that this plan cannot train, or labels that it has no output for."""
    if plan.distortion and (len(network.input_shape) != 3 or network.input_shape[0] != 1):
        raise UsageError(f"distortion is for pictures of one channel, and this network takes {network.input_shape}")
    network.check_layers()
    if smoothing_of(plan.loss) is not None and labels.ndim == 1 and len(network.shapes[-1]) == 1:
        checked_labels(labels, network.shapes[-1][0])
