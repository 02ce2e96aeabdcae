"""Which exercises a reader has passed, and when: a small file beside the reader's own."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from nnscratch.errors import DataError
from nnscratch.files.atomic import read_json, write_json
from nnscratch.study.exercises import EXERCISES

FILE = "nnscratch-progress.json"  # {exercise: when it first passed, as 2026-09-01T10:30:00}


def read_progress(folder: Path) -> dict[str, datetime]:
    """Return when each exercise first passed, by its name; empty where none has.

    Raises DataError when the file cannot be read, or is damaged.
    """
    path = folder / FILE
    if not path.exists():
        return {}
    try:
        return {name: datetime.fromisoformat(when) for name, when in read_json(path).items()}
    except (DataError, AttributeError, TypeError, ValueError):
        raise DataError(
            f"{path} is damaged: mend it, or remove it and check your files again; each that passes is noted anew"
        ) from None


def following(passed: dict[str, datetime]) -> str | None:
    """Return the exercise that comes next: of those that have not passed the first behind the newest that has."""
    names = list(EXERCISES)
    newest = next((name for name in reversed(passed) if name in EXERCISES), names[-1])
    place = names.index(newest) + 1
    return next((name for name in names[place:] + names[:place] if name not in passed), None)


def note_passed(folder: Path, exercise: str, now: datetime | None = None) -> bool:
    """Note that an exercise has passed; return whether it had not before. ``now``: another time than this one.

    Raises DataError when the file cannot be read or written; it is left as it is then.
    """
    passed = read_progress(folder)
    if exercise in passed:
        return False
    passed[exercise] = now or datetime.now()
    write_json(folder / FILE, {name: when.isoformat(timespec="seconds") for name, when in passed.items()})
    return True
