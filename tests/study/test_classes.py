"""The studies of networks of other classes than digits name these classes, and call nothing a digit."""

import re

import pytest

import nnscratch as nn
from nnscratch.cli import flags
from nnscratch.cli.main import main
from tests.tools.glyphs import LETTERS, glyphs

ANIMALS = ("cat", "dog", "owl")


@pytest.fixture
def model(tmp_path, monkeypatch):
    """A model's file; ``--data`` reads data of its classes, of which there are ten test images or more."""

    def of(names):
        monkeypatch.setattr(flags, "open_dataset", lambda path, **_: glyphs(names, test=4))
        layers = [nn.Conv2D(2, 5, stride=4), nn.ReLU(), nn.Flatten(), nn.Dense(len(names))]
        network = nn.Sequential(layers, (1, 28, 28))
        network.classes = names
        network.save(tmp_path / "model.npz")
        return str(tmp_path / "model.npz")

    return of


def shown(page):
    """The text of a page, without its scripts and styles."""
    return re.sub(r"<(script|style)\b.*?</\1>|<[^>]+>", " ", page.read_text(encoding="utf-8"), flags=re.S)


@pytest.mark.parametrize("names", [ANIMALS, LETTERS])
def test_a_step_names_the_class(names, model, tmp_path, capsys):
    page = tmp_path / "step.html"
    assert main(["study", "step", model(names), "test:1", "--data", "x", "--out", str(page)]) == 0
    assert names[1] in capsys.readouterr().out
    assert re.search(rf"True class\s+{names[1]}\b", shown(page)) and "digit" not in shown(page)


@pytest.mark.parametrize("names", [ANIMALS, LETTERS])
def test_what_a_network_has_learnt_names_the_classes(names, model, tmp_path, capsys):
    page = tmp_path / "network.html"
    assert main(["study", "network", model(names), "--data", "x", "--out", str(page)]) == 0
    assert "digit" not in capsys.readouterr().out
    text = shown(page)
    assert "digit" not in text and all(re.search(rf"\b{name}\b", text) for name in names)


def test_a_step_without_an_image_shows_the_last_of_few(model, tmp_path, monkeypatch):
    file = model(ANIMALS)
    monkeypatch.setattr(flags, "open_dataset", lambda path, **_: glyphs(ANIMALS, test=1))
    assert main(["study", "step", file, "--data", "x", "--out", str(tmp_path / "step.html")]) == 0
    assert (tmp_path / "step.html").exists()
