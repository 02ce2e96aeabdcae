"""Which functions serve as :mod:`nnscratch.ops`: the readable NumPy ones, or compiled twins where they exist.

A twin module (``conv_numba.py`` beside ``conv.py``) holds functions of the same names and signatures. Choosing the
backend "numba" puts them in the place of the NumPy functions in ``nnscratch.ops``; "numpy" puts those back.
"""

import importlib

from nnscratch import ops
from nnscratch.errors import UsageError

TWIN_MODULES: tuple[str, ...] = ()  # for instance "nnscratch.ops.conv_numba"

_reference = {name: getattr(ops, name) for name in ops.__all__}
_chosen = "numpy"


def available_backends() -> tuple[str, ...]:
    """Return the names that :func:`set_backend` takes here, the fastest first."""
    return ("numba", "numpy") if TWIN_MODULES else ("numpy",)


def backend() -> str:
    """Return the name of the backend that serves now."""
    return _chosen


def set_backend(name: str) -> None:
    """Let "numpy" or "numba" serve from now on, in every thread.

    Raises UsageError for a name that is unknown or has no kernels here.
    """
    global _chosen
    if name not in available_backends():
        raise UsageError(f"the backend {name!r} is not available: choose from {', '.join(available_backends())}")
    functions = dict(_reference)
    if name == "numba":
        for path in TWIN_MODULES:
            module = importlib.import_module(path)
            functions.update({key: getattr(module, key) for key in functions if hasattr(module, key)})
    for key, function in functions.items():
        setattr(ops, key, function)
    _chosen = name
