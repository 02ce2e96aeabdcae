"""Networks in ONNX and PyTorch: the same probabilities there. Skipped by name where a library is not installed."""

import collections
import pickle
import sys
import zipfile

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.export import export
from nnscratch.export.onnx_graph import NODES, onnx_model
from nnscratch.export.torch_code import MODULES
from nnscratch.layers import LAYERS
from nnscratch.models.pretrained import pretrained
from tests.tools.commands import run_inside

IMAGES = nn.load_mnist().test_images[:100]
PIXELS = (IMAGES[:, None] / 255).astype(np.float32)


def mixed():
    """Every kind of layer: with uneven padding, strides that leave pixels over, statistics, softmax inside."""
    layers = [nn.Conv2D(4, (3, 4), stride=(2, 3), padding="same"), nn.BatchNorm(0.8, 1e-3), nn.LeakyReLU(0.2)]
    layers += [nn.MaxPool2D((3, 2), (2, 1)), nn.Softmax(), nn.Conv2D(5, 3, padding=(1, 0)), nn.Tanh()]
    layers += [nn.AvgPool2D((2, 3), (1, 2)), nn.Dropout(0.4), nn.Conv2D(6, 2, padding="same"), nn.Sigmoid()]
    layers += [nn.Flatten(), nn.Dense(20), nn.BatchNorm(), nn.Dropout(0.3), nn.ReLU(), nn.Dense(10)]
    return nn.Sequential(layers, seed=3, normalisation=(0.13, 0.31))


def ends_in_softmax():
    return nn.Sequential([nn.Flatten(), nn.Dense(5), nn.Softmax()], seed=1, dtype="float64")


FRESH = {name: (lambda name=name: nn.build(name, seed=2)) for name in ("lenet5", "mlp", "logistic", "lenet5-classic")}
NETWORKS = {**FRESH, "mixed": mixed, "softmax": ends_in_softmax}
NETWORKS |= {f"trained {name}": (lambda name=name: nn.load(pretrained(name))) for name in ("lenet5", "mlp", "logistic")}
every_network = pytest.mark.parametrize("name", NETWORKS)


def made(name):
    """A network whose numbers are all random: biases that are 0 would hide that they are missing."""
    model = NETWORKS[name]()
    if not name.startswith("trained"):
        rng = np.random.default_rng(0)
        for value in (model.parameters | model.buffers).values():
            value += 0.3 * rng.random(value.shape) if value.ndim == 1 else 0.05 * rng.standard_normal(value.shape)
        model.temperature = 1.0 if name == "softmax" else 1.7
    return model


def test_every_layer_is_known_and_in_the_mixed_network():
    assert set(MODULES) == set(NODES) | {"Dropout"} == set(LAYERS)
    assert {type(layer).__name__ for layer in mixed().layers} == set(LAYERS)


def close(ours, theirs):
    assert ours.std() > 1e-3  # the images differ, so agreement means something
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=1e-6)


# ---- ONNX


@pytest.mark.slow
@every_network
def test_onnx_runtime(name, tmp_path):
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    model = made(name)
    export(model, tmp_path / "model.onnx", "onnx")
    session = runtime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    probabilities, logits = session.run(["probabilities", "logits"], {"images": PIXELS})
    close(model.predict_proba(IMAGES), probabilities)
    np.testing.assert_allclose(logits, model.logits(IMAGES).T, rtol=1e-5, atol=2e-5)
    close(model.predict_proba(IMAGES)[:1], session.run(["probabilities"], {"images": PIXELS[:1]})[0])


def with_scaling(kind):
    """A network that takes numbers of any size: each feature with a scale of its own, or one for all."""
    model = nn.Sequential([nn.Conv2D(3, 5), nn.ReLU(), nn.Flatten(), nn.Dense(10)], seed=4, normalisation=(0.1, 2.0))
    rng = np.random.default_rng(1)
    model.scaling = (rng.random(784), 1 + rng.random(784)) if kind == "features" else (0.0, 3.7)
    return model, 3 * rng.random((50, 1, 28, 28)).astype(np.float32)


@pytest.mark.parametrize("kind", ["features", "images"])
def test_a_scaling_goes_along_to_onnx(kind, tmp_path):
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    model, images = with_scaling(kind)
    export(model, tmp_path / "model.onnx", "onnx")
    session = runtime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    close(model.predict_proba(images), session.run(["probabilities"], {"images": images})[0])


@pytest.mark.parametrize("kind", ["features", "images"])
def test_a_scaling_goes_along_to_pytorch(kind, tmp_path):
    torch = pytest.importorskip("torch")
    model, images = with_scaling(kind)
    before, after = export(model, tmp_path / "model.pt", "torch-state-dict").split("images = torch", 1)
    space = {}
    exec(before, space)
    space["images"] = torch.from_numpy(images)
    exec(after[after.index("\n") :], space)
    close(model.predict_proba(images), space["probabilities"].numpy())


