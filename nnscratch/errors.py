"""The errors that a user can cause. Each message is one sentence: what came, what was wanted, what to do.

Both are ``ValueError``, so a script that catches ``ValueError`` catches them. The command line prints
the message alone and ends with the exit code of the class.
"""


class UsageError(ValueError):
    """A setting, flag or argument that cannot be used as given (exit code 2)."""

    exit_code = 2


class DataError(ValueError):
    """Something read from outside (a file, a picture, a data set) is not what it must be (exit code 1)."""

    exit_code = 1
