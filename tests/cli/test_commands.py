"""The command lines that train, judge and compare, as a user starts them."""

import csv
import json
import re
import shutil
import signal
from pathlib import Path

import pytest

import nnscratch as nn
import nnscratch.cli.commands.models
from nnscratch.cli.console import Output
from nnscratch.cli.main import main
from nnscratch.files import npz
from tests.tools.commands import QUICK, ROOT, Terminal, only_run, run_inside, start
from tests.tools.data_files import digits, write_csv


def test_a_run_writes_its_folder(place):
    folder = only_run(place)
    names = {p.name for p in folder.iterdir()}
    assert names == {"run.json", "report.html", "report.md", "lenet5", "mlp", "logistic"}
    files = {"config.json", "history.csv", "metrics.json", "model.npz", "checkpoint.npz"}
    files |= {"curves.png", "confusion.png", "reliability.png", "mistakes.png"}
    for model in ("lenet5", "mlp", "logistic"):
        assert {p.name for p in (folder / model).iterdir()} == files
        with (folder / model / "history.csv").open() as file:
            assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2"]
    page = (folder / "report.html").read_text()
    assert all(f"<h2>{model}</h2>" in page for model in ("lenet5", "mlp", "logistic"))
    assert page.count("data:image/png;base64,") == 12


def test_json_is_alone_on_stdout_and_equals_the_files(place):
    told = json.loads((place / "figures.json").read_text())
    assert place / told["run"] == only_run(place)
    for metrics in told["models"]:
        assert metrics == json.loads((only_run(place) / metrics["model"] / "metrics.json").read_text())
    progress = (place / "progress.txt").read_text()
    assert "34,622" in progress
    assert nn.load_mnist().digest in progress
    assert progress.count("epoch 2/2") == 3


def keeps_best(config):
    return config["settings"]["keep"] == "best"


def test_the_saved_model_is_the_one_that_was_judged(place):
    """The figures in the files, recomputed from the model and the split."""
    mnist = nn.load_mnist()
    for name in ("lenet5", "mlp", "logistic"):
        folder = only_run(place) / name
        metrics = json.loads((folder / "metrics.json").read_text())
        model = nn.load(folder / "model.npz")
        assert model.score(mnist.test_images, mnist.test_labels) == metrics["test"]["accuracy"]
        with (folder / "history.csv").open() as file:
            history = list(csv.DictReader(file))
        best = float(history[metrics["best_epoch"] - 1]["validation_accuracy"])
        assert best == metrics["validation"]["accuracy"] == model.info["validation"]["accuracy"]
        config = json.loads((folder / "config.json").read_text())
        chosen = max(history, key=lambda row: float(row["validation_accuracy"])) if keeps_best(config) else history[-1]
        assert best == float(chosen["validation_accuracy"])


@pytest.mark.slow
def test_quiet_and_same_seed(place, tmp_path):
    code, out, err = run_inside("train", "logistic", *QUICK, "--quiet", "--out", "x", cwd=tmp_path)
    assert (code, out, err) == (0, "", "")
    twice = [json.loads((f / "logistic" / "metrics.json").read_text()) for f in (only_run(place), tmp_path / "x")]
    assert twice[0]["weights_sha256"] == twice[1]["weights_sha256"]


def test_a_dry_run_tells_the_steps_of_teachers(tmp_path):
    how = ("--limit", "2000", "--epochs", "4", "--teachers", "3", "--teacher-epochs", "2", "--batch-size", "100")
    code, out, _ = run_inside("train", "logistic", *how, "--dry-run", cwd=tmp_path)
    assert code == 0 and "steps    68 of 100 images\nbefore   3 teachers, 34 steps each\n" in out.replace("\r", "")