def test_onnx_says_what_the_network_is(tmp_path):
    onnx = pytest.importorskip("onnx")
    model = made("trained lenet5")
    graph = onnx_model(model)
    assert {p.key: p.value for p in graph.metadata_props}["temperature"] == str(model.temperature)
    (given,) = graph.graph.input
    assert given.name == "images" and given.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    dims = given.type.tensor_type.shape.dim
    assert dims[0].dim_param == "N" and [dim.dim_value for dim in dims[1:]] == [1, 28, 28]
    assert [weight.name for weight in graph.graph.initializer][:-1] == list(model.parameters)
    assert [node.name for node in graph.graph.node] == [layer.name for layer in model.layers] + [
        "logits",
        "probabilities",
    ]
    export(model, tmp_path / "a.onnx", "onnx")
    export(model, tmp_path / "b.onnx", "onnx")
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_without_onnx_it_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    code, out, err = run_inside("export", "lenet5", "--to", "onnx", "--out", "a.onnx", cwd=tmp_path)
    assert (code, out) == (2, "") and err == 'nnscratch export: ONNX needs onnx: pip install "nnscratch[export]"\n'
    assert list(tmp_path.iterdir()) == []


# ---- PyTorch


@every_network
def test_pytorch(name, tmp_path):
    torch = pytest.importorskip("torch")
    model = made(name)
    code = export(model, tmp_path / "model.pt", "torch-state-dict")
    assert "images = torch.zeros((1, 1, 28, 28))" in code
    before, after = code.split("images = torch.zeros((1, 1, 28, 28))")
    space = {"images": torch.tensor(PIXELS)}
    exec(before, space)
    exec(after, space)
    close(model.predict_proba(IMAGES), space["probabilities"].numpy())
    again = torch.load(tmp_path / "model.pt", weights_only=True, mmap=True)
    state = space["model"].state_dict()
    assert list(again) == list(state)
    assert all(again[key].shape == state[key].shape for key in state)


class Reader(pickle.Unpickler):
    """What PyTorch does with data.pkl, in NumPy; whatever else the pickle asks for is refused."""

    def __init__(self, archive, folder):
        super().__init__(archive.open(f"{folder}/data.pkl"))
        self.archive, self.folder = archive, folder

    def find_class(self, module, name):
        known = {
            ("collections", "OrderedDict"): collections.OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): self.tensor,
            ("torch", "FloatStorage"): "<f4",
            ("torch", "DoubleStorage"): "<f8",
            ("torch", "LongStorage"): "<i8",
        }
        return known[module, name]

    def persistent_load(self, pid):
        kind, dtype, key, place, size = pid
        assert (kind, place) == ("storage", "cpu")
        numbers = np.frombuffer(self.archive.read(f"{self.folder}/data/{key}"), dtype)
        assert numbers.size == size
        return numbers

    @staticmethod
    def tensor(storage, offset, shape, strides, requires_grad, hooks):
        assert not requires_grad and hooks == {}
        steps = [stride * storage.itemsize for stride in strides]
        return np.lib.stride_tricks.as_strided(storage[offset:], shape, steps)


@every_network
def test_state_dict_without_pytorch(name, tmp_path):
    model = made(name)
    export(model, tmp_path / "model.pt", "torch-state-dict")
    with zipfile.ZipFile(tmp_path / "model.pt") as archive:
        assert archive.testzip() is None
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
        found = Reader(archive, "archive").load()
    ours = [value for layer in model.layers for value in (layer.parameters | layer.buffers).values()]
    theirs = [value for key, value in found.items() if not key.endswith("num_batches_tracked")]
    for value, own in zip(theirs, ours, strict=True):
        assert value.dtype == own.dtype
        np.testing.assert_array_equal(value, own)
    if name == "mixed":  # the two uneven convolutions have a module of their own for padding
        assert [key for key in found if key.endswith("weight")] == [f"{k}.weight" for k in (1, 2, 6, 11, 14, 15, 18)]
        assert found["2.num_batches_tracked"].shape == ()


# ---- the command


@pytest.mark.parametrize(("to", "file"), [("safetensors", "a.safetensors"), ("torch-state-dict", "a.pth")])
def test_the_command_prints_code(to, file, tmp_path):
    code, out, err = run_inside("export", "lenet5", "--to", to, "--out", file, cwd=tmp_path)
    assert code == 0 and f"is in {file}" in err and repr(file) in out
    compile(out, "printed", "exec")
    run_inside("export", "lenet5", "--to", to, "--out", f"again-{file}", cwd=tmp_path)
    assert (tmp_path / file).read_bytes() == (tmp_path / f"again-{file}").read_bytes()


