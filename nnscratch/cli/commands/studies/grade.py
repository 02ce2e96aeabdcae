"""Grade what a class handed in, with hidden cases, each file shut in by itself.

    nnscratch study grade FOLDER --csv grades.csv --seed 7

FOLDER has a folder for each student with files NAME.py in it, or files STUDENT-NAME.py or STUDENT_NAME.py, where NAME
is that of an exercise. What anyone handed in is graded for all: a file that is missing has no points.

The hidden cases have other numbers and shapes than those that students see; a seed always gives the same ones. A case
counts by the share of its arrays that are right.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import asdict
from pathlib import Path

from nnscratch.cli.console import Output
from nnscratch.cli.flags import folder
from nnscratch.errors import DataError, UsageError, is_whole
from nnscratch.files.atomic import check_regular, make_parent, write_bytes
from nnscratch.pages.blocks import Table
from nnscratch.parallel.threads import threads
from nnscratch.study.exercises import EXERCISES, find_exercise
from nnscratch.study.exercises.exercise import Exercise
from nnscratch.study.exercises.grading.grades import Grade, as_csv, grade_all, out_of_reach
from nnscratch.study.exercises.grading.mistakes import failures, mistakes
from nnscratch.study.exercises.grading.submissions import find_submissions
from nnscratch.study.exercises.sandbox import Limits

MOST = 8  # mistakes that are shown of an exercise, and reasons for no answer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="FOLDER", help="what was handed in")
    parser.add_argument("--csv", required=True, metavar="FILE", help="where the grades go: a line for each file")
    parser.add_argument("--seed", type=int, required=True, metavar="N", help="what the hidden cases are drawn from")
    parser.add_argument("--exercises", metavar="NAME,NAME,...", help="which; default: those that anyone handed in")
    parser.add_argument("--points", type=float, default=10, metavar="P", help="for each exercise (default 10)")
    parser.add_argument("--timeout", type=float, default=30, metavar="S", help="seconds for each file (default 30)")
    parser.add_argument("--memory", type=int, default=2048, metavar="MB", help="for each process (default 2048)")
    parser.add_argument("--jobs", type=int, metavar="N", help="files at a time; default: as many as cores")
    parser.add_argument("--json", action="store_true", help="print the grades as JSON")


def run(args: argparse.Namespace) -> int:
    output = Output(as_json=args.json)
    jobs = threads() if args.jobs is None else args.jobs
    _check(args, jobs)
    path = Path(args.csv)
    if path.is_dir():
        raise DataError(f"{path} is a folder: give the name of a CSV file")
    check_regular(path)
    work = find_submissions(folder(args.folder), EXERCISES)
    names = args.exercises.split(",") if args.exercises else work.exercises(EXERCISES)
    exercises = [find_exercise(name).drawn(args.seed) for name in dict.fromkeys(name.strip() for name in names)]
    make_parent(path)
    _say_what_is_not_out_of_reach(output)
    limits = Limits(args.timeout, args.memory << 20)
    with output.progress("grading", len(work.files) * len(exercises)) as done:
        grades = grade_all(work, exercises, limits, points=args.points, jobs=jobs, done=done)
    write_bytes(path, as_csv(grades).encode("utf-8-sig", "replace"))  # with the mark by which spreadsheets know UTF-8
    _tell(grades, list(work.files), exercises, args.points, output)
    if work.left_out:
        output.say("Left out:")
        for each in work.left_out:
            output.paragraph(f"{each.path}: {each.reason}", "  ", "    ")
        output.say()
    output.say(f"{len(grades)} grades are in {path}.")
    left_out = [{"file": str(each.path), "reason": each.reason} for each in work.left_out]
    output.result({"grades": [asdict(grade) for grade in grades], "left_out": left_out})
    return 0


def _check(args: argparse.Namespace, jobs: int) -> None:
    for flag, value, most, unit in (
        ("timeout", args.timeout, 3600, "seconds"),
        ("points", args.points, 1000, "points"),
    ):
        if not (math.isfinite(value) and 0 < value <= most):
            raise UsageError(f"--{flag} is {value:g}: give {unit} above 0 and up to {most}")
    for flag, value, least, most in (("memory", args.memory, 256, 1 << 20), ("jobs", jobs, 1, 64)):
        if not is_whole(value, least, most):
            raise UsageError(f"--{flag} is {value}: give a whole number from {least} to {most}")
    if args.seed < 0:
        raise UsageError(f"--seed is {args.seed}: give a whole number from 0")


def _say_what_is_not_out_of_reach(output: Output) -> None:
    beyond = out_of_reach()
    missing = [each for each in ("network", "processes", "files") if each not in beyond]
    if missing:
        output.paragraph(
            f"Careful: this system does not keep the files that are graded away from its {', '.join(missing)}: "
            "grade strangers' files in a container or a virtual machine."
        )


def _tell(grades: list[Grade], students: list[str], exercises: list[Exercise], points: float, output: Output) -> None:
    """Print the students, the exercises, and what was wrong most often."""
    rows = []
    for student in students:
        own = [each for each in grades if each.student == student]
        rows.append([student, _right(own), _sum(own, points)])
    output.table(Table(("student", "right", "points"), rows))
    rows = []
    for exercise in exercises:
        its = [each for each in grades if each.exercise == exercise.name]
        handed = sum(each.status != "missing" for each in its)
        mean = sum(each.points for each in its) / len(its)
        rows.append([exercise.name, str(handed), _right(its), f"{mean:.1f} of {points:g}"])
    output.table(Table(("exercise", "handed in", "right", "mean points"), rows))
    for exercise in exercises:
        _list(f"{exercise.name}: what was wrong, and in how many files", mistakes(grades, exercise), output)
        _list(f"{exercise.name}: why there was no answer, and in how many files", failures(grades, exercise), output)


def _list(title: str, counts: list[tuple[str, int]], output: Output) -> None:
    if not counts:
        return
    output.paragraph(title)
    for text, count in counts[:MOST]:
        output.paragraph(text, f"  {count:>3}  ", " " * 7)
    if len(counts) > MOST:
        output.say(f"       and {len(counts) - MOST} more, in the CSV file")
    output.say()


def _right(grades: list[Grade]) -> str:
    return f"{sum(each.status == 'right' for each in grades)} of {len(grades)}"


def _sum(grades: list[Grade], points: float) -> str:
    return f"{sum(each.points for each in grades):g} of {points * len(grades):g}"
