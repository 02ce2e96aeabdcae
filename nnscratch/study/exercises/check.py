"""The check of a reader's function: against the right answer, against difference quotients, and what is wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.study.exercises.diagnosis import TOLERANCE, diagnose, evaluate, relative_error, same
from nnscratch.study.exercises.exercise import Exercise
from nnscratch.study.exercises.sandbox import Call, Report, call_all
from nnscratch.training.gradcheck import check_array

SAMPLES = 20  # entries of each array that are compared with difference quotients
PROBE = 1e-5  # the step of those of the reader's own loss


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

    @property
    def right(self) -> bool:
        """True when all arrays are right and nothing else is wrong."""
        return not self.problems and bool(self.findings) and all(each.right for each in self.findings)


def check(exercise: Exercise, file: Path, seconds: float) -> Verdict:
    """Run the function of the exercise's name in ``file`` and judge it. Raises DataError when there is no such file."""
    calls = [case.arguments for case in exercise.cases]
    report = call_all(file, exercise.name, [*calls, *(_probes(exercise) if exercise.own_loss else [])], seconds)
    with np.errstate(all="ignore"):  # whatever numbers came back
        return grade(exercise, report)


def grade(exercise: Exercise, report: Report) -> Verdict:
    """Return the verdict on what the function returned."""
    verdict = Verdict(exercise.name, notes=report.notes)
    if report.failure:
        verdict.problems.append(report.failure)
        return verdict
    ours = [_values(exercise, call, verdict) for call in report.calls[: len(exercise.cases)]]
    verdict.problems = _failures(exercise, report.calls) + list(dict.fromkeys(verdict.problems))
    if all(each is None for each in ours):
        return verdict
    right = evaluate(exercise.solution, exercise.cases)
    known = diagnose(exercise, ours, right)
    for k in range(len(exercise.returns)):
        finding = _find(exercise, ours, right, k)
        finding.quotient_error = _quotient_error(exercise, ours, right, k, report.calls[len(exercise.cases) :])
        if not finding.right:
            finding.diagnosis = "; ".join(
                filter(None, [_outside(ours, right, k), known.get(k) or _hint(exercise, ours, right, k)])
            )
        verdict.findings.append(finding)
    return verdict


def _failures(exercise: Exercise, calls: list[Call]) -> list[str]:
    """Return what the function raised, once for all inputs with which it did."""
    inputs: dict[str, list[str]] = {}
    for case, call in zip(exercise.cases, calls, strict=False):
        if call.failure:
            inputs.setdefault(call.failure, []).append(case.what)
    return [
        text if len(cases) == len(exercise.cases) else f"{text}; input: {' / '.join(cases)}"
        for text, cases in inputs.items()
    ]


def _values(exercise: Exercise, call: Call, verdict: Verdict) -> tuple[Any, ...] | None:
    """Return the returned arrays, with None for what is none; None for a call that failed. Say what is not right."""
    wanted = exercise.returns
    if call.failure:
        return None
    for k in call.changed:
        verdict.problems.append(f"the argument {exercise.parameters[k]} was changed in place: work on a copy")
    if len(call.values) != len(wanted):
        came = "one value" if call.count is None else f"{call.count} values"
        if call.count is None and call.values[0].type == "NoneType":
            came = "nothing (None)"
        verdict.problems.append(f"{came} came back, but {_in_words(wanted)}: end with return {', '.join(wanted)}")
        return None
    arrays: list[Array | None] = []
    for name, value in zip(wanted, call.values, strict=True):
        if value.type != "array":
            came = "nothing (None): is there a return?" if value.type == "NoneType" else f"of the type {value.type}"
            verdict.problems.append(f"{name} is {came}, but numbers of NumPy are wanted".replace("?, but", "? But"))
        elif value.array is None:
            verdict.problems.append(f"{name} has the shape {value.shape}, which is far too large")
        elif value.dtype != "float64":
            verdict.problems.append(
                f"{name} is {value.dtype}, but the inputs are float64, and so must be what is returned"
            )
        arrays.append(None if value.array is None else value.array.astype(np.float64))
    return tuple(arrays)


