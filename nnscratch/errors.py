"""The errors that a user can cause. Each message is one sentence: what came, what was wanted, what to do.

The command line prints the message alone and ends with the exit code of the class.
"""


def printable(text: str) -> str:
    """Return text from outside, such as a file's name, on one line and without what steers a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class NNScratchError(Exception):
    """The base of the three below, for ``except nn.NNScratchError``."""

    exit_code = 1


class UsageError(NNScratchError, ValueError):
    """A setting, flag or argument that cannot be used as given (exit code 2)."""

    exit_code = 2


class DataError(NNScratchError, ValueError):
    """Something read from outside (a file, a picture, a data set) is not what it must be (exit code 1)."""


class DivergedError(NNScratchError, ArithmeticError):
    """Training met a loss that is infinite or not a number (exit code 1)."""
