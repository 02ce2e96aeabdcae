"""The settings of a training: one table, from which come the flags, the checks, and what a TOML file may hold.

A recipe, a ``--config`` file and the command line each give some settings; the later beats the earlier.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from nnscratch.augment import KINDS, Distortion
from nnscratch.errors import UsageError
from nnscratch.files import check_regular
from nnscratch.models import ACTIVATIONS, MODELS
from nnscratch.optimizers import OPTIMIZERS
from nnscratch.plan import KEEP, Plan
from nnscratch.schedules import SCHEDULES

RECIPES = Path(__file__).parent / "recipes"
MOST = {int: 10**15, float: 1e38}  # what is above this is a slip of the finger
MLP_ONLY = ("hidden", "activation", "dropout")


def setting(
    default: Any,
    help: str,
    kind: type,
    *,
    least: float | None = None,
    below: float | None = None,
    above: float | None = None,
    choices: Sequence[str] = (),
    many: bool = False,
) -> Any:
    """Return a dataclass field with what the flags and the checks need to know."""
    rules = {"help": help, "kind": kind, "least": least, "below": below, "above": above}
    return field(default=default, metadata={**rules, "choices": tuple(choices), "many": many})


@dataclass(frozen=True)
class Settings:
    """How one model is built and trained; :func:`checked` has checked the values."""

    epochs: int = setting(30, "passes over the training images", int, least=1, below=1_000_001)
    batch_size: int = setting(64, "images in each step of the optimiser", int, least=1)
    lr: float = setting(0.001, "learning rate", float, above=0)
    optimizer: str = setting("adam", "which optimiser", str, choices=tuple(OPTIMIZERS))
    schedule: str = setting("constant", "how the learning rate moves", str, choices=tuple(SCHEDULES))
    warmup: float = setting(0.0, "share of all steps in which the learning rate rises from 0", float, least=0, below=1)
    weight_decay: float = setting(0.0, "L2 weight decay (AdamW: decoupled)", float, least=0, below=1e6)
    label_smoothing: float = setting(0.0, "share of each label spread over all classes", float, least=0, below=1)
    clip: float = setting(0.0, "largest global norm of the gradient; 0: no clipping", float, least=0)
    ema: float = setting(0.0, "decay of the average of the weights, such as 0.999; 0: none", float, least=0, below=1)
    patience: int = setting(0, "stop after this many epochs without a better one; 0: never", int, least=0)
    keep: str = setting("best", "the weights of which epoch", str, choices=KEEP)
    val_size: int | None = setting(
        None, "training images held out for validation; default 5000, at most a sixth of them", int, least=1
    )
    limit: int | None = setting(None, "use only this many training images", int, least=20)
    seed: int = setting(0, "seed of the split, the first weights, the shuffling and dropout", int, least=0)
    rotation: float = setting(0.0, "distortion: largest rotation in degrees", float, least=0, below=181)
    stretch: float = setting(0.0, "distortion: largest change of each axis, such as 0.15", float, least=0, below=10)
    shear: float = setting(0.0, "distortion: largest shear, columns for each row", float, least=0, below=10)
    shift: float = setting(0.0, "distortion: largest shift in pixels", float, least=0, below=101)
    elastic: float = setting(0.0, "distortion: elastic field, pixels (RMS)", float, least=0, below=101)
    thickness: float = setting(0.0, "distortion: thicker or thinner strokes, 0 to 1", float, least=0, below=1.001)
    forms: float = setting(0.0, "share of the 1s, 7s and 9s shown in other forms too", float, least=0, below=1.001)
    hidden: tuple[int, ...] | None = setting(
        None, "mlp: sizes of the hidden layers", int, least=1, below=100_001, many=True
    )
    activation: str | None = setting(None, "mlp: activation", str, choices=tuple(ACTIVATIONS))
    dropout: float | None = setting(None, "mlp: dropout rate after each hidden layer", float, least=0, below=1)

    def plan(self) -> Plan:
        """Return what the trainer needs to know."""
        return Plan(
            epochs=self.epochs,
            batch_size=self.batch_size,
            optimizer=OPTIMIZERS[self.optimizer](self.lr, self.weight_decay),
            schedule=SCHEDULES[self.schedule](self.warmup),
            label_smoothing=self.label_smoothing,
            clip=self.clip,
            ema=self.ema,
            patience=self.patience,
            keep=self.keep,
            seed=self.seed,
            distortion=Distortion(**{kind: getattr(self, kind) for kind in KINDS}),
        )

    def model_options(self) -> dict[str, Any]:
        """Return the keyword arguments of ``models.build``."""
        return {name: getattr(self, name) for name in MLP_ONLY}

    def told(self) -> dict[str, Any]:
        """Return the settings that say something, fit for JSON: those that are not None."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def in_words(told: dict[str, Any]) -> str:
    """Return settings as one line, without those that are off (0)."""
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in told.items() if value or name == "seed")


