"""Tells when a file has been saved."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

PAUSE = 0.25  # seconds between looks


def saves(file: Path) -> Iterator[None]:
    """Yield at once, and then whenever the file has been saved, for ever.

    An editor may write in several steps, or put a new file in the place of the old one: a save counts when the file is
    there and two looks have found it alike.
    """
    seen, before = None, _look(file)
    while True:
        look = _look(file)
        if look is not None and look == before and look != seen:
            seen = look
            yield
        time.sleep(PAUSE)
        before = look


def _look(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:  # it is just being replaced
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
