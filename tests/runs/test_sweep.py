"""The search for settings: what is tried, how trials are given up, and that results depend on their settings alone."""

import json
import signal
import sys
from concurrent.futures import Executor, Future
from dataclasses import replace
from unittest import mock

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.cli.commands.sweep import _finish, best_toml
from nnscratch.ops.backend import available_backends, backend, set_backend
from nnscratch.runs import sweep
from nnscratch.runs.settings import Settings, resolve
from nnscratch.runs.sweep import Choice, Range, draw_trials, parse, rungs
from tests.tools.checks import wait_until
from tests.tools.commands import run_inside, start

BASE = ("--limit", "300", "--val-size", "100", "--epochs", "4")


class Here(Executor):
    """Runs each task at once; ``after`` tasks it is interrupted."""

    def __init__(self, after=10**9):
        self.left, self.done = after, []

    def submit(self, function, task):
        if self.left == 0:
            raise KeyboardInterrupt
        self.left -= 1
        self.done.append((task.number, task.settings.epochs))
        future = Future()
        future.set_result(function(task))
        return future


# ---- what is tried


def test_what_can_be_written():
    assert parse("lr=0.001,0.01") == Choice("lr", (0.001, 0.01))
    assert parse("batch-size=32,64") == Choice("batch_size", (32, 64))
    assert parse("optimizer=adam,sgd") == Choice("optimizer", ("adam", "sgd"))
    assert parse("hidden=100-50,30") == Choice("hidden", ((100, 50), (30,)))
    assert parse("rotation=0:15") == Range("rotation", 0, 15, False)
    assert parse("lr=0.001:0.1:log") == Range("lr", 0.001, 0.1, True)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("lr", "give NAME=VALUE"),
        ("lr=", "give NAME=VALUE"),
        ("rate=1", "unknown"),
        ("epoch=3", "did you mean epochs"),
        ("epochs=3,4", "set --epochs"),
        ("lr=0", "above 0"),
        ("lr=fast", "give a number"),
        ("batch_size=2.5", "whole number"),
        ("lr=1:0.1", "goes up"),
        ("rotation=0:9:log", "begins above 0"),
        ("lr=0.1:1:lin", "LOW:HIGH"),
        ("lr=0.1:1:log:2", "LOW:HIGH"),
        ("optimizer=adam:sgd", "of numbers"),
        ("optimizer=adm", "choose from"),
    ],
)
def test_what_means_nothing_is_refused(text, told):
    with pytest.raises(nn.UsageError, match=told) as caught:
        parse(text)
    assert text in str(caught.value)


def test_the_grid_is_every_combination():
    trials = draw_trials([parse("lr=0.1,0.2"), parse("batch_size=8,16,32")], None, 0)
    assert len(trials) == 6
    assert {(t["lr"], t["batch_size"]) for t in trials} == {(a, b) for a in (0.1, 0.2) for b in (8, 16, 32)}


def test_random_trials_lie_in_their_ranges_and_differ():
    space = [parse("lr=0.001:1:log"), parse("batch_size=8:64"), parse("optimizer=adam,sgd")]
    trials = draw_trials(space, 300, 1)
    assert len({json.dumps(t) for t in trials}) == 300
    rates = np.array([t["lr"] for t in trials])
    assert rates.min() >= 0.001 and rates.max() <= 1
    assert np.median(np.log10(rates)) == pytest.approx(-1.5, abs=0.25)
    assert {type(t["batch_size"]) for t in trials} == {int}
    assert draw_trials(space, 300, 1) == trials != draw_trials(space, 300, 2)
    assert len(draw_trials(space, None, 0)) == 20
    assert len(draw_trials([parse("batch_size=8,16,32")], 2, 0)) == 2


