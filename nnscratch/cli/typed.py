"""What to type for a command, in the way in which this process was started: the one source of such hints."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path


def typed(command: str) -> str:
    """Return "nnscratch train", "python -m nnscratch train", or "python train.py" where that script runs."""
    started = Path(sys.argv[0])
    if started.name == f"{command}.py":
        return f"python {shlex.quote(sys.argv[0])}"
    return f"nnscratch {command}" if started.stem == "nnscratch" else f"python -m nnscratch {command}"
