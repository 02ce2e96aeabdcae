"""What an exercise is: a function to write, inputs to try it on, the right answer, and mistakes that are known."""

from __future__ import annotations

import inspect
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from nnscratch.arrays import Array

Seed = int | np.random.Generator
Function = Callable[..., tuple[Any, ...]]  # one entry for each returned array
Derivatives = Callable[..., tuple[dict[str, Array], Callable[[], float]]]


@dataclass(frozen=True)
class Case:
    """One input. ``what`` names it in a sentence; ``hint`` tells what is special, for who fails here alone."""

    what: str
    arguments: tuple[Any, ...]
    hint: str = ""
    smooth: bool = True  # False: at a kink, where there is no derivative to compare with


@dataclass(frozen=True)
class Mistake:
    """``wrong`` returns what the solution with this mistake in it returns."""

    text: str
    wrong: Function


@dataclass(frozen=True)
class Exercise:
    """A function for the reader to write.

    ``solution`` gives the right arrays, in plain NumPy. ``slips`` are the mistakes that are known: a sentence, and what
    is to be replaced in the solution's source by what, so that it makes the mistake.
    ``derivatives`` returns, for the arguments, by the name of each gradient the array that it is a gradient by, and the
    function of those arrays that is differentiated; None where nothing is. ``own_loss``: the function's first result
    is itself differentiated by its first argument, and its second result is that gradient. ``batch``: the last axis of
    the first argument is the batch, over which gradients may be summed or averaged.
    ``draw`` returns other cases, of other numbers and shapes, in which every mistake shows as it does in ``cases``.
    """

    name: str
    line: str
    parameters: tuple[str, ...]
    returns: tuple[str, ...]
    shapes: str
    forward: str
    hint: str
    read: str
    solution: Function
    cases: tuple[Case, ...]
    slips: Mapping[str, tuple[str, ...]]
    draw: Callable[[np.random.Generator], tuple[Case, ...]]
    derivatives: Derivatives | None = None
    own_loss: bool = False
    batch: bool = True

    @property
    def signature(self) -> str:
        """The function's name with its parameters."""
        return f"{self.name}({', '.join(self.parameters)})"

    @cached_property
    def mistakes(self) -> tuple[Mistake, ...]:
        """The mistakes that are known."""
        return tuple(Mistake(text, slipped(self.solution, edits)) for text, edits in self.slips.items())

    def drawn(self, seed: int) -> Exercise:
        """Return this exercise with cases that the reader has not seen, the same for each seed (from 0)."""
        rng = np.random.default_rng([seed, zlib.crc32(self.name.encode())])  # of an exercise alone
        return replace(self, cases=self.draw(rng))


def slipped(function: Function, edits: tuple[str, ...]) -> Function:
    """Return ``function`` with what is replaced in its source: old, new, old, new ..."""
    source = inspect.getsource(function)
    for old, new in zip(edits[::2], edits[1::2], strict=True):
        if old not in source:
            raise ValueError(f"{old!r} does not stand in {function.__name__}")
        source = source.replace(old, new)
    scope = dict(function.__globals__)
    exec(source, scope)
    wrong: Function = np.errstate(all="ignore")(scope[function.__name__])  # it may take the logarithm of 0
    return wrong


def weighed(dout: Array, forward: Callable[..., Array], **moved: Array) -> tuple[dict[str, Array], Callable[[], float]]:
    """Return the arrays by the names of their gradients, and the function sum(dout * forward(*arrays)) of them."""
    moved = {name: array.copy() for name, array in moved.items()}
    return moved, lambda: float((dout * forward(*moved.values())).sum())


def numbers(seed: Seed, *shape: int) -> Array:
    """Return standard normal numbers, float64, always the same for a seed."""
    return np.random.default_rng(seed).standard_normal(shape)


def sizes(rng: np.random.Generator, count: int, least: int = 4) -> list[int]:
    """Return so many different sizes of axes, from ``least`` up: none is by chance that of another axis."""
    return [least + int(k) for k in rng.permutation(count + 1)[:count]]


def apart(seed: Seed, *shape: int) -> Array:
    """Return numbers that lie 0.1 apart and 0.05 from zero, in random order: no kink of ReLU and no tie is near."""
    size = int(np.prod(shape))
    return 0.1 * (np.random.default_rng(seed).permutation(size) - size // 2 + 0.5).reshape(shape)
