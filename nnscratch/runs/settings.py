"""The settings of a training: one table, from which come the flags, the checks, and what a TOML file may hold.

A recipe, a ``--config`` file and the command line each give some settings; the later beats the earlier.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from nnscratch.data.augment import KINDS, MOST, Distortion
from nnscratch.errors import UsageError, short_repr, unknown
from nnscratch.files.atomic import check_regular
from nnscratch.models.zoo import ACTIVATIONS, MODELS
from nnscratch.training.optimizers import OPTIMIZERS
from nnscratch.training.plan import KEEP, Plan
from nnscratch.training.schedules import SCHEDULES

RECIPES = Path(__file__).parent / "recipes"
LARGEST = {int: 10**15, float: 1e38}  # what is above this is a slip of the finger
MOST_TOML = 100_000  # bytes
LONGEST_LINE = 1_000  # bytes: the parser's work grows with the square of a key's parts, a.a.a...
MLP_ONLY = ("hidden", "activation", "dropout")


def setting(
    default: Any,
    help: str,
    kind: type,
    *,
    least: float | None = None,
    below: float | None = None,
    above: float | None = None,
    most: float | None = None,
    choices: Sequence[str] = (),
    many: bool = False,
) -> Any:
    """Return a dataclass field with what the flags and the checks need to know."""
    rules = {"help": help, "kind": kind, "least": least, "below": below, "above": above, "most": most}
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
    shard: int | None = setting(
        None,
        "images of a batch worked on together: what threads and ranks share; default: what suits caches",
        int,
        least=1,
    )
    seed: int = setting(0, "seed of the split, the first weights, the shuffling and dropout", int, least=0)
    rotation: float = setting(0.0, "distortion: largest rotation in degrees", float, least=0, most=MOST["rotation"])
    stretch: float = setting(
        0.0, "distortion: largest change of each axis, such as 0.15", float, least=0, most=MOST["stretch"]
    )
    shear: float = setting(0.0, "distortion: largest shear, columns for each row", float, least=0, most=MOST["shear"])
    shift: float = setting(0.0, "distortion: largest shift in pixels", float, least=0, most=MOST["shift"])
    elastic: float = setting(0.0, "distortion: elastic field, pixels (RMS)", float, least=0, most=MOST["elastic"])
    thickness: float = setting(
        0.0, "distortion: thicker or thinner strokes, 0 to 1", float, least=0, most=MOST["thickness"]
    )
    forms: float = setting(0.0, "share of the 1s, 7s and 9s shown in other forms too", float, least=0, most=1)
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
            shard=self.shard or 0,
            distortion=Distortion(**{kind: getattr(self, kind) for kind in KINDS}),
        )

    def model_options(self) -> dict[str, Any]:
        """Return the keyword arguments of ``models.build``."""
        return {name: getattr(self, name) for name in MLP_ONLY}

    def to_dict(self) -> dict[str, Any]:
        """Return the settings that say something, fit for JSON: those that are not None."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def describe(values: dict[str, Any]) -> str:
    """Return settings as one line, without those that are off (0)."""
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in values.items() if value or name == "seed")


FIELDS = {f.name: f for f in fields(Settings)}


def checked(values: dict[str, Any], where: str) -> dict[str, Any]:
    """Return ``values`` with each of its setting's type.

    Raises UsageError, naming ``where`` it came from, for a name that is unknown or a value out of range.
    """
    return {name: _checked_one(name, value, where) for name, value in values.items()}


def _checked_one(name: str, value: Any, where: str) -> Any:
    if name not in FIELDS:
        raise unknown(f"{where}: the setting", name, FIELDS)
    rules = FIELDS[name].metadata
    if rules["many"]:
        if not isinstance(value, (list, tuple)) or not value:
            raise UsageError(f"{where}: {name} is {short_repr(value)}: give a list of {_wanted(rules)}")
        return tuple(_number(name, v, rules, where) for v in value)
    if rules["kind"] is str:
        if value not in rules["choices"]:
            raise unknown(f"{where}: the {name}", value, rules["choices"])
        return value
    return _number(name, value, rules, where)


