"""The weights that come with the library are those of the manifest, and reach what it says."""

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.files.npz import weights_digest
from nnscratch.models.pretrained import manifest, pretrained
from nnscratch.runs.settings import resolve

MODELS = manifest()


def test_all_three_are_there():
    assert set(MODELS) == {"lenet5", "mlp", "logistic"}


@pytest.mark.parametrize("name", MODELS)
def test_weights_are_those_of_the_manifest(name):
    model, told = nn.load(pretrained(name)), MODELS[name]
    assert weights_digest(model.parameters | model.buffers) == told["weights_sha256"]
    mnist = nn.load_mnist()
    assert mnist.digest == told["data_sha256"]
    judged = model.evaluate(mnist.test_images, mnist.test_labels)
    assert judged["accuracy"] == pytest.approx(told["test_accuracy"], abs=2e-4)  # two images, for another processor
    assert judged["loss"] == pytest.approx(told["test_loss"], rel=1e-3)


@pytest.mark.parametrize("name", MODELS)
def test_the_recipe_is_still_the_one_they_were_made_by(name):
    told = MODELS[name]["settings"]
    now = resolve(name, recipe="distilled", flags={"seed": MODELS[name]["seed"]}).to_dict()
    assert {key: list(value) if isinstance(value, tuple) else value for key, value in now.items()} == told
    assert MODELS[name]["command"] == f"python train.py --recipe distilled --seed {MODELS[name]['seed']} {name}"


def test_other_models_are_refused_by_name():
    with pytest.raises(nn.DataError, match="lenet5-classic"):
        pretrained("lenet5-classic")


def test_they_read_what_people_outside_america_write():
    """A 1 with an upstroke, of the kind that networks trained on MNIST alone take for a 7."""
    from nnscratch.pictures.drawing import render
    from nnscratch.pictures.preprocess import to_mnist

    one = to_mnist(render([np.array([[150.0, 220], [260, 100], [250, 400]])]))
    assert one is not None
    for name in ("lenet5", "mlp"):
        assert nn.load(pretrained(name)).predict(one[None])[0] == 1
