"""Fuzz targets of weights: models and trainings as .npz, and safetensors. Mutants have right digests, most of them."""

from __future__ import annotations

import contextlib
import io
import json
import struct
import zipfile
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

import nnscratch as nn
from benchmarks.robustness.fuzzing.guard import Attack, command
from benchmarks.robustness.fuzzing.mutate import EXTREMES, json_text, odd, spoiled, spoiled_json
from benchmarks.robustness.fuzzing.seeds import seeds
from nnscratch.files import npz as checkpoint
from nnscratch.files import safetensors
from nnscratch.runs.experiment import resume

NAMES = ("../../out.npy", "/etc/out.npy", "header.json", "a\nb.npy", "\x1b[31m.npy", ".npy", "x" * 9000, "C:\\x.npy")
SHAPES = ("()", "(0,)", "(-1,)", "(10, -1)", "(2**40,)", "(1099511627776,)", "(9223372036854775807,)", "(99999999999999999999,)")  # fmt: skip  # noqa: E501
SHAPES += ("(4294967296, 4294967296)", "(True,)", "(1.5,)", "('a',)", "None", "(10, 10L)", "(" * 500 + ")" * 500, "-" * 3000 + "1")  # fmt: skip  # noqa: E501
TYPES = ("'|O'", "'<f8'", "'<f4'", "'>f4'", "'<c8'", "'<U9999999'", "'|S0'", "'|V0'", "'<M8[ns]'", "'|b1'", "'<i8'", "[('a', '|O')]")  # fmt: skip  # noqa: E501
TYPES += ("[('a', '<f4', (99999, 99999))]", "'(99999,99999)f4'", "'nonsense'", "None", "('<f4', (2,))", "{'names': ['a'], 'formats': ['O']}")  # fmt: skip  # noqa: E501
LAYERS = ("Dense", "Conv2D", "MaxPool2D", "AvgPool2D", "BatchNorm", "Dropout", "Flatten", "Softmax", "ReLU", "LeakyReLU", "object")  # fmt: skip  # noqa: E501
SPECIAL: list[Any] = [
    *LAYERS,
    10**9,
    [28, 28],
    [1, 28, 28],
    [10],
    "float16",
    "float64",
    "object",
    "<U8",
    "valid",
    [0, 0],
]
SPECIAL += [{"layer": name} for name in LAYERS] + [{"layer": "Dense", "units": 2**31}, {"layer": "Dropout", "rate": 2}]
SPECIAL += [{"layer": "Conv2D", "filters": 3, "kernel": 2**20}, {"layer": "Conv2D", "filters": 1, "kernel": 1, "padding": 10**6}]  # fmt: skip  # noqa: E501
PICKLE = b"\x80\x04\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x05touch\x94\x85\x94R\x94."


@cache
def models() -> list[bytes]:
    """Return small models of several layers as .npz files."""
    made = []
    for layers in (
        [nn.Flatten(), nn.Dense(10)],
        [nn.Conv2D(2, 5), nn.BatchNorm(), nn.LeakyReLU(), nn.MaxPool2D(2), nn.Flatten(), nn.Dropout(0.5), nn.Dense(10)],
        [nn.AvgPool2D(2), nn.Flatten(), nn.Dense(6, init="lecun"), nn.Tanh(), nn.Dense(10), nn.Softmax()],
    ):
        model = nn.Sequential(layers, (1, 28, 28))
        model.info = {"name": "small", "test": {"accuracy": 0.5, "loss": 1.0}}
        path = seeds() / f"model{len(made)}.npz"
        model.save(path)
        made.append(path.read_bytes())
    return made