def _in_words(wanted: tuple[str, ...]) -> str:
    return "one is wanted" if len(wanted) == 1 else f"{len(wanted)} are wanted"


def _find(exercise: Exercise, ours: list[Any], right: list[Any], k: int) -> Finding:
    """Return the finding about returned array k, with the figures of the worst case."""
    finding = Finding(exercise.returns[k], True, error=0.0)
    graded = False
    for case, mine, theirs in zip(exercise.cases, ours, right, strict=False):
        if mine is None or mine[k] is None:
            continue
        graded = True
        if mine[k].shape != theirs[k].shape:
            return Finding(finding.name, False, case.what)
        error, where = relative_error(mine[k], theirs[k])
        if finding.error is None or error > finding.error:
            yours, wanted = float(mine[k][where]), float(theirs[k][where])
            finding = Finding(finding.name, error <= TOLERANCE, case.what, error, where, yours, wanted)
    return finding if graded else Finding(finding.name, False)


def _outside(ours: list[Any], right: list[Any], k: int) -> str:
    """Return what can be said without knowing the right numbers: a wrong shape, or NaN."""
    for mine, theirs in zip(ours, right, strict=False):
        if mine is None or mine[k] is None:
            continue
        if mine[k].shape != theirs[k].shape:
            return f"wrong shape: came {mine[k].shape}, wanted {theirs[k].shape}"
        broken = int((~np.isfinite(mine[k])).sum())
        if broken:
            return f"NaN or infinity: {broken} of {mine[k].size} numbers"
    return ""


def _hint(exercise: Exercise, ours: list[Any], right: list[Any], k: int) -> str:
    """Return what the inputs on which array k is wrong have in common."""
    graded = [
        (case, same(mine[k], theirs[k]))
        for case, mine, theirs in zip(exercise.cases, ours, right, strict=False)
        if mine is not None and mine[k] is not None
    ]
    wrong = [case for case, fine in graded if not fine]
    if not graded or len(wrong) == len(graded):
        return "no mistake that is known: derive it once more from the forward formula"
    hints = "; ".join(dict.fromkeys(case.hint for case in wrong if case.hint))
    return f"wrong only for this input: {' / '.join(case.what for case in wrong)}{': ' if hints else ''}{hints}"


def _probes(exercise: Exercise) -> list[tuple[Any, ...]]:
    """Return the arguments of the first case with each entry of the first argument moved up, and down."""
    first, *others = exercise.cases[0].arguments
    moves = PROBE * np.eye(first.size).reshape(-1, *first.shape)
    return [(first + sign * move, *others) for move in moves for sign in (1, -1)]


def _quotient_error(exercise: Exercise, ours: list[Any], right: list[Any], k: int, probes: list[Call]) -> float | None:
    """Return the largest relative error of returned array k against difference quotients, None where there are none."""
    if exercise.own_loss:
        return _own_quotient_error(ours[0], right[0], probes) if k == 1 else None
    if exercise.derivatives is None:
        return None
    errors = []
    for case, mine, theirs in zip(exercise.cases, ours, right, strict=False):
        if case.smooth and mine is not None and mine[k] is not None and mine[k].shape == theirs[k].shape:
            if not np.isfinite(mine[k]).all():
                return float("inf")
            moved, function = exercise.derivatives(*case.arguments)
            name = exercise.returns[k]
            rng = np.random.default_rng(0)
            errors.append(check_array(name, moved[name], mine[k], function, samples=SAMPLES, rng=rng).worst)
    return max(errors, default=None)


def _own_quotient_error(mine: Any, right: Any, probes: list[Call]) -> float | None:
    """Compare the gradient with difference quotients of the loss that the reader's own function returned."""
    losses = [call.values[0].array if call.values else None for call in probes]
    fits = mine is not None and mine[1] is not None and mine[1].shape == right[1].shape
    if not fits or not losses or any(loss is None or loss.shape != () for loss in losses):
        return None
    values = np.array([float(loss) for loss in losses if loss is not None])
    return relative_error(mine[1], ((values[::2] - values[1::2]) / (2 * PROBE)).reshape(mine[1].shape))[0]