def test_too_many_or_none_or_twice():
    with pytest.raises(nn.UsageError, match="nothing is varied"):
        draw_trials([], 3, 0)
    with pytest.raises(nn.UsageError, match="twice"):
        draw_trials([parse("lr=1"), parse("lr=2")], None, 0)
    grid = [parse(f"{name}=" + ",".join(str(k / 100) for k in range(1, 30))) for name in ("lr", "ema", "warmup")]
    with pytest.raises(nn.UsageError, match="24,389 trials"):
        draw_trials(grid, None, 0)
    assert len(draw_trials(grid, 5, 0)) == 5


@pytest.mark.parametrize(
    ("trials", "epochs", "factor", "expected"),
    [
        (27, 27, 3, [(27, 1), (9, 3), (3, 9), (1, 27)]),
        (20, 60, 3, [(20, 6), (7, 20), (3, 60)]),
        (4, 30, 1, [(4, 30)]),
        (2, 30, 3, [(2, 30)]),
        (100, 2, 3, [(100, 2)]),
        (8, 8, 2, [(8, 1), (4, 2), (2, 4), (1, 8)]),
    ],
)
def test_rungs(trials, epochs, factor, expected):
    assert rungs(trials, epochs, factor) == expected


# ---- running it


def make(folder, *vary, factor=2, epochs=4):
    base = resolve("logistic", recipe="original", flags={"limit": 300, "val_size": 100, "epochs": epochs})
    return sweep.Sweep(folder, "logistic", base, draw_trials([parse(text) for text in vary], None, 0), factor, None)


def test_the_better_half_goes_on(tmp_path):
    executor, told = Here(), []
    results = make(tmp_path, "lr=1e-7,0.001,0.01,1e-8").run(executor, told.append)
    assert executor.done[:4] == [(0, 1), (1, 1), (2, 1), (3, 1)]
    assert sorted(executor.done[4:6]) == [(1, 2), (2, 2)]
    assert len(executor.done) == len(told) == 7 and executor.done[6][1] == 4
    assert results[0]["epochs"] == 4 and results[0]["trial"] in (1, 2)
    assert [r["epochs"] for r in results] == [4, 2, 2, 1, 1, 1, 1]


def test_a_trial_is_what_training_alone_gives(tmp_path):
    search = make(tmp_path, "lr=0.003", epochs=3)
    (result,) = search.run(Here(), lambda result: None)
    mnist = nn.load_mnist()
    from nnscratch.runs.examples import split

    settings = Settings(**result["settings"])
    train, held_out = split(mnist, settings)
    model = nn.build("logistic", seed=0)
    history = model.fit(
        mnist.train_images[train],
        mnist.train_labels[train],
        epochs=3,
        batch_size=64,
        optimizer=nn.Adam(0.003),
        validation=(mnist.train_images[held_out], mnist.train_labels[held_out]),
    )
    best = max(history, key=lambda row: (row["validation_accuracy"], -row["validation_loss"]))
    assert (result["accuracy"], result["loss"]) == (best["validation_accuracy"], best["validation_loss"])


def test_going_on_runs_only_what_is_missing(tmp_path):
    whole = make(tmp_path / "whole", "lr=0.001,0.01,0.1")
    whole.write()
    expected = whole.run(Here(), lambda result: None)
    search = make(tmp_path / "part", "lr=0.001,0.01,0.1")
    search.write()
    with pytest.raises(KeyboardInterrupt):
        search.run(Here(after=2), lambda result: None)
    first = sweep.read_sweep(tmp_path / "part")
    assert first == search
    executor = Here()
    results = first.run(executor, lambda result: None)
    strip = [{k: v for k, v in result.items() if k != "seconds"} for result in results]
    assert strip == [{k: v for k, v in result.items() if k != "seconds"} for result in expected]
    again = Here()
    sweep.read_sweep(tmp_path / "part").run(again, lambda result: None)
    assert again.done == []


def test_a_trial_that_diverges_is_last(tmp_path):
    with np.errstate(all="ignore"):
        results = make(tmp_path, "lr=0.01,1e37", factor=1).run(Here(), lambda result: None)
    assert results[-1]["settings"]["lr"] == 1e37 and "failed" in results[-1]


