"""safetensors files: what goes in comes out, the package of that name agrees, and lies are refused in one sentence."""

import json
import random
import tracemalloc

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.files import safetensors
from nnscratch.models.confidence import Thresholds
from nnscratch.models.pretrained import pretrained
from tests.tools.commands import run_inside


@pytest.fixture
def model():
    layers = [nn.Conv2D(2, (3, 5), stride=(2, 1), padding="same"), nn.BatchNorm(), nn.LeakyReLU(0.1), nn.AvgPool2D(2)]
    layers += [nn.Flatten(), nn.Dropout(0.1), nn.Dense(70), nn.Dense(10, init="lecun")]
    model = nn.Sequential(layers, seed=3, normalisation=(0.13, 0.31))
    rng = np.random.default_rng(0)
    for value in (model.parameters | model.buffers).values():
        value[...] = rng.random(value.shape)
    model.info, model.temperature, model.limits = {"name": "mine", "note": "größer"}, 1.25, Thresholds(0.9, -3.5)
    return model


@pytest.fixture
def path(model, tmp_path):
    model.save(tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


def halves(path):
    """The header and the bytes after it."""
    whole = path.read_bytes()
    length = int.from_bytes(whole[:8], "little")
    return json.loads(whole[8 : 8 + length]), whole[8 + length :]


def put(path, header, data):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


# ---- there and back


def test_round_trip(model, path, tmp_path):
    again = nn.load(path)
    images = np.random.default_rng(1).integers(0, 256, (4, 28, 28), np.uint8)
    assert again.predict_proba(images).tobytes() == model.predict_proba(images).tobytes()
    for what in ("architecture", "info", "temperature", "limits", "normalisation"):
        ours, theirs = getattr(model, what), getattr(again, what)
        assert (ours() == theirs()) if callable(ours) else (ours == theirs)
    again.save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


def test_the_layout(model, path):
    header, data = halves(path)
    metadata = header.pop("__metadata__")
    assert all(isinstance(value, str) for value in metadata.values())
    assert json.loads(metadata["temperature"]) == 1.25 and json.loads(metadata["info"])["name"] == "mine"
    assert (path.stat().st_size - len(data)) % 8 == 0
    for name, value in (model.parameters | model.buffers).items():
        start, stop = header[name]["data_offsets"]
        assert header[name]["dtype"] == {4: "F32", 8: "F64"}[value.itemsize] and start % value.itemsize == 0
        assert data[start:stop] == value.tobytes(order="C")
    mlp = nn.build("mlp")
    mlp.save(path)
    header, data = halves(path)
    start, stop = header["dense1.W"]["data_offsets"]
    weights = mlp.parameters["dense1.W"]  # which lie in another order here
    assert data[start:stop] == weights.tobytes(order="C") != weights.tobytes(order="A")


def test_the_package_reads_ours(model, path):
    theirs = pytest.importorskip("safetensors")
    with theirs.safe_open(path, "np") as file:
        assert set(file.keys()) == set(model.parameters | model.buffers)
        for name, value in (model.parameters | model.buffers).items():
            found = file.get_tensor(name)
            assert found.dtype == value.dtype and (found == value).all()
        assert file.metadata()["architecture"] == json.dumps(model.architecture())


def test_we_read_the_packages(model, path, tmp_path):
    pytest.importorskip("safetensors")
    from safetensors.numpy import load_file, save_file

    arrays, metadata = load_file(path), halves(path)[0]["__metadata__"]
    save_file(arrays, tmp_path / "theirs.safetensors", metadata)
    assert nn.load(tmp_path / "theirs.safetensors").theta.tobytes() == model.theta.tobytes()
    halved = {name: value.astype(np.float16) for name, value in arrays.items()}
    save_file(halved, tmp_path / "half.safetensors", metadata | {"digest": "of others"})
    with pytest.raises(nn.DataError, match="digest"):
        nn.load(tmp_path / "half.safetensors")
    del metadata["digest"]
    save_file(halved, tmp_path / "half.safetensors", metadata)
    np.testing.assert_allclose(nn.load(tmp_path / "half.safetensors").theta, model.theta, atol=1e-3)


def test_commands_take_the_file(tmp_path):
    nn.load(pretrained("lenet5")).save(tmp_path / "model.safetensors")
    expected = run_inside("predict", "test:0", "--model", "lenet5", "--json", cwd=tmp_path)
    got = run_inside("predict", "test:0", "--model", "model.safetensors", "--json", cwd=tmp_path)
    assert got[:2] == expected[:2] and got[0] == 0
    assert run_inside("gradcheck", "model.safetensors", "--samples", "1", cwd=tmp_path)[0] == 0


# ---- lies


def change(entry, **values):
    return lambda header: header[entry].update(values)


B = "dense2.b"  # (10,) float32
LIES = {
    "a type we do not know": (change(B, dtype="BF16"), "is of type BF16"),
    "a type that is no text": (change(B, dtype=["F32"]), "is of type"),
    "a shape that is none": (change(B, shape="10"), "no whole numbers"),
    "a shape of another size": (change(B, shape=[11]), "another number of bytes"),
    "a shape beyond any machine": (change(B, shape=[2**40, 2**40]), "no whole numbers"),
    "a shape of many large sizes": (change(B, shape=[2**30] * 30), "another number of bytes"),
    "a shape of too many sizes": (change(B, shape=[1] * 70), "no whole numbers"),
    "a negative size": (change(B, shape=[-10]), "no whole numbers"),
    "a size that is true": (change(B, shape=[True, 10]), "no whole numbers"),
    "a fraction": (change(B, shape=[10.0]), "no whole numbers"),
    "a type of another size": (change(B, dtype="F64"), "another number of bytes"),
    "one offset": (change(B, data_offsets=[0]), "no whole numbers"),
    "offsets backwards": (change(B, data_offsets=[40, 0]), "another number of bytes"),
    "an overlap": (change(B, data_offsets=[0, 40]), "begins at byte"),
    "beyond the end": (change(B, data_offsets=[10**6, 10**6 + 40]), "begins at byte"),
    "no place": (lambda h: h[B].pop("data_offsets"), "not described by"),
    "something more": (change(B, extra=1), "not described by"),
    "no description": (lambda h: h.update({B: 7}), "not described by"),
    "an array less": (lambda h: h.pop("dense1.b"), "begins at byte"),
    "the last array less": (lambda h: h.pop(B), "and there are"),
    "metadata that are numbers": (change("__metadata__", info=1), "not texts"),
    "metadata that are a list": (lambda h: h.update(__metadata__=[]), "not texts"),
    "no metadata": (lambda h: h.pop("__metadata__"), "not the architecture"),
    "metadata of others": (change("__metadata__", format="pt"), "not the architecture"),
    "metadata that are no JSON": (change("__metadata__", info="{"), "not JSON"),
    "metadata too deep": (change("__metadata__", info="[" * 100_000), "not JSON"),
    "another version": (change("__metadata__", version="4"), "update nnscratch"),
    "another temperature": (change("__metadata__", temperature="2.0"), "digest"),
    "no temperature at all": (lambda h: undigested(h, temperature="-1"), "cannot be built"),
    "an architecture that is a text": (lambda h: undigested(h, architecture='"x"'), "cannot be built"),
    "another architecture": (lambda h: undigested(h, architecture=architecture(units=9)), "do not fit"),
}


def undigested(header, **metadata):
    del header["__metadata__"]["digest"]
    header["__metadata__"].update(metadata)


def architecture(units=10, **values):
    layers = [{"layer": "Flatten"}, {"layer": "Dense", "units": units}]
    told = {"layers": layers, "input_shape": [1, 28, 28], "dtype": "float32", "seed": 0, "normalisation": [0, 1]}
    return json.dumps(told | values)


@pytest.mark.parametrize("name", LIES)
def test_lies_are_refused(path, name):
    lie, words = LIES[name]
    header, data = halves(path)
    lie(header)
    put(path, header, data)
    with pytest.raises(nn.DataError, match=words) as caught:
        nn.load(path)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"short",
        bytes(8),
        (2**63).to_bytes(8, "little") + b"{}",
        (10**12).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"[]",
        (2).to_bytes(8, "little") + b"\xff\xff",
        (200_000).to_bytes(8, "little") + b"[" * 200_000,
        (6000).to_bytes(8, "little") + b"1" * 6000,
        (17).to_bytes(8, "little") + b'{"a": 1, "a": {}}',
        (20).to_bytes(8, "little") + b'{"__metadata__": {}}' + b"more",
        b"PK\x03\x04" + bytes(100),
    ],
)
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "x.safetensors").write_bytes(content)
    with pytest.raises(nn.DataError, match=r"x\.safetensors is damaged, or no safetensors file"):
        nn.load(tmp_path / "x.safetensors")


