"""What a class got wrong in an exercise, and in how many files: what to go through in the next lecture."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence

from nnscratch.study.exercises.check import BATCH_LAST, EXPLAINING, UNKNOWN
from nnscratch.study.exercises.exercise import Exercise
from nnscratch.study.exercises.grading.grades import Grade

LONGEST = 120  # characters of an exception's message
UNFIT = "shapes that do not fit: is the batch taken for another axis than the last?"
ANSWERED = ("right", "wrong", "error", "missing")  # and of the other statuses, each is a reason for no answer

Counts = list[tuple[str, int]]


def mistakes(grades: Sequence[Grade], exercise: Exercise) -> Counts:
    """Return the mistakes in an exercise, the most frequent first, with the arrays, and in how many files.

    The shapes of a file's own case are left out, and so are the inputs: files with one mistake count together.
    """
    counts: Counter[str] = Counter()
    arrays: dict[str, set[str]] = {}
    for grade in _of(grades, exercise, ("wrong", "error")):
        found = [_mistake(text, exercise.returns) for text in _telling(grade, exercise)]
        told = {mistake for _, mistake in found if not mistake.startswith(UNKNOWN)}
        counts.update(told or {mistake for _, mistake in found})
        for name, mistake in found:
            arrays.setdefault(mistake, set()).update(filter(None, [name]))
    names = {text: ", ".join(name for name in exercise.returns if name in own) for text, own in arrays.items()}
    return _sorted({f"{names[text]}: {text}" if names[text] else text: count for text, count in counts.items()})


def failures(grades: Sequence[Grade], exercise: Exercise) -> Counts:
    """Return why files gave no answer (timed out, a syntax error, an import ...), as :func:`mistakes` does."""
    counts: Counter[str] = Counter()
    for grade in _of(grades, exercise, ("wrong", "error")):
        counts.update({reason for text in grade.wrong if (reason := _refused(text))})
    counts.update(each.status for each in grades if each.exercise == exercise.name and each.status not in ANSWERED)
    return _sorted(counts)


def _of(grades: Sequence[Grade], exercise: Exercise, statuses: Collection[str]) -> list[Grade]:
    return [each for each in grades if each.exercise == exercise.name and each.status in statuses]


def _telling(grade: Grade, exercise: Exercise) -> list[str]:
    """Return what was wrong, without what was raised where a mistake is named, of which that comes."""
    texts = [text for text in grade.wrong if not _refused(text)]
    about = [text for text in texts if text.partition(": ")[0] in exercise.returns]
    named = any(UNKNOWN not in text for text in about)
    return [text for text in texts if text in about or not (named and _raised(text))]


def _sorted(counts: dict[str, int]) -> Counts:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _mistake(text: str, returns: Collection[str]) -> tuple[str | None, str]:
    """Return the array that a sentence is about, if any, and the mistake without what differs from file to file."""
    name, _, diagnosis = text.partition(": ")
    if name not in returns:
        note = next((each for each in EXPLAINING if text.startswith(each)), None)
        return None, UNFIT if note == BATCH_LAST else note or _exception(text)
    outside, _, known = diagnosis.partition("; ")
    if outside.startswith(("wrong shape", "NaN or infinity")):
        general = outside.partition(": ")[0]
        diagnosis = general if known.startswith((UNKNOWN, "wrong only", "right for one image")) or not known else known
    return name, re.sub(r" \(so it is for: .*\)$", "", diagnosis)


def _exception(text: str) -> str:
    """Return what was raised, or is wrong besides, without the line and the figures in it."""
    text = text.partition("; input: ")[0]
    raised = _raised(text)
    if not raised:
        return re.sub(r" \([\d, ]*\)", "", text)
    message = re.sub(r"\([\d, ]*\)|\b\d+\b", "...", text[raised.end() :])
    return raised[1] + (message if len(message) <= LONGEST else message[:LONGEST].rpartition(" ")[0] + " ...")


def _raised(text: str) -> re.Match[str] | None:
    """Match the beginning of a sentence about an exception: its kind, and the line in which it was raised."""
    return re.match(r"(\w+) in line \d+ \(.*?\)(?=: |; input: |$)", text) or re.match(r"(\w+)(?=: )", text)


def _refused(text: str) -> str | None:
    """Return what could not be imported, None where the sentence is about something else."""
    if not re.match("(ImportError|ModuleNotFoundError)\\b", text):
        return None
    if module := re.search(r"(\S+) cannot be used here", text):
        return f"import refused: {module[1]}"
    module = re.search(r"No module named '?([\w.]+)", text)
    return f"no such module: {module[1]}" if module else _exception(text).partition(" (")[0]
