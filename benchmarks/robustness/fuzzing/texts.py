"""Fuzz targets of texts: TOML, sweep spaces, what runs and sweeps leave as JSON, drawings; hypothesis draws some."""

from __future__ import annotations

import gzip
import json
import shutil
import warnings
from concurrent.futures import Executor
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from benchmarks.robustness.fuzzing.guard import Attack, Refused, command
from benchmarks.robustness.fuzzing.mutate import ODD_NUMBERS, ODD_TEXTS, json_text, spoiled, spoiled_json
from benchmarks.robustness.fuzzing.seeds import seeds
from nnscratch.data.drawings import read_drawings
from nnscratch.models.zoo import MODELS
from nnscratch.pictures.drawing import render
from nnscratch.runs import folder as runs
from nnscratch.runs import report
from nnscratch.runs.settings import FIELDS, MLP_ONLY, resolve
from nnscratch.runs.sweep import draw_trials, parse, read_sweep

AT_ONCE = 200  # examples that hypothesis makes in one go: of a case's number follows which of them it gets
WORDS = [word for field in FIELDS.values() for word in field.metadata["choices"]]
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.sampled_from(ODD_TEXTS)
VALUES = st.recursive(
    LEAVES, lambda of: st.lists(of, max_size=3) | st.dictionaries(st.text(max_size=5), of, max_size=3)
)
NUMBERS = st.integers(-2, 200) | st.floats(0, 1) | st.sampled_from(ODD_NUMBERS)
SETTING = NUMBERS | st.sampled_from(WORDS) | st.lists(st.integers(0, 300), max_size=3) | LEAVES


def right(name: str) -> Any:
    """Return a strategy for values that a setting may have, most of them."""
    rules = FIELDS[name].metadata
    if rules["choices"]:
        return st.sampled_from(rules["choices"])
    one = st.integers(20, 300) if rules["kind"] is int else st.floats(0.001, 0.9)
    return st.lists(one, min_size=1, max_size=3) if rules["many"] else one


def entry(name: str) -> Any:
    """Return a strategy for a setting's name and value, one of ten of which is of any kind."""
    of = st.integers(0, 9).flatmap(lambda place: SETTING if place == 9 else right(name))
    return of.map(lambda value: (name, value))


PLAIN = [name for name in FIELDS if name not in MLP_ONLY]
RIGHT = st.lists(st.sampled_from(PLAIN).flatmap(entry), min_size=1, max_size=5).map(dict)
NEARLY = st.dictionaries(st.sampled_from([*FIELDS]) | st.sampled_from(ODD_TEXTS), SETTING, min_size=1, max_size=4)
CONFIGS = st.dictionaries(st.sampled_from([*FIELDS, *MODELS, *MODELS]), SETTING | NEARLY, max_size=5)
POINT = st.tuples(NUMBERS, NUMBERS) | st.tuples(st.floats(-100, 700), st.floats(-100, 700)) | VALUES
STROKES = st.lists(st.lists(POINT, max_size=4) | VALUES, max_size=4)
DRAWING = st.fixed_dictionaries(
    {"strokes": STROKES},
    optional={"box": st.tuples(NUMBERS, NUMBERS) | VALUES, "label": NUMBERS | VALUES, "writer": VALUES},
)
PARTS = st.sampled_from([*map(str, ODD_NUMBERS[:14]), "nan", "inf", "1e999", "log", "", " ", "64", "0.1", *WORDS, "9" * 5000])  # fmt: skip  # noqa: E501
RANGES = st.sampled_from(PLAIN).flatmap(lambda name: st.lists(right(name).map(str), min_size=1, max_size=3).map(lambda parts: f"{name}={','.join(parts)}"))  # fmt: skip  # noqa: E501
SPACES = RANGES | st.tuples(
    st.sampled_from([*FIELDS]) | st.sampled_from(ODD_TEXTS),
    st.sampled_from(["=", "=", "=", "", "=="]),
    st.lists(PARTS, min_size=1, max_size=4),
    st.sampled_from([",", ":", "-", ",,"]),
).map(lambda told: told[0] + told[1] + told[3].join(told[2]))


