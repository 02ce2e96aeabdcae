"""Layers of the reader's own, saved by their settings and loaded by their class."""

from dataclasses import dataclass

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.cli.main import main


@dataclass(eq=False)
class Scale(nn.Layer):
    """A parameter for each feature, a buffer, and a setting."""

    by: float = 2.0

    def build(self, input_shape, rng):
        self.add("g", rng.random(input_shape))
        self.add_buffer("seen", np.zeros(1))
        return input_shape

    def forward(self, x, training=False):
        self.x = x
        self.seen += training
        return self.by * self.g[:, None] * x

    def backward(self, dout):
        self.dg[...] = (self.by * self.x * dout).sum(axis=1)
        return self.by * self.g[:, None] * dout


class Plain(nn.Layer):
    """No dataclass, and nothing says what its constructor wants."""

    def __init__(self, by):
        super().__init__()
        self.by = by

    def forward(self, x, training=False):
        return self.by * x

    def backward(self, dout):
        return self.by * dout


class WithSettings(Plain):
    def settings(self):
        return {"by": self.by}


X, Y = np.random.default_rng(0).random((40, 5)), np.arange(40) % 3


@pytest.mark.parametrize("name", ["m.npz", "m.safetensors"])
def test_saved_and_loaded(tmp_path, name):
    net = nn.Sequential([Scale(3.0), nn.Dense(4), Scale(), WithSettings(0.5), nn.Dense(3)], (5,))
    net.fit(X, Y, epochs=2)
    net.layers[2].trainable = False
    net.save(tmp_path / name)
    again = nn.load(tmp_path / name, layers=[Scale, WithSettings])
    assert np.array_equal(again.logits(X), net.logits(X))
    assert [again.layers[k].by for k in (0, 2, 3)] == [3.0, 2.0, 0.5]
    assert again.layers[0].seen == net.layers[0].seen > 0 and not again.layers[2].trainable
    with pytest.raises(nn.DataError, match=r"'Scale' is none of the library's: .*nn\.load\(path, layers=\[Scale\]\)"):
        nn.load(tmp_path / name)
    with pytest.raises(nn.DataError, match="'WithSettings'"):
        nn.load(tmp_path / name, layers=[Scale])


def test_what_cannot_be_made_again_is_refused(tmp_path):
    with pytest.raises(nn.UsageError, match=r"plain|layer1 cannot be saved.*Plain.*settings\(\)"):
        nn.Sequential([Plain(2.0), nn.Dense(3)], (5,)).save(tmp_path / "m.npz")

    class Wrong(WithSettings):
        def __init__(self, by=1.0):
            super().__init__(2 * by)

    with pytest.raises(nn.UsageError, match="has other settings"):
        nn.Sequential([Wrong(), nn.Dense(3)], (5,)).save(tmp_path / "m.npz")

    class Dense(nn.Dense):
        pass

    with pytest.raises(nn.UsageError, match="rename the class"):
        nn.Sequential([Dense(3)], (5,)).save(tmp_path / "m.npz")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("layers", [Scale, "Scale", [Scale()], [int], None])
def test_classes_that_are_none(tmp_path, layers):
    nn.Sequential([Scale(), nn.Dense(3)], (5,)).save(tmp_path / "m.npz")
    with pytest.raises(nn.UsageError, match="give a list of classes"):
        nn.load(tmp_path / "m.npz", layers=layers)


def test_the_command_line_says_so_in_a_sentence(tmp_path, capsys):
    nn.Sequential([nn.Flatten(), Scale(), nn.Dense(10)]).save(tmp_path / "m.npz")
    assert main(["evaluate", str(tmp_path / "m.npz")]) == 1
    err = capsys.readouterr().err
    assert "'Scale' is none of the library's" in err and len(err.splitlines()) == 1


def test_settings_that_were_changed_after_the_building_are_told(tmp_path):
    net = nn.Sequential([nn.Dense(4), nn.ReLU(), nn.Dense(3)], (5,))
    net.layers[0].units = 9
    with pytest.raises(nn.UsageError, match=r"dense1 was built as .*4.*, and its settings were changed to .*9"):
        net.save(tmp_path / "m.npz")
    assert not list(tmp_path.iterdir())
