"""The learning-rate range test: train with a rate that rises from step to step, and see where the loss falls.

L. N. Smith: Cyclical Learning Rates for Training Neural Networks, WACV 2017, section 3.3; here the rate rises
exponentially, and the test ends when the loss has grown to some times its least, as S. Gugger (2018) has it. Below the
range the loss hardly moves; in it, it falls; above it, steps overshoot.
"""

from __future__ import annotations

import copy
import math
import warnings
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.augment import Distortion
from nnscratch.data.batches import Batches
from nnscratch.errors import ConvergenceWarning, DivergedError, UsageError, short_repr
from nnscratch.layers.network import Network
from nnscratch.training.bounds import Interval
from nnscratch.training.callbacks import Callback
from nnscratch.training.losses import Loss, softmax_cross_entropy
from nnscratch.training.optimizers import Adam, Optimizer
from nnscratch.training.plan import Plan
from nnscratch.training.schedules import Schedule
from nnscratch.training.trainer import Trainer

LOW, HIGH, STEPS = 1e-6, 10.0, 200
WIDTH = 0.1  # standard deviation, in decades of the rate, of the Gaussian that smooths the losses
GROWN = 3.0  # times the least: so large a loss ends the test
BEGUN = 0.1  # share of the whole fall of the loss after which it is said to fall
FEW = 5  # steps, whose mean loss stands for that of a rate
RATE = Interval(above=0, most=1e30)


@dataclass(frozen=True)
class RangeTest:
    """What was seen: the loss of each batch, and where it fell.

    rates, losses, smoothed: (n,). ``suggestion`` is the rate at which the smoothed loss fell most steeply; it fell
    between ``lowest`` and ``highest``. All three are None when no rate made it fall. ``ended_early``: the loss had
    grown, or was no longer finite, before the last rate.
    """

    rates: Array = field(repr=False)
    losses: Array = field(repr=False)
    smoothed: Array = field(repr=False)
    lowest: float | None
    suggestion: float | None
    highest: float | None
    ended_early: bool


def lr_find(
    model: Any,
    images: Array | Batches,
    labels: Array,
    *,
    batch_size: int = 64,
    optimizer: Optimizer | None = None,
    loss: Loss = softmax_cross_entropy,
    label_smoothing: float = 0.0,
    clip: float = 0.0,
    seed: int = 0,
    distortion: Distortion | None = None,
    low: float = LOW,
    high: float = HIGH,
    steps: int = STEPS,
) -> RangeTest:
    """Return a range test of the model, which stays as it is: a copy is trained, as ``model.fit`` would.

    The arguments are those of ``fit``; the optimiser's own learning rate plays no part. The rate rises from ``low`` to
    ``high`` in ``steps`` steps, which go on into further epochs where the images are few. Raises UsageError for
    arguments out of range.

    ``model``: an ``nn.Sequential``.
    """
    if not hasattr(model, "batches"):
        raise UsageError(f"the model is {short_repr(model)}: give a network, such as nn.build('lenet5')")
    plan = Plan(
        batch_size=batch_size,
        optimizer=optimizer or Adam(1e-3),
        loss=loss,
        label_smoothing=label_smoothing,
        clip=clip,
        seed=seed,
        distortion=distortion or Distortion(),
    )
    return range_test(model, model.batches(images), labels, plan, low=low, high=high, steps=steps)


def check_range(low: float, high: float, steps: int) -> None:
    """Raise UsageError unless the rates rise in enough steps."""
    RATE.check("the lowest rate", low)
    RATE.check("the highest rate", high)
    Interval(int, least=20, most=100_000).check("steps", steps)
    if low >= high:
        raise UsageError(f"the rates go from {low:g} to {high:g}: give a highest that is above the lowest")