def told(monkeypatch, figures):
    """Let each trial have these (accuracy, loss), by its number, in place of a training."""

    def run_task(task):
        accuracy, loss = figures[task.number]
        record = {"trial": task.number, "epochs": task.settings.epochs, "settings": task.settings.to_dict()}
        return record | {"accuracy": accuracy, "loss": loss, "seconds": 0.1}

    monkeypatch.setattr(sweep, "run_task", run_task)


def test_of_equal_accuracies_the_smaller_loss_is_better(tmp_path, monkeypatch):
    """And of equal losses the earlier trial; what has no loss comes last."""
    told(monkeypatch, [(0.9, 0.3), (0.9, None), (0.8, 0.01), (0.9, 0.2), (0.9, 0.3)])
    search = make(tmp_path, "lr=0.1,0.2,0.3,0.4,0.5", factor=1)
    results = search.run(Here(), lambda result: None)
    assert [result["trial"] for result in results] == [3, 0, 4, 1, 2]


def test_of_equal_accuracies_the_smaller_loss_goes_on_to_the_next_rung(tmp_path, monkeypatch):
    told(monkeypatch, [(0.9, 0.3), (0.9, 0.4), (0.9, 0.2)])
    executor = Here()
    results = make(tmp_path, "lr=0.1,0.2,0.3", factor=3).run(executor, lambda result: None)
    assert executor.done == [(0, 1), (1, 1), (2, 1), (2, 4)] and results[0]["trial"] == 2


@pytest.mark.parametrize(("script", "typed"), [("nnscratch", "nnscratch"), ("__main__.py", "python -m nnscratch")])
def test_the_best_is_trained_by_a_command_that_there_is(tmp_path, monkeypatch, script, typed):
    """An installed package has no train.py."""
    told(monkeypatch, [(0.9, 0.3)])
    monkeypatch.setattr(sys, "argv", [script])
    output = mock.Mock()
    search = make(tmp_path, "lr=0.1", factor=1)
    _finish(search, search.run(Here(), lambda result: None), output)
    lines = [call.args[0] for call in output.say.call_args_list if call.args]
    (best,) = (line for line in lines if line.startswith("best "))
    assert best.startswith(f"best     {typed} train logistic --config ")


def test_the_backend_reaches_the_trials_and_is_gone_on_with(tmp_path, monkeypatch):
    seen = []

    def run_task(task):
        seen.append(task.backend)
        raise KeyboardInterrupt

    monkeypatch.setattr(sweep, "run_task", run_task)
    search = replace(make(tmp_path, "lr=0.1"), backend="numpy")
    search.write()
    for one in (search, sweep.read_sweep(tmp_path)):
        with pytest.raises(KeyboardInterrupt):
            one.run(Here(), lambda result: None)
    assert seen == ["numpy", "numpy"]


def test_a_trial_is_trained_by_its_backend(tmp_path):
    set_backend("numpy")
    other = available_backends()[0]
    task = sweep.Task(0, "logistic", Settings(epochs=1, limit=90, val_size=30), None, backend=other)
    assert "failed" not in sweep.run_task(task) and backend() == other


def test_a_sweep_of_an_older_version_goes_on_and_an_unknown_backend_is_told(tmp_path):
    search = make(tmp_path, "lr=0.1")
    search.write()
    record = json.loads((tmp_path / "sweep.json").read_text())
    del record["backend"]
    (tmp_path / "sweep.json").write_text(json.dumps(record))
    assert sweep.read_sweep(tmp_path) == search
    (tmp_path / "sweep.json").write_text(json.dumps(record | {"backend": "cuda"}))
    with pytest.raises(nn.DataError, match="its backend 'cuda' is not available here"):
        sweep.read_sweep(tmp_path)


