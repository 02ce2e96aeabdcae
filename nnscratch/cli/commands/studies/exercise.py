"""Write a backward pass yourself and have it checked.

    nnscratch study exercise                                   what there is to do
    nnscratch study exercise dense_backward                    the task
    nnscratch study exercise dense_backward --template mine.py a file to fill in
    nnscratch study exercise dense_backward mine.py            the check

The check calls your function with small inputs in float64, in a process of its own, and compares what it returns with
the right answer and with the numerical gradient. Exit code: 0 when all is right, 1 when something is wrong.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

from nnscratch.cli.console import Output
from nnscratch.errors import DataError, UsageError, printable
from nnscratch.files.atomic import write_text
from nnscratch.pages.blocks import Table
from nnscratch.study.exercises import EXERCISES, find_exercise
from nnscratch.study.exercises.check import Finding, Verdict, check
from nnscratch.study.exercises.exercise import Exercise
from nnscratch.study.exercises.task import task, template


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="an exercise; none: list them")
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE.py", help="your file, to be checked")
    parser.add_argument("--template", type=Path, metavar="FILE.py", help="write a file to fill in")
    parser.add_argument("--timeout", type=float, default=10, metavar="S", help="seconds for all inputs (default 10)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: argparse.Namespace) -> int:
    output = Output(as_json=args.json)
    if not (math.isfinite(args.timeout) and 0 < args.timeout <= 3600):
        raise UsageError(f"the timeout is {args.timeout:g}: give seconds above 0 and up to 3600")
    if args.name is None:
        if args.template is not None:
            raise UsageError("--template needs to know of which exercise: give its name before it")
        return _list(output, args.prog)
    exercise = find_exercise(args.name)
    if args.template is not None:
        if args.file is not None:
            raise UsageError("a file to check and --template came: give one of them")
        return _write_template(exercise, args.template, output, args.prog)
    if args.file is None:
        return _show(exercise, output, args.prog)
    verdict = check(exercise, args.file, args.timeout)
    _tell(exercise, verdict, output)
    output.result(_as_json(verdict, args.file))
    return 0 if verdict.right else 1


def _list(output: Output, prog: str) -> int:
    output.say("Write one of these, and have it checked:\n")
    output.listing({name: exercise.line for name, exercise in EXERCISES.items()})
    output.say(f"\n{prog} exercise NAME shows the task, and with --template FILE.py writes a file to fill in.")
    output.result([{"name": each.name, "line": each.line} for each in EXERCISES.values()])
    return 0


def _show(exercise: Exercise, output: Output, prog: str) -> int:
    output.say(task(exercise))
    output.say(f"{prog} exercise {exercise.name} --template mine.py   writes a file to fill in")
    output.say(f"{prog} exercise {exercise.name} mine.py              checks it")
    keys = ("name", "line", "signature", "returns", "shapes", "forward", "hint", "read")
    output.result({key: getattr(exercise, key) for key in keys})
    return 0


def _write_template(exercise: Exercise, path: Path, output: Output, prog: str) -> int:
    if path.exists():
        raise DataError(f"{path} is there already, and may hold work of yours: choose another name")
    write_text(path, template(exercise))
    output.say(f"{printable(str(path))} is written: fill it in, then")
    output.say(f"{prog} exercise {exercise.name} {printable(str(path))}")
    output.result({"exercise": exercise.name, "template": str(path)})
    return 0


def _tell(exercise: Exercise, verdict: Verdict, output: Output) -> None:
    """Print the verdict: a row for each array, and below it what is wrong, in words."""
    header = ("array", "verdict", "error", "at", "yours", "right", "numerical gradient")
    if verdict.findings:
        output.table(Table(header, [_row(each) for each in verdict.findings]))
        output.say("The largest relative errors, against the right numbers and against the numerical gradient.")
    for problem in verdict.problems:
        output.say(f"{printable(problem)}.")
    for finding in verdict.findings:
        if finding.diagnosis:
            worst = f" (worst for the input: {finding.case})" if finding.case else ""
            output.say(f"{finding.name}{worst}: {finding.diagnosis}.")
    for note in verdict.notes:
        output.say(f"Note: {printable(note)}")
    if verdict.right:
        output.say(f"{exercise.name} is right, on {len(exercise.cases)} inputs.")
    else:
        output.say(f"{exercise.name} is not right yet. To read: {exercise.read}.")


def _row(finding: Finding) -> list[str]:
    at = f"[{', '.join(map(str, finding.where))}]" if finding.where else ""
    figures = ["", "", ""]
    if not finding.right and finding.error is not None and finding.yours is not None:
        figures = [at, f"{finding.yours:.4g}", f"{finding.wanted:.4g}"]
    error = "-" if finding.error is None else f"{finding.error:.1e}"
    numerical = "-" if finding.quotient_error is None else f"{finding.quotient_error:.1e}"
    return [finding.name, "pass" if finding.right else "FAIL", error, *figures, numerical]


def _as_json(verdict: Verdict, file: Path) -> dict[str, Any]:
    def finite(value: float | None) -> float | str | None:
        return value if value is None or math.isfinite(value) else str(value)

    return {
        "exercise": verdict.exercise,
        "file": str(file),
        "right": verdict.right,
        "problems": verdict.problems,
        "arrays": [
            {key: finite(value) if isinstance(value, float) else value for key, value in vars(each).items()}
            for each in verdict.findings
        ],
        "notes": verdict.notes,
    }
