"""Schedules: how the learning rate moves during training, as a factor of the optimiser's own.

``schedule.factor(step, steps)`` is the factor of step 0, 1, ..., steps - 1. Each starts with a linear warm-up over the
share ``warmup`` of all steps (P. Goyal et al., 2017, section 2.2), and what follows uses the steps that are left.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from nnscratch.errors import UsageError, accepts, short_repr, unknown
from nnscratch.training.bounds import BOUNDS, Interval

FACTOR = Interval(least=0)
DROPS, GAMMA = Interval(int, least=0, most=1_000_000), Interval(above=0, most=1)
RISE, START = Interval(above=0, below=1), Interval(least=0, most=1)


@dataclass(frozen=True)
class Schedule:
    """1 after the warm-up. The base of ``nn.Cosine``, ``nn.Step``, ...; an own one overrides :meth:`shape`.

    warmup: the share of all steps, at least 0 and below 1, in which the factor rises along a line to its first value.
    Raises UsageError for another.
    """

    warmup: float = 0.0

    def __post_init__(self) -> None:
        BOUNDS["warmup"].check("the warm-up", self.warmup)

    def factor(self, step: int, steps: int) -> float:
        """Return the factor of the learning rate in step ``step`` of ``steps``."""
        warm = round(self.warmup * steps)
        if step < warm:
            return (step + 1) / warm
        return self.shape((step - warm) / max(steps - warm, 1))

    def shape(self, progress: float) -> float:
        """Return the factor after the warm-up, for 0 <= progress < 1."""
        return 1.0


@dataclass(frozen=True)
class Constant(Schedule):
    """The learning rate stays what the optimiser says: a factor of 1.

    warmup: the share of all steps, at least 0 and below 1, in which the factor rises along a line to 1. Raises
    UsageError for another.
    """


@dataclass(frozen=True)
class Step(Schedule):
    """Multiplied by ``gamma`` after each of ``drops`` + 1 equal parts: 1, gamma, ... (as in He et al., CVPR 2016).

    warmup: the share of all steps, at least 0 and below 1, in which the factor rises along a line to 1; the parts
    divide the rest. drops: a whole number of at least 0. gamma: above 0 and at most 1. Raises UsageError for others.
    """

    drops: int = 2
    gamma: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        DROPS.check("drops of Step", self.drops)
        GAMMA.check("gamma of Step", self.gamma)

    def shape(self, progress: float) -> float:
        return self.gamma ** int(progress * (self.drops + 1))


@dataclass(frozen=True)
class Cosine(Schedule):
    """Half a cosine from 1 to 0 (I. Loshchilov & F. Hutter, ICLR 2017, equation 5, one cycle).

    warmup: the share of all steps, at least 0 and below 1, in which the factor rises along a line to 1, before the
    cosine begins. Raises UsageError for another.
    """

    def shape(self, progress: float) -> float:
        return 0.5 * (1 + math.cos(math.pi * progress))


@dataclass(frozen=True)
class OneCycle(Schedule):
    """Up from 1/25 to 1 in the first 30 %, then down to 0 (L. Smith & N. Topin, 2018), here along half cosines.

    rise: the share of the steps that go up, above 0 and below 1. start: the factor that they begin with, 0 to 1.
    warmup: the share of all steps, at least 0 and below 1, in which the factor rises along a line to 1, before all
    that; it is seldom wanted here. Raises UsageError for others.
    """

    rise: float = 0.3
    start: float = 0.04

    def __post_init__(self) -> None:
        super().__post_init__()
        RISE.check("rise of OneCycle", self.rise)
        START.check("start of OneCycle", self.start)

    def shape(self, progress: float) -> float:
        if progress < self.rise:
            return self.start + (1 - self.start) * 0.5 * (1 - math.cos(math.pi * progress / self.rise))
        return 0.5 * (1 + math.cos(math.pi * (progress - self.rise) / (1 - self.rise)))


@dataclass(frozen=True)
class OfProgress(Schedule):
    """What a function makes of the share of the training that is done: a factor of at least 0 for 0 <= progress < 1.

    Raises UsageError for a function that takes something else than one argument, or returns no such number.
    """

    function: Callable[[float], float] = field(kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not accepts(self.function, 1):
            raise UsageError(
                "the schedule is a function that does not take one argument: give one of the progress, 0 <= p < 1, "
                "such as lambda p: 1 - p"
            )
        self.shape(0.0)

    def shape(self, progress: float) -> float:
        factor = self.function(progress)
        if factor not in FACTOR:
            raise UsageError(
                f"the schedule returned {short_repr(factor)} at progress {progress:g}: return {FACTOR}, by which the "
                f"learning rate is multiplied"
            )
        return float(factor)


SCHEDULES: dict[str, type[Schedule]] = {
    "constant": Constant,
    "step": Step,
    "cosine": Cosine,
    "one-cycle": OneCycle,
}


def as_schedule(given: Any) -> Schedule:
    """Return the schedule meant: ``nn.Cosine()`` as it is, "cosine" and ``nn.Cosine`` without warm-up, a function.

    A function takes the progress, 0 <= p < 1, and returns the factor of the learning rate: ``lambda p: 1 - p`` falls
    along a line. Raises UsageError for a name that is unknown, or for something else.
    """
    if isinstance(given, str):
        if given.lower() not in SCHEDULES:
            raise unknown("the schedule", given, SCHEDULES)
        return SCHEDULES[given.lower()]()
    if isinstance(given, type) and issubclass(given, Schedule):
        return given()
    if hasattr(given, "factor") and not isinstance(given, type):
        return cast(Schedule, given)
    if not callable(given) or isinstance(given, type):
        raise UsageError(
            f"the schedule is {short_repr(given)}: give a name such as 'cosine', nn.Cosine(), or a function of the "
            "progress, 0 <= p < 1, that returns the factor of the learning rate"
        )
    return OfProgress(function=given)