def test_the_best_settings_come_back_whatever_the_recipe_says(tmp_path):
    """Values that are off, too: the recipe that --config beats has others."""
    base = resolve("lenet5", recipe="original", flags={"rotation": 0.0, "forms": 0.0, "seed": 3})
    result = {"settings": base.to_dict(), "accuracy": 0.99}
    (tmp_path / "best.toml").write_text(best_toml("lenet5", result))
    assert resolve("lenet5", recipe="best", config=tmp_path / "best.toml") == base


def test_settings_that_exclude_each_other_are_refused_before_anything_runs(tmp_path):
    arguments = ("sweep", "logistic", "--vary", "keep=best,last", "--patience", "2", "--out", "x")
    code, _, err = run_inside(*arguments, cwd=tmp_path)
    assert code == 2 and "patience" in err and not (tmp_path / "x").exists()


def test_draws_stay_in_their_range_when_they_are_rounded():
    rng = np.random.default_rng(0)
    for low, high in ((0.9999, 0.99999), (0.0123456, 0.0123457)):
        draws = [Range("ema", low, high, False).draw(rng) for _ in range(100)]
        assert low <= min(draws) and max(draws) <= high


def test_other_data_than_the_sweep_began_with_are_refused(tmp_path):
    search = make(tmp_path, "lr=0.01")
    search.write()
    code, _, err = run_inside("sweep", "--resume", tmp_path, cwd=tmp_path)
    assert code == 1 and "not what the sweep began with" in err


DAMAGE = [{"accuracy": "a"}, {"trial": 99}, {"seconds": None}, {"accuracy": 2}, {"settings": {}}, {"epochs": 3}]


@pytest.mark.parametrize("change", DAMAGE)
def test_results_of_other_trials_or_without_sense_are_refused(tmp_path, change):
    search = make(tmp_path, "lr=0.01", factor=1)
    (result,) = search.run(Here(), lambda result: None)
    (tmp_path / "trials" / "0000-4.json").write_text(json.dumps(result | change))
    with pytest.raises(nn.DataError, match="delete it"):
        search.run(Here(), lambda result: None)


@pytest.mark.parametrize(
    "change", [{"trials": []}, {"trials": [{"lr": 1.0}, {"ema": 0.5}]}, {"model": "x"}, {"factor": 0}, {"data": 5}]
)
def test_a_sweep_without_sense_is_refused(tmp_path, change):
    make(tmp_path, "lr=0.01").write()
    told = json.loads((tmp_path / "sweep.json").read_text())
    (tmp_path / "sweep.json").write_text(json.dumps(told | change))
    with pytest.raises(nn.DataError, match=r"sweep\.json"):
        sweep.read_sweep(tmp_path)


def test_a_trial_that_cannot_be_built_fails_alone(tmp_path):
    results = make(tmp_path, "val_size=100,299,400", factor=1).run(Here(), lambda result: None)
    assert "cut into 400" in results[-1]["failed"]
    assert ["failed" in result for result in results] == [False, False, True]


@pytest.mark.parametrize("damage", ["", "{}", '{"model": 3}', "[1]"])
def test_damaged_files_are_refused_by_name(tmp_path, damage):
    search = make(tmp_path, "lr=0.01", factor=1)
    search.write()
    search.run(Here(), lambda result: None)
    (tmp_path / "trials" / "0000-4.json").write_text(damage)
    with pytest.raises(nn.DataError, match="0000-4"):
        search.run(Here(), lambda result: None)
    (tmp_path / "sweep.json").write_text(damage)
    with pytest.raises(nn.DataError, match=r"sweep\.json"):
        sweep.read_sweep(tmp_path)
    with pytest.raises(nn.DataError, match="holds no sweep"):
        sweep.read_sweep(tmp_path / "nowhere")


# ---- the command


