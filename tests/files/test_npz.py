"""Model files: what goes in comes out, and anything else is refused in one sentence."""

import io
import json
import os
import random
import subprocess
import sys
import zipfile

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.files import npz


@pytest.fixture
def model():
    layers = [nn.Conv2D(2, (3, 5), stride=(2, 1), padding="same"), nn.BatchNorm(), nn.LeakyReLU(0.1), nn.AvgPool2D(2)]
    layers += [nn.Flatten(), nn.Dropout(0.1), nn.Dense(10, init="lecun")]
    model = nn.Sequential(layers, seed=3, normalisation=(0.13, 0.31))
    rng = np.random.default_rng(0)
    for value in (model.parameters | model.buffers).values():
        value[...] = rng.random(value.shape)
    model.info = {"name": "mine", "note": "größer"}
    return model


@pytest.fixture
def path(model, tmp_path):
    model.save(tmp_path / "model.npz")
    return tmp_path / "model.npz"


def test_round_trip(model, path):
    again = nn.load(path)
    images = np.random.default_rng(1).integers(0, 256, (4, 28, 28), np.uint8)
    assert again.predict_proba(images).tobytes() == model.predict_proba(images).tobytes()
    assert again.architecture() == model.architecture()
    assert again.info == model.info
    assert again.normalisation == (0.13, 0.31)


