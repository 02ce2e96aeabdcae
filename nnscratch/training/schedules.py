"""Schedules: how the learning rate moves during training, as a factor of the optimiser's own.

``schedule.factor(step, steps)`` is the factor of step 0, 1, ..., steps - 1. Each starts with a linear warm-up over the
share ``warmup`` of all steps (P. Goyal et al., 2017, section 2.2), and what follows uses the steps that are left.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from nnscratch.errors import UsageError
from nnscratch.training.bounds import BOUNDS


@dataclass(frozen=True)
class Schedule:
    """Constant: 1 after the warm-up. The base of the others. Raises UsageError for a warm-up outside 0 <= w < 1."""

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
    """1 throughout."""


@dataclass(frozen=True)
class Step(Schedule):
    """Multiplied by ``gamma`` after each of ``drops`` + 1 equal parts: 1, gamma, ... (as in He et al., CVPR 2016)."""

    drops: int = 2
    gamma: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (self.drops >= 0 and 0 < self.gamma <= 1):
            raise UsageError(f"Step has drops {self.drops} and gamma {self.gamma}: give at least 0, and 0 < gamma <= 1")

    def shape(self, progress: float) -> float:
        return self.gamma ** int(progress * (self.drops + 1))


@dataclass(frozen=True)
class Cosine(Schedule):
    """Half a cosine from 1 to 0 (I. Loshchilov & F. Hutter, ICLR 2017, equation 5, one cycle)."""

    def shape(self, progress: float) -> float:
        return 0.5 * (1 + math.cos(math.pi * progress))


@dataclass(frozen=True)
class OneCycle(Schedule):
    """Up from 1/25 to 1 in the first 30 %, then down to 0 (L. Smith & N. Topin, 2018), here along half cosines."""

    rise: float = 0.3
    start: float = 0.04

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (0 < self.rise < 1 and 0 <= self.start <= 1):
            raise UsageError(
                f"OneCycle has rise {self.rise} and start {self.start}: give 0 < rise < 1, 0 <= start <= 1"
            )

    def shape(self, progress: float) -> float:
        if progress < self.rise:
            return self.start + (1 - self.start) * 0.5 * (1 - math.cos(math.pi * progress / self.rise))
        return 0.5 * (1 + math.cos(math.pi * (progress - self.rise) / (1 - self.rise)))


SCHEDULES: dict[str, type[Schedule]] = {
    "constant": Constant,
    "step": Step,
    "cosine": Cosine,
    "one-cycle": OneCycle,
}