def test_missing_file_folder_and_large_files(tmp_path, path, monkeypatch):
    with pytest.raises(nn.DataError, match="does not exist"):
        nn.load(tmp_path / "none.safetensors")
    (tmp_path / "folder.safetensors").mkdir()
    with pytest.raises(nn.DataError, match="cannot be read"):
        nn.load(tmp_path / "folder.safetensors")
    monkeypatch.setattr(safetensors, "LARGEST", path.stat().st_size - 1)
    with pytest.raises(nn.DataError, match="at most"):
        nn.load(path)


def test_a_name_that_comes_twice(path):
    header, data = halves(path)
    text = json.dumps(header)
    text = text[:-1] + ', "dense2.b": ' + json.dumps(header[B]) + "}"
    put(path, text.encode(), data)
    with pytest.raises(nn.DataError, match="a name comes twice"):
        nn.load(path)


HUGE = {
    "units": {"units": 10**9},
    "a large input": {"input_shape": [1, 10**6, 10**6]},
    "channels": {"layers": [{"layer": "BatchNorm"}], "input_shape": [10**9, 1, 1]},
    "filters": {"layers": [{"layer": "Conv2D", "filters": 10**9, "kernel": 1}]},
    "a kernel": {"layers": [{"layer": "Conv2D", "filters": 1, "kernel": 10**5, "padding": 10**5}]},
    "many layers": {"layers": [{"layer": "Flatten"}, *[{"layer": "Dense", "units": 30_000}] * 3]},
}


