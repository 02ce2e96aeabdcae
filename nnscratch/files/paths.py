"""Paths as people give them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from nnscratch.errors import UsageError, short_repr


def as_path(given: Any) -> Path:
    """Return the path that a text, bytes or a ``Path`` name. Raises UsageError for what names none."""
    try:
        text = os.fsdecode(given)
    except TypeError:
        raise UsageError(f"the path is {short_repr(given)}: give a text, or a pathlib.Path") from None
    if not text or "\0" in text:
        raise UsageError(f"the path is {short_repr(text)}, which no file can have: give another")
    return Path(text)