FIELDS = {f.name: f for f in fields(Settings)}


def checked(values: dict[str, Any], where: str) -> dict[str, Any]:
    """Return ``values`` with each of its setting's type.

    Raises UsageError, naming ``where`` it came from, for a name that is unknown or a value out of range.
    """
    return {name: _checked_one(name, value, where) for name, value in values.items()}


def _checked_one(name: str, value: Any, where: str) -> Any:
    if name not in FIELDS:
        near = difflib.get_close_matches(name, FIELDS, 1)
        hint = f"did you mean {near[0]}?" if near else f"choose from {', '.join(FIELDS)}"
        raise UsageError(f"{where}: the setting {name!r} is unknown: {hint}")
    rules = FIELDS[name].metadata
    if rules["many"]:
        if not isinstance(value, (list, tuple)) or not value:
            raise UsageError(f"{where}: {name} is {value!r}: give a list of {_wanted(rules)}")
        return tuple(_number(name, v, rules, where) for v in value)
    if rules["kind"] is str:
        if value not in rules["choices"]:
            raise UsageError(f"{where}: {name} is {value!r}: choose from {', '.join(rules['choices'])}")
        return value
    return _number(name, value, rules, where)


def _number(name: str, value: Any, rules: Any, where: str) -> int | float:
    kind = rules["kind"]
    right_type = isinstance(value, (int, kind)) and not isinstance(value, bool)
    if right_type and abs(value) < MOST[kind] and _in_range(value, rules):
        return kind(value)  # type: ignore[no-any-return]
    raise UsageError(f"{where}: {name} is {value!r}: give {_wanted(rules)}")


def _in_range(value: float, rules: Any) -> bool:
    low = rules["least"] is None or value >= rules["least"]
    high = rules["below"] is None or value < rules["below"]
    positive = rules["above"] is None or value > rules["above"]
    return low and high and positive


def _wanted(rules: Any) -> str:
    what = "a whole number" if rules["kind"] is int else "a number"
    what += " of" if rules["least"] is not None else ""
    told = {"at least": rules["least"], "above": rules["above"], "below": rules["below"]}
    return " ".join([what, " and ".join(f"{word} {limit}" for word, limit in told.items() if limit is not None)])


def read_toml(path: str | Path, model: str) -> dict[str, Any]:
    """Return the settings for ``model`` in a TOML file: keys at the top for every model, then those of its table.

    Raises UsageError when the file cannot be read, or holds an unknown key or a value out of range.
    """
    check_regular(path)
    try:
        with Path(path).open("rb") as file:
            content = tomllib.load(file)
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}): give a TOML file of settings") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not TOML: {error}") from None
    tables = {key: value for key, value in content.items() if isinstance(value, dict)}
    for key in tables:
        if key not in MODELS:
            raise UsageError(f"{path}: the table [{key}] is unknown: tables are named {', '.join(MODELS)}")
    common = {key: value for key, value in content.items() if key not in tables}
    for name, table in tables.items():
        checked(table, f"{path} [{name}]")
    return checked(common, str(path)) | checked(tables.get(model, {}), f"{path} [{model}]")


def recipes() -> list[str]:
    """Return the names of the recipes that come with the library."""
    return sorted(path.stem for path in RECIPES.glob("*.toml"))


def resolve(
    model: str, *, recipe: str, config: str | Path | None = None, flags: dict[str, Any] | None = None
) -> Settings:
    """Return the settings of ``model``: the recipe's, beaten by the config file's, beaten by the flags.

    Settings that only the mlp has are left out for other models. Raises UsageError for an unknown recipe, file, key
    or value.
    """
    if recipe not in recipes():
        raise UsageError(f"the recipe {recipe!r} is unknown: choose from {', '.join(recipes())}")
    told = read_toml(RECIPES / f"{recipe}.toml", model)
    told |= read_toml(config, model) if config is not None else {}
    told |= checked(flags or {}, "the command line")
    if model != "mlp":
        told = {name: value for name, value in told.items() if name not in MLP_ONLY}
    return Settings(**told)
