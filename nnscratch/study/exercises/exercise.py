"""What an exercise is: a function to write, inputs to try it on, the right answer, and mistakes that are known."""

from __future__ import annotations

import copy
import inspect
import textwrap
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from nnscratch.arrays import Array

Seed = int | np.random.Generator
Function = Callable[..., Any]  # returns an array, or a tuple of several
Results = Sequence[tuple[Any, ...]]  # for each case: the arrays, with None for what is none
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

    ``hints`` go from a nudge to nearly the solution; ``read`` is the section of nnscratch/ops/DERIVATIONS.md that
    derives it, and ``library`` the file that has the library's own.
    ``solution`` gives the right arrays, in plain NumPy. ``slips`` are the mistakes that are known: a sentence, and what
    is to be replaced in the solution's source by what, so that it makes the mistake.
    ``derivatives`` returns, for the arguments, by the name of each gradient the array that it is a gradient by, and the
    function of those arrays that is differentiated; None where nothing is. ``own_loss``: the function's first result
    is itself differentiated by its first argument, and its second result is that gradient. ``batch``: the last axis of
    the first argument is the batch, over which gradients may be summed or averaged.
    ``uses`` names the exercises whose functions the reader builds this one of.
    ``draw`` returns other cases, of other numbers and shapes, in which every mistake shows as it does in ``cases``.
    """

    name: str
    line: str
    parameters: tuple[str, ...]
    returns: tuple[str, ...]
    shapes: str
    forward: str
    hints: tuple[str, str, str]
    read: str
    library: str
    solution: Function
    cases: tuple[Case, ...]
    slips: Mapping[str, tuple[str, ...]]
    draw: Callable[[np.random.Generator], tuple[Case, ...]]
    derivatives: Derivatives | None = None
    own_loss: bool = False
    batch: bool = True
    uses: tuple[str, ...] = ()

    @property
    def signature(self) -> str:
        """The function's name with its parameters."""
        return f"{self.name}({', '.join(self.parameters)})"

    @cached_property
    def mistakes(self) -> tuple[Mistake, ...]:
        """The mistakes that are known."""
        return tuple(Mistake(text, slipped(self.solution, edits)) for text, edits in self.slips.items())

    @cached_property
    def right(self) -> Results:
        """What the solution returns for each case."""
        return self.evaluate(self.solution)

    @cached_property
    def wrong(self) -> tuple[tuple[str, Results], ...]:
        """The sentence of each mistake, and what the solution with that mistake returns for each case."""
        return tuple((mistake.text, self.evaluate(mistake.wrong)) for mistake in self.mistakes)

    def evaluate(self, function: Function) -> Results:
        """Return what ``function`` returns for each case; None in place of all arrays where it fails."""
        results: list[tuple[Any, ...]] = []
        for case in self.cases:
            try:
                returned = function(*copy.deepcopy(case.arguments))
            except (ValueError, IndexError, TypeError):
                results.append((None,) * len(self.returns))
            else:
                several = returned if isinstance(returned, tuple) else (returned,)
                results.append(tuple(np.asarray(value, np.float64) for value in several))
        return results

    def drawn(self, seed: int) -> Exercise:
        """Return this exercise with cases that the reader has not seen, the same for each seed (from 0)."""
        rng = np.random.default_rng([seed, zlib.crc32(self.name.encode())])  # of an exercise alone
        return replace(self, cases=self.draw(rng))


@dataclass(frozen=True)
class Given:
    """A function that the reader's function is called with.

    The reader's file runs in a process that has nothing of the library, so the function is handed over as its source,
    in which NumPy is np.
    """

    function: Callable[..., Any]

    def __call__(self, *arguments: Any) -> Any:
        """Call the function."""
        return self.function(*arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how to make the function where only NumPy is known."""
        head = "from __future__ import annotations\nimport numpy as np\n"
        source = head + textwrap.dedent(inspect.getsource(self.function))
        return eval, (f"(lambda scope: exec({source!r}, scope) or scope[{self.function.__name__!r}])({{}})",)


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


def drawn_orders(rng: np.random.Generator, epochs: int, N: int, batch_size: int) -> Array:
    """Return orders (epochs, N); the first batch of each has other images than that of any other, or as stored."""
    orders: list[Array] = []
    firsts = {frozenset(range(batch_size))}
    while len(orders) < epochs:
        order = rng.permutation(N)
        first = frozenset(order[:batch_size].tolist())
        if first not in firsts or batch_size >= N:
            orders.append(order)
            firsts.add(first)
    return np.array(orders)


def apart(seed: Seed, *shape: int) -> Array:
    """Return numbers that lie 0.1 apart and 0.05 from zero, in random order: no kink of ReLU and no tie is near."""
    size = int(np.prod(shape))
    return 0.1 * (np.random.default_rng(seed).permutation(size) - size // 2 + 0.5).reshape(shape)
