"""Grades what a class handed in, with hidden cases: each file by itself, as that of a stranger."""

from __future__ import annotations

import csv
import io
import re
import threading
import unicodedata
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from nnscratch.errors import DataError, printable
from nnscratch.study.exercises.check import EXPLAINING, UNKNOWN, Verdict, check
from nnscratch.study.exercises.exercise import Exercise
from nnscratch.study.exercises.grading.submissions import Submissions, files_beside
from nnscratch.study.exercises.sandbox import Limits, call_all

LONGEST = 500  # characters of what was wrong


@dataclass(frozen=True)
class Grade:
    """One student's grade for one exercise. ``status``: right, wrong, missing, timed out ...; ``wrong``: in words."""

    student: str
    exercise: str
    passed: int
    cases: int
    points: float
    seconds: float
    status: str
    wrong: tuple[str, ...] = ()


def grade_all(
    work: Submissions,
    exercises: Sequence[Exercise],
    limits: Limits,
    *,
    points: float = 10.0,
    jobs: int = 1,
    done: Callable[[int], None] = lambda number: None,
) -> list[Grade]:
    """Return a grade for each student and exercise, in that order; ``done`` is told how many there are by now.

    ``exercises`` have hidden cases: see :meth:`Exercise.drawn`. No process is left when this is interrupted.
    """
    tasks = [(student, exercise) for student in work.files for exercise in exercises]
    stop = threading.Event()
    with ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(_grade, work, *task, limits, points, stop) for task in tasks]
        try:
            for number, _ in enumerate(as_completed(futures), 1):
                done(number)
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)
    return [future.result() for future in futures]


def _grade(
    work: Submissions, student: str, exercise: Exercise, limits: Limits, points: float, stop: threading.Event
) -> Grade:
    own = work.files[student]
    if exercise.name not in own:
        reasons = ("no file", *work.why_missing(student, exercise.name))
        return Grade(student, exercise.name, 0, len(exercise.cases), 0.0, 0.0, "missing", reasons)
    file = own[exercise.name]
    alone = file.stem.lower() != exercise.name.lower()  # among the files of others: STUDENT-NAME.py
    try:
        beside, left_out = ((), ()) if alone else files_beside(file)
        verdict = check(exercise, file, replace(limits, stranger=True, beside=beside), stop)
    except DataError as error:
        return Grade(student, exercise.name, 0, len(exercise.cases), 0.0, 0.0, "unreadable", (str(error),))
    except Exception as error:  # whatever it is, no file ends the grading of the others
        return Grade(student, exercise.name, 0, len(exercise.cases), 0.0, 0.0, "not graded", (repr(error),))
    return Grade(
        student,
        exercise.name,
        verdict.passed,
        len(exercise.cases),
        round(points * verdict.score, 2),
        round(verdict.seconds, 2),
        verdict.status,
        (*_in_words(verdict), *left_out),
    )


def _in_words(verdict: Verdict) -> tuple[str, ...]:
    """Return what was wrong: a sentence for each thing, and before them what may explain them all."""
    notes = [note for note in verdict.notes if note.startswith(EXPLAINING) and not verdict.right]
    found = [f"{each.name}: {each.diagnosis}" for each in verdict.findings if each.diagnosis]
    known = [text for text in found if UNKNOWN not in text]
    return tuple(dict.fromkeys([*notes, *known, *verdict.problems, *found]))


def as_csv(grades: Sequence[Grade]) -> str:
    """Return the grades as CSV, a line for each, that no spreadsheet takes for formulas."""
    text = io.StringIO()
    columns = ["student", "exercise", "passed", "cases", "points", "seconds", "status", "wrong"]
    writer = csv.DictWriter(text, columns, quoting=csv.QUOTE_NONNUMERIC)  # some spreadsheets part at semicolons
    writer.writeheader()
    for grade in grades:
        row = asdict(grade) | {"wrong": _cut(grade.wrong)}
        writer.writerow({key: _harmless(value) if isinstance(value, str) else value for key, value in row.items()})
    return text.getvalue()


def _cut(sentences: Sequence[str]) -> str:
    """Return the sentences as one text; a long one names fewer inputs, then ends at a word, with dots."""
    text = printable("; ".join(sentences))
    if len(text) > LONGEST:
        text = re.sub(r"\(so it is for: (.*?); elsewhere", _counted, text)
    if len(text) <= LONGEST:
        return text
    start = text[: LONGEST - 3]
    return (start.rpartition(" ")[0] or start[:-1]) + " ..."


def _counted(inputs: re.Match[str]) -> str:
    number = len(inputs[1].split(" / "))
    return f"(so it is for {number} {'input' if number == 1 else 'inputs'}; elsewhere"


def _harmless(text: str) -> str:
    """Return a text with an apostrophe before what would begin a formula, in fullwidth characters, too."""
    shown = printable(text)
    return f"'{shown}" if unicodedata.normalize("NFKC", shown).lstrip().startswith(("=", "+", "-", "@")) else shown


def out_of_reach() -> tuple[str, ...]:
    """Return what a stranger's file cannot reach on this system, of "network", "processes" and "files".

    Raises DataError when not even a harmless file can be run.
    """
    with TemporaryDirectory() as folder:
        file = Path(folder) / "nothing.py"
        file.write_text("def nothing(x):\n    return x\n")
        report = call_all(file, "nothing", [(0.0,)], Limits(stranger=True))
    if report.failure:
        raise DataError(f"no file can be run on this system, not even a harmless one: {report.failure}")
    return report.beyond