@pytest.mark.parametrize("kind", ["safetensors", "npz"])
@pytest.mark.parametrize("name", HUGE)
def test_an_architecture_that_claims_much_takes_no_memory(tmp_path, kind, name):
    told = json.loads(architecture(**HUGE[name]))
    header = {"architecture": told, "info": {}}
    arrays = {"dense1.W": np.zeros((10, 784), np.float32), "dense1.b": np.zeros(10, np.float32)}
    path = tmp_path / f"x.{kind}"
    if kind == "npz":
        nn.files.npz.write(path, "model", header, arrays)
    else:
        safetensors.write(path, header, arrays)
    tracemalloc.start()
    with pytest.raises(nn.DataError, match="more numbers than the file holds"):
        nn.load(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


WEIRD = [
    None,
    True,
    -1,
    0,
    1,
    2,
    0.5,
    1e300,
    10**30,
    float("nan"),
    "",
    "same",
    [],
    [1],
    [0, 0],
    [[1]],
    {},
    {"layer": "ReLU"},
]


def test_architectures_with_random_mistakes(path):
    """Whatever stands where in the architecture: a network, or one sentence."""
    header, data = halves(path)
    del header["__metadata__"]["digest"]
    told = json.loads(header["__metadata__"]["architecture"])
    layers = [(layer, key) for layer in told["layers"] for key in layer]
    places = [*layers, *((told, key) for key in told), *((told["layers"], k) for k in range(8))]
    refused = 0
    for where, key in places:
        for value in WEIRD:
            kept, where[key] = where[key], value
            header["__metadata__"]["architecture"] = json.dumps(told)
            put(path, header, data)
            try:
                nn.load(path)
            except nn.DataError as error:
                refused += 1
                assert "\n" not in str(error)
            where[key] = kept
    assert refused > len(places) * len(WEIRD) / 2


def test_every_truncation_is_refused(path, tmp_path):
    whole = path.read_bytes()
    cut = tmp_path / "cut.safetensors"
    for length in [*range(0, len(whole), max(len(whole) // 60, 1)), len(whole) - 1]:
        cut.write_bytes(whole[:length])
        with pytest.raises(nn.DataError, match=r"cut\.safetensors"):
            nn.load(cut)
    cut.write_bytes(whole + b"\0")
    with pytest.raises(nn.DataError, match="and there are"):
        nn.load(cut)


def test_every_changed_bit_is_noticed(model, path, tmp_path):
    whole = path.read_bytes()
    end = 8 + int.from_bytes(whole[:8], "little")
    rng = random.Random(0)
    changed_file = tmp_path / "changed.safetensors"
    for place in [*(rng.randrange(end) for _ in range(150)), *(rng.randrange(end, len(whole)) for _ in range(30))]:
        changed = bytearray(whole)
        changed[place] ^= 1 << rng.randrange(8)
        changed_file.write_bytes(changed)
        try:
            again = nn.load(changed_file)
        except nn.DataError as error:
            assert "\n" not in str(error)
        else:  # the name of the digest itself, or white space
            assert again.theta.tobytes() == model.theta.tobytes() and again.temperature == model.temperature


def test_whatever_we_accept_the_package_accepts(tmp_path):
    """Small files with random mistakes in their headers: two readers, and they read the same numbers."""
    pytest.importorskip("safetensors")
    from safetensors.numpy import load

    rng = random.Random(0)
    numbers = [0, 1, 2, 3, 4, 8, 12, 16, 24]
    accepted = refused = 0
    for _ in range(1000):
        spans = rng.choice([[(0, 8), (8, 24)], [(0, 8), (8, 8)], [(8, 24), (0, 8)]])
        header = {
            name: {"dtype": "F32", "shape": [(stop - start) // 4], "data_offsets": [start, stop]}
            for name, (start, stop) in zip("ab", spans, strict=True)
        }
        for _ in range(rng.choice([0, 1, 1, 2])):
            entry = header[rng.choice("ab")]
            what = rng.choice(["dtype", "shape", "data_offsets"])
            entry[what] = {
                "dtype": rng.choice(["F16", "F32", "F64", "f32"]),
                "shape": rng.choices(numbers, k=rng.randrange(3)),
                "data_offsets": rng.choices(numbers, k=2),
            }[what]
        put(tmp_path / "x.safetensors", header, bytes(range(rng.choice([8, 24, 24, 24, 25]))))
        try:
            _, ours = safetensors.read_arrays(tmp_path / "x.safetensors")
        except nn.DataError:
            refused += 1
            with pytest.raises(Exception, match=r"."):
                load((tmp_path / "x.safetensors").read_bytes())
            continue
        accepted += 1
        theirs = load((tmp_path / "x.safetensors").read_bytes())
        assert set(ours) == set(theirs)
        for name, value in ours.items():
            assert value.dtype == theirs[name].dtype and value.shape == theirs[name].shape
            assert value.tobytes() == theirs[name].tobytes()
    assert accepted > 100 and refused > 100
