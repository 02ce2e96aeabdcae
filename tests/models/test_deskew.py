"""Networks that deskew: they do so with whatever they are asked, wherever they come from."""

import base64
import copy
import json
import pickle
import zipfile
from dataclasses import replace

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.data import Dataset
from nnscratch.errors import DataError, UsageError
from nnscratch.export import export
from nnscratch.files import npz
from nnscratch.runs.experiment import begin
from nnscratch.runs.settings import Settings, read_toml
from nnscratch.runs.start import start_from
from nnscratch.runs.sweep import parse
from nnscratch.study.network.findings import study_network
from nnscratch.study.step.step import take_step
from nnscratch.web.explain import explanation


@pytest.fixture(scope="module")
def mnist():
    return nn.load_mnist()


def fresh(deskew=True):
    model = nn.build("mlp", hidden=(12,), seed=1, deskew=deskew)
    model.info = {"name": "mlp"}
    return model


def test_it_is_a_network_without_it_that_is_given_deskewed_images(mnist):
    images, labels = mnist.train_images[:500], mnist.train_labels[:500]
    model, plain = fresh(), fresh(deskew=False)
    upright = nn.deskew(images)
    distortion = nn.Distortion(shift=1)
    histories = [
        one.fit(given, labels, epochs=2, validation_split=0.2, distortion=distortion)
        for one, given in ((model, images), (plain, upright))
    ]
    assert model.theta.tobytes() == plain.theta.tobytes()
    assert [row["validation_loss"] for row in histories[0]] == [row["validation_loss"] for row in histories[1]]
    assert model.predict_proba(images).tobytes() == plain.predict_proba(upright).tobytes()
    assert model.predict_proba(images).tobytes() != plain.predict_proba(images).tobytes()
    assert model.evaluate(images, labels) == plain.evaluate(upright, labels)
    assert model.calibrate(images, labels) == plain.calibrate(upright, labels)
    assert [one.to_dict() for one in model.read(images[:3])] == [one.to_dict() for one in plain.read(upright[:3])]
    assert model.predict(images[:2]).tolist() == model.predict(images[:2].reshape(2, 784) / 255).tolist()


@pytest.mark.parametrize("name", ["m.npz", "m.safetensors"])
def test_its_file_says_so_and_older_readers_refuse_it(mnist, name, tmp_path, monkeypatch):
    model = fresh()
    model.save(tmp_path / name)
    loaded = nn.load(tmp_path / name)
    assert loaded.deskew is True
    assert (
        loaded.predict_proba(mnist.test_images[:50]).tobytes() == model.predict_proba(mnist.test_images[:50]).tobytes()
    )
    for copied in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert copied.deskew is True
    monkeypatch.setattr(npz, "VERSIONS", (1, 2))
    monkeypatch.setattr("nnscratch.files.safetensors.VERSIONS", (1, 2))
    with pytest.raises(DataError, match=r"version .?3.?, but this nnscratch reads 1 to 2"):
        nn.load(tmp_path / name)


def test_a_file_of_a_network_without_it_is_what_it_was(tmp_path):
    fresh(deskew=False).save(tmp_path / "m.npz")
    with zipfile.ZipFile(tmp_path / "m.npz") as archive:
        header = json.loads(archive.read("header.json"))
    assert header["version"] == 1 and "deskew" not in header["architecture"]
    assert nn.load(tmp_path / "m.npz").deskew is False


@pytest.mark.parametrize("input_shape", [784, (3, 28, 28), (2, 8)])
def test_other_inputs_are_refused(input_shape):
    layers = [nn.Flatten(), nn.Dense(10)]
    with pytest.raises(UsageError, match=r"deskew is for images of one channel, \(1, height, width\): the network"):
        nn.Sequential(layers, input_shape, deskew=True)
    model = nn.Sequential([nn.Flatten(), nn.Dense(10)], input_shape)
    model.deskew = True  # told as soon as it matters
    with pytest.raises(UsageError, match="deskew is for images of one channel"):
        model.predict(np.zeros((2, *model.input_shape)))


def test_other_values_are_refused():
    with pytest.raises(UsageError, match="deskew is 'yes': give True or False"):
        nn.build("logistic", deskew="yes")
    model = nn.build("logistic", deskew=True)
    model.scaling = 0.5, 2.0
    with pytest.raises(UsageError, match="deskew needs blank pixels to be 0"):
        model.predict(np.zeros((1, 28, 28)))


def test_any_height_and_width():
    images = np.random.default_rng(0).random((5, 1, 6, 9))
    model = nn.Sequential([nn.Flatten(), nn.Dense(3)], (1, 6, 9), deskew=True)
    model.scaling = 0.0, 2.0
    assert model.batches(images).images.tobytes() == nn.deskew((images / 2).astype(np.float32)).tobytes()


def test_any_number_of_threads_gives_the_same_bits(mnist):
    weights = []
    for threads in (1, 2):
        nn.set_threads(threads)
        model = fresh()
        model.fit(mnist.train_images[:300], mnist.train_labels[:300])
        weights.append(model.theta.tobytes() + model.predict_proba(mnist.test_images[:1500]).tobytes())
    assert weights[0] == weights[1]


SETTINGS = Settings(epochs=1, batch_size=32, limit=90, val_size=30)


