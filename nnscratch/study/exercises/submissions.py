"""What a class handed in: which file is whose, and for which exercise."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from nnscratch.errors import DataError
from nnscratch.study.exercises.sandbox import LONGEST_FILE

MOST_BESIDE, LONGEST_BESIDE = 1000, 16_000_000  # files beside one that is graded, and the bytes of all
FORMS = "a folder for each student with files NAME.py in it, or files STUDENT-NAME.py or STUDENT_NAME.py"


@dataclass
class Submissions:
    """``files``: by student and exercise, in the order of the alphabet. ``ignored`` files fit neither form."""

    files: dict[str, dict[str, Path]] = field(default_factory=dict)
    ignored: list[Path] = field(default_factory=list)

    def exercises(self, known: Collection[str]) -> list[str]:
        """Return those of the exercises that anyone handed in."""
        return [name for name in known if any(name in own for own in self.files.values())]


def find_submissions(folder: Path, known: Collection[str]) -> Submissions:
    """Return what lies in a folder, in :data:`FORMS`. ``known``: the names of all exercises.

    A student's folder may have folders in it. Links are not followed. Raises DataError when the folder has nothing of
    the kind, or two files of a student for one exercise.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder: give one that has {FORMS}")
    found = Submissions()
    for path in sorted(folder.iterdir()):
        if _hidden(path):
            continue
        if path.is_dir() and not path.is_symlink():
            found.files.setdefault(path.name, {})
            for file in sorted(path.rglob("*")):
                if not any(map(_hidden, [file, *file.relative_to(path).parents])) and not file.is_dir():
                    _add(found, path.name, file, _exercise(file.stem, known))
        else:
            student, name = _split(path.stem, known)
            _add(found, student, path, name)
    if not any(found.files.values()):
        raise DataError(f"{folder} has nothing to grade: it must have {FORMS}, where NAME is that of an exercise")
    return found


def files_beside(file: Path) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Return the Python files that a student's ``file`` may import, and a sentence if any are left out.

    Those are links, what cannot be read, and what is more or larger than anybody needs.
    """
    kept: list[Path] = []
    left_out: list[str] = []
    room = LONGEST_BESIDE
    for path in sorted(file.parent.glob("*.py")):
        plain = path.is_file() and not path.is_symlink() and os.access(path, os.R_OK)
        size = path.stat().st_size if plain else 0
        if plain and size <= min(room, LONGEST_FILE) and len(kept) < MOST_BESIDE:
            kept.append(path)
            room -= size
        elif path != file:
            left_out.append(path.name)
    if not left_out:
        return tuple(kept), ()
    some = ", ".join(left_out[:3]) + (", ..." if len(left_out) > 3 else "")
    return tuple(kept), (f"left out beside it (links, unreadable, or too much): {some}",)


def _add(found: Submissions, student: str, path: Path, name: str | None) -> None:
    if name is None or path.suffix.lower() != ".py" or path.is_symlink():
        found.ignored.append(path)
        return
    own = found.files.setdefault(student, {})
    if name in own:
        raise DataError(f"{student} has {name} twice, in {own[name]} and {path}: leave one of them")
    own[name] = path


def _exercise(text: str, known: Collection[str]) -> str | None:
    return next((name for name in known if name.lower() == text.lower()), None)


def _split(stem: str, known: Collection[str]) -> tuple[str, str | None]:
    """Return the student and the exercise of STUDENT-NAME or STUDENT_NAME."""
    for name in sorted(known, key=len, reverse=True):
        if match := re.fullmatch(rf"(.+?)\s*[-_]\s*{name}", stem, re.IGNORECASE):
            return match[1], name
    return stem, None


def _hidden(path: Path) -> bool:
    """Return whether this is nobody's work, but of a system or a program."""
    return path.name.startswith(".") or path.name in ("__pycache__", "__MACOSX")
