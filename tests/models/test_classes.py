"""Classes that have names: in the network, and in its file."""

import json
import zipfile

import pytest

import nnscratch as nn


def test_names_travel_in_the_file(tmp_path):
    model = nn.build("logistic", classes=["cat", "dog", "ü"])
    assert model.predict_proba(nn.load_mnist().test_images[:2]).shape == (2, 3)
    for name in ("m.npz", "m.safetensors"):
        model.save(tmp_path / name)
        again = nn.load(tmp_path / name)
        assert again.classes == ("cat", "dog", "ü") and not again.is_digits


def test_digits_are_saved_as_before(tmp_path):
    model = nn.build("logistic")
    assert model.is_digits and model.classes == tuple("0123456789")
    model.save(tmp_path / "m.npz")
    with zipfile.ZipFile(tmp_path / "m.npz") as archive:
        header = json.loads(archive.read("header.json"))
    assert header["version"] == 1 and "classes" not in header
    assert nn.load(tmp_path / "m.npz").is_digits


def test_each_output_needs_a_name():
    model = nn.build("logistic", classes=3)
    with pytest.raises(nn.UsageError, match="3 outputs, and got 2 names"):
        model.classes = ["a", "b"]
