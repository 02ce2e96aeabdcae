"""Classes that have names: in the network, and in its file."""

import json
import zipfile

import numpy as np
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


@pytest.mark.parametrize("K", [2, 6, 1000])
def test_figures_of_few_and_many_classes_are_scikit_learns(K):
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(K)
    labels = rng.integers(0, K, 500)
    X = np.eye(K, dtype=np.float32)[labels] + rng.standard_normal((500, K), np.float32) / 2
    model = nn.Sequential(nn.Dense(K), (K,))
    model.parameters["dense1.W"][...] = 3 * np.eye(K)
    temperature = model.calibrate(X, labels)
    found, p = model.evaluate(X, labels), model.predict_proba(X).astype(float)
    predicted, present = model.predict(X), np.unique(labels)
    some = {"labels": present, "average": "macro", "zero_division": 0}
    expected = {
        "accuracy": metrics.accuracy_score(labels, predicted),
        "loss": metrics.log_loss(labels, p / p.sum(axis=1, keepdims=True), labels=range(K)),
        "macro_precision": metrics.precision_score(labels, predicted, **some),
        "macro_recall": metrics.recall_score(labels, predicted, **some),
        "macro_f1": metrics.f1_score(labels, predicted, **some),
    }
    if K > 5:
        expected["top_5_accuracy"] = metrics.top_k_accuracy_score(labels, p, k=5, labels=range(K))
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-5)
    assert ("top_5_accuracy" in found) == (K > 5)
    assert (np.array(found["confusion"]) == metrics.confusion_matrix(labels, predicted, labels=range(K))).all()
    logits = X @ (3 * np.eye(K))
    losses = [metrics.log_loss(labels, softmax(logits / (temperature * f)), labels=range(K)) for f in (0.98, 1, 1.02)]
    assert losses[1] == min(losses)


def softmax(logits):
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)