@pytest.mark.slow
def test_the_command_on_all_cores(tmp_path):
    """Two processes, then one: the same table."""
    tables = []
    for workers in ("2", "1"):
        out = tmp_path / workers
        code, told, err = run_inside(
            "sweep", "logistic", "--vary", "lr=0.001,0.01,0.1", *BASE, "--workers", workers, "--out", out, cwd=tmp_path
        )
        assert code == 0, err
        assert "3 trials: 3 for 1 epoch, then 1 for 4 epochs" in told
        assert {p.name for p in out.iterdir()} == {"sweep.json", "sweep.csv", "sweep.png", "best.toml", "trials"}
        rows = [line.split(",") for line in (out / "sweep.csv").read_text().splitlines()]
        assert rows[0] == ["trial", "epochs", "validation", "loss", "seconds", "lr"]
        tables.append([row[:4] + row[5:] for row in rows])
        assert float(rows[1][2]) <= 1  # numbers, for programs
    assert tables[0] == tables[1]
    best = resolve("logistic", recipe="original", config=tmp_path / "1" / "best.toml")
    assert best.lr == float(tables[0][1][4]) and best.limit is None  # the last training has all images
    code, _, err = run_inside("sweep", "--resume", tmp_path / "1", cwd=tmp_path)
    assert code == 0, err


@pytest.mark.slow
def test_interrupting_keeps_what_is_finished(tmp_path):
    process = start(
        *("sweep", "logistic", "--vary", "seed=0:100000", "--trials", "500", "--halving", "1"),
        *("--limit", "2000", "--epochs", "20", "--out", "it"),
        cwd=tmp_path,
    )
    wait_until(lambda: process.poll() is not None or list(tmp_path.glob("it/trials/*.json")))
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=100)
    assert process.returncode == 130
    assert "sweep --resume it" in err.decode() and "Traceback" not in err.decode()
    assert list(tmp_path.glob("it/trials/*.json"))
    for path in tmp_path.glob("it/trials/*.json"):
        assert json.loads(path.read_text())["epochs"] == 20


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["logistc", "--vary", "lr=1"], "choose from"),
        (["--vary", "lr=1"], "no model was given"),
        (["logistic"], "nothing is varied"),
        (["logistic", "--vary", "lr=1", "--trials", "0"], "--trials is 0"),
        (["logistic", "--vary", "lr=1", "--halving", "0"], "--halving is 0"),
        (["logistic", "--vary", "lr=1", "--workers", "0"], "--workers is 0"),
        (["logistic", "--vary", "dropout=0.1"], "changes the mlp"),
        (["--resume", "x", "--vary", "lr=1"], "leave --vary out"),
        (["--resume", "x", "--lr", "1"], "leave --lr out"),
        (["--resume", "x", "--recipe", "best", "--halving", "2"], "leave --halving, --recipe out"),
        (["logistic", "--resume", "x"], "leave the model out"),
        (["logistic", "--vary", "lr=1", "--recipe", "besst"], "did you mean best?"),
        (["logistic", "--vary", "lr=1", "--backend", "cuda"], "backend 'cuda' is not available"),
        (["--resume", "x", "--backend", "numpy"], "leave --backend out"),
    ],
)
def test_wrong_usage_is_one_line(arguments, told, tmp_path):
    code, out, err = run_inside("sweep", *arguments, cwd=tmp_path)
    assert code == 2 and told in err and len(err.splitlines()) == 1 and not out.strip()


def test_a_folder_in_use_is_refused_and_a_dry_run_writes_nothing(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    code, _, err = run_inside("sweep", "logistic", "--vary", "lr=1", "--out", "full", cwd=tmp_path)
    assert code == 1 and "not an empty folder" in err
    code, out, _ = run_inside("sweep", "logistic", "--vary", "lr=0.1,0.2", "--out", "x", "--dry-run", cwd=tmp_path)
    assert code == 0 and "0.2" in out and not (tmp_path / "x").exists()


@pytest.mark.parametrize("ends", ["0.1:0.1", "0.2:0.1", "0.1:0.1:log"])
def test_a_range_goes_up(ends):
    with pytest.raises(nn.UsageError, match="a range goes up"):
        parse(f"lr={ends}")
