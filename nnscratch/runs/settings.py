"""The settings of a training: one table, from which come the flags, the checks, and what a TOML file may hold.

A recipe, a ``--config`` file and the command line each give some settings; the later beats the earlier.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from nnscratch.data.augment import KINDS, MOST, Distortion
from nnscratch.errors import UsageError, short_repr, unknown
from nnscratch.files.atomic import check_regular
from nnscratch.layers.network import Network
from nnscratch.models.zoo import ACTIVATIONS, MODELS
from nnscratch.training.bounds import BOUNDS, SHARE, Interval
from nnscratch.training.optimizers import OPTIMIZERS
from nnscratch.training.plan import KEEP, NUMBERS, Plan, shard_size
from nnscratch.training.schedules import SCHEDULES

RECIPES = Path(__file__).parent / "recipes"
LARGEST = {int: 10**15, float: 1e38}  # what is above this is a slip of the finger
MOST_TOML = 100_000  # bytes
LONGEST_LINE = 1_000  # bytes: the parser's work grows with the square of a key's parts, a.a.a...
FEW_RANKS = 4  # how many ranks find shards for all of them, whatever their number
MLP_ONLY = ("hidden", "activation", "dropout")
MADE = ("forms", "outliers")  # settings that make images, of digits alone


def setting(
    default: Any, help: str, bounds: Interval | None = None, *, choices: Sequence[str] = (), many: bool = False
) -> Any:
    """Return a dataclass field with what the flags and the checks need to know."""
    rules = {"help": help, "kind": bounds.kind if bounds else str, "bounds": bounds}
    return field(default=default, metadata={**rules, "choices": tuple(choices), "many": many})


def switch(help: str) -> Any:
    """Return the field of what is done or not: True or False, or None where nothing was said."""
    rules = {"help": help, "kind": bool, "bounds": None, "choices": (), "many": False}
    return field(default=None, metadata=rules)


def strength(kind: str, help: str) -> Any:
    """Return the field of a distortion."""
    return setting(0.0, f"distortion: {help}", Interval(least=0, most=MOST[kind]))


@dataclass(frozen=True)
class Settings:
    """How one model is built and trained; :func:`checked` has checked the values."""

    epochs: int = setting(30, "passes over the training images", replace(BOUNDS["epochs"], below=1_000_001))
    batch_size: int = setting(64, "images in each step of the optimiser", BOUNDS["batch_size"])
    lr: float = setting(0.001, "learning rate", BOUNDS["learning_rate"])
    optimizer: str = setting("adam", "which optimiser", choices=tuple(OPTIMIZERS))
    schedule: str = setting("constant", "how the learning rate moves", choices=tuple(SCHEDULES))
    warmup: float = setting(0.0, "share of all steps in which the learning rate rises from 0", BOUNDS["warmup"])
    weight_decay: float = setting(0.0, "L2 weight decay (AdamW: decoupled)", replace(BOUNDS["weight_decay"], below=1e6))
    label_smoothing: float = setting(0.0, "share of each label spread over all classes", BOUNDS["label_smoothing"])
    clip: float = setting(0.0, "largest global norm of the gradient; 0: no clipping", BOUNDS["clip"])
    ema: float = setting(0.0, "decay of the EMA of the weights, such as 0.999; 0: none", BOUNDS["ema"])
    patience: int = setting(0, "stop after this many epochs without a better one; 0: never", BOUNDS["patience"])
    min_delta: float | None = setting(
        None,
        "by how much the accuracy of a better epoch is higher, such as 0.001; default: 0",
        replace(BOUNDS["min_delta"], below=1),
    )
    keep: str = setting("best", "the weights of which epoch", choices=KEEP)
    val_size: int | None = setting(
        None, "training images held out for validation; default 5000, at most a sixth of them", Interval(int, least=1)
    )
    limit: int | None = setting(None, "use only this many training images", Interval(int, least=20))
    shard: int | None = setting(
        None,
        "images of a batch worked on together: what threads and ranks share; default: what suits caches",
        Interval(int, least=1),
    )
    seed: int = setting(0, "seed of the split, the initial weights, the shuffling and dropout", BOUNDS["seed"])
    rotation: float = strength("rotation", "largest rotation in degrees")
    stretch: float = strength("stretch", "largest change of each axis, such as 0.15")
    shear: float = strength("shear", "largest shear, columns for each row")
    shift: float = strength("shift", "largest shift in pixels")
    elastic: float = strength("elastic", "elastic field, pixels (RMS)")
    thickness: float = strength("thickness", "thicker or thinner strokes, 0 to 1")
    forms: float = setting(0.0, "share of each digit shown in other forms too", Interval(least=0, most=1))
    outliers: float = setting(
        0.0, "images that are no digit shown too, as a share of the training images", Interval(least=0, most=10)
    )
    teachers: int = setting(
        0,
        "networks of this kind to train first, whose mean answers are then learnt",
        Interval(int, least=0, most=100),
    )
    teacher_epochs: int | None = setting(
        None,
        "epochs of each teacher; default: as many as of what it teaches",
        replace(BOUNDS["epochs"], below=1_000_001),
    )
    hidden: tuple[int, ...] | None = setting(
        None, "mlp: sizes of the hidden layers", Interval(int, least=1, below=100_001), many=True
    )
    activation: str | None = setting(None, "mlp: activation", choices=tuple(ACTIVATIONS))
    dropout: float | None = setting(None, "mlp: dropout rate after each hidden layer", SHARE)
    deskew: bool | None = switch("the network sees images without their slant")

    def plan(self) -> Plan:
        """Return what the trainer needs to know."""
        plain = {name: getattr(self, name) for name in (*NUMBERS, "keep")}
        return Plan(
            **{**plain, "shard": self.shard or 0, "min_delta": self.min_delta or 0.0},
            optimizer=OPTIMIZERS[self.optimizer](self.lr, self.weight_decay),
            schedule=SCHEDULES[self.schedule](self.warmup),
            distortion=Distortion(**{kind: getattr(self, kind) for kind in KINDS}),
        )

    def model_options(self) -> dict[str, Any]:
        """Return the keyword arguments of ``models.build``: those that say something."""
        return {name: value for name, value in self.to_dict().items() if name in (*MLP_ONLY, "deskew")}

    def to_dict(self) -> dict[str, Any]:
        """Return the settings that say something, fit for JSON: those that are not None."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def check_ranks(settings: Settings, count: int) -> None:
    """Raise UsageError when a batch has fewer images than there are ranks."""
    batch = settings.batch_size
    if count > batch:
        raise UsageError(
            f"{count} ranks cannot share a batch of {batch} images: start at most {batch} or raise --batch-size"
        )


