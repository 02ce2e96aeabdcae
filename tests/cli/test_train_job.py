"""``train --resume RUN --epochs N`` and ``train --start``, as they are typed."""

import json
import shutil

import numpy as np
import pytest

import nnscratch as nn
from tests.tools.commands import run_inside

QUICK = ("--recipe", "original", "--limit", "90", "--batch-size", "32")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Runs of one epoch and of two, of the same two models."""
    place = tmp_path_factory.mktemp("runs")
    for epochs, out in ((1, "short"), (2, "long")):
        code, _, err = run_inside("train", "logistic", "mlp", *QUICK, "--epochs", epochs, "--out", out, cwd=place)
        assert code == 0, err
    return place


@pytest.fixture
def short(place, tmp_path):
    return shutil.copytree(place / "short", tmp_path / "short")


def digests(folder):
    return {
        path.parent.name: json.loads(path.read_text())["weights_sha256"]
        for path in sorted(folder.glob("*/metrics.json"))
    }


def test_a_finished_run_is_trained_on(place, short):
    code, out, err = run_inside("train", "--resume", short, "--epochs", "2", cwd=short.parent)
    assert code == 0, err
    assert digests(short) == digests(place / "long")
    assert out.count("epochs   2 instead of 1\n") == 2
    assert "Planned for 1 epochs, and changed to 2" in (short / "report.md").read_text()
    assert (short / "mlp" / "model.npz").read_bytes() == (place / "long" / "mlp" / "model.npz").read_bytes()


def test_one_model_of_it(short):
    before = digests(short)
    code, _, _ = run_inside("train", "mlp", "--resume", short, "--epochs", "2", cwd=short.parent)
    after = digests(short)
    assert code == 0 and after["logistic"] == before["logistic"] and after["mlp"] != before["mlp"]


def test_a_schedule_is_said_to_be_computed_anew(tmp_path):
    run_inside("train", "logistic", *QUICK, "--epochs", "1", "--schedule", "cosine", "--out", "x", cwd=tmp_path)
    code, out, _ = run_inside("train", "--resume", "x", "--epochs", "2", cwd=tmp_path)
    assert code == 0
    assert "epochs   2 instead of 1; the schedule (cosine) is computed anew for them, and goes on at the" in out


def test_a_dry_run_changes_nothing(short):
    before = {path: path.read_bytes() for path in short.rglob("*.json")}
    code, out, _ = run_inside("train", "--resume", short, "--epochs", "7", "--dry-run", cwd=short.parent)
    assert code == 0 and "epochs 7" in out
    assert {path: path.read_bytes() for path in short.rglob("*.json")} == before


def test_a_finished_run_says_how_it_is_trained_on(short):
    code, out, _ = run_inside("train", "--resume", short, cwd=short.parent)
    assert code == 0 and out.count("is finished already: to train it on, give --epochs with more than it has") == 2


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--resume", "short", "--epochs", "0"], 2, "epochs is 0"),
        (["--resume", "short", "--epochs", "1000000000"], 2, "epochs is 1000000000"),
        (["--resume", "short", "--epochs", "2", "--lr", "1", "--seed", "3"], 2, "leave --lr, --seed out"),
        (["--resume", "short", "--start", "lenet5"], 2, "leave --start out"),
        (["lenet5", "--resume", "short", "--epochs", "2"], 1, "is a run of logistic, mlp, not of lenet5"),
        (["lenet5", "--start", "short"], 1, "is a run of logistic, mlp, not of lenet5"),
        (["mlp", "--start", "short/logistic"], 2, "trains what it holds, logistic: leave mlp out"),
        (["--start", "nowhere"], 2, "'nowhere' is unknown"),
        (["--start", "nowhere.npz"], 1, "nowhere.npz cannot be read"),
        (["--start", "."], 1, "model.npz cannot be read"),
        (["--start", ""], 2, "an empty path"),
        (["--start", "short/mlp/checkpoint.npz"], 1, "holds a training, but a model"),
        (["--start", "short/mlp", "--hidden", "20"], 2, "leave --hidden out"),
        (["--simple", "--start", "mlp"], 2, "has no --start"),
    ],
)
def test_what_does_not_go_together_is_one_line(arguments, code, told, short):
    came, _, err = run_inside("train", *arguments, "--quiet", cwd=short.parent)
    assert came == code and told in err and len(err.splitlines()) == 1


def test_one_epoch_less_than_done(place, tmp_path):
    shutil.copytree(place / "long", tmp_path / "long")
    code, _, err = run_inside("train", "--resume", "long", "--epochs", "1", cwd=tmp_path)
    assert code == 2 and "give at least 2" in err
    assert digests(tmp_path / "long") == digests(place / "long")


def test_a_run_begins_with_the_weights_of_another(short):
    """Each model of the run from its own, whose weights so small a rate leaves as they are."""
    still = ("--epochs", "1", "--lr", "1e-30", "--optimizer", "sgd")
    code, out, err = run_inside("train", "--start", short, *QUICK, *still, "--out", "on", cwd=short.parent)
    assert code == 0, err
    for name in ("logistic", "mlp"):
        before, after = (nn.load(folder / name / "model.npz").theta for folder in (short, short.parent / "on"))
        np.testing.assert_allclose(after, before, rtol=0, atol=1e-20)
    assert out.count("start    Began with the weights of") == 2
    report = (short.parent / "on" / "report.md").read_text()
    assert "Began with the weights of" in report and "Beside the Keras original" not in report


def test_a_network_of_ones_own_is_trained_and_goes_on(tmp_path):
    nn.Sequential([nn.Flatten(), nn.Dense(5), nn.Tanh(), nn.Dense(10)], (1, 28, 28)).save(tmp_path / "own.npz")
    for epochs, out in ((2, "whole"), (1, "part")):
        code, _, err = run_inside("train", "--start", "own.npz", *QUICK, "--epochs", epochs, "--out", out, cwd=tmp_path)
        assert code == 0, err
    (tmp_path / "own.npz").unlink()
    assert run_inside("train", "--resume", "part", "--epochs", "2", "--quiet", cwd=tmp_path)[0] == 0
    assert digests(tmp_path / "part") == digests(tmp_path / "whole") and list(digests(tmp_path / "part")) == ["network"]


def test_a_pretrained_network_is_trained_on(tmp_path):
    code, out, _ = run_inside("train", "--start", "logistic", *QUICK, "--dry-run", cwd=tmp_path)
    assert code == 0 and "pretrained/logistic.npz" in out.replace("\\", "/")
