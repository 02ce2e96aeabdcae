"""Classes that are no digits, from the training to the report and the answers."""

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.cli import flags
from nnscratch.cli.main import main
from tests.tools.glyphs import ANIMALS, glyphs, many


@pytest.mark.parametrize("names", [ANIMALS, many(300)])
def test_train_evaluate_and_report(names, tmp_path, monkeypatch, capsys):
    dataset = glyphs(names, per_class=3 if len(names) > 2 else 30, test=5)
    monkeypatch.setattr(flags, "open_dataset", lambda path, **given: nn.load_mnist() if path is None else dataset)
    out = tmp_path / "run"
    assert main(["train", "logistic", "--data", "x", "--epochs", "1", "--out", str(out), "--quiet"]) == 0
    page, file = (out / "report.html").read_text(), out / "logistic/model.npz"
    assert nn.load(file).classes == names
    assert "digit" not in (out / "report.md").read_text() and names[1] in page
    assert (out / "logistic/confusion.png").exists() == (len(names) <= 30) != ("confused most often" in page)
    assert main(["evaluate", str(file), "--data", "x"]) == 0
    assert names[-1] in capsys.readouterr().out or len(names) > 30
    assert main(["evaluate", str(file)]) == 1  # MNIST
    assert "MNIST has the digits 0 to 9" in capsys.readouterr().err


def test_forms_of_digits_are_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(flags, "open_dataset", lambda path, **given: glyphs(ANIMALS))
    assert main(["train", "logistic", "--data", "x", "--forms", "0.5", "--out", str(tmp_path / "r")]) == 2
    assert "other forms of digits" in capsys.readouterr().err


def test_verdicts_name_the_class():
    model = nn.build("logistic", classes=ANIMALS)
    model.limits = nn.models.confidence.Thresholds(sure=0.9, familiar=1e9)
    read = model.read(np.zeros((1, 28, 28), np.uint8))[0]
    assert read.verdict == "not one of the classes" and read.to_dict()["class"] == read.class_name in ANIMALS
    assert "class" not in nn.build("logistic").read(np.zeros((1, 28, 28), np.uint8))[0].to_dict()