def for_ranks(settings: Settings, count: int, network: Network) -> Settings:
    """Return settings whose batches have a shard for each of ``count`` ranks: smaller ones where needed, else the same.

    ``network``: what is trained. Up to FEW_RANKS get the same shards, and so the same bits. Raises UsageError when a
    batch has too few images.
    """
    check_ranks(settings, count)
    batch = settings.batch_size
    wanted = min(max(count, FEW_RANKS), batch)
    if settings.shard is not None:
        return settings
    own = shard_size(network, batch)
    sizes = (own, -(-batch // wanted), batch // wanted)  # the larger are less uneven, but perhaps too few
    size = next(size for size in sizes if -(-batch // size) >= wanted)
    return settings if size == own else replace(settings, shard=size)


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
            raise UsageError(f"{where}: {name} is {short_repr(value)}: give a list of {rules['bounds']}")
        return tuple(_number(name, v, rules["bounds"], where) for v in value)
    if rules["kind"] is bool:
        if not isinstance(value, bool):
            raise UsageError(f"{where}: {name} is {short_repr(value)}: give true or false")
        return value
    if rules["kind"] is str:
        if value not in rules["choices"]:
            raise unknown(f"{where}: the {name}", value, rules["choices"])
        return value
    return _number(name, value, rules["bounds"], where)


def _number(name: str, value: Any, bounds: Interval, where: str) -> int | float:
    largest = LARGEST[bounds.kind]
    if value in bounds and abs(value) >= largest:
        raise UsageError(f"{where}: {name} is {short_repr(value)}: give {bounds} and below {largest:g}")
    bounds.check(f"{where}: {name}", value)
    return bounds.kind(value)  # type: ignore[no-any-return]


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
        for name in MADE:
            values.pop(name, None)
    values |= read_toml(config, model) if config is not None else {}
    given = checked(flags or {}, "the command line")
    values |= given
    if "teacher_epochs" in given and not values.get("teachers"):
        raise UsageError("--teacher-epochs is for teachers, and there are none: give --teachers, or leave it out")
    if values.get("teachers"):
        values.setdefault("teacher_epochs", values.get("epochs", Settings.epochs))  # whatever becomes of the epochs
    if model != "mlp":
        values = {name: value for name, value in values.items() if name not in MLP_ONLY}
    return Settings(**values)
