"""Between which bounds the numbers of a training lie: one table for ``Plan``, optimisers and ``runs/settings.py``."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from nnscratch.errors import UsageError, short_repr


@dataclass(frozen=True)
class Interval:
    """Finite numbers, whole ones where ``kind`` is int. ``str(interval)`` is "a number of at least 0 and below 1"."""

    kind: type = float
    least: float | None = None
    above: float | None = None
    below: float | None = None
    most: float | None = None

    def __contains__(self, value: Any) -> bool:
        numbers: Any = Integral if self.kind is int else Real
        if isinstance(value, bool) or not isinstance(value, numbers):
            return False
        return (
            (-math.inf < value < math.inf if self.kind is int else abs(value) <= sys.float_info.max)
            and (self.least is None or value >= self.least)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
            and (self.most is None or value <= self.most)
        )

    def __str__(self) -> str:
        what = "a whole number" if self.kind is int else "a number"
        ends = {"of at least": self.least, "above": self.above, "below": self.below, "at most": self.most}
        return f"{what} {' and '.join(f'{word} {end}' for word, end in ends.items() if end is not None)}".strip()

    def check(self, what: str, value: Any) -> None:
        """Raise UsageError, which calls the value ``what``, unless it lies in the interval."""
        if value not in self:
            raise UsageError(f"{what} is {short_repr(value)}: give {self}")


SHARE = Interval(least=0, below=1)
BOUNDS = {
    "epochs": Interval(int, least=1),
    "batch_size": Interval(int, least=1),
    "patience": Interval(int, least=0),
    "min_delta": Interval(least=0),
    "seed": Interval(int, least=0),
    "shard": Interval(int, least=0),
    "n": Interval(int, least=1),
    "samples": Interval(int, least=1),
    "tolerance": Interval(least=0),
    "clip": Interval(least=0),
    "ema": SHARE,
    "label_smoothing": SHARE,
    "learning_rate": Interval(above=0),
    "weight_decay": Interval(least=0),
    "momentum": SHARE,
    "decay": SHARE,
    "beta1": SHARE,
    "beta2": SHARE,
    "eps": Interval(least=0),
    "warmup": SHARE,
}


def check_all(numbers: dict[str, Any]) -> None:
    """Raise UsageError unless each number lies in the interval of its name."""
    for name, value in numbers.items():
        BOUNDS[name].check(name, value)
