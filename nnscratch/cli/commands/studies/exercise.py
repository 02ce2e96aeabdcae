"""Write the parts of a neural network yourself, one function at a time, and have each checked.

    nnscratch study exercise                                 the twenty exercises, in order
    nnscratch study exercise dense_forward                   the task
    nnscratch study exercise dense_forward --template        a file to fill in: dense_forward.py
    nnscratch study exercise dense_forward dense_forward.py  the check
    nnscratch study exercise dense_forward --hint            a nudge; --hint 2, --hint 3: more of it
    nnscratch study exercise dense_forward --solution        a solution

The check calls your function with small inputs in float64, in a process of its own, and compares what it returns with
the right answer and with the numerical gradient. The last exercise, lenet5, then trains on digits beside the library.
Exit code: 0 when all is right, 1 when something is wrong.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

from nnscratch.cli.commands.studies.race import tell_race
from nnscratch.cli.commands.studies.watch import watch
from nnscratch.cli.console import Output
from nnscratch.errors import DataError, UsageError, printable
from nnscratch.files.atomic import write_text
from nnscratch.pages.blocks import Table
from nnscratch.study.exercises import EXERCISES, find_exercise
from nnscratch.study.exercises.check import Finding, Verdict, check
from nnscratch.study.exercises.exercise import Exercise
from nnscratch.study.exercises.progress import FILE, following, note_passed, read_progress
from nnscratch.study.exercises.race import race
from nnscratch.study.exercises.sandbox import Limits
from nnscratch.study.exercises.task import HINTS, hint, solution, task, template


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="an exercise; none: list them")
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE.py", help="your file, to be checked")
    parser.add_argument(
        "--template",
        nargs="?",
        type=Path,
        const=Path(),
        metavar="FILE.py",
        help="write a file to fill in; default NAME.py",
    )
    parser.add_argument("--hint", nargs="?", type=int, choices=HINTS, const=1, help="a hint: 1, the default, to 3")
    parser.add_argument("--solution", action="store_true", help="a solution, as a file")
    parser.add_argument("--watch", action="store_true", help="check again whenever the file is saved; Ctrl-C ends")
    parser.add_argument("--timeout", type=float, default=10, metavar="S", help="seconds for all inputs (default 10)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: argparse.Namespace) -> int:
    _check_arguments(args)
    output = Output(as_json=args.json)
    if args.name is None:
        return _list(output, args.prog)
    exercise = find_exercise(args.name)
    if args.template is not None:
        path = args.template if args.template.name else Path(f"{exercise.name}.py")
        return _write_template(exercise, path, output, args.prog)
    if args.hint is not None:
        return _hint(exercise, args.hint, output, args.prog)
    if args.solution:
        output.say(solution(exercise))
        output.result({"exercise": exercise.name, "solution": solution(exercise)})
        return 0
    if args.file is None:
        return _show(exercise, output, args.prog)
    if args.watch:
        return watch(args.file, lambda: _check(exercise, args, output), output)
    verdict = _check(exercise, args, output)
    result = _as_json(verdict, args.file)
    if exercise.name == "lenet5" and verdict.findings:
        output.say("\nNow both train on digits, yours and the library's. Loops may take a minute or two.")
        result["race"] = tell_race(race(args.file), output)
    output.result(result)
    return 0 if verdict.right else 1


def _check_arguments(args: argparse.Namespace) -> None:
    """Raise UsageError for what does not go together."""
    if not (math.isfinite(args.timeout) and 0 < args.timeout <= 3600):
        raise UsageError(f"the timeout is {args.timeout:g}: give seconds above 0 and up to 3600")
    wishes = {
        "a file to check": args.file,
        "--template": args.template,
        "--hint": args.hint,
        "--solution": args.solution,
    }
    asked = [what for what, given in wishes.items() if given]
    if len(asked) > 1:
        raise UsageError(f"{' and '.join(asked)} came: give one of them")
    if args.watch and (args.file is None or args.json):
        raise UsageError("--watch checks a file, and prints for people: give NAME FILE.py --watch, without --json")
    if args.name is None and asked:
        raise UsageError(f"{asked[0]} needs to know of which exercise: give its name before it")


def _check(exercise: Exercise, args: argparse.Namespace, output: Output) -> Verdict:
    """Check the file, print what is found, and note that it passed."""
    verdict = check(exercise, args.file, Limits(args.timeout))
    _tell(exercise, verdict, output, args.prog)
    folder = args.file.absolute().parent
    try:
        if verdict.right and note_passed(folder, exercise.name):
            output.say(f"It is noted in {FILE}, beside your file: {args.prog} progress shows how far you are.")
        if verdict.right:
            upcoming = following(read_progress(folder))
            output.say(f"Next: {args.prog} exercise {upcoming}" if upcoming else "That was the last one.")
    except DataError as error:
        output.say(f"Note: that it passed cannot be noted: {error}.")
    return verdict


def _list(output: Output, prog: str) -> int:
    output.say("Write these, and have each checked:\n")
    output.listing({f"{number:>2}  {each.name}": each.line for number, each in enumerate(EXERCISES.values(), 1)})
    output.say(f"\n{prog} exercise NAME\nshows the task, and how to go on.")
    output.result([{"name": each.name, "line": each.line} for each in EXERCISES.values()])
    return 0


def _show(exercise: Exercise, output: Output, prog: str) -> int:
    output.say(task(exercise))
    command = f"{prog} exercise {exercise.name}"
    for title, flag in (("begin", "--template"), ("check", f"{exercise.name}.py"), ("stuck?", "--hint")):
        output.say(f"  {title:<7}{command} {flag}")
    keys = ("name", "line", "signature", "returns", "shapes", "forward", "read")
    output.result({key: getattr(exercise, key) for key in keys})
    return 0


def _hint(exercise: Exercise, number: int, output: Output, prog: str) -> int:
    output.say(hint(exercise, number))
    more = f"--hint {number + 1}" if number < HINTS[-1] else "--solution"
    output.say(f"\nMore: {prog} exercise {exercise.name} {more}")
    output.result({"exercise": exercise.name, "number": number, "hint": exercise.hints[number - 1]})
    return 0


def _write_template(exercise: Exercise, path: Path, output: Output, prog: str) -> int:
    if path.exists():
        raise DataError(f"{path} is there already, and may hold work of yours: choose another name")
    write_text(path, template(exercise))
    output.say(f"{printable(str(path))} is written: fill it in, then")
    output.say(f"{prog} exercise {exercise.name} {printable(str(path))}")
    output.result({"exercise": exercise.name, "template": str(path)})
    return 0


def _tell(exercise: Exercise, verdict: Verdict, output: Output, prog: str) -> None:
    """Print the verdict: a row for each array, and below it what is wrong, in words."""
    header = ("array", "verdict", "error", "at", "yours", "right", "numerical gradient")
    if verdict.findings:
        output.table(Table(header, [_row(each) for each in verdict.findings]))
        output.paragraph("The largest relative errors, against the right numbers and against the numerical gradient.")
    for problem in verdict.problems:
        output.paragraph(f"{problem}.")
    for diagnosis in dict.fromkeys(each.diagnosis for each in verdict.findings if each.diagnosis):
        alike = [each for each in verdict.findings if each.diagnosis == diagnosis]
        worst = f" (worst for the input: {alike[0].case})" if alike[0].case else ""
        output.paragraph(f"{', '.join(each.name for each in alike)}{worst}: {diagnosis}.")
    for note in verdict.notes:
        output.paragraph(f"Note: {note}")
    if verdict.right:
        output.say(f"{exercise.name} is right, on {len(exercise.cases)} inputs.")
    else:
        output.say(f"{exercise.name} is not right yet. A hint: {prog} exercise {exercise.name} --hint")


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