def test_a_dry_run_counts_the_images_that_are_made_without_making_them(tmp_path, monkeypatch):
    for make in ("with_forms", "outliers"):
        monkeypatch.delattr(f"nnscratch.runs.examples.{make}")
    how = ("--limit", "2000", "--epochs", "3", "--forms", "0.4", "--outliers", "0.25", "--batch-size", "100")
    code, out, _ = run_inside("train", "logistic", *how, "--dry-run", cwd=tmp_path)
    # 2,751 images an epoch: 1,667, other forms of 667 of them, and 417 that are no digit
    assert code == 0 and "steps    84 of 100 images" in out.replace("\r", "")


def test_dry_run_writes_nothing(tmp_path):
    code, out, _ = run_inside(
        "train", "mlp", "--hidden", "30,20", "--dropout", "0.5", "--limit", "500", "--dry-run", cwd=tmp_path
    )
    assert code == 0
    assert "Dropout 0.5" in out
    assert "hidden (30, 20)" in out
    assert list(tmp_path.iterdir()) == []


LONGER = ("mlp", "logistic", "--hidden", "32", "--limit", "3000", "--epochs", "3", "--seed", "2", "--ema", "0.9")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    place = tmp_path_factory.mktemp("undisturbed")
    assert run_inside("train", *LONGER, "--out", "whole", "--quiet", cwd=place)[0] == 0
    return place / "whole"


def digest(run, model):
    return json.loads((run / model / "metrics.json").read_text())["weights_sha256"]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_run_resumes_to_the_same_bits(number, undisturbed, tmp_path):
    process = start("train", *LONGER, "--out", "part", cwd=tmp_path)
    for line in process.stdout:  # until the first epoch is over
        if b"epoch 1/3" in line:
            break
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.decode() == "interrupted; to go on: python -m nnscratch train --resume part\n"
    assert not (tmp_path / "part" / "logistic" / "metrics.json").exists()

    code, out, _ = run_inside("train", "--resume", "part", "--threads", "1", cwd=tmp_path)
    assert code == 0
    assert "resumed  after" in out
    for name in ("mlp", "logistic"):
        assert digest(tmp_path / "part", name) == digest(undisturbed, name)


def test_interrupt_in_the_last_batch_still_ends_the_run(tmp_path, monkeypatch):
    """The model is finished and judged, the next one is not begun, and the exit code says so."""
    monkeypatch.chdir(tmp_path)

    class Signal(nn.Callback):
        def on_epoch_end(self, trainer):
            if trainer.state.epoch == 2:
                signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(Output, "watch", lambda self, name: Signal())
    assert main(["train", "logistic", "mlp", *QUICK, "--out", "x", "--quiet"]) == 130
    assert (tmp_path / "x" / "logistic" / "metrics.json").exists()
    assert not (tmp_path / "x" / "mlp" / "metrics.json").exists()


def test_interrupt_saves_what_was_learnt_in_the_epoch_that_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    class Signal(nn.Callback):
        def on_batch_end(self, trainer):
            if trainer.state.step == 9:  # six batches an epoch
                signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Output, "watch", lambda self, name: Signal())
    assert main(["train", "logistic", *QUICK, "--batch-size", "64", "--out", "x", "--quiet"]) == 130
    state = npz.read(tmp_path / "x" / "logistic" / "checkpoint.npz", "training")[0]["state"]
    assert (state["epoch"], state["step"]) == (1, 9)
    assert nn.load(tmp_path / "x" / "logistic" / "model.npz").info["epochs"] == 1


@pytest.mark.filterwarnings("ignore::nnscratch.errors.BackgroundWarning")  # the digits are noise
def test_what_the_loader_had_to_decide_is_printed(tmp_path):
    write_csv(tmp_path / "a.csv", digits(20)[0], [3] * 20)
    for line in (("train", "logistic", "--dry-run"), ("evaluate", "logistic")):
        code, out, _ = run_inside(*line, "--data", "a.csv", cwd=tmp_path)
        assert code == 0
        assert "held out for it" in out and "warning: every training image is labelled 3" in out


