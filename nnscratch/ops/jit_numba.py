"""How the twins are compiled: one place for the options, and for where the machine code is kept.

- ``nogil``: shards run side by side on threads.
- fast-math without ``nnan`` and ``ninf``: sums may be reordered, which is what lets a reduction use vector
  instructions; NaN and infinity keep their meaning, so a training that diverges still shows it.
- ``cache``: machine code is kept on disk beside this file, or where NUMBA_CACHE_DIR says.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

FASTMATH = {"contract", "reassoc", "arcp", "nsz", "afn"}


def _keep_the_cache_writable() -> None:
    """Where neither this folder nor NUMBA_CACHE_DIR can be written, keep the cache in a temporary one."""
    chosen = Path(os.environ.get("NUMBA_CACHE_DIR") or Path(__file__).parent / "__pycache__")
    try:
        chosen.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=chosen):
            return
    except OSError:
        temporary = tempfile.mkdtemp(prefix="nnscratch-cache-")
        setattr(numba.config, "CACHE_DIR", temporary)  # noqa: B010 (Numba's module has no annotations)
        warnings.warn(
            f"{chosen} cannot be written: compiled code is kept in {temporary}, for this process only",
            RuntimeWarning,
            stacklevel=2,
        )


_keep_the_cache_writable()


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile ``function`` at its first call, or take it from the cache."""
    compiled: Callable[..., Any] = numba.njit(nogil=True, cache=True, fastmath=FASTMATH, error_model="numpy")(function)
    return compiled


def small_kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Do the same for what takes a few microseconds: it keeps the interpreter lock.

    To give the lock back and to wait for it again would take longer.
    """
    compiled: Callable[..., Any] = numba.njit(cache=True, fastmath=FASTMATH, error_model="numpy")(function)
    return compiled


def exact_kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Do the same as :func:`small_kernel` without fast-math, for formulas whose order is what keeps them precise."""
    compiled: Callable[..., Any] = numba.njit(cache=True, error_model="numpy")(function)
    return compiled