@cache
def examples(strategy: Any, start: int) -> list[Any]:
    """Return AT_ONCE values that hypothesis draws with this seed."""
    found: list[Any] = []

    @seed(start)
    @settings(max_examples=AT_ONCE, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=HealthCheck)  # fmt: skip  # noqa: E501
    @given(strategy)
    def draw(value: Any) -> None:
        found.append(value)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        draw()
    return found


def example(rng: Random, strategy: Any) -> Any:
    """Return one of hypothesis's values."""
    return rng.choice(examples(strategy, rng.randrange(10)))


# ---- settings


def toml(value: Any) -> str:
    """Return a value as TOML; what TOML lacks (null) becomes a text."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, int):
        return str(value) if value % 3 else hex(value) if value >= 0 else str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(str(key))} = {toml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(str(value))


def toml_file(content: dict[str, Any]) -> str:
    """Return a dictionary as a TOML file: first the keys, then the tables."""
    key = lambda name: name if name.isidentifier() and name.isascii() else json.dumps(name)  # noqa: E731
    tables = {name: value for name, value in content.items() if isinstance(value, dict)}
    lines = [f"{key(name)} = {toml(value)}" for name, value in content.items() if name not in tables]
    for name, table in tables.items():
        lines += [f"[{name}]", *(f"{key(one)} = {toml(value)}" for one, value in table.items())]
    return "\n".join(lines) + "\n"


def large_toml(rng: Random) -> str:
    """Return TOML that is long, deep, or dear to parse."""
    count = rng.choice((300, 3000, 30_000))
    return rng.choice((
        ".".join("a" * count) + " = 1", f"[{'.'.join('a' * count)}]", "a = " + "[" * count, "a = " + "{a = " * count,
        "\n".join(f"{'.'.join('b' * 40)}.a{k} = 1" for k in range(count)),
        "\n".join(f"{'.'.join('b' * 450)}.a{k} = 1" for k in range(count // 30)), "epochs = 0x" + "f" * count,
        "epochs = " + "9" * count, "epochs = 1" + "0" * count + ".0", "[[mlp]]\n" * count, f"hidden = [{'9,' * count}]",
        f'optimizer = "{"x" * count}"', f"{'x' * count} = 1", "hidden = [" + "{}," * count + "]", "lr = 1979-05-27",
    ))  # fmt: skip


def configs(rng: Random, folder: Path) -> Attack:
    """Read a file of settings."""
    kind = rng.random()
    text = large_toml(rng) if kind < 0.1 else toml_file(example(rng, CONFIGS if kind < 0.3 else RIGHT))
    text = toml_file(example(rng, NEARLY)) if 0.3 < kind < 0.4 else text
    if kind > 0.9:
        text = (Path(runs.__file__).parent / "recipes" / rng.choice(("best.toml", "original.toml"))).read_text()
    data = text.encode(errors="surrogatepass")
    data = spoiled(rng, data, times=1) if kind > 0.85 else data
    path = folder / "config.toml"
    path.write_bytes(data)
    model, recipe = rng.choice(list(MODELS)), rng.choice(("best", "original"))
    if rng.random() < 0.02:
        return lambda: command("train", model, "--config", path, "--dry-run", "--limit", "300")
    return lambda: resolve(model, recipe=recipe, config=path).plan()


def spaces(rng: Random, folder: Path) -> Attack:
    """Read what a sweep is to vary, and draw its trials."""
    texts = [example(rng, SPACES) for _ in range(rng.choice((1, 1, 1, 2, 3)))]
    count = rng.choice((None, None, 5, 200))
    if rng.random() < 0.02 and not any("\0" in text for text in texts):
        return lambda: command("sweep", "logistic", "--dry-run", "--vary", *(f" {text}" for text in texts))

    def attack() -> None:
        trials = draw_trials([parse(text) for text in texts], count, 0)
        assert 1 <= len(trials) <= 10_000

    return attack


# ---- runs


def run_files(rng: Random, folder: Path) -> Attack:
    """Compare runs one of whose files is spoiled."""
    shutil.copytree(seeds() / "run", folder / "runs" / "one", ignore=shutil.ignore_patterns("*.png", "*.npz", "*.html"))
    run = folder / "runs" / "one"
    spoil(rng, run / rng.choice(("run.json", "logistic/config.json", "logistic/metrics.json", "logistic/metrics.json")))
    way = rng.random()
    if way < 0.03:
        return lambda: command("runs", "list", *rng.choice(([], ["--json"])))
    if way < 0.06:
        return lambda: command("train", "--resume", run, "--backend", "numpy", "--quiet") if _is_short(run) else None
    if way < 0.4:
        return lambda: command("runs", "compare", run, "--out", "out", *rng.choice(([], ["--json"])))

    def attack() -> None:
        for result in runs.results(run):
            assert isinstance(result.name, str) and report.labels([result])

    return attack


def _is_short(run: Path) -> bool:
    """Return whether going on with a run takes no longer than a case may: its settings may have become others."""
    try:
        told = json.loads((run / "logistic" / "config.json").read_text())["settings"]
        return bool(told["epochs"] <= 2 and told["limit"] <= 300)
    except (ValueError, LookupError, TypeError, RecursionError):
        return True


def spoil(rng: Random, path: Path) -> None:
    """Change a JSON file: its values, or its bytes."""
    if rng.random() < 0.85:
        text = json_text(rng, spoiled_json(rng, json.loads(path.read_text())))
        path.write_bytes(text.encode(errors="surrogatepass"))
    else:
        path.write_bytes(spoiled(rng, path.read_bytes(), times=1))


class Nobody(Executor):
    """Trains nothing: what a spoiled sweep would train is not what is looked for."""

    def submit(self, function: Any, /, *arguments: Any, **options: Any) -> Any:
        """Refuse."""
        raise Refused("it would train")


def sweep_files(rng: Random, folder: Path) -> Attack:
    """Go on with a finished sweep one of whose files is spoiled."""
    sweep = folder / "sweep"
    shutil.copytree(seeds() / "sweep", sweep)
    spoil(rng, sweep / "sweep.json" if rng.random() < 0.6 else rng.choice(sorted((sweep / "trials").iterdir())))

    def attack() -> None:
        search = read_sweep(sweep)
        search.run(Nobody(), lambda result: None)

    return attack


# ---- drawings


def drawings(rng: Random, folder: Path) -> Attack:
    """Read drawings, packed or not, and draw the first ones."""
    kind = rng.random()
    if kind < 0.4:
        value: Any = [example(rng, DRAWING) for _ in range(rng.choice((1, 1, 2)))]
    else:
        stroke = [[rng.uniform(0, 500), rng.uniform(0, 500)] for _ in range(rng.choice((1, 3, 12)))]
        value = [{"strokes": [stroke, [[5, 5]]], "box": [500, 400], "label": 3, "writer": "a"}]
        value = spoiled_json(rng, value, special=[[1, 10_000], [10_000, 400], [[-9e5, 9e5], [9e5, -9e5]], 9, [], [[]]])
    data = json_text(rng, value).encode(errors="surrogatepass")
    data = spoiled(rng, data, times=1) if kind > 0.9 else data
    path = folder / rng.choice(("drawings.json", "drawings.json.gz"))
    if path.suffix == ".gz":
        data = gzip.compress(data) if rng.random() < 0.8 else spoiled(rng, gzip.compress(data))
        if rng.random() < 0.006:
            piece = rng.choice((b"[],", b"{},", b"0,", b'"', b"[")) * 1_000_000
            data = gzip.compress(b"[" + piece * 60, 1)
    path.write_bytes(data)

    def attack() -> None:
        for drawing in read_drawings(path)[:2]:
            picture = render(drawing.strokes, drawing.box)
            assert picture.shape == drawing.box[::-1] and 0 <= picture.min() <= picture.max() <= 1

    return attack
