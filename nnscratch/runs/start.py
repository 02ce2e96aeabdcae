"""A training that begins with the weights of a network in a file (transfer learning; S. J. Pan & Q. Yang, 2010).

That very network is trained, with its own layers. Where its classes are not those of the data, its last layer is
begun anew, and all other weights are kept. The training's folder has a copy of the file, so that the training can go
on whatever becomes of the file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnscratch.data.classes import checked_classes
from nnscratch.errors import DataError, UsageError
from nnscratch.files import safetensors
from nnscratch.files.atomic import check_regular, read_json, write_bytes
from nnscratch.layers import Dense
from nnscratch.models.confidence import Thresholds
from nnscratch.models.saving import from_architecture, load
from nnscratch.models.sequential import Sequential
from nnscratch.models.zoo import MODELS

INPUT = (1, 28, 28)  # what the data of a run are
UNNAMED = "network"


@dataclass(frozen=True)
class Start:
    """The file that a training begins with."""

    path: str  # what the user gave
    sha256: str  # of the file's bytes
    file: Path  # which has them: the user's own, or the copy in the training's folder
    new_layer: str | None  # the last layer's name, where it is begun anew

    def build(self, name: str, *, seed: int, classes: Sequence[str], **options: Any) -> Sequential:
        """Return the network to train; ``seed`` gives the weights of a layer that is begun anew.

        Raises UsageError for options, since its layers are the file's, and DataError when the file was changed.
        """
        if options:
            raise UsageError(f"the network is that of {self.path}: leave {', '.join(options)} out")
        self._read()
        model = load(self.file)
        if self.new_layer == model.layers[-1].name:
            model = _with_new_last_layer(model, seed, classes)
        model.temperature, model.limits, model.info = 1.0, Thresholds(), {"name": name}
        return model

    def copy_to(self, folder: Path) -> None:
        """Put the file's copy into a training's folder. Raises DataError when it was changed, or cannot be written."""
        write_bytes(_copy(folder, self.path), self._read())

    def _read(self) -> bytes:
        content = _bytes(self.file)
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise DataError(f"{self.file} was changed since the training was begun with it: begin another run")
        return content

    def to_dict(self) -> dict[str, Any]:
        """Return what config.json says of it."""
        return {"path": self.path, "sha256": self.sha256, "new_layer": self.new_layer}


def start_from(path: Path, classes: Sequence[str]) -> tuple[str, Start]:
    """Return the name of the network in a file, and the start of its training on data with these classes.

    Raises DataError for a file that holds no network, or one that cannot be trained on such data.
    """
    content, model = _bytes(path), load(path)
    if model.input_shape != INPUT:
        raise DataError(f"{path} takes images of the shape {model.input_shape}, but the data's are {INPUT}")
    if model.ends_in_softmax:
        raise DataError(f"{path} ends in Softmax, which the loss applies itself: give a network without it")
    last, new = model.layers[-1], model.classes != checked_classes(classes)
    if new and not isinstance(last, Dense):
        raise DataError(
            f"{path} has other classes than the data, and its last layer, {last.name}, is no dense one that could be "
            f"begun anew for them"
        )
    name = model.info.get("name")
    known = name if isinstance(name, str) and name in MODELS else UNNAMED
    return known, Start(str(path), hashlib.sha256(content).hexdigest(), path, last.name if new else None)


def read_start(folder: Path) -> Start | None:
    """Return what the training in ``folder`` began with; None where that was initial weights.

    Raises DataError when config.json is damaged.
    """
    path = folder / "config.json"
    config = read_json(path)
    content = config.get("start") if isinstance(config, dict) else None
    if content is None:
        return None
    try:
        start = Start(content["path"], content["sha256"], _copy(folder, content["path"]), content["new_layer"])
    except (KeyError, TypeError) as error:
        raise DataError(f"{path} does not describe a training: its start is damaged ({error})") from None
    if not isinstance(start.path, str) or not isinstance(start.new_layer, str | None):
        raise DataError(f"{path} does not describe a training: its start is damaged")
    return start


def _copy(folder: Path, path: str) -> Path:
    return folder / ("start.safetensors" if safetensors.is_safetensors(path) else "start.npz")


def _bytes(path: Path) -> bytes:
    check_regular(path)
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): give the file of a network") from None


def _with_new_last_layer(model: Sequential, seed: int, classes: Sequence[str]) -> Sequential:
    """Return a network for these classes: its last layer is new, its other weights and statistics are ``model``'s."""
    architecture = model.architecture()
    architecture["layers"][-1]["units"] = len(classes)
    new = from_architecture(architecture | {"seed": seed})
    new.classes, new.scaling = checked_classes(classes), model.scaling
    for own, given in ((new.parameters, model.parameters), (new.buffers, model.buffers)):
        for key, value in own.items():
            if not key.startswith(f"{new.layers[-1].name}."):
                value[...] = given[key]
    return new


def sentence(start: dict[str, Any]) -> str:
    """Return what to say of the ``start`` in a config.json."""
    new = f"; its last layer, {start['new_layer']}, was begun anew for other classes" if start["new_layer"] else ""
    return f"Began with the weights of {start['path']} (SHA-256 {start['sha256'][:12]}...){new}."
