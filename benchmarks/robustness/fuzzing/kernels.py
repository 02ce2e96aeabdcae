"""Calls of the compiled functions with arguments that do not fit, and what must come of each.

It raises, or agrees with the readable function called with the same: in its results, and in what it changed.
"""

from __future__ import annotations

import inspect
import warnings
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np

from benchmarks.robustness.fuzzing.calls import CALLS, Call
from benchmarks.robustness.fuzzing.memory import Form, Placed
from benchmarks.robustness.fuzzing.misfits import everywhere, misfit

Array = np.ndarray[Any, np.dtype[Any]]
PRECISION = {"f4": 1e-4, "f8": 1e-9}


@dataclass
class Verdict:
    """What came of a case: ``raised``, the kind of exception or ""; ``wrong``, what was wrong; the call in words."""

    name: str
    number: int
    raised: str
    wrong: list[str]
    call: str = ""


def case(name: str, number: int, seed: int) -> tuple[Call, dict[str, Any], int]:
    """Return which call it is, its arguments, with a Form for each array, and how many of them were spoilt."""
    rng = Random(f"{seed} {name} {number}")
    call = CALLS[name]
    kind = rng.choice(("f4", "f8"))
    arguments = call.make(np.random.default_rng(rng.randrange(2**32)), rng, np.dtype(kind))
    arguments = {key: as_it_lies(value) if isinstance(value, np.ndarray) else value for key, value in arguments.items()}
    times = rng.choices((0, 1, 2, 3), (1, 7, 3, 1))[0]
    if rng.random() < 0.15:
        arguments, times = everywhere(rng, arguments), times + 1
    for _ in range(times):
        key = rng.choice(list(arguments))
        arguments[key] = misfit(rng, key, arguments[key], list(arguments.values()))
    return call, arguments, times


def as_it_lies(array: Array) -> Form:
    """Return the form of an array that a call is made with."""
    return Form(array, "C" if array.flags.c_contiguous else "F")


def tried(name: str, number: int, seed: int) -> Verdict:
    """Do a case, twice: compiled, and with the readable function."""
    call, arguments, times = case(name, number, seed)
    at_end = Random(f"{seed} {name} {number} place").random() < 0.7
    ours, theirs = (placed(arguments, at_end) for _ in range(2))
    result, error = outcome(call.compiled, ours)
    wrong = [f"wrote beside {key}" for key, one in guarded(ours) if one.spilt]
    wrong += [f"changed {key}" for key, one in guarded(ours) if one.changed and key not in call.fills]
    told = f"{name}({', '.join(f'{key}={value}' for key, value in arguments.items())})"
    if error is None:
        expected, refusal = outcome(call.readable, theirs)
        if refusal is not None:
            wrong.append(f"returned where the readable function raises {refusal!r:.200}")
        else:
            changes = [[one.array for key, one in guarded(made) if key in call.fills] for made in (theirs, ours)]
            wrong += differences([expected, *changes[0]], [result, *changes[1]], precision(arguments))
    elif not times:
        wrong.append(f"raised {error!r:.200} for arguments that fit")
    return Verdict(name, number, type(error).__name__ if error else "", wrong, told)


def placed(arguments: dict[str, Any], at_end: bool) -> dict[str, Any]:
    """Return the arguments with each array in memory of its own; one of Python's objects is made as NumPy does."""
    made = {}
    for key, value in arguments.items():
        if isinstance(value, Form):
            value = value.values.copy() if value.values.dtype.hasobject else Placed(value, at_end=at_end)
        made[key] = value
    return made


def guarded(made: dict[str, Any]) -> list[tuple[str, Placed]]:
    """Return those arguments that lie in memory of their own."""
    return [(key, value) for key, value in made.items() if isinstance(value, Placed)]


def outcome(function: Any, made: dict[str, Any]) -> tuple[Any, Exception | None]:
    """Return what a function returns, and None; or None, and what it raises."""
    given = {key: value.array if isinstance(value, Placed) else value for key, value in made.items()}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            names = [key for key, one in inspect.signature(function).parameters.items() if one.kind != one.KEYWORD_ONLY]
            first = [given.pop(key) for key in names if key in given]
            return function(*first, **given), None
        except Exception as error:
            return None, error


def precision(arguments: dict[str, Any]) -> float:
    """Return how nearly numbers must agree: as the least precise floats among the arguments do."""
    given = [value.values.dtype for value in arguments.values() if isinstance(value, Form)]
    given += [value.dtype for value in arguments.values() if isinstance(value, np.generic)]
    given += [value for value in arguments.values() if isinstance(value, np.dtype)]
    return PRECISION["f4" if any(one.kind in "fc" and one.itemsize < 8 for one in given) else "f8"]


def differences(expected: list[Any], got: list[Any], near: float) -> list[str]:
    """Return in words where results, tuples of them, and changed arguments are not the same."""
    pairs = list(zip(flat(expected), flat(got), strict=False))
    wrong = [] if len(flat(expected)) == len(flat(got)) else ["returned another number of results"]
    return wrong + [f"result {k}: {why}" for k, pair in enumerate(pairs) if (why := difference(*pair, near))]


def flat(results: list[Any]) -> list[Any]:
    """Return the members of results that are tuples among the others."""
    return [one for result in results for one in (result if isinstance(result, tuple) else (result,))]


def difference(expected: Any, got: Any, near: float) -> str:
    """Return in words how two results differ, or ""."""
    if expected is None or got is None:
        return "" if expected is got else f"{got!r:.80} instead of {expected!r:.80}"
    expected, got = np.asarray(expected), np.asarray(got)
    if (expected.dtype, expected.shape) != (got.dtype, got.shape):
        return f"{got.dtype} {got.shape} instead of {expected.dtype} {expected.shape}"
    try:
        a, b = expected.astype(complex), got.astype(complex)  # objects too, where they are numbers
    except (TypeError, ValueError):
        return "" if str(expected.tolist()) == str(got.tolist()) else f"{got!r:.80} instead of {expected!r:.80}"
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    scale = np.abs(a[np.isfinite(a)]).max(initial=1e-30)
    with np.errstate(all="ignore"):
        same |= np.abs(a - b) <= near * scale
    return "" if same.all() else f"{np.sum(~same)} of {same.size} numbers: {b[~same][0]} instead of {a[~same][0]}"
