"""Which functions serve as :mod:`nnscratch.ops`: the readable NumPy ones, or compiled kernels where they exist.

A module of kernels (``compiled/conv.py`` for ``conv.py``) holds functions of the same names and signatures. Choosing
the backend "numba" puts them in the place of the NumPy functions in ``nnscratch.ops``; "numpy" puts those back. Until
somebody chooses, NumPy serves, and the first training takes Numba if it is installed: a handful of predictions does
not wait for a compiler.
"""

import importlib
import importlib.util
import os
from typing import Any

from nnscratch import ops
from nnscratch.errors import UsageError, short_repr

FILES = [
    "conv",
    "fused",
    "pool",
    "dense",
    "activations",
    "batchnorm",
    "batchnorm_pool",
    "dropout",
    "losses",
    "gather",
    "distort",
    "optimizers",
]
KERNEL_MODULES = tuple(f"nnscratch.ops.compiled.{name}" for name in FILES)

_reference = {name: getattr(ops, name) for name in ops.__all__}
_serving = "numpy"
_chosen = False
_tapes: Any = None


def available_backends() -> tuple[str, ...]:
    """Return the names that :func:`set_backend` takes here, the fastest first."""
    return ("numba", "numpy") if importlib.util.find_spec("numba") else ("numpy",)


def backend() -> str:
    """Return the name of the backend that serves now."""
    return _serving


def set_backend(name: str) -> None:
    """Let "numpy" or "numba" serve from now on, in every thread.

    Raises UsageError for a name that is unknown or not installed.
    """
    global _serving, _chosen, _tapes
    if not isinstance(name, str) or name not in available_backends():
        hint = "install numba for it, or " if name == "numba" else ""
        known = ", ".join(available_backends())
        raise UsageError(f"the backend {short_repr(name)} is not available: {hint}choose from {known}")
    functions = {**_reference, **(compiled_ops() if name == "numba" else {})}
    for key, function in functions.items():
        setattr(ops, key, function)
    recordable = name == "numba" and not interpreted()
    _tapes = importlib.import_module("nnscratch.ops.compiled.tape") if recordable else None
    _serving, _chosen = name, True


def resolve_backend() -> str:
    """Take the fastest backend, unless one was chosen; return the name of what serves. For what takes long.

    Where the kernels are :func:`interpreted`, that is NumPy.
    """
    if not _chosen:
        set_backend("numpy" if interpreted() else available_backends()[0])
    return _serving


def tapes() -> Any:
    """Return the module that records compiled kernels and plays them again, or None where none serve."""
    return _tapes


def interpreted() -> bool:
    """Return whether NUMBA_DISABLE_JIT=1 makes the kernels plain Python, to be tested or stepped through."""
    return os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")


def compiled_ops() -> dict[str, object]:
    """Return the compiled kernels by name. Imports Numba."""
    own: dict[str, object] = {}
    for module in map(importlib.import_module, KERNEL_MODULES):
        own |= {key: one for key, one in vars(module).items() if getattr(one, "__module__", "") == module.__name__}
    return {key: own[key] for key in _reference if key in own}
