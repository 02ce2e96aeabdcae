"""The errors that a user can cause. Each message is one sentence: what came, what was wanted, what to do.

The command line prints the message alone and ends with the exit code of the class.
"""

from __future__ import annotations

import difflib
import inspect
import math
from collections.abc import Callable, Collection
from numbers import Integral


def printable(text: str) -> str:
    """Return text from outside, such as a file's name, on one line and without what steers a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


MOST = 600  # characters of a message: what came from outside may be a whole file on one line
FEW = 20  # names that fit into a sentence
SHOWN = 60  # characters of a value in it


def short_repr(value: object) -> str:
    """Return a value from outside as Python writes it, cut to what fits into a sentence."""
    try:
        text = " ".join(line.strip() for line in repr(value).splitlines())
    except (ValueError, RecursionError):  # whole numbers of thousands of digits, lists in lists in lists
        text = f"a very long or deep {type(value).__name__}"
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


def is_whole(value: object, least: float = -math.inf, most: float = math.inf) -> bool:
    """Return whether this is a whole number, Python's or NumPy's and no truth value, from ``least`` to ``most``."""
    return isinstance(value, Integral) and not isinstance(value, bool) and least <= int(value) <= most


def accepts(function: Callable[..., object], count: int) -> bool:
    """Return whether a function can be called with so many arguments, as far as that can be known."""
    try:
        inspect.signature(function).bind(*range(count))
    except TypeError:
        return False
    except ValueError:  # some of those written in C do not say
        return True
    return True


def is_address(path: object) -> bool:
    """Whether a path that does not exist is a web address, of whose slashes ``Path`` keeps one."""
    return str(path).lower().startswith(("http:/", "https:/", "ftp:/"))


def unknown(what: str, name: object, known: Collection[str], more: str = "") -> UsageError:
    """Return the error for ``what`` with a ``name`` that is none of the known: it names them, and the nearest.

    ``more`` says what else may be given. Where the known are many, the nearest alone is named.
    """
    near = difflib.get_close_matches(str(name), known, 1)
    hints = [f"choose from {', '.join(known)}{more}"] if not near or len(known) <= FEW else []
    hints += [f"did you mean {each}?" for each in near]
    return UsageError(f"{what} {short_repr(name)} is unknown: {'; '.join(hints)}")


class NNScratchError(Exception):
    """The base of the three below, for ``except nn.NNScratchError``. A very long message is cut in its middle."""

    exit_code = 1

    def __str__(self) -> str:
        """Return the message."""
        text = super().__str__()
        return text if len(text) <= MOST else f"{text[: MOST // 2]} ... {text[-MOST // 2 :]}"


class UsageError(NNScratchError, ValueError):
    """A setting, flag or argument that cannot be used as given (exit code 2)."""

    exit_code = 2


class DataError(NNScratchError, ValueError):
    """Something read from outside (a file, a picture, a data set) is not what it must be (exit code 1)."""


class DivergedError(NNScratchError, ArithmeticError):
    """Training met a loss that is infinite or NaN (exit code 1).

    ``learning_rate`` is the one that is most likely too high, or None where it is not to blame; ``what`` is the message
    without the advice of another, for those whose words for it differ from the library's.
    """

    def __init__(self, what: str, learning_rate: float | None = None) -> None:
        self.what, self.learning_rate = what, learning_rate
        rate = "" if learning_rate is None else f", try a learning rate of {learning_rate / 10:g}, or clip=1"
        super().__init__(f"{what}{rate}")


class BackgroundWarning(UserWarning):
    """Pictures came on a ground that is clearly not black, for a network that has learned digits on black."""


class ConvergenceWarning(UserWarning):
    """A training has ended, and learned nothing that always giving the same answer would not have done as well."""