def test_resuming_on_other_data_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rows = [f"{k % 10}," + ",".join(["0"] * 783 + [str(k)]) for k in range(100)]
    Path("a.csv").write_text("\n".join(rows))
    assert main(["train", "logistic", "--epochs", "2", "--data", "a.csv", "--out", "x", "--quiet"]) == 0
    (tmp_path / "x" / "logistic" / "metrics.json").unlink()
    Path("a.csv").write_text("\n".join(rows[:-10]))
    assert main(["train", "--resume", "x", "--quiet"]) == 1
    assert "other data" in capsys.readouterr().err


@pytest.mark.slow
def test_killed_run_resumes_to_the_same_bits(undisturbed, tmp_path):
    """Once in each model; ``benchmarks/robustness/fault_injection.py`` kills at any moment."""
    lives = {b"mlp  epoch 2/3": ("--out", "part", *LONGER), b"logistic  epoch 1/3": ("--resume", "part")}
    for line, words in lives.items():
        process = start("train", *words, cwd=tmp_path)
        assert any(line in told for told in iter(process.stdout.readline, b""))
        process.kill()
        process.communicate()
    assert run_inside("train", "--resume", "part", cwd=tmp_path)[0] == 0
    for name in ("mlp", "logistic"):
        assert digest(tmp_path / "part", name) == digest(undisturbed, name)


def test_finished_run_resumed_only_reports(place):
    code, out, _ = run_inside("train", "--resume", only_run(place), cwd=place)
    assert code == 0
    assert out.count("finished already") == 3


def test_divergence(tmp_path):
    code, _, err = run_inside(
        "train", "lenet5", *QUICK, "--optimizer", "sgd", "--lr", "1e30", "--out", "x", cwd=tmp_path
    )
    assert code == 1
    assert err.count("\n") == 1
    assert "learning rate 1e+30 is too high, try --lr 1e+29 or --clip 1; " in err
    assert "nothing was kept" in err


@pytest.mark.slow
def test_comparison_of_runs(place, tmp_path):
    folder = only_run(place)
    code, out, _ = run_inside("runs", "compare", folder / "lenet5", folder / "mlp", "--out", tmp_path / "c", cwd=place)
    assert code == 0
    assert "test accuracy" in out
    assert {p.name for p in (tmp_path / "c").iterdir()} == {"report.html", "report.md"}
    assert "<h2>logistic</h2>" not in (tmp_path / "c" / "report.html").read_text()
    code, out, _ = run_inside("runs", "list", "--json", cwd=place)
    assert [row["model"] for row in json.loads(out)] == ["lenet5", "mlp", "logistic"]


def test_evaluate(place):
    code, out, _ = run_inside("evaluate", "logistic", "--json", cwd=place)
    assert code == 0
    expected = json.loads((only_run(place) / "logistic" / "metrics.json").read_text())["test"]
    told = json.loads(out)
    assert {key: told[key] for key in expected} == expected


def test_models():
    code, out, _ = run_inside("models", cwd=ROOT)
    assert code == 0
    assert all(size in out for size in ("34,622", "399,210", "7,850", "61,706"))


@pytest.mark.slow
def test_a_run_inside_is_the_run_of_the_command(place, tmp_path):
    """Trained once more, with the settings in a file, on one thread, shown line by line."""
    (tmp_path / "mine.toml").write_text("epochs = 2\nlimit = 400\n")
    names = ("lenet5", "logistic")
    code, out, err = run_inside(*names, "--config", "mine.toml", "--threads", "1", cwd=tmp_path, script="train.py")
    assert (code, err) == (0, "")
    assert out.count("epoch 2/2") == 2
    assert "report   " in out
    for name in names:
        figures = [json.loads((only_run(p) / name / "metrics.json").read_text()) for p in (place, tmp_path)]
        assert figures[0]["weights_sha256"] == figures[1]["weights_sha256"]


