"""A model's file: a header and arrays, as .npz or as .safetensors by the file's name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nnscratch.arrays import Array
from nnscratch.files import npz, safetensors

KIND = "model"  # an .npz file says what it holds


def write(path: Path, header: dict[str, Any], arrays: dict[str, Array], version: int) -> None:
    """Write the file, whole or not at all. Raises DataError when that fails."""
    if safetensors.is_safetensors(path):
        safetensors.write(path, header, arrays, version)
    else:
        npz.write(path, KIND, header, arrays, version)


def read(path: Path) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return header and arrays. Raises DataError for a file that is missing, damaged, of another kind or newer."""
    return safetensors.read(path) if safetensors.is_safetensors(path) else npz.read(path, KIND)
