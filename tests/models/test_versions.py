"""Which readers a model's file is for: older ones refuse what they would read wrongly, and nothing else."""

import json
import zipfile

import pytest

import nnscratch as nn
from nnscratch.models.confidence import Thresholds


class Twice(nn.Layer):
    """One that no reader knows by itself."""

    def forward(self, x, training=False):
        return 2 * x

    def backward(self, dout):
        return 2 * dout


def freeze(model):
    model.layers[1].trainable = False


def name_classes(model):
    model.classes = ["cat", "dog", "owl"]


def be_a_regression(model):
    model.is_regression = True


def deskew(model):
    model.deskew = True


def refuse_by_spread(model):
    model.limits = Thresholds(0.9, 1.0, "spread")


def stay(model):
    pass


@pytest.mark.parametrize(
    ("layers", "change", "version"),
    [
        ([], stay, 1),
        ([], freeze, 2),  # would be trained
        ([], name_classes, 2),  # would be called 0, 1, 2
        ([], be_a_regression, 2),  # would be answered with classes
        ([Twice()], stay, 2),
        ([], deskew, 3),  # would be shown slanted digits
        ([], refuse_by_spread, 3),  # would refuse by another score
    ],
)
def test_the_version_is_the_lowest_that_reads_it_rightly(layers, change, version, tmp_path):
    model = nn.Sequential([nn.Flatten(), nn.Dense(3), *layers], (1, 4, 4))
    change(model)
    model.save(tmp_path / "m.npz")
    with zipfile.ZipFile(tmp_path / "m.npz") as archive:
        assert json.loads(archive.read("header.json"))["version"] == version
