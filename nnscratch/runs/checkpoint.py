"""What a training's folder says of it, and how far it is: config.json, checkpoint.npz, and more epochs for both.

A training goes on with the settings that it was begun with; only the number of epochs may change. That is written in an
order which a kill at any moment leaves good: the figures of the shorter training go first, then config.json is
replaced. The checkpoint stays as it is, and is followed by those of the longer training.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nnscratch.arrays import Array
from nnscratch.errors import DataError, UsageError, is_whole
from nnscratch.files import npz
from nnscratch.files.atomic import read_json, write_json
from nnscratch.runs.folder import classes_of
from nnscratch.runs.settings import Settings, checked

STATE_KIND = "training"
EPOCHS_CHANGED = "epochs_changed"  # in config.json: [{"after": epochs done, "from": epochs planned, "to": ...}, ...]


def read_config(folder: Path) -> tuple[str, Settings]:
    """Return the model's name and the settings in a folder's config.json. Raises DataError when it is not one."""
    config = _read_config(folder)
    return str(config["model"]), Settings(**config["settings"])


def epochs_changed(folder: Path) -> list[dict[str, int]]:
    """Return how the number of epochs was changed, the first change first. Raises DataError as :func:`read_config`."""
    return list(_read_config(folder).get(EPOCHS_CHANGED, []))


def trained_classes(folder: Path) -> tuple[str, ...]:
    """Return the names of the classes in a folder's config.json. Raises DataError when they are none."""
    return classes_of(read_json(folder / "config.json"), str(folder / "config.json"))


def held_apart(folder: Path) -> bool:
    """Return whether no added image validates the training in ``folder``: trainings of before held some of them out."""
    images = _read_config(folder).get("images")
    return isinstance(images, dict) and "added" in images


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    config = read_json(path)
    if not isinstance(config, dict) or not isinstance(config.get("settings"), dict):
        raise DataError(f"{path} does not describe a training: it is damaged")
    changes = config.get(EPOCHS_CHANGED, [])
    if not isinstance(changes, list) or not all(map(_is_change, changes)):
        raise DataError(f"{path} does not describe a training: its {EPOCHS_CHANGED} is damaged")
    try:
        return config | {"model": config["model"], "settings": checked(config["settings"], str(path))}
    except (KeyError, TypeError, UsageError) as error:
        raise DataError(f"{path} does not describe a training: {error}") from None


def _is_change(change: Any) -> bool:
    return isinstance(change, dict) and all(is_whole(change.get(key), least=0) for key in ("after", "from", "to"))


@dataclass(frozen=True)
class Checkpoint:
    """The content of checkpoint.npz: what ``TrainingState.numbers()`` and ``arrays()`` returned."""

    path: Path
    numbers: dict[str, Any]
    arrays: dict[str, Array]

    @property
    def epochs(self) -> int:
        """How many epochs are done, or begun."""
        return int(self.numbers["epoch"]) + int(self.numbers["position"] > 0)


def read_checkpoint(folder: Path, digest: str) -> Checkpoint | None:
    """Return the checkpoint of the training in ``folder``, on data of this digest; None when it has none yet.

    Raises DataError when it is damaged, or of a training with another model, other settings or data than config.json
    says; but it may be of before the number of epochs was changed.
    """
    name, settings = read_config(folder)
    path = folder / "checkpoint.npz"
    if not path.exists():
        return None
    header, arrays = npz.read(path, STATE_KIND)
    former = [settings.epochs, *(change["from"] for change in epochs_changed(folder))]
    mine = {"model": name, "settings": [replace(settings, epochs=epochs) for epochs in former], "data": digest}
    for key, value in mine.items():
        same = _settings(header) in value if key == "settings" else header.get(key) == value
        if not same:
            raise DataError(f"{path} is of a training with other {key} than {folder / 'config.json'}: it cannot go on")
    try:
        numbers = header["state"] | {"best_loss": float(header["state"]["best_loss"])}
        if not all(is_whole(numbers[key], least=0) for key in ("epoch", "position")):
            raise ValueError("its epoch or its position is no whole number")
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DataError(f"{path} cannot be continued: {error}") from None
    return Checkpoint(path, numbers, arrays)


def _settings(header: dict[str, Any]) -> Settings | None:
    """Return the settings in a checkpoint's header, those that it is too old to know as they are by default."""
    try:
        return Settings(**checked(header["settings"], "a checkpoint"))
    except (KeyError, TypeError, AttributeError, UsageError):
        return None


# ---- more epochs


def longer(folder: Path, epochs: int, digest: str) -> dict[str, Any] | None:
    """Return the config.json with which the training of ``folder`` goes on to ``epochs``; None where it has as many.

    ``digest`` is of the data. Raises UsageError for fewer epochs than are done, DataError as
    :func:`read_checkpoint` and for a training that is finished and left no checkpoint.
    """
    config, before = _read_config(folder), read_config(folder)[1].epochs
    if epochs == before:
        return None
    checkpoint = read_checkpoint(folder, digest)
    if checkpoint is None and (folder / "metrics.json").is_file():
        raise DataError(
            f"{folder} has no checkpoint.npz any more, so that it cannot go on: begin another run from its weights, "
            f"with --start {folder}"
        )
    done = 0 if checkpoint is None else checkpoint.epochs
    if epochs < done:
        raise UsageError(f"{folder} has begun its epoch {done} already, and --epochs is {epochs}: give at least {done}")
    change = {"after": int(checkpoint.numbers["epoch"]) if checkpoint else 0, "from": before, "to": epochs}
    changes = [*config.get(EPOCHS_CHANGED, []), change]
    return config | {"settings": config["settings"] | {"epochs": epochs}, EPOCHS_CHANGED: changes}


def write_longer(folder: Path, config: dict[str, Any]) -> None:
    """Let the training of ``folder`` go on as :func:`longer` has said. Raises DataError when that cannot be written."""
    path = folder / "metrics.json"
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise DataError(f"{path} cannot be removed ({error.strerror}): the training stays as it is") from None
    write_json(folder / "config.json", config)