def test_the_printed_code_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    formats = {"safetensors": "a.safetensors"}
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401

        formats["onnx"] = "a.onnx"
    except ImportError:
        pass
    expected = made("trained mlp").predict_proba(np.zeros((1, 28, 28), np.uint8))
    for to, file in formats.items():
        code, out, _ = run_inside("export", "mlp", "--to", to, "--out", file, cwd=tmp_path)
        space = {}
        exec(out, space)
        assert code == 0
        np.testing.assert_allclose(space["probabilities"], expected, atol=1e-6)


def test_a_file_of_ones_own(tmp_path):
    nn.Sequential([nn.Dense(3)], input_shape=(7,)).save(tmp_path / "own.npz")
    code, out, err = run_inside("export", "own.npz", "--to", "torch-state-dict", "--out", "own.pt", cwd=tmp_path)
    assert code == 0 and "nn.Linear(7, 3)" in out and "torch.zeros((1, 7))" in out, err
    code, out, err = run_inside("export", "own.npz", "--to", "safetensors", "--out", "x.safetensors", cwd=tmp_path)
    code, out, err = run_inside("export", "x.safetensors", "--to", "torch-state-dict", "--out", "x.pt", cwd=tmp_path)
    assert code == 0 and (tmp_path / "x.pt").read_bytes() == (tmp_path / "own.pt").read_bytes(), err


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["resnet", "--to", "onnx", "--out", "a.onnx"], 2, "lenet5, mlp, logistic"),
        (["none.npz", "--to", "onnx", "--out", "a.onnx"], 1, "none.npz does not exist"),
        (["none.safetensors", "--to", "onnx", "--out", "a.onnx"], 1, "none.safetensors does not exist"),
        (["lenet5", "--to", "keras", "--out", "a.h5"], 2, "onnx, safetensors, torch-state-dict"),
        (["lenet5", "--to", "onnx"], 2, "--out"),
        (["lenet5", "--to", "onnx", "--out", "a.pt"], 2, "let it end in .onnx"),
        (["lenet5", "--to", "torch-state-dict", "--out", "a.npz"], 2, "let it end in .pt or .pth"),
        (["lenet5", "--to", "torch-state-dict", "--out", "file/a.pt"], 1, "cannot be written"),
        (["maps.npz", "--to", "torch-state-dict", "--out", "a.pt"], 2, "no probabilities"),
    ],
)
def test_bad_input_is_one_line(tmp_path, arguments, code, told):
    (tmp_path / "file").write_text("")
    nn.Sequential([nn.Conv2D(2, 5)]).save(tmp_path / "maps.npz")
    before = sorted(tmp_path.iterdir())
    got, out, err = run_inside("export", *arguments, cwd=tmp_path)
    assert (got, out) == (code, "") and len(err.splitlines()) == 1 and told in err.replace("'", "")
    assert sorted(tmp_path.iterdir()) == before


class Double(nn.Layer):
    def forward(self, x, training=False):
        return 2 * x

    def backward(self, dout):
        return 2 * dout


class Doubled(Double):
    def to_onnx(self):
        return "Mul", {}, {"by": np.array(2.0)}

    def to_torch(self):
        return "Threshold(-1e30, 0)", {}


@pytest.mark.parametrize("to", ["onnx", "torch-state-dict"])
def test_a_layer_of_ones_own_has_to_say_how_it_is_written(to, tmp_path):
    class ReLU(nn.ReLU):  # by the name of one of ours
        pass

    path = tmp_path / ("a.onnx" if to == "onnx" else "a.pt")
    with pytest.raises(nn.UsageError, match=r"Double of your own: give it a method to_(onnx|torch)\(\)"):
        export(nn.Sequential([nn.Flatten(), Double(), nn.Dense(10)]), path, to)
    with pytest.raises(nn.UsageError, match="rename the class"):
        export(nn.Sequential([nn.Flatten(), ReLU(), nn.Dense(10)]), path, to)
    assert list(tmp_path.iterdir()) == []
    code = export(nn.Sequential([nn.Flatten(), Doubled(), nn.Dense(10)]), path, to)
    assert path.exists() and ("nn.Threshold(-1e30, 0)" in code or to == "onnx")


def test_a_layer_of_ones_own_computes_the_same_in_onnx(tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    model = nn.Sequential([nn.Flatten(), Doubled(), nn.Dense(10)])
    export(model, tmp_path / "a.onnx", "onnx")
    images = np.random.default_rng(0).random((3, 1, 28, 28), np.float32)
    (out,) = runtime.InferenceSession(str(tmp_path / "a.onnx")).run(["probabilities"], {"images": images})
    np.testing.assert_allclose(out, model.predict_proba(images), atol=1e-6)


def test_the_code_for_pytorch_divides_by_the_temperature(tmp_path):
    model = nn.build("logistic")
    model.temperature = 1.75
    assert " / 1.75, dim=1)" in export(model, tmp_path / "m.pt", "torch-state-dict")
