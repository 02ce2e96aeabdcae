"""Trainings that begin with the weights of a network."""

import json
from dataclasses import replace

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.data import Dataset
from nnscratch.files.atomic import write_json
from nnscratch.runs.experiment import begin, resume
from nnscratch.runs.report import begun_and_continued
from nnscratch.runs.settings import Settings
from nnscratch.runs.start import read_start, start_from

SETTINGS = Settings(epochs=1, batch_size=32, limit=90, val_size=30, seed=4)
SHOES = ("boot", "sandal", "slipper")


@pytest.fixture(scope="module")
def mnist():
    return nn.load_mnist()


@pytest.fixture(scope="module")
def shoes(mnist):
    some = mnist.train_labels < 3
    return Dataset(
        mnist.train_images[some][:200],
        mnist.train_labels[some][:200],
        mnist.test_images[mnist.test_labels < 3][:50],
        mnist.test_labels[mnist.test_labels < 3][:50],
        "shoes",
        "shoes",
        classes=SHOES,
    )


def own_network(**options):
    model = nn.Sequential(
        [nn.Flatten(), nn.Dense(9), nn.BatchNorm(), nn.ReLU(), nn.Dense(10)], (1, 28, 28), seed=3, **options
    )
    model.buffers["batchnorm1.running_mean"][...] = np.arange(9)
    model.temperature = 2.5
    return model


@pytest.mark.parametrize("file", ["own.npz", "own.safetensors"])
def test_that_very_network_is_trained(mnist, tmp_path, file):
    model = own_network(normalisation=(0.1, 0.3))
    model.save(tmp_path / file)
    name, start = start_from(tmp_path / file, mnist.classes)
    experiment = begin(name, SETTINGS, mnist, tmp_path / "run", start=start)
    assert name == "network" and start.new_layer is None
    assert experiment.model.theta.tobytes() == model.theta.tobytes()
    assert experiment.model.normalisation == (0.1, 0.3) and experiment.model.temperature == 1
    assert experiment.model.buffers["batchnorm1.running_mean"].tolist() == list(range(9))


def test_other_classes_begin_the_last_layer_anew(shoes, tmp_path):
    model = own_network()
    model.save(tmp_path / "own.npz")
    name, start = start_from(tmp_path / "own.npz", shoes.classes)
    trained = begin(name, SETTINGS, shoes, tmp_path / "run", start=start).model
    assert start.new_layer == "dense2" and trained.classes == SHOES and trained.shapes[-1] == (3,)
    for key, value in trained.parameters.items():
        if not key.startswith("dense2."):
            assert value.tobytes() == model.parameters[key].tobytes(), key
    assert trained.buffers["batchnorm1.running_mean"].tolist() == list(range(9))
    again, other = (
        begin(name, replace(SETTINGS, seed=seed), shoes, tmp_path / "run", start=start).model for seed in (4, 5)
    )
    assert again.theta.tobytes() == trained.theta.tobytes()
    assert other.parameters["dense2.W"].tobytes() != trained.parameters["dense2.W"].tobytes()


def test_as_many_classes_of_other_names_are_others(mnist, tmp_path):
    own_network().save(tmp_path / "own.npz")
    assert start_from(tmp_path / "own.npz", list("abcdefghij"))[1].new_layer == "dense2"


def test_a_run_goes_on_when_the_file_is_gone(mnist, tmp_path):
    """Nothing but the run's own folder is needed, also before its first checkpoint."""
    own_network().save(tmp_path / "own.npz")
    name, start = start_from(tmp_path / "own.npz", mnist.classes)
    folder = tmp_path / "run"
    start.copy_to(folder)
    write_json(folder / "config.json", begin(name, SETTINGS, mnist, folder, start=start).config())
    (tmp_path / "own.npz").unlink()
    assert resume(folder, mnist).model.theta.tobytes() == own_network().theta.tobytes()
    config = json.loads((folder / "config.json").read_text())
    assert config["start"] == {"path": str(tmp_path / "own.npz"), "sha256": start.sha256, "new_layer": None}
    assert start.sha256[:12] in " ".join(begun_and_continued(config))
    nn.build("lenet5").save(folder / "start.npz")
    with pytest.raises(nn.DataError, match="was changed since"):
        resume(folder, mnist)
    (folder / "start.npz").unlink()
    with pytest.raises(nn.DataError, match="cannot be read"):
        resume(folder, mnist)


@pytest.mark.parametrize("start", [3, "x", [], {}, {"path": 3, "sha256": "", "new_layer": None}])
def test_a_damaged_start_is_told(start, tmp_path):
    write_json(tmp_path / "config.json", {"start": start})
    with pytest.raises(nn.DataError, match="start is damaged"):
        read_start(tmp_path)


def test_networks_that_cannot_be_trained_on_the_data_are_refused(mnist, tmp_path):
    def told(layers, shape, classes=mnist.classes):
        nn.Sequential(layers, shape).save(tmp_path / "it.npz")
        with pytest.raises(nn.DataError) as error:
            start_from(tmp_path / "it.npz", classes)
        return str(error.value)

    assert "takes images of the shape (784,)" in told([nn.Dense(10)], (784,))
    assert "ends in Softmax" in told([nn.Flatten(), nn.Dense(10), nn.Softmax()], (1, 28, 28))
    assert "flatten1, is no dense one" in told([nn.Conv2D(10, 28), nn.Flatten()], (1, 28, 28), SHOES)


def test_options_of_a_model_do_not_change_the_network_of_a_file(mnist, tmp_path):
    own_network().save(tmp_path / "own.npz")
    name, start = start_from(tmp_path / "own.npz", mnist.classes)
    with pytest.raises(nn.UsageError, match="leave hidden out"):
        begin(name, replace(SETTINGS, hidden=(3,)), mnist, tmp_path, start=start)
