"""The task of an exercise as text, its hints and its solution, and a Python file to fill in."""

from __future__ import annotations

import inspect
import textwrap
from importlib.resources import files

from nnscratch.study.exercises.exercise import Exercise

HINTS = (1, 2, 3)
TEMPLATE = '''"""Exercise: {name}, {line}.

Check it with:  nnscratch study exercise {name} FILE.py
"""

import numpy as np
{imports}

def {signature}:
    """Return {returns}.

{text}
    """
    raise NotImplementedError  # yours to write
'''
SOLUTION = """# A solution of {name}, in plain NumPy. The library's own: {library}
from __future__ import annotations

import numpy as np
{imports}

{source}"""


def task(exercise: Exercise) -> str:
    """Return what is to be written, and from which forward pass or definition."""
    parts = [
        ("write", f"def {exercise.signature}:\n    ...\n    return {', '.join(exercise.returns)}"),
        ("shapes", exercise.shapes),
        ("formula", exercise.forward),
    ]
    lines = [f"{exercise.name}: {exercise.line}", ""]
    for title, text in parts:
        first, *others = _wrapped(text, 69)
        lines += [f"  {title:<9}{first}", *(f"  {'':<9}{line}" for line in others), ""]
    return "\n".join(lines)


def hint(exercise: Exercise, number: int) -> str:
    """Return hint 1, 2 or 3; the last with where the derivation is."""
    lines = [f"Hint {number} of {len(HINTS)} for {exercise.name}:", "", *_wrapped(exercise.hints[number - 1], 76)]
    if number == HINTS[-1]:
        lines += ["", *_wrapped(f"Then read how it is derived: {reading(exercise)}.", 76)]
    return "\n".join(lines)


def reading(exercise: Exercise) -> str:
    """Return where the derivation of an exercise stands, in this installation."""
    derivations = files("nnscratch.ops") / "DERIVATIONS.md"
    lines = derivations.read_text("utf-8").splitlines()
    return f'"{exercise.read}", {derivations}, line {lines.index(f"## {exercise.read}") + 1}'


def solution(exercise: Exercise) -> str:
    """Return a solution as a Python file."""
    source = inspect.getsource(exercise.solution)
    return SOLUTION.format(name=exercise.name, library=exercise.library, imports=_imports(exercise), source=source)


def template(exercise: Exercise) -> str:
    """Return a Python file with the function to fill in."""
    parts = [*exercise.shapes.split("\n"), "", *exercise.forward.split("\n")]
    return TEMPLATE.format(
        line=exercise.line,
        name=exercise.name,
        imports=_imports(exercise),
        signature=exercise.signature,
        returns=", ".join(exercise.returns),
        text="\n".join(f"    {line}".rstrip() for part in parts for line in _wrapped(part, 100)),
    )


def _imports(exercise: Exercise) -> str:
    """Return the lines that import the reader's solutions of other exercises, from files of these names."""
    return "".join(f"\nfrom {name} import {name}" for name in exercise.uses) + "\n" * bool(exercise.uses)


def _wrapped(text: str, width: int) -> list[str]:
    """Return ``text`` in lines; what is indented, code, stays."""
    return [
        line
        for part in text.split("\n")
        for line in (
            [part]
            if part.startswith(" ")
            else textwrap.wrap(part, width, break_on_hyphens=False, break_long_words=False) or [""]
        )
    ]