def test_same_model_same_bytes(model, path, tmp_path):
    model.save(tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == path.read_bytes()


def test_numpy_reads_it_without_pickle(model, path):
    with np.load(path, allow_pickle=False) as file:
        assert (file["conv1.W"] == model.parameters["conv1.W"]).all()


def test_every_truncation_is_refused(path, tmp_path):
    whole = path.read_bytes()
    cut = tmp_path / "cut.npz"
    for length in [*range(0, len(whole), max(len(whole) // 60, 1)), len(whole) - 1]:
        cut.write_bytes(whole[:length])
        with pytest.raises(nn.DataError, match=r"cut\.npz"):
            nn.load(cut)


def test_changed_bytes_are_refused_or_harmless(model, path, tmp_path):
    """A zip has a few bytes that mean nothing (times, for one); any other change must be noticed."""
    whole = path.read_bytes()
    rng = random.Random(0)
    noticed = 0
    for _ in range(150):
        changed = bytearray(whole)
        changed[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        (tmp_path / "changed.npz").write_bytes(changed)
        try:
            again = nn.load(tmp_path / "changed.npz")
        except nn.DataError as error:
            assert "\n" not in str(error)
            noticed += 1
        else:
            assert again.theta.tobytes() == model.theta.tobytes()
    assert noticed > 100


def rewrite(path, change):
    """Save the file's header and arrays again after ``change``, with a digest that matches unless it is changed."""
    header, packed = npz._unzip(path)
    arrays = {name.removesuffix(".npy"): np.load(io.BytesIO(data)) for name, data in packed.items()}
    change(header, arrays)
    packed = {f"{name}.npy": as_npy(value) for name, value in arrays.items()}
    if header.get("digest") != "kept":
        header["digest"] = npz._digest(header, packed)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in {"header.json": json.dumps(header).encode(), **packed}.items():
            archive.writestr(name, data)


def as_npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


CHANGES = {
    "another kind": (lambda h, a: h.update(kind="training"), "holds a training, but a model is wanted"),
    "a newer version": (lambda h, a: h.update(version=99), "version 99"),
    "not ours": (lambda h, a: h.update(format="other"), "not a file that nnscratch saved"),
    "no digest": (lambda h, a: h.update(digest="kept"), "digest does not match"),
    "a shape": (lambda h, a: a.update({"dense1.b": np.zeros(11)}), "dense1.b has the shape"),
    "an array less": (lambda h, a: a.pop("dense1.b"), "dense1.b has the shape None"),
    "an array more": (lambda h, a: a.update(extra=np.zeros(1)), "extra has the shape"),
    "a layer": (lambda h, a: h["architecture"]["layers"][0].update(layer="Evil"), "cannot be built"),
    "a setting": (lambda h, a: h["architecture"]["layers"][0].update(kernel=-1), "cannot be built"),
    "an unknown setting": (lambda h, a: h["architecture"]["layers"][0].update(size=1), "cannot be built"),
    "no architecture": (lambda h, a: h.pop("architecture"), "cannot be built"),
    "NaN weights": (lambda h, a: a["dense1.b"].fill(np.nan), "else than finite numbers"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_files_of_other_content_are_refused(path, name):
    change, words = CHANGES[name]
    rewrite(path, change)
    with pytest.raises(nn.DataError, match=words):
        nn.load(path)


def test_object_arrays_are_refused_unread(path, monkeypatch):
    class Bomb:
        def __reduce__(self):
            return os.abort, ()

    packed = as_npy(np.array([Bomb()], dtype=object))
    monkeypatch.setattr(npz, "_pack", lambda array: packed)
    npz.write(path, "model", {"architecture": {}, "info": {}}, {"dense1.b": np.zeros(1)})
    with pytest.raises(nn.DataError, match="array that cannot be read"):
        nn.load(path)


def test_zip_bomb_is_refused(path, monkeypatch):
    monkeypatch.setattr(npz, "LARGEST", path.stat().st_size // 2)
    with pytest.raises(nn.DataError, match="damaged, or not a file"):
        nn.load(path)


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04", b"\x93NUMPY\x01\x00"])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(nn.DataError, match=r"x\.npz"):
        nn.load(tmp_path / "x.npz")


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(nn.DataError, match="does not exist"):
        nn.load(tmp_path / "none.npz")
    with pytest.raises(nn.DataError, match="cannot be read"):
        nn.load(tmp_path)


def test_place_that_cannot_be_written(model, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(nn.DataError, match="cannot be written"):
        model.save(tmp_path / "file" / "model.npz")


def test_failure_while_writing_leaves_the_old_file(model, path, monkeypatch):
    old = path.read_bytes()

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    with pytest.raises(nn.DataError, match="No space left"):
        model.save(path)
    assert path.read_bytes() == old
    assert [p.name for p in path.parent.iterdir()] == [path.name]


KILLER = """
import os, random, signal, sys, time
import nnscratch as nn

path, kills = sys.argv[1], int(sys.argv[2])
models = [nn.build("mlp", seed=seed) for seed in (0, 1)]
expected = [model.theta.tobytes() for model in models]
rng = random.Random(0)
found = set()
for _ in range(kills):
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        while True:
            for model in models:
                model.save(path)
                os.write(tell, b".")
    for _ in range(rng.randint(1, 2)):  # until so much is saved
        os.read(told, 1)
    time.sleep(rng.random() * 0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(told)
    os.close(tell)
    if os.path.exists(path):
        found.add(expected.index(nn.load(path).theta.tobytes()))
print(sorted(found))
"""


@pytest.mark.slow
def test_kill_at_any_moment_leaves_a_file_that_loads(tmp_path):
    """60 kills of processes that do nothing but save two networks in turn to one path; both are found."""
    command = [sys.executable, "-c", KILLER, str(tmp_path / "model.npz"), "60"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "[0, 1]\n"


# ---- found by benchmarks/robustness/fuzz.py


def with_array(path, content, name="dense1.b.npy", **changes):
    """Put bytes in the place of an array; the digest is right."""
    header, packed = npz._unzip(path)
    packed[name] = content
    header |= changes
    header["digest"] = npz._digest(header, packed)
    with zipfile.ZipFile(path, "w") as archive:
        for entry, data in {"header.json": json.dumps(header).encode(), **packed}.items():
            archive.writestr(entry, data)


def npy(described, version=b"\1\0"):
    text = described.encode()
    return b"\x93NUMPY" + version + len(text).to_bytes(2 if version == b"\1\0" else 4, "little") + text + bytes(40)


HEADERS = {
    "sizes beyond 64 bits": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }\n"),
    "no Python": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (10,, }\n"),
    "half a header": npy("{'descr': '<f4', 'shape': ((((\n"),
    "deep": npy("{'descr': '<f4', 'fortran_order': False, 'shape': " + "-" * 5_000 + "1, }\n"),
    "long integers of Python 2": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (10L,), }\n"),
    "a terabyte": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (274877906944,), }\n"),
    "texts": npy("{'descr': '<U9999999', 'fortran_order': False, 'shape': (10,), }\n"),
    "another version": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (10,), }\n", b"\3\0"),
    "fewer numbers": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (11,), }\n"),
}


@pytest.mark.parametrize("content", HEADERS.values(), ids=HEADERS)
def test_headers_of_arrays_that_lie_are_refused(path, content):
    with_array(path, content)
    with pytest.raises(nn.DataError, match=r"array that cannot be read, 'dense1\.b"):
        nn.load(path)


def test_packed_entries_are_refused(path, tmp_path):
    """A few kilobytes may hold a gigabyte; what nnscratch writes is not packed."""
    header, packed = npz._unzip(path)
    with zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {"header.json": json.dumps(header).encode(), **packed}.items():
            archive.writestr(name, data)
    with pytest.raises(nn.DataError, match="damaged, or not a file"):
        nn.load(tmp_path / "x.npz")


def test_entries_of_one_name_are_refused(path):
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("dense1.b.npy", as_npy(np.zeros(10, np.float32)))
    with pytest.raises(nn.DataError, match="damaged, or not a file"):
        nn.load(path)


@pytest.mark.parametrize("name", ["../../outside.npy", "/etc/outside.npy", "C:\\outside.npy"])
def test_names_that_lead_elsewhere_write_nothing(path, name, tmp_path):
    with_array(path, as_npy(np.zeros(3, np.float32)), name)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(nn.DataError, match="weights do not fit"):
        nn.load(path)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_message_is_not_as_long_as_what_came(path):
    with_array(path, as_npy(np.zeros(3, np.float32)), "x" * 9_000 + ".npy")
    with pytest.raises(nn.DataError) as refused:
        nn.load(path)
    assert len(str(refused.value)) < 700


def test_lists_in_lists_in_lists_are_refused(path):
    header, packed = npz._unzip(path)
    text = json.dumps(header | {"info": "@"}).replace('"@"', "[" * 900 + "]" * 900)

    def deeper(levels):
        return nn.load(path) if levels == 0 else deeper(levels - 1)

    with zipfile.ZipFile(path, "w") as archive:
        for entry, data in {"header.json": text.encode(), **packed}.items():
            archive.writestr(entry, data)
    with pytest.raises(nn.DataError, match=r"digest|no readable"):
        nn.load(path)


def test_numbers_that_the_networks_type_does_not_hold_are_refused(path):
    with_array(path, as_npy(np.full(10, 1e300)))
    with pytest.raises(nn.DataError, match="else than finite numbers"):
        nn.load(path)


def test_weights_of_which_no_answer_comes_are_told(model, path):
    """Each is finite, their products are not: no warnings, no NaN, one sentence."""
    model.parameters["dense1.W"][...] = 3e38
    model.save(path)
    images = np.full((2, 28, 28), 255, np.uint8)
    for use in (nn.load(path).predict_proba, nn.load(path).predict, nn.load(path).read):
        with pytest.raises(nn.DataError, match="answers are no finite numbers"):
            use(images)


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_numbers_of_numpy_are_numbers(tmp_path, suffix):
    """They were refused by JSON when the training was over."""
    layers = [
        nn.Conv2D(np.int64(2), (np.int64(3), 3)),
        nn.Flatten(),
        nn.Dropout(np.float32(0.25)),
        nn.Dense(np.int64(10)),
    ]
    model = nn.Sequential(layers, seed=np.int64(3))
    model.info = {"a": np.float32(0.5), "b": np.int64(2), "c": [np.bool_(True)], "d": np.arange(3), "e": "text"}
    model.info |= {"f": np.longdouble(2), "g": {10: 1, 9: (np.float16(3),)}, "h": {np.int64(3): None}}
    model.save(tmp_path / f"model{suffix}")
    other = nn.load(tmp_path / f"model{suffix}")
    expected = {"a": 0.5, "b": 2, "c": [True], "d": [0, 1, 2], "e": "text", "f": 2, "g": {"10": 1, "9": [3]}}
    assert other.info == expected | {"h": {"3": None}}
    assert other.seed == 3 and other.theta.tobytes() == model.theta.tobytes()


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_what_no_file_can_hold_is_refused_in_a_sentence(tmp_path, suffix):
    model = nn.build("logistic")
    model.info["who"] = {1, 2}
    with pytest.raises(nn.UsageError, match=r"\{1, 2\} is a set"):
        model.save(tmp_path / f"model{suffix}")
    assert not list(tmp_path.iterdir())
