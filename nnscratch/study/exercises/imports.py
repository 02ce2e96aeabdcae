"""What the reader's file may not import; it runs in the process of that file, and imports nothing of the library."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

REFUSAL = "{} cannot be used here: write it with NumPy and Python's own modules alone"
LIBRARIES = {  # refused alike where they are not installed
    "autograd", "cupy", "flax", "jax", "keras", "micrograd", "numba", "pandas", "scipy", "sklearn", "tensorflow",
    "tinygrad", "torch",
}  # fmt: skip


class Imports:
    """Refuses to import what would do the exercise: any library but NumPy, unless it lies beside the file."""

    def __init__(self, folder: Path, stranger: bool) -> None:
        self.folder, self.stranger = folder, stranger

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> None:
        """Leave what may be imported to those who find it. Raises ImportError for the rest."""
        if path is not None or name == "numpy" or name in sys.stdlib_module_names:
            return
        beside = (self.folder / name).exists() or (self.folder / f"{name}.py").exists()
        library = name in LIBRARIES or PathFinder.find_spec(name) is not None
        if name == "nnscratch" or (library and not beside):
            raise ImportError(REFUSAL.format(name))
        if self.stranger and not beside:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def keep_closed(library: str, folder: str) -> None:
    """Let no file in ``library`` be opened from now on, in whatever way, unless the reader's folder lies in it."""

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        name = arguments[0] if event == "open" and isinstance(arguments[0], (str, bytes)) else ""
        if name and os.path.abspath(os.fsdecode(name)).startswith(library):  # noqa: PTH100
            raise ImportError(REFUSAL.format("nnscratch"))

    if not folder.startswith(library):
        sys.addaudithook(refuse)
