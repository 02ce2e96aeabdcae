"""What a class handed in: which file is whose, and for which exercise."""

from __future__ import annotations

import difflib
import os
import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from nnscratch.errors import DataError
from nnscratch.study.exercises.sandbox import LONGEST_FILE

MOST_BESIDE, LONGEST_BESIDE = 1000, 16_000_000  # files beside one that is graded, and the bytes of all
FORMS = "a folder for each student with files NAME.py in it, or files STUDENT-NAME.py or STUDENT_NAME.py"


NEAR = 0.85  # the likeness, of 1, from which on a name may be meant for that of an exercise


@dataclass(frozen=True)
class LeftOut:
    """A file that is not graded, and why. ``near``: the exercise that may be meant; ``student``: whose folder."""

    path: Path
    reason: str
    near: str | None = None
    student: str | None = None


@dataclass
class Submissions:
    """``files``: by student and exercise, in the order of the alphabet, of those with none, too."""

    files: dict[str, dict[str, Path]] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)

    def why_missing(self, student: str, exercise: str) -> tuple[str, ...]:
        """Return what was left out that may be the student's file for the exercise: all, where nothing is graded."""
        return tuple(
            f"{each.path.name} was left out: {each.reason}"
            for each in self.left_out
            if each.student == student and (each.near == exercise or not self.files[student])
        )

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
    for path in sorted(folder.iterdir(), key=_alphabetical):
        if _hidden(path):
            continue
        if not path.is_dir():
            _add(found, path, *_split(path.stem, known), known)
            continue
        found.files.setdefault(path.name, {})
        for file in [path] if path.is_symlink() else sorted(path.rglob("*"), key=_alphabetical):
            hidden = any(map(_hidden, [file, *file.relative_to(path).parents]))
            if not hidden and (file.is_symlink() or not file.is_dir()):
                _add(found, file, path.name, _exercise(file.stem, known), known, folder=True)
    if not any(found.files.values()):
        near = "".join(f"; {each.path}: {each.reason}" for each in found.left_out if each.near)
        raise DataError(f"{folder} has nothing to grade: it must have {FORMS}, where NAME is that of an exercise{near}")
    found.files = {student: found.files[student] for student in sorted(found.files, key=_letters)}
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


def _add(
    found: Submissions, path: Path, student: str, name: str | None, known: Collection[str], folder: bool = False
) -> None:
    """Note a file as the student's, or why it is left out. ``folder``: the student is known by that of the file."""
    if name is None or path.suffix.lower() != ".py" or path.is_symlink():
        begin, near = _nearest(path.stem, known)
        meant = f"{'' if folder else begin or 'STUDENT-'}{near}.py"
        reason = "its name is of neither form" + (f": did you mean {meant}?" if near else "")
        reason = "it is a link" if path.is_symlink() else reason
        found.left_out.append(LeftOut(path, reason, near, student if folder else None))
        return
    own = found.files.setdefault(student, {})
    if name in own:
        raise DataError(f"{student} has {name} twice, in {own[name]} and {path}: leave one of them")
    own[name] = path


def _nearest(stem: str, known: Collection[str]) -> tuple[str, str | None]:
    """Return the exercise that the end of a name is likely meant for, or None, and what stands before that end."""
    best, begin, near = NEAR, 0, None
    for start in [0, *(match.end() for match in re.finditer("[-_ ]", stem))]:
        for name in known:
            likeness = difflib.SequenceMatcher(None, _squashed(stem[start:]), _squashed(name))
            if likeness.real_quick_ratio() >= best and likeness.ratio() >= best:  # most differ in length already
                best, begin, near = likeness.ratio(), start, name
    return stem[:begin], near


def _squashed(name: str) -> str:
    return re.sub(r"[\W_]", "", name.lower())


def _alphabetical(path: Path) -> tuple[str, str]:
    return _letters(str(path))


def _letters(text: str) -> tuple[str, str]:
    """Return the key that sorts names regardless of capitals and accents, where there is any other difference."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return plain.casefold(), text


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