def parts(data: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return the header and the other entries of a valid .npz file."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    return json.loads(entries.pop("header.json")), entries


def joined(rng: Random, header: Any, entries: list[tuple[str, bytes]], right: bool = True) -> bytes:
    """Return a file of these, with the right digest unless told otherwise, at times packed or of doubled entries."""
    text = json_text(rng, header)
    with contextlib.suppress(ValueError, RecursionError):
        if right and isinstance(header, dict) and "digest" in header:
            told = json.loads(text)
            text = json.dumps(told | {"digest": checkpoint._digest(told, dict(entries))})
    stream = io.BytesIO()
    way = zipfile.ZIP_DEFLATED if rng.random() < 0.05 else zipfile.ZIP_STORED
    with zipfile.ZipFile(stream, "w", way) as archive:
        for name, content in [("header.json", text.encode()), *entries]:
            archive.writestr(zipfile.ZipInfo(name), content, compress_type=way)
    return stream.getvalue()


def spoiled_npy(rng: Random, data: bytes) -> bytes:
    """Return an .npy file with another header, other numbers, or a pickle."""
    kind, size = rng.randrange(5), int.from_bytes(data[8:10], "little")
    body = data[10 + size :]
    if kind == 0:
        return spoiled(rng, data, times=1)
    if kind < 3:
        told = {"descr": "'<f4'", "fortran_order": "False", "shape": f"({len(body) // 4},)"}
        told[rng.choice(list(told))] = rng.choice((*SHAPES, *TYPES)) if rng.random() < 0.2 else ""
        told["shape"] = told["shape"] or rng.choice(SHAPES)
        told["descr"] = told["descr"] or rng.choice(TYPES)
        told["fortran_order"] = told["fortran_order"] or rng.choice(("True", "2", "None", "False"))
        text = ("{" + ", ".join(f"'{key}': {value}" for key, value in told.items()) + "}").encode() + b"\n"
        body = PICKLE if rng.random() < 0.2 else body
        version = rng.choice((b"\1\0", b"\1\0", b"\2\0", b"\3\0", b"\0\0", b"\xff\xff"))
        length = len(text).to_bytes(2 if version == b"\1\0" else 4, "little")
        return b"\x93NUMPY" + version + length + text + body
    values = np.frombuffer(body[: len(body) // 4 * 4], "<f4").copy()
    if len(values):
        values[rng.randrange(len(values)) :] = rng.choice((3e38, -3e38, 1e-45, np.nan, np.inf, 1e20, 0, 1e10))
    return data[: 10 + size] + values.tobytes()


def spoiled_zip(rng: Random, data: bytes) -> bytes:
    """Return an archive with a field of one of its records set to an extreme."""
    marks = [k for sign in (b"PK\1\2", b"PK\3\4", b"PK\5\6") for k in _all(data, sign)]
    at = rng.choice(marks) + rng.choice((4, 6, 8, 10, 14, 18, 20, 22, 24, 26, 28, 30, 42))
    size = rng.choice((2, 4))
    return data[:at] + (rng.choice(EXTREMES) % 256**size).to_bytes(size, "little") + data[at + size :]


def _all(data: bytes, sign: bytes) -> list[int]:
    return [k for k in range(len(data)) if data.startswith(sign, k)]


def bomb(rng: Random, header: dict[str, Any], entries: dict[str, bytes]) -> bytes:
    """Return an archive whose entries unpack to much more than it has bytes, or share their bytes."""
    stream, piece = io.BytesIO(), bytes(rng.choice((200, 600, 900)) * 1_000_000)
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("header.json", json.dumps(header))
        archive.writestr("dense1.W.npy", piece)
    data = stream.getvalue()
    if rng.random() < 0.3:  # it claims less than there is
        data = data.replace(struct.pack("<I", len(piece)), struct.pack("<I", 1000))
    return data


def spoiled_model(rng: Random, data: bytes) -> bytes:
    """Return a mutant of a valid .npz file; two of three have the right digest."""
    header, entries = parts(data)
    kind = rng.randrange(12)
    items = list(entries.items())
    if kind == 0:
        return spoiled(rng, data, rng.choice(models()))
    if kind == 1:
        return spoiled_zip(rng, data)
    if kind == 2 and rng.random() < 0.08:
        return bomb(rng, header, entries)
    if kind < 5 and items:
        place = rng.randrange(len(items))
        items[place] = items[place][0], spoiled_npy(rng, items[place][1])
    elif kind == 5:
        items.append((rng.choice((*NAMES, *entries)), rng.choice((b"", PICKLE, *entries.values()))))
    elif kind == 6 and items:
        place = rng.randrange(len(items))
        items[place] = rng.choice((*NAMES, *entries)), items[place][1]
    elif kind == 7 and items:
        del items[rng.randrange(len(items))]
    else:
        header = spoiled_json(rng, header, special=SPECIAL)
    return joined(rng, header, items, right=rng.random() < 0.9)


def use(path: Path) -> None:
    """Load a model, and let it read three digits."""
    model = nn.load(path)
    if model.input_shape == (1, 28, 28):
        probabilities = model.predict_proba(nn.load_mnist().test_images[:3])
        assert np.isfinite(probabilities).all()
        json.dumps([reading.to_dict() for reading in model.read(nn.load_mnist().test_images[:3])], allow_nan=False)
    model.summary()


def npz(rng: Random, folder: Path) -> Attack:
    """Load a model file and use it; now and then by a command."""
    path = folder / "model.npz"
    path.write_bytes(spoiled_model(rng, rng.choice(models())))
    way = rng.random()
    if way < 0.03:
        return lambda: command("predict", "test:3", "--model", path, *rng.choice(([], ["--json"])))
    if way < 0.035:
        return lambda: command("export", path, "--to", "safetensors", "--out", "out.safetensors")
    return lambda: use(path)


def state(rng: Random, folder: Path) -> Attack:
    """Go on with a training whose state is spoiled, or of which config.json is."""
    source, model = seeds() / "run" / "logistic", folder / "logistic"
    model.mkdir()
    config, saved = json.loads((source / "config.json").read_text()), (source / "checkpoint.npz").read_bytes()
    if rng.random() < 0.3:
        (model / "config.json").write_text(json_text(rng, spoiled_json(rng, config)))
    else:
        (model / "config.json").write_text(json.dumps(config))
        saved = spoiled_model(rng, saved)
    (model / "checkpoint.npz").write_bytes(saved)
    dataset = nn.load_mnist()

    def attack() -> None:
        experiment = resume(model, dataset)
        experiment.trainer.plan.epochs = min(experiment.trainer.plan.epochs, 3)
        with np.errstate(all="ignore"):
            experiment.trainer.run()

    return attack if rng.random() < 0.05 else lambda: resume(model, dataset)


# ---- safetensors


def spoiled_safetensors(rng: Random, data: bytes) -> bytes:
    """Return a mutant: most have a header that is JSON and as long as it claims, and no digest."""
    size = int.from_bytes(data[:8], "little")
    header, body = json.loads(data[8 : 8 + size]), data[8 + size :]
    kind = rng.randrange(8)
    if kind == 0:
        return spoiled(rng, data)
    if rng.random() < 0.95:
        header["__metadata__"].pop("digest")
    if kind < 3:
        key = rng.choice([key for key in header["__metadata__"] if key not in ("format", "version", "digest")])
        inner = spoiled_json(rng, json.loads(header["__metadata__"][key]), special=SPECIAL)
        header["__metadata__"][key] = json_text(rng, inner)
    elif kind == 3:
        values = np.frombuffer(body, "<f4").copy()
        values[rng.randrange(len(values)) :] = rng.choice((3e38, -3e38, 1e-45, np.nan, np.inf, 1e20, 0))
        body = values.tobytes()
    elif kind == 4:
        entry = header[rng.choice([key for key in header if key != "__metadata__"])]
        entry["data_offsets"] = [
            rng.choice((0, 4, -4, len(body), len(body) + 4, 2**63, 1.5, odd(rng))) for _ in range(2)
        ]
        entry["shape"] = rng.choice((entry["shape"], [2**31, 2**31], [0], [], [-1], [2**64], [1] * 100))
    else:
        header = spoiled_json(rng, header, special=["F64", "F16", "I8", "BF16", [0, 0], 2**64])
    text = json_text(rng, header).encode("utf-8", "surrogatepass")
    if kind == 5:
        text = text.replace(b"{", b'{"dense1.b": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}, ', 1)
    return (len(text) if rng.random() < 0.9 else rng.choice(EXTREMES) % 2**64).to_bytes(8, "little") + text + body


@cache
def tensors() -> list[bytes]:
    """Return the same models as safetensors files."""
    made = []
    for number, data in enumerate(models()):
        source, path = seeds() / f"of{number}.npz", seeds() / f"model{number}.safetensors"
        source.write_bytes(data)
        nn.load(source).save(path)
        made.append(path.read_bytes())
    return made


def safetensors_files(rng: Random, folder: Path) -> Attack:
    """Load a safetensors file and use it; now and then by a command."""
    path = folder / "model.safetensors"
    path.write_bytes(spoiled_safetensors(rng, rng.choice(tensors())))
    way = rng.random()
    if way < 0.03:
        return lambda: command("predict", "test:3", "--model", path)
    return (lambda: safetensors.read_arrays(path)) if way < 0.1 else (lambda: use(path))
