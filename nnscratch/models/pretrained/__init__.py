"""The weights that come with the library: the networks of the recipe "distilled", seed 0.

``manifest.json`` says for each by which command it was made, with which versions, and what it reaches; the command
makes the same bits again on the same kind of machine.
"""

from pathlib import Path
from typing import Any

from nnscratch.errors import DataError, unknown
from nnscratch.files.atomic import read_json
from nnscratch.models.saving import load
from nnscratch.models.sequential import Sequential
from nnscratch.models.zoo import MODELS

FOLDER = Path(__file__).parent


def manifest() -> dict[str, Any]:
    """Return what manifest.json says: for each model its command, figures, versions and the digest of its weights."""
    content = read_json(FOLDER / "manifest.json")
    return dict(content["models"])


def pretrained(name: str) -> Path:
    """Return the path of a model's weights. Raises DataError when none come with it, UsageError for no model's name."""
    known = [file.stem for file in sorted(FOLDER.glob("*.npz"))]
    if not isinstance(name, str) or (name not in known and name not in MODELS):
        raise unknown("the model", name, known)
    path = FOLDER / f"{name}.npz"
    if not path.is_file():
        raise DataError(f"no {name} comes with the library: train one with 'nnscratch train {name}'")
    return path


def load_pretrained(name: str) -> Sequential:
    """Return "lenet5", "mlp" or "logistic" with the weights that come with the library: MNIST, the recipe "distilled".

    Raises DataError for a model whose weights do not, UsageError for a name that is no model's.
    """
    return load(pretrained(name))
