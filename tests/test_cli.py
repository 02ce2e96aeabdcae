"""The command lines, as a user starts them."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nnscratch as nn
from nnscratch import checkpoint
from nnscratch.cli.console import Output
from nnscratch.cli.main import main

ROOT = Path(__file__).parent.parent
QUICK = ("--limit", "400", "--epochs", "2")


def start(*arguments, cwd, script=None, **options):
    command = [sys.executable, str(ROOT / script)] if script else [sys.executable, "-m", "nnscratch"]
    return subprocess.Popen(
        [*command, *map(str, arguments)], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
    )


def run(*arguments, cwd, script=None, stdin=b""):
    """Return exit code, stdout and stderr."""
    process = start(*arguments, cwd=cwd, script=script, stdin=subprocess.PIPE)
    out, err = process.communicate(stdin, timeout=100)
    return process.returncode, out.decode(), err.decode()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a finished run of the three models, some pictures and broken files."""
    place = tmp_path_factory.mktemp("place")
    code, out, err = run(*QUICK, "--json", cwd=place, script="train.py")
    assert code == 0, err
    (place / "figures.json").write_text(out)
    (place / "progress.txt").write_text(err)
    Image.fromarray(255 - nn.load_mnist().test_images[0]).resize((300, 300)).save(place / "digit.png")
    Image.new("L", (50, 50), 255).save(place / "blank.png")
    (place / "text.png").write_text("no picture")
    (place / "bomb.png").write_bytes(png_header(30_000, 30_000))
    (place / "pictures").mkdir()
    for name in ("digit.png", "blank.png", "text.png"):
        (place / "pictures" / name).write_bytes((place / name).read_bytes())
    (place / "empty").mkdir()
    (place / "data").mkdir()
    return place


