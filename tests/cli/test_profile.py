"""``nnscratch profile``, as it is typed."""

import json

import pytest

import nnscratch as nn
from tests.tools.commands import run_inside

QUICK = ("--limit", "300", "--recipe", "original", "--batch-size", "16")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr("nnscratch.study.profile.profile.ROUNDS", 1)


def test_it_prints_a_table_for_one_thread_and_for_all(tmp_path):
    code, out, err = run_inside("profile", "logistic", *QUICK, "--threads", "2", cwd=tmp_path)
    assert code == 0, err
    assert "1 thread: " in out and "\n2 threads: " in out and "2 threads are " in out
    assert out.count("dense1") == out.count("100.0 %") == 2
    assert not any(tmp_path.iterdir())


def test_json_page_and_a_network_of_ones_own(tmp_path):
    nn.Sequential([nn.Flatten(), nn.Dense(7), nn.ReLU(), nn.Dense(3)], (1, 28, 28)).save(tmp_path / "own.npz")
    before = (tmp_path / "own.npz").read_bytes()
    code, out, err = run_inside(
        *("profile", "own.npz", *QUICK, "--json", "--html", "pages/a.html", "--backend", "numpy", "--threads", "1"),
        cwd=tmp_path,
    )
    assert code == 0, err
    told = json.loads(out)
    assert told["model"] == "network" and told["settings"]["batch_size"] == told["batch_size"] == 16
    assert (told["page"], told["backend"], told["recorded"]) == ("pages/a.html", "numpy", False)
    (timing,) = told["timings"]
    assert [row["name"] for row in timing["rows"]][:4] == ["images", "flatten1", "dense1", "relu1"]
    assert sum(row["share"] for row in timing["rows"]) == pytest.approx(1)
    assert "<svg" in (tmp_path / "pages" / "a.html").read_text("utf-8")
    assert (tmp_path / "own.npz").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        ([], 2, "the following arguments are required: MODEL"),
        (["lenet"], 2, "did you mean lenet5"),
        (["none.npz"], 1, "none.npz cannot be read"),
        ([""], 2, "the model '' is unknown"),
        (["lenet5", "mlp"], 2, "unrecognized arguments: mlp"),
        (["lenet5", "--epochs", "1"], 2, "unrecognized arguments: --epochs"),
        (["lenet5", "--batch-size", "0"], 2, "batch"),
        (["lenet5", "--threads", "0"], 2, "number of threads"),
        (["logistic", "--html", "a.png"], 2, "--html is 'a.png': give the name of an HTML file"),
        (["logistic", "--hidden", "3"], 2, "changes the mlp"),
        (["logistic", "--backend", "cuda"], 2, "cuda"),
        (["logistic", "--data", "nowhere"], 1, "nowhere"),
        (["damaged.npz"], 1, "damaged.npz"),
    ],
)
def test_wrong_usage_is_one_line(arguments, code, told, tmp_path):
    (tmp_path / "damaged.npz").write_bytes(b"PK")
    came, _, err = run_inside("profile", *arguments, cwd=tmp_path)
    assert came == code and told in err and len(err.splitlines()) == 1
