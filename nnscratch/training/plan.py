"""What a training is told: all that it depends on besides network, images and labels."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

from nnscratch.arrays import Array
from nnscratch.data.augment import Distortion
from nnscratch.errors import UsageError, accepts, short_repr, unknown
from nnscratch.layers.network import Network
from nnscratch.training.bounds import BOUNDS
from nnscratch.training.losses import Loss, checked_labels, mean_squared_error, smoothing_of, softmax_cross_entropy
from nnscratch.training.optimizers import Adam, Optimizer, as_optimizer
from nnscratch.training.schedules import Constant, Schedule, as_schedule

KEEP = ("best", "last")
NUMBERS = ("epochs", "batch_size", "label_smoothing", "clip", "ema", "patience", "min_delta", "seed", "shard")
LOSSES: dict[str, Loss] = {"cross_entropy": softmax_cross_entropy, "mse": mean_squared_error}
LOSS_NAMES = LOSSES | {loss.__name__: loss for loss in (softmax_cross_entropy, mean_squared_error)}
SHARD = 32  # images: what LeNet-5 needs for 32 fits into a core's second-level cache
MOST_SHARDS = 8  # of a batch, so that gradient buffers stay few
SMALL_BATCH = 2_000_000  # multiply-adds; below this handing a batch to threads costs more than it saves
REUSE = 50  # multiply-adds of a shard for each number of its gradient buffer, lest the buffer cost more than the work


@dataclass
class Plan:
    """How to train: arguments of ``Sequential.fit``, which may be what they may be there, such as names.

    ``clip``, ``ema`` (the decay of an EMA of the weights) and ``patience`` are off at 0. ``keep``: the weights of the
    "best" validation epoch, or of the "last". The best of many epochs is partly luck, and a learning rate that falls
    to 0 makes the last ones the most settled. ``min_delta``: by how much the validation accuracy has to exceed the best
    for an epoch to be better. ``shard``: how many images of a batch are worked on together; 0: what suits a core's
    caches. Raises UsageError for what is out of range.
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
    min_delta: float = 0.0

    def __post_init__(self) -> None:
        self.optimizer, self.schedule = as_optimizer(self.optimizer), as_schedule(self.schedule)
        self.loss, self.distortion = as_loss(self.loss), as_distortion(self.distortion)
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

    def __repr__(self) -> str:
        """Return the arguments that are not the defaults: ``Plan(epochs=3, loss=mean_squared_error)``."""
        usual = vars(Plan()) | ({"loss": self.loss} if self.label_smoothing else {})  # which made it
        given = {name: value for name, value in vars(self).items() if value != usual[name]}
        shown = (f"{name}={getattr(value, '__name__', repr(value))}" for name, value in given.items())
        return f"Plan({', '.join(shown)})"


def as_loss(given: Any) -> Loss:
    """Return the loss meant: a function as it is, or one by its name. Raises UsageError for something else."""
    if isinstance(given, str):
        if given.lower() not in LOSS_NAMES:
            raise unknown("the loss", given, LOSS_NAMES)
        return LOSS_NAMES[given.lower()]
    if not callable(given) or isinstance(given, type) or not accepts(given, 2):
        raise UsageError(
            f"the loss is {short_repr(given)}: give a name such as 'mse', or a function of outputs and labels that "
            f"returns (loss, dout)"
        )
    return given  # type: ignore[no-any-return]


def as_distortion(given: Any) -> Distortion:
    """Return the distortion. Raises UsageError for something else, with what to write."""
    if not isinstance(given, Distortion):
        raise UsageError(
            f"the distortion is {short_repr(given)}: give nn.Distortion(rotation=10, shift=1), or another of its kinds"
        )
    return given


def check_training(network: Network, plan: Plan, labels: Array) -> None:
    """Raise UsageError for a network that this plan cannot train, or labels that it has no output for."""
    if plan.distortion and (len(network.input_shape) != 3 or network.input_shape[0] != 1):
        raise UsageError(f"distortion is for pictures of one channel, and this network takes {network.input_shape}")
    network.check_layers()
    if smoothing_of(plan.loss) is not None and labels.ndim == 1 and len(network.shapes[-1]) == 1:
        checked_labels(labels, network.shapes[-1][0])


def shard_size(network: Network, batch_size: int, shard: int = 0) -> int:
    """Return how many images of a batch are worked on together: all, where the network or the work asks for it.

    ``shard``, unless it is 0, says how many, but for a network that mixes images.
    """
    work = network.multiply_adds()
    if shard and not network.couples_whole_batch:
        return min(shard, batch_size)
    if network.couples_whole_batch or batch_size * work < SMALL_BATCH:
        return batch_size
    least = max(REUSE * network.theta.size // work, batch_size // MOST_SHARDS, 1)
    return min(-(-least // SHARD) * SHARD, -(-batch_size // 8) * 8)  # kernels like eights