def test_help_and_version(tmp_path):
    code, out, _ = run_inside(cwd=tmp_path)
    assert code == 2
    assert all(command in out for command in ("train", "predict", "evaluate", "runs", "models"))
    assert run_inside("--version", cwd=tmp_path)[:2] == (0, f"nnscratch {nn.__version__}\n")
    for command in ("train", "predict", "evaluate", "runs", "models"):
        code, out, _ = run_inside(command, "--help", cwd=tmp_path)
        assert code == 0
        assert out.startswith(f"usage: nnscratch {command}")


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (MemoryError(), 1, "not enough memory"),
        (nn.DataError("no such thing"), 1, "no such thing"),
    ],
)
def test_whatever_ends_a_command_is_one_line(error, code, words, tmp_path, monkeypatch):
    def fail(args):
        raise error

    monkeypatch.setattr(nnscratch.cli.commands.models, "run", fail)
    got, out, err = run_inside("models", cwd=tmp_path)
    assert (got, out) == (code, "")
    assert words in err
    assert err.count("\n") == 1


def test_progress_bar_on_a_terminal(tmp_path):
    code, out, err = run_inside("train", "logistic", *QUICK, cwd=tmp_path, stream=Terminal)
    assert (code, err) == (0, "")
    assert "logistic 2/2" in out
    assert "val " in out
    assert "k/s" in out
    assert "epoch 2/2" not in out


def test_compilation_has_a_line_of_its_own(place):
    progress = (place / "progress.txt").read_text()
    assert len(re.findall(r"^compiled \d+\.\d s$", progress, re.MULTILINE)) == 3


@pytest.mark.slow
def test_two_trainings_do_not_write_to_one_folder(tmp_path):
    first = start("train", "logistic", "--limit", "3000", "--epochs", "40", "--out", "x", cwd=tmp_path)
    for line in first.stdout:
        if b"epoch" in line:
            break
    first.send_signal(signal.SIGSTOP)  # so that it is there for as long as it takes
    for words in (("--resume", "x"), ("logistic", "--out", "x", "--limit", "100")):
        code, _, err = run_inside("train", *words, cwd=tmp_path)
        assert code == 1 and err.count("\n") == 1
        assert "another process is writing to x" in err or "holds a run already" in err
    first.kill()
    first.communicate()
    (tmp_path / "x" / "logistic" / ".model.npz.0123abcd.tmp").write_text("half")
    assert run_inside("train", "--resume", "x", "--quiet", cwd=tmp_path)[0] == 0  # a lock ends with its process
    assert [path.name for path in (tmp_path / "x").rglob(".*")] == []


@pytest.fixture
def run_copy(place, tmp_path):
    return Path(shutil.copytree(only_run(place), tmp_path / "run"))


def test_damaged_figures_of_a_finished_run_are_one_line(run_copy):
    """Found by benchmarks/robustness/fuzz.py: the figures are read again for the report."""
    path = run_copy / "mlp" / "metrics.json"
    metrics = json.loads(path.read_text())
    metrics["test"]["confusion"][0] = [[1], 2]
    path.write_text(json.dumps(metrics))
    code, _, err = run_inside("train", "--resume", run_copy, "--quiet", cwd=run_copy.parent)
    assert code == 1 and err.count("\n") == 1 and "is damaged" in err


NUMBERS = {"epoch": {}, "position": -1, "step": "7", "loss_sum": float("nan"), "history": [7], "best_epoch": 99}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_training_whose_state_is_no_state_does_not_go_on(name, run_copy):
    path = run_copy / "logistic" / "checkpoint.npz"
    (run_copy / "logistic" / "metrics.json").unlink()
    header, arrays = npz.read(path, "training")
    header["state"][name] = NUMBERS[name]
    told = {key: value for key, value in header.items() if key not in ("format", "version", "kind", "digest")}
    npz.write(path, "training", told, arrays)
    code, _, err = run_inside("train", "--resume", run_copy, "--quiet", cwd=run_copy.parent)
    assert code == 1 and err.count("\n") == 1 and "cannot be continued" in err