def range_test(
    network: Network,
    images: Batches,
    labels: Array,
    plan: Plan,
    *,
    low: float = LOW,
    high: float = HIGH,
    steps: int = STEPS,
) -> RangeTest:
    """Do the same by a plan, of which epochs, schedule, ``ema``, ``keep`` and ``patience`` play no part."""
    check_range(low, high, steps)
    epochs = -(-steps // -(-len(images) // plan.batch_size))
    optimizer = replace(plan.optimizer, learning_rate=low)
    rising = Rising(steps=steps, ratio=high / low)
    plan = replace(plan, epochs=epochs, optimizer=optimizer, schedule=rising, ema=0.0, patience=0, label_smoothing=0.0)
    watch = Losses(steps)
    trainer = Trainer(copy.deepcopy(network), images, labels, plan, callbacks=[watch])
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():  # what diverges is what is looked for
            warnings.filterwarnings("ignore", "the training has learned nothing", ConvergenceWarning)
            trainer.run()
    except DivergedError:
        pass
    if not watch.losses:
        raise DivergedError("the loss of the first batch is not finite: the images or the weights are too large")
    rates = low * (high / low) ** (np.arange(len(watch.losses)) / (steps - 1))
    return read(rates, np.array(watch.losses), ended_early=len(watch.losses) < steps)


@dataclass(frozen=True)
class Rising(Schedule):
    """From 1 to ``ratio``, by the same factor in each of ``steps`` steps."""

    steps: int = STEPS
    ratio: float = HIGH / LOW

    def factor(self, step: int, steps: int) -> float:
        """Return the factor of step ``step``."""
        return float(self.ratio ** (min(step, self.steps - 1) / (self.steps - 1)))


class Losses(Callback):
    """Keeps the loss of each batch, and stops the training when it has grown, or after ``steps``.

    It has grown when the mean of the last few is above every loss of the first quarter, and far above the least mean.
    """

    def __init__(self, steps: int) -> None:
        self.steps, self.quarter = steps, steps // 4
        self.losses, self.least = list[float](), math.inf

    def on_batch_end(self, trainer: Trainer) -> None:
        """Note the loss."""
        self.losses.append(float(trainer.batch_loss))
        mean = float(np.mean(self.losses[-FEW:]))
        if len(self.losses) >= FEW:
            self.least = min(self.least, mean)
        begun = len(self.losses) > self.quarter
        grown = begun and mean > max(GROWN * self.least, *self.losses[: self.quarter])
        if grown or len(self.losses) == self.steps:
            trainer.stop()


def read(rates: Array, losses: Array, *, ended_early: bool) -> RangeTest:
    """Return what the losses (n,) at these rates (n,) say."""
    places = np.log10(rates)
    ceiling = GROWN * losses[: len(losses) // 4 + 1].max()  # a loss of 1e10 would be seen far to both sides
    smoothed = smooth(places, np.minimum(losses, ceiling))
    bottom = int(smoothed.argmin())
    first = float(smoothed[:FEW].mean())
    fall = first - smoothed[bottom]
    noise = float(np.std(losses[: 2 * FEW]))  # from batch to batch, while the rate moves nothing yet
    if bottom < 2 or fall <= max(noise, 1e-6 * first):
        return RangeTest(rates, losses, smoothed, None, None, None, ended_early)
    begin = int(np.flatnonzero(smoothed[: bottom + 1] >= first - BEGUN * fall)[-1])
    slopes = np.gradient(smoothed, places)[begin : bottom + 1]
    steepest = begin + int(slopes.argmin())
    lowest, suggestion, highest = (float(rates[place]) for place in (begin, steepest, bottom))
    return RangeTest(rates, losses, smoothed, lowest, suggestion, highest, ended_early)


def smooth(places: Array, values: Array) -> Array:
    """Return the means of ``values`` (n,), weighted by a Gaussian of the distance of their ``places`` (n,).

    It looks to both sides, so that nothing lags behind the rate.
    """
    weights = np.exp(-0.5 * ((places[:, None] - places[None, :]) / WIDTH) ** 2)
    return np.asarray(weights @ values / weights.sum(axis=1))
