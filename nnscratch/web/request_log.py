"""The log: a line for each request, for what is refused, and for what happens to the server. Never what was sent.

2026-11-30 14:50:09 POST /api/predict 200, 4.3 ms, 2,345 bytes, to 127.0.0.1
2026-11-30 14:50:12 POST /api/predict 413 too_many_points, 0.8 ms, 104 bytes, to 127.0.0.1
"""

import logging
import sys
import traceback
from logging.handlers import WatchedFileHandler
from pathlib import Path

from nnscratch.errors import DataError, printable

MOST_PATH = 100  # characters of an address that are shown
log = logging.getLogger("nnscratch.web")


def start_log(path: str | None = None, *, quiet: bool = False) -> None:
    """Write the log to a file, to which it is added, or to stderr; with ``quiet`` only what went wrong in the server.

    Raises DataError when the file cannot be written. A file that is moved away, as logrotate does, is made anew.
    """
    handler: logging.Handler = logging.StreamHandler(sys.stderr)
    try:
        handler = handler if path is None else WatchedFileHandler(path, encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path} cannot be written ({error.strerror}): give another file to --log") from None
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S"))
    logging.raiseExceptions = False  # a full disk ends the log, and not in tracebacks
    log.handlers, log.propagate = [handler], False
    log.setLevel(logging.WARNING if quiet else logging.INFO)


def log_request(method: str, path: str, status: str, seconds: float, size: int, client: str | None) -> None:
    """Write the line of an answered request; ``status`` is its number, and the code of what was refused."""
    shown = printable(path if len(path) <= MOST_PATH else f"{path[:MOST_PATH]}...")
    line = "%s %s %s, %.1f ms, %s bytes, to %s"
    log.info(line, printable(method[:20]), shown, status, 1000 * seconds, f"{size:,}", client or "-")


def place_of(error: BaseException) -> str:
    """Return which kind of error this is, and where it was raised; its message may hold what somebody drew."""
    calls = traceback.extract_tb(error.__traceback__)[-6:]
    return f"{type(error).__name__} in " + " < ".join(f"{Path(c.filename).name}:{c.lineno}" for c in reversed(calls))