def test_a_setting_of_a_training(mnist, tmp_path):
    experiment = begin("logistic", replace(SETTINGS, deskew=True), mnist, tmp_path)
    assert experiment.model.deskew and experiment.config()["settings"]["deskew"] is True
    assert "deskew" not in SETTINGS.to_dict()  # older versions read what such a training writes
    toml = tmp_path / "mine.toml"
    toml.write_text("deskew = true\n[mlp]\ndeskew = false\n")
    assert read_toml(toml, "logistic") == {"deskew": True} and read_toml(toml, "mlp") == {"deskew": False}
    toml.write_text("deskew = 1")
    with pytest.raises(UsageError, match="deskew is 1: give true or false"):
        read_toml(toml, "logistic")


@pytest.mark.parametrize("given", ["true", "false", "true,false"])
def test_a_setting_of_a_search(given):
    assert parse(f"deskew={given}").values == tuple({"true": True, "false": False}[one] for one in given.split(","))


@pytest.mark.parametrize("given", ["yes", "1", "false:true"])
def test_other_values_in_a_search_are_refused(given):
    with pytest.raises(UsageError, match=r"deskew is|a range is"):
        parse(f"deskew={given}")


def test_a_training_that_begins_with_one_deskews(mnist, tmp_path):
    fresh().save(tmp_path / "m.npz")
    name, start = start_from(tmp_path / "m.npz", mnist.classes)
    assert begin(name, SETTINGS, mnist, tmp_path, start=start).model.deskew
    with pytest.raises(UsageError, match=r"the network is that of .*m\.npz: leave deskew out"):
        begin(name, replace(SETTINGS, deskew=False), mnist, tmp_path, start=start)
    few = mnist.train_labels < 3
    shoes = Dataset(*(each[few][:200] for each in (mnist.train_images, mnist.train_labels)), mnist.test_images[:9],
                    np.zeros(9, np.int64), "shoes", "shoes", classes=("boot", "sandal", "slipper"))  # fmt: skip
    name, start = start_from(tmp_path / "m.npz", shoes.classes)
    assert begin(name, SETTINGS, shoes, tmp_path, start=start).model.deskew  # its last layer is new


def test_what_is_shown_is_what_the_network_sees(mnist):
    image, label = mnist.test_images[8], int(mnist.test_labels[8])
    upright, model, plain = nn.deskew(image), fresh(), fresh(deskew=False)
    assert upright.tobytes() != image.tobytes()
    step, other = (take_step(one, given, label, nn.Adam()) for one, given in ((model, image), (plain, upright)))
    assert step.image.tobytes() == upright.tobytes() and step.loss == other.loss
    assert step.output(-1).tobytes() == other.output(-1).tobytes()
    explained, expected = explanation("mlp", model, image, None), explanation("mlp", plain, upright, None)
    assert base64.b64decode(explained.pop("input")["pixels"]) == upright.tobytes()
    assert explained == expected
    data = Dataset(
        mnist.train_images[:50], mnist.train_labels[:50], mnist.test_images[:60], mnist.test_labels[:60], "few", ""
    )
    findings = study_network("mlp", model, data)
    assert findings.inputs.tobytes() == nn.deskew(data.test_images).tobytes()
    assert findings.read.tolist() == model.predict(data.test_images).tolist()


def test_gradients_are_checked_on_deskewed_images(mnist):
    images, labels = mnist.train_images[:3], mnist.train_labels[:3]
    report, expected = nn.gradcheck(fresh(), images, labels), nn.gradcheck(fresh(False), nn.deskew(images), labels)
    assert report.ok and str(report) == str(expected)


def test_the_estimator_deskews(mnist, tmp_path):
    images, labels = mnist.train_images[:300], mnist.train_labels[:300]
    how = {"epochs": 3, "random_state": 0}
    given = nn.Classifier("logistic", deskew=True, **how).fit(images, labels)
    plain = nn.Classifier("logistic", **how).fit(nn.deskew(images), labels)
    proba = given.predict_proba(images)
    assert proba.tobytes() == plain.predict_proba(nn.deskew(images)).tobytes()
    assert (
        nn.Classifier("logistic", deskew=True, **how)
        .fit(images.reshape(-1, 784), labels)
        .predict_proba(images.reshape(-1, 784))
        .tobytes()
        == proba.tobytes()
    )
    given.network_.save(tmp_path / "m.npz")
    assert nn.load(tmp_path / "m.npz").predict(images).tolist() == given.predict(images).tolist()
    with pytest.raises(UsageError, match="deskew takes images, and 783 features are no square"):
        nn.Classifier("logistic", deskew=True).fit(images.reshape(-1, 784)[:, 1:], labels)
    with pytest.raises(UsageError, match="deskew needs blank pixels to be 0"):
        nn.Classifier("logistic", deskew=True, scaling="features").fit(images, labels)


@pytest.mark.parametrize("to", ["onnx", "torch-state-dict"])
def test_what_cannot_deskew_is_refused(to, tmp_path):
    path = tmp_path / {"onnx": "m.onnx", "torch-state-dict": "m.pt"}[to]
    with pytest.raises(UsageError, match=r"set model.deskew = False before exporting, .* nn.deskew\(images\)"):
        export(fresh(), path, to)
    assert not path.exists()
