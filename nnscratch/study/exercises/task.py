"""The task of an exercise as text, and as a Python file to fill in."""

from __future__ import annotations

from nnscratch.study.exercises.exercise import Exercise

TEMPLATE = '''"""Exercise: {line}.

Check it with:  nnscratch study exercise {name} FILE.py
"""

import numpy as np


def {signature}:
    """Return {returns}.

{text}
    """
    raise NotImplementedError  # yours to write
'''


def task(exercise: Exercise) -> str:
    """Return what is to be written, from which forward pass, and where to read."""
    parts = [
        ("write", f"def {exercise.signature}:\n    ...\n    return {', '.join(exercise.returns)}"),
        ("shapes", exercise.shapes),
        ("forward", exercise.forward),
        ("hint", exercise.hint),
        ("read", exercise.read),
    ]
    lines = [f"{exercise.name}: {exercise.line}", ""]
    for title, text in parts:
        first, *others = [line for part in text.split("\n") for line in _wrapped(part, 69)]
        lines += [f"  {title:<9}{first}", *(f"  {'':<9}{line}" for line in others), ""]
    return "\n".join(lines)


def template(exercise: Exercise) -> str:
    """Return a Python file with the function to fill in."""
    parts = [*exercise.shapes.split("\n"), "", *exercise.forward.split("\n"), "", f"Read {exercise.read}."]
    return TEMPLATE.format(
        line=exercise.line,
        name=exercise.name,
        signature=exercise.signature,
        returns=", ".join(exercise.returns),
        text="\n".join(f"    {line}".rstrip() for part in parts for line in _wrapped(part, 100) or [""]),
    )


def _wrapped(text: str, width: int) -> list[str]:
    """Return ``text`` in lines; what is indented, code, stays."""
    import textwrap

    return [text] if text.startswith(" ") or len(text) <= width else textwrap.wrap(text, width)
