"""``nnscratch lr-find``, as it is typed."""

import json

import pytest

import nnscratch as nn
from tests.tools.commands import run_inside

QUICK = ("--limit", "300", "--recipe", "original", "--steps", "40")


def test_it_says_a_rate_and_draws_a_plot(tmp_path):
    code, out, err = run_inside("lr-find", "logistic", *QUICK, cwd=tmp_path)
    assert code == 0, err
    assert "suggest  --lr 0.0" in out and "range    the loss fell from" in out
    assert [path.name for path in tmp_path.rglob("*.*")] == ["lr-find-logistic.png"]
    assert (tmp_path / "study" / "lr-find-logistic.png").read_bytes().startswith(b"\x89PNG")


def test_json_and_a_network_of_ones_own(tmp_path):
    nn.Sequential([nn.Flatten(), nn.Dense(7), nn.ReLU(), nn.Dense(3)], (1, 28, 28)).save(tmp_path / "own.npz")
    before = (tmp_path / "own.npz").read_bytes()
    code, out, err = run_inside(
        "lr-find", "--start", "own.npz", *QUICK, "--optimizer", "sgd", "--json", "--out", "a.png", cwd=tmp_path
    )
    assert code == 0, err
    told = json.loads(out)
    keys = {"model", "settings", "plot", "lowest", "suggestion", "highest", "rates", "losses", "smoothed"}
    assert told.keys() == keys and told["model"] == "network" and told["settings"]["optimizer"] == "sgd"
    assert len(told["rates"]) == len(told["losses"]) == len(told["smoothed"])
    assert "lr" not in told["settings"] and "epochs" not in told["settings"]
    assert (tmp_path / "own.npz").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        ([], 2, "no model was given"),
        (["lenet"], 2, "did you mean lenet5"),
        (["lenet5", "--lr", "1"], 2, "unrecognized arguments: --lr"),
        (["lenet5", "--epochs", "1"], 2, "unrecognized arguments: --epochs"),
        (["lenet5", "--low", "1", "--high", "0.1"], 2, "above the lowest"),
        (["logistic", "--steps", "2"], 2, "steps is 2"),
        (["logistic", "--out", "a.html"], 2, "give the name of a PNG file"),
        (["logistic", "--hidden", "3"], 2, "changes the mlp"),
        (["logistic", "--data", "nowhere"], 1, "nowhere"),
    ],
)
def test_wrong_usage_is_one_line(arguments, code, told, tmp_path):
    came, _, err = run_inside("lr-find", *arguments, cwd=tmp_path)
    assert came == code and told in err and len(err.splitlines()) == 1