def png_header(width, height):
    """The first bytes of a PNG of that size; its pixels are missing."""
    import struct
    import zlib

    ihdr = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    idat = b"IDAT" + zlib.compress(bytes(100))
    chunks = [struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in (ihdr, idat)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def only_run(place):
    (folder,) = (place / "runs").iterdir()
    return folder


# ---- training


def test_a_run_writes_its_folder(place):
    folder = only_run(place)
    names = {p.name for p in folder.iterdir()}
    assert names == {"run.json", "report.html", "report.md", "lenet5", "mlp", "logistic"}
    files = {"config.json", "history.csv", "metrics.json", "model.npz", "checkpoint.npz"}
    files |= {"curves.png", "confusion.png", "mistakes.png"}
    for model in ("lenet5", "mlp", "logistic"):
        assert {p.name for p in (folder / model).iterdir()} == files
        with (folder / model / "history.csv").open() as file:
            assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2"]
    page = (folder / "report.html").read_text()
    assert all(f"<h2>{model}</h2>" in page for model in ("lenet5", "mlp", "logistic"))
    assert page.count("data:image/png;base64,") == 9


def test_json_is_alone_on_stdout_and_equals_the_files(place):
    told = json.loads((place / "figures.json").read_text())
    assert place / told["run"] == only_run(place)
    for metrics in told["models"]:
        assert metrics == json.loads((only_run(place) / metrics["model"] / "metrics.json").read_text())
    progress = (place / "progress.txt").read_text()
    assert "34,622" in progress
    assert nn.load_mnist().digest in progress
    assert progress.count("epoch 2/2") == 3


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
        assert best == max(float(row["validation_accuracy"]) for row in history)


def test_quiet_and_same_seed(place, tmp_path):
    code, out, err = run("train", "logistic", *QUICK, "--quiet", "--out", "x", cwd=tmp_path)
    assert (code, out, err) == (0, "", "")
    twice = [json.loads((f / "logistic" / "metrics.json").read_text()) for f in (only_run(place), tmp_path / "x")]
    assert twice[0]["weights_sha256"] == twice[1]["weights_sha256"]


def test_dry_run_writes_nothing(tmp_path):
    code, out, _ = run("train", "mlp", "--hidden", "30,20", "--dropout", "0.5", "--dry-run", cwd=tmp_path)
    assert code == 0
    assert "Dropout 0.5" in out
    assert "hidden (30, 20)" in out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_run_resumes_to_the_same_bits(number, tmp_path):
    arguments = ("mlp", "logistic", "--limit", "6000", "--epochs", "3", "--seed", "2", "--ema", "0.9")
    whole = run("train", *arguments, "--out", "whole", "--quiet", cwd=tmp_path)
    assert whole[0] == 0

    process = start("train", *arguments, "--out", "part", cwd=tmp_path)
    for line in process.stdout:  # until the first epoch is over
        if b"epoch 1/3" in line:
            break
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.decode() == "interrupted; to go on: python -m nnscratch train --resume part\n"
    assert not (tmp_path / "part" / "logistic" / "metrics.json").exists()

    code, out, _ = run("train", "--resume", "part", "--threads", "1", cwd=tmp_path)
    assert code == 0
    assert "resumed  after" in out
    for name in ("mlp", "logistic"):
        figures = [json.loads((tmp_path / r / name / "metrics.json").read_text()) for r in ("whole", "part")]
        assert figures[0]["weights_sha256"] == figures[1]["weights_sha256"]


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
    assert main(["train", "logistic", *QUICK, "--out", "x", "--quiet"]) == 130
    state = checkpoint.read(tmp_path / "x" / "logistic" / "checkpoint.npz", "training")[0]["state"]
    assert (state["epoch"], state["step"]) == (1, 9)
    assert nn.load(tmp_path / "x" / "logistic" / "model.npz").info["epochs"] == 1


def test_resuming_on_other_data_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rows = [f"{k % 10}," + ",".join(["0"] * 783 + [str(k)]) for k in range(100)]
    Path("a.csv").write_text("\n".join(rows))
    assert main(["train", "logistic", "--epochs", "2", "--data", "a.csv", "--out", "x", "--quiet"]) == 0
    (tmp_path / "x" / "logistic" / "metrics.json").unlink()
    Path("a.csv").write_text("\n".join(rows[:-10]))
    assert main(["train", "--resume", "x", "--quiet"]) == 1
    assert "other data" in capsys.readouterr().err


def test_killed_run_resumes_to_the_same_bits(tmp_path):
    arguments = ("logistic", "--limit", "20000", "--epochs", "4")
    run("train", *arguments, "--out", "whole", "--quiet", cwd=tmp_path)
    for number in range(4):
        if number == 0:
            process = start("train", *arguments, "--out", "part", cwd=tmp_path)
        else:
            process = start("train", "--resume", "part", cwd=tmp_path)
        for line in process.stdout:
            if f"epoch {number + 1}/4".encode() in line:
                break
        time.sleep(0.02 * number)
        process.kill()
        process.communicate()
    assert run("train", "--resume", "part", cwd=tmp_path)[0] == 0
    figures = [json.loads((tmp_path / r / "logistic" / "metrics.json").read_text()) for r in ("whole", "part")]
    assert figures[0]["weights_sha256"] == figures[1]["weights_sha256"]


def test_finished_run_resumed_only_reports(place):
    code, out, _ = run("train", "--resume", only_run(place), cwd=place)
    assert code == 0
    assert out.count("finished already") == 3


def test_divergence(tmp_path):
    code, _, err = run("train", "lenet5", *QUICK, "--optimizer", "sgd", "--lr", "1e30", "--out", "x", cwd=tmp_path)
    assert code == 1
    assert err.count("\n") == 1
    assert "learning rate 1e+30 is too high" in err
    assert "nothing was kept" in err


def test_comparison_of_runs(place, tmp_path):
    folder = only_run(place)
    code, out, _ = run("runs", "compare", folder / "lenet5", folder / "mlp", "--out", tmp_path / "c", cwd=place)
    assert code == 0
    assert "test accuracy" in out
    assert {p.name for p in (tmp_path / "c").iterdir()} == {"report.html", "report.md"}
    assert "<h2>logistic</h2>" not in (tmp_path / "c" / "report.html").read_text()
    code, out, _ = run("runs", "list", "--json", cwd=place)
    assert [row["model"] for row in json.loads(out)] == ["lenet5", "mlp", "logistic"]


def test_evaluate(place):
    code, out, _ = run("evaluate", "logistic", "--json", cwd=place)
    assert code == 0
    expected = json.loads((only_run(place) / "logistic" / "metrics.json").read_text())["test"]
    told = json.loads(out)
    assert {key: told[key] for key in expected} == expected


def test_models():
    code, out, _ = run("models", cwd=ROOT)
    assert code == 0
    assert all(size in out for size in ("34,622", "399,210", "7,850", "61,706"))


# ---- prediction


def test_predict_pictures(place):
    code, out, err = run("digit.png", "test:3", "--all", "--top", "2", cwd=place, script="predict.py")
    assert code == 0
    lines = out.splitlines()
    assert [line.split()[:3] for line in lines[:3]] == [
        ["digit.png:", m, "reads"] for m in ("lenet5", "mlp", "logistic")
    ]
    assert len(lines) == 6
    assert all(line.count("%") == 2 for line in lines)
    assert str(only_run(place).name) in err


def test_predict_json(place):
    sources = ("digit.png", "blank.png", "text.png", "none.png", "test:10000")
    code, out, _ = run(*sources, "--all", "--json", cwd=place, script="predict.py")
    assert code == 1
    answers = json.loads(out)
    assert [answer["file"] for answer in answers] == list(sources)
    assert [set(answer) for answer in answers] == [{"file", "predictions"}] + [{"file", "error"}] * 4
    assert answers[1]["error"] == "no ink found"
    for prediction in answers[0]["predictions"]:
        p = prediction["probabilities"]
        assert len(p) == 10
        assert sum(p) == pytest.approx(1, abs=1e-5)
        assert prediction["digit"] == int(np.argmax(p))
        assert prediction["confidence"] == max(p)
    model = nn.load(only_run(place) / "mlp" / "model.npz")
    code, out, _ = run(
        "test:7", "--model", only_run(place) / "mlp" / "model.npz", "--json", cwd=place, script="predict.py"
    )
    expected = model.predict_proba(nn.load_mnist().test_images[7:8])[0]
    np.testing.assert_allclose(json.loads(out)[0]["predictions"][0]["probabilities"], expected, rtol=1e-5)


def test_predict_stdin_is_the_file(place):
    from_file = run("digit.png", "--json", cwd=place, script="predict.py")[1]
    from_stdin = run("-", "--json", cwd=place, script="predict.py", stdin=(place / "digit.png").read_bytes())[1]
    assert json.loads(from_stdin)[0]["predictions"] == json.loads(from_file)[0]["predictions"]


def test_one_bad_picture_does_not_stop_the_others(place):
    code, out, err = run("pictures", cwd=place, script="predict.py")
    assert code == 1
    assert "digit.png: lenet5 reads" in out
    assert "blank.png: no ink found" in out
    assert "text.png" in err


def test_reader_that_leaves_early(place):
    process = start("runs", "list", cwd=place)
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() in (0, 1)


# ---- bad input: one line on stderr, exit code 2 for usage and 1 for data, nothing written

BAD = {
    # usage
    "nonsense": (2, "invalid choice"),
    "train lenet": (2, "'lenet' is unknown: did you mean lenet5?"),
    "train --epoch-s 3": (2, "unrecognized arguments"),
    "train --epochs 0": (2, "epochs is 0"),
    "train --epochs -3": (2, "epochs is -3"),
    "train --epochs many": (2, "invalid int value"),
    "train --batch-size 0": (2, "batch_size is 0"),
    "train --lr 0": (2, "lr is 0"),
    "train --lr nan": (2, "lr is nan"),
    "train --val-size 60000": (2, "cannot be cut"),
    "train --val-size 0": (2, "val_size is 0"),
    "train --limit 3": (2, "limit is 3"),
    "train --ema 1": (2, "ema is 1"),
    "train --optimizer adagrad": (2, "choose from sgd"),
    "train --schedule none": (2, "choose from constant"),
    "train --activation relux": (2, "choose from relu"),
    "train --hidden 3,x": (2, "invalid list of whole numbers"),
    "train --hidden 0": (2, "hidden is 0"),
    "train --dropout 1": (2, "dropout is 1"),
    "train lenet5 --dropout 0.1": (2, "not among the models"),
    "train --threads 0": (2, "number of threads is 0"),
    "train --backend torch": (2, "'torch' is not available"),
    "train --recipe none": (2, "'none' is unknown"),
    "train --config none.toml": (2, "none.toml cannot be read"),
    "train --config text.png": (2, "is not TOML"),
    "train --resume RUN --lr 1": (2, "leave --lr out"),
    "predict": (2, "required: IMAGE"),
    "predict test:0 --top 0": (2, "--top is 0"),
    "predict test:0 --model resnet": (2, "'resnet' is unknown"),
    "predict test:0 --model lenet5 --all": (2, "not allowed with"),
    "runs": (2, "required"),
    # data
    "train --data none": (1, "none"),
    "train --data empty": (1, "empty"),
    "train --data text.png": (1, "text.png"),
    "train --data missing": (1, "t10k-labels"),
    "train --data swapped": (1, "swapped"),
    "train --data truncated": (1, "truncated"),
    "train --data counts": (1, "counts"),
    "train --data labels": (1, "labels"),
    "train --data nan.csv": (1, "nan.csv"),
    "train --data wide.csv": (1, "wide.csv"),
    "train --out text.png": (1, "text.png is a file"),
    "train --out text.png/x": (1, "cannot be written"),
    "train --out RUN": (1, "holds a run already"),
    "train --out pictures": (1, "holds files already"),
    "train mlp --hidden 2000000000": (2, "below 100001"),
    "runs compare RUN --out pictures": (1, "holds files already"),
    "train --resume empty": (1, "holds no run"),
    "train lenet5-classic --resume RUN": (1, "not of lenet5-classic"),
    "predict none.png": (1, "none.png"),
    "predict text.png": (1, "text.png"),
    "predict bomb.png": (1, "30,000 x 30,000"),
    "predict empty": (1, "empty"),
    "predict test:10000": (1, "test:0 to test:9999"),
    "predict test:0 --model lenet5-classic": (1, "train one with"),
    "predict test:0 --model text.png": (1, "text.png"),
    "predict test:0 --model cut.npz": (1, "cut.npz"),
    "predict test:0 --model RUN/mlp/checkpoint.npz": (1, "holds a training, but a model"),
    "evaluate none.npz": (1, "none.npz does not exist"),
    "runs compare empty": (1, "no finished training"),
    "runs compare RUN RUN": (1, "twice"),
}


@pytest.fixture(scope="module")
def bad_place(place):
    """``place`` with damaged data sets."""
    names = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
    image, label = (
        (b"\x00\x00\x08\x03" + b"".join(n.to_bytes(4, "big") for n in (40, 28, 28)) + bytes(40 * 784)),
        (b"\x00\x00\x08\x01" + (40).to_bytes(4, "big") + bytes(range(10)) * 4),
    )
    good = dict(zip(names, (image, label, image, label), strict=True))
    damaged = {
        "missing": {**good, names[3]: None},
        "swapped": {**good, names[0]: label, names[1]: image},
        "truncated": {**good, names[2]: image[:-1]},
        "counts": {**good, names[1]: b"\x00\x00\x08\x01" + (39).to_bytes(4, "big") + bytes(39)},
        "labels": {**good, names[1]: label[:-1] + b"\x0a"},
    }
    for folder, files in damaged.items():
        (place / folder).mkdir()
        for name, content in files.items():
            if content is not None:
                (place / folder / name).write_bytes(content)
    (place / "nan.csv").write_text("\n".join(f"{k % 10}," + ",".join(["nan"] + ["0"] * 783) for k in range(30)))
    (place / "wide.csv").write_text("1,2,3\n" * 30)
    model = (only_run(place) / "mlp" / "model.npz").read_bytes()
    (place / "cut.npz").write_bytes(model[: len(model) // 2])
    return place


@pytest.mark.parametrize("line", BAD)
def test_bad_input(line, bad_place):
    code, words = BAD[line]
    arguments = [part.replace("RUN", str(only_run(bad_place))) for part in line.split()]
    before = snapshot(bad_place)
    got, out, err = run(*arguments, cwd=bad_place)
    err = "".join(
        text for text in err.splitlines(keepends=True) if not text.startswith("using ")
    )  # which model was used
    assert got == code, out + err
    assert words in err
    assert err.count("\n") == 1, err
    assert "Traceback" not in out + err
    assert snapshot(bad_place) == before


def snapshot(folder):
    """Every file with its size and time of change."""
    return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_folder_without_permission(tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    code, _, err = run("train", "logistic", *QUICK, "--out", "locked/x", cwd=tmp_path)
    assert code == 1
    assert "cannot be written" in err
