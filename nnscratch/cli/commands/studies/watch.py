"""Checks a file again whenever it is saved, and says what has changed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from nnscratch.cli.console import Output
from nnscratch.errors import DataError, printable
from nnscratch.study.exercises.check import Verdict
from nnscratch.study.exercises.sandbox import read_source
from nnscratch.study.exercises.saves import saves


def watch(file: Path, check: Callable[[], Verdict], output: Output) -> int:
    """Call ``check``, which prints what it finds, at once and at every save, until Ctrl-C. Return the exit code, 0.

    Raises DataError when there is no such file to begin with.
    """
    read_source(file)
    before: Verdict | None = None
    with suppress(KeyboardInterrupt):
        for _ in saves(file):
            output.clear()
            try:
                now = check()
            except DataError as error:  # it has gone since
                output.say(f"{error}.")
                continue
            if before is not None:
                output.say(changes(before, now))
            output.say(f"\nSave {printable(file.name)} to have it checked again; Ctrl-C ends.")
            before = now
    return 0


def changes(before: Verdict, now: Verdict) -> str:
    """Return in a sentence what is otherwise than it was."""
    was, is_now = ({each.name: each for each in verdict.findings} for verdict in (before, now))
    words: dict[str, list[str]] = {"right now": [], "wrong now": [], "wrong in another way": []}
    for name in {**was, **is_now} if is_now else ():
        old, new = was.get(name), is_now.get(name)
        if new is not None and new.right:
            words["right now"] += [name] * (old is None or not old.right)
        elif old is not None and old.right:
            words["wrong now"].append(name)
        elif (old and old.diagnosis) != (new and new.diagnosis):
            words["wrong in another way"].append(name)
    said = [f"{', '.join(names)}: {text}" for text, names in words.items() if names]
    if was and not is_now:
        said = ["there is no answer any more"]
    elif not said:
        said = ["nothing" if before.problems == now.problems else "the problem is another one"]
    return f"Changed since the last check: {'; '.join(said)}."
