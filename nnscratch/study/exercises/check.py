"""The check of a reader's function: against the right answer, against numerical gradients, and what is wrong."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.study.exercises.diagnosis import ROUNDED, TOLERANCE, diagnose, relative_error, same
from nnscratch.study.exercises.exercise import Case, Exercise
from nnscratch.study.exercises.sandbox import Call, Limits, Report, call_all
from nnscratch.training.numerical_gradient import check_array

SAMPLES = 20  # entries of each array that are compared with numerical gradients
PROBE = 1e-5  # the step of those of the reader's own loss
BATCH_LAST = "the batch is the last axis"  # how a note begins
EXPLAINING = (BATCH_LAST, "the arguments stand in another order")  # how notes begin that may explain all that is wrong
UNKNOWN = "no mistake that is known"  # how a diagnosis begins that is none
LEAST_REPORT = 4 << 20  # bytes that may come back, besides a few times those that are wanted

Pairs = list[tuple[Case, Array, Array]]  # for the cases in which an array was returned: that, and the right one


@dataclass
class Finding:
    """What is found about one returned array; the figures are those of the input where it is worst."""

    name: str
    right: bool
    case: str = ""
    error: float | None = None  # relative; None when the shape is wrong; infinite for NaN
    where: tuple[int, ...] = ()
    yours: float | None = None
    wanted: float | None = None
    quotient_error: float | None = None
    diagnosis: str = ""


@dataclass
class Verdict:
    """What is found about the function. ``problems`` are sentences, and none of them is harmless; ``notes`` are."""

    exercise: str
    problems: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    status: str = "wrong"  # or "right", or why there is nothing to compare, in a word or two
    passed: int = 0  # cases with which all is right
    score: float = 0.0  # the share of a case's arrays that are right, over all cases
    cases: int = 0
    seconds: float = 0.0

    @property
    def right(self) -> bool:
        """True when all arrays are right and nothing else is wrong."""
        return not self.problems and bool(self.findings) and all(each.right for each in self.findings)


def check(exercise: Exercise, file: Path, limits: Limits | None = None, stop: threading.Event | None = None) -> Verdict:
    """Run the function of the exercise's name in ``file`` and grade it, unless ``stop`` is set meanwhile.

    Raises DataError when there is no such file.
    """
    calls = [case.arguments for case in exercise.cases]
    calls += _probes(exercise) if exercise.own_loss else []
    longest = LEAST_REPORT + 4 * sum(array.nbytes for arrays in exercise.right for array in arrays)
    report = call_all(file, exercise.name, calls, limits or Limits(), stop, longest, exercise.parameters)
    with np.errstate(all="ignore"):  # whatever numbers came back
        return grade(exercise, report)


def grade(exercise: Exercise, report: Report) -> Verdict:
    """Return the verdict on what the function returned."""
    verdict = Verdict(exercise.name, notes=report.notes, cases=len(exercise.cases), seconds=report.seconds)
    if report.failure or len(report.calls) < len(exercise.cases):
        verdict.problems.append(report.failure or "no answer came for some inputs")
        verdict.status = report.status or verdict.status
        return verdict
    calls = report.calls[: len(exercise.cases)]
    ours = [_values(exercise, call, verdict) for call in calls]
    verdict.problems = _failures(exercise, calls) + list(dict.fromkeys(verdict.problems))
    results: list[tuple[Any, ...]] = [each or (None,) * len(exercise.returns) for each in ours]
    known = diagnose(exercise, results)
    verdict.notes += [] if known else _about_axes(exercise, calls)
    if all(each is None for each in ours):
        verdict.status = calls[0].status or verdict.status
        return verdict
    right = exercise.right
    scores = [_score(*each) for each in zip(calls, results, right, strict=True)]
    verdict.passed, verdict.score = scores.count(1.0), sum(scores) / len(scores)
    for k, name in enumerate(exercise.returns):
        pairs = [(c, a[k], b[k]) for c, a, b in zip(exercise.cases, results, right, strict=True) if a[k] is not None]
        finding = _find(name, pairs)
        if not exercise.own_loss:
            finding.quotient_error = _numerical_error(exercise, name, pairs)
        elif k == 1 and pairs and pairs[0][0] is exercise.cases[0]:
            finding.quotient_error = _own_numerical_error(*pairs[0][1:], report.calls[len(exercise.cases) :])
        if pairs and not finding.right:
            finding.diagnosis = "; ".join(filter(None, [_outside(pairs), known.get(k) or _hint(exercise, pairs)]))
        verdict.findings.append(finding)
    verdict.status = "right" if verdict.right else "wrong"
    return verdict


def _score(call: Call, ours: tuple[Any, ...], right: tuple[Any, ...]) -> float:
    """Return the share of the arrays of one call that are as they must be; none, where an argument was changed."""
    if call.failure or call.changed or len(call.values) != len(right):
        return 0.0
    triples = zip(call.values, ours, right, strict=True)
    good = (
        mine is not None and (each.type, each.dtype) == ("array", "float64") and same(mine, wanted)
        for each, mine, wanted in triples
    )
    return sum(good) / len(right)


def _failures(exercise: Exercise, calls: list[Call]) -> list[str]:
    """Return what the function raised, once for all inputs with which it did in one line, and what that may be."""
    inputs: dict[str, list[str]] = {}
    first: dict[str, str] = {}  # what was raised in a line, with the first input
    for case, call in zip(exercise.cases, calls, strict=False):
        if call.failure:
            line = re.match(r"\w+ in line \d+", call.failure)
            text = first.setdefault(line[0] if line else call.failure, call.failure)
            inputs.setdefault(text, []).append(case.what)
    problems = []
    for text, cases in inputs.items():
        empty = re.search(r"broadcast.*\([\d,]*\b0\b", text)
        hint = ": is a slice empty? x[:, t:-b] is, where b is 0; x[:, t : t + H] is not" if empty else ""
        some = [case for case in exercise.cases if case.what in cases]
        where = "" if len(some) == len(exercise.cases) else f"; input: {_told(some)}"
        problems.append(text + hint + where)
    return problems


def _about_axes(exercise: Exercise, calls: list[Call]) -> list[str]:
    """Return a reminder of the shapes, where most inputs did not fit what the function does with them."""
    shapes = exercise.shapes.split("\n")[0]
    unfit = sum(re.match("(Value|Index)Error", call.failure or "") is not None for call in calls)
    return [f"{BATCH_LAST}: {shapes}"] if "N)" in shapes and 2 * unfit > len(calls) else []


def _values(exercise: Exercise, call: Call, verdict: Verdict) -> tuple[Any, ...] | None:
    """Return the returned arrays, with None for what is none; None for a call that failed. Say what is not right."""
    wanted = exercise.returns
    if call.failure:
        return None
    for k in call.changed:
        verdict.problems.append(f"the argument {exercise.parameters[k]} was changed in place: work on a copy")
    if len(call.values) != len(wanted):
        came = f"{call.count} values came back"
        if call.count is None:
            kind = call.values[0].type
            came = "nothing (None) came back" if kind == "NoneType" else f"one value of the type {kind} came back"
        verdict.problems.append(f"{came}, but {_in_words(wanted)}: end with return {', '.join(wanted)}")
        return None
    arrays: list[Array | None] = []
    for name, value in zip(wanted, call.values, strict=True):
        if value.type != "array":
            came = "nothing (None): is there a return?" if value.type == "NoneType" else f"of the type {value.type}"
            what = "one of float64" if value.type.startswith("array of") else "an array of NumPy"
            how = ": make one by np.array" if value.type == "list" else ""
            verdict.problems.append(f"{name} is {came}, but {what} is wanted{how}".replace("?, but", "? But"))
        elif value.array is None:
            verdict.problems.append(f"{name} has the shape {value.shape}, which is far too large")
        elif value.dtype != "float64":
            verdict.problems.append(
                f"{name} is {value.dtype}, but the inputs are float64, and so must be what is returned"
            )
        kept = value.dtype if value.dtype in ROUNDED else "float64"  # what was rounded is compared as such
        arrays.append(None if value.array is None else value.array.astype(kept))
    return tuple(arrays)


def _in_words(wanted: tuple[str, ...]) -> str:
    return "one is wanted" if len(wanted) == 1 else f"{len(wanted)} are wanted"


def _find(name: str, pairs: Pairs) -> Finding:
    """Return the finding about a returned array, with the figures of the worst case."""
    finding = Finding(name, bool(pairs), error=0.0 if pairs else None)
    for case, mine, right in pairs:
        if mine.shape != right.shape:
            return Finding(name, False, case.what)
        error, where = relative_error(mine, right)
        if finding.error is None or error > finding.error:
            finding = Finding(
                name, error <= TOLERANCE, case.what, error, where, float(mine[where]), float(right[where])
            )
    return finding


def _outside(pairs: Pairs) -> str:
    """Return what can be said without knowing the right numbers: a wrong shape, or NaN."""
    for _, mine, right in pairs:
        if mine.shape != right.shape:
            return f"wrong shape: came {mine.shape}, wanted {right.shape}"
        broken = int((~np.isfinite(mine)).sum())
        if broken:
            return f"NaN or infinity: {broken} of {mine.size} numbers"
    return ""


def _hint(exercise: Exercise, pairs: Pairs) -> str:
    """Return what the inputs on which an array is wrong have in common."""
    wrong = [case for case, mine, right in pairs if not same(mine, right)]
    good = [case for case, mine, right in pairs if same(mine, right)]
    if not wrong:
        return ""  # the type alone is another one
    if not good:
        again = "check the functions that it uses, by their exercises" if exercise.uses else "derive it once more"
        return f"{UNKNOWN}: {again}"
    several = [case for case, _, _ in pairs if exercise.batch and case.arguments[0].shape[-1] > 1]
    if wrong == several:
        return "right for one image, wrong for several: what is to be done for each, or to be summed, over the batch?"
    if len(wrong) > len(good):
        return f"{UNKNOWN}, but it is right for {_these(good)}: {' / '.join(case.what for case in good)}"
    return f"wrong only for {_these(wrong)}: {_told(wrong)}"


def _these(cases: list[Case]) -> str:
    return "this input" if len(cases) == 1 else "these inputs"


def _told(cases: list[Case]) -> str:
    """Return what the cases are, and what is special about them, or about some of them."""
    if all(case.hint for case in cases):
        hints = "; ".join(dict.fromkeys(case.hint for case in cases))
        return f"{' / '.join(case.what for case in cases)}: {hints}"
    return " / ".join(case.what + (f" ({case.hint})" if case.hint else "") for case in cases)


def _probes(exercise: Exercise) -> list[tuple[Any, ...]]:
    """Return the arguments of the first case with each entry of the first argument moved up, and down."""
    first, *others = exercise.cases[0].arguments
    moves = PROBE * np.eye(first.size).reshape(-1, *first.shape)
    return [(first + sign * move, *others) for move in moves for sign in (1, -1)]


def _numerical_error(exercise: Exercise, name: str, pairs: Pairs) -> float | None:
    """Return the largest relative error of an array against numerical gradients, None where there are none."""
    errors = []
    for case, mine, right in pairs:
        if exercise.derivatives is not None and case.smooth and mine.shape == right.shape:
            if not np.isfinite(mine).all():
                return float("inf")
            moved, function = exercise.derivatives(*case.arguments)
            rng = np.random.default_rng(0)
            errors.append(check_array(name, moved[name], mine, function, samples=SAMPLES, rng=rng).worst)
    return max(errors, default=None)


def _own_numerical_error(mine: Array, right: Array, probes: list[Call]) -> float | None:
    """Compare the gradient with numerical gradients of the loss that the reader's own function returned."""
    losses = [call.values[0].array if call.values else None for call in probes]
    if mine.shape != right.shape or not losses or any(loss is None or loss.shape != () for loss in losses):
        return None
    values = np.array([float(loss) for loss in losses if loss is not None])
    return relative_error(mine, ((values[::2] - values[1::2]) / (2 * PROBE)).reshape(mine.shape))[0]