def _number(name: str, value: Any, rules: Any, where: str) -> int | float:
    kind = rules["kind"]
    right_type = isinstance(value, (int, kind)) and not isinstance(value, bool)
    if right_type and abs(value) < LARGEST[kind] and _in_range(value, rules):
        return kind(value)  # type: ignore[no-any-return]
    limit = f" and below {LARGEST[kind]:g}" if right_type and abs(value) >= LARGEST[kind] else ""
    raise UsageError(f"{where}: {name} is {short_repr(value)}: give {_wanted(rules)}{limit}")


def _in_range(value: float, rules: Any) -> bool:
    low = rules["least"] is None or value >= rules["least"]
    high = (rules["below"] is None or value < rules["below"]) and (rules["most"] is None or value <= rules["most"])
    positive = rules["above"] is None or value > rules["above"]
    return low and high and positive


def _wanted(rules: Any) -> str:
    what = "a whole number" if rules["kind"] is int else "a number"
    what += " of" if rules["least"] is not None else ""
    values = {"at least": rules["least"], "above": rules["above"], "below": rules["below"], "at most": rules["most"]}
    return " ".join([what, " and ".join(f"{word} {limit}" for word, limit in values.items() if limit is not None)])


def read_toml(path: str | Path, model: str) -> dict[str, Any]:
    """Return the settings for ``model`` in a TOML file: keys at the top for every model, then those of its table.

    Raises UsageError when the file cannot be read, or holds an unknown key or a value out of range.
    """
    check_regular(path)
    if Path(path).is_file() and Path(path).stat().st_size > MOST_TOML:
        raise UsageError(f"{path} is larger than {MOST_TOML:,} bytes: give a TOML file of settings")
    try:
        text = Path(path).read_bytes()
        if any(len(line) > LONGEST_LINE for line in text.splitlines()):
            raise UsageError(f"{path} has a line of more than {LONGEST_LINE:,} bytes: give a TOML file of settings")
        content = tomllib.loads(text.decode())
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}): give a TOML file of settings") from None
    except UsageError:
        raise
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not TOML: {error}") from None
    tables = {key: value for key, value in content.items() if isinstance(value, dict)}
    for key in tables:
        if key not in MODELS:
            raise unknown(f"{path}: the table", key, MODELS)
    common = {key: value for key, value in content.items() if key not in tables}
    for name, table in tables.items():
        checked(table, f"{path} [{name}]")
        alone = [key for key in table if key in MLP_ONLY and name != "mlp"]
        if alone:
            raise UsageError(f"{path} [{name}]: {alone[0]} is a setting of the mlp alone: put it under [mlp]")
    return checked(common, str(path)) | checked(tables.get(model, {}), f"{path} [{model}]")


def recipes() -> list[str]:
    """Return the names of the recipes that come with the library."""
    return sorted(path.stem for path in RECIPES.glob("*.toml"))


def resolve(
    model: str,
    *,
    recipe: str,
    config: str | Path | None = None,
    flags: dict[str, Any] | None = None,
    digits: bool = True,
) -> Settings:
    """Return the settings of ``model``: the recipe's, beaten by the config file's, beaten by the flags.

    Not ``digits``: for data that may be something else, the recipe's other forms of digits are left out.
    Settings that only the mlp has are left out for other models. Raises UsageError for an unknown recipe, file, key
    or value.
    """
    if recipe not in recipes():
        raise unknown("the recipe", recipe, recipes())
    values = read_toml(RECIPES / f"{recipe}.toml", model)
    if not digits:
        values.pop("forms", None)
    values |= read_toml(config, model) if config is not None else {}
    values |= checked(flags or {}, "the command line")
    if model != "mlp":
        values = {name: value for name, value in values.items() if name not in MLP_ONLY}
    return Settings(**values)
