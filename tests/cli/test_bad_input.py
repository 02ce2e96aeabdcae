"""Bad input: one line on stderr, exit code 2 for usage and 1 for data, nothing written."""

import os
import shutil
from pathlib import Path

import pytest

from nnscratch.training.trainer import Trainer
from tests.tools.commands import QUICK, only_run, run, run_inside

BAD = {
    # usage
    "nonsense": (2, "invalid choice"),
    "train lenet": (2, "'lenet' is unknown: choose from lenet5, mlp, logistic, lenet5-classic; did you mean lenet5?"),
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
    "train --data labels": (1, "holds the label -1"),
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
def bad_place(place, tmp_path_factory):
    """A copy of ``place`` with damaged data sets."""
    place = Path(shutil.copytree(place, tmp_path_factory.mktemp("bad") / "place"))
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
        "labels": {**good, names[1]: b"\x00\x00\x09" + label[3:-1] + b"\xff"},
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


APART = ["nonsense", "train --data none", "predict text.png"]  # as a user starts them, which takes longer


@pytest.mark.parametrize(("line", "how"), [*((line, run_inside) for line in BAD), *((line, run) for line in APART)])
def test_bad_input(line, how, bad_place):
    code, words = BAD[line]
    arguments = [part.replace("RUN", str(only_run(bad_place))) for part in line.split()]
    before = snapshot(bad_place)
    got, out, err = how(*arguments, cwd=bad_place)
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


def test_a_run_whose_folder_is_removed_ends_and_leaves_nothing_behind(tmp_path, monkeypatch):
    end_epoch = Trainer.end_epoch

    def remove(trainer):
        shutil.rmtree(tmp_path / "x", ignore_errors=True)
        end_epoch(trainer)

    monkeypatch.setattr(Trainer, "end_epoch", remove)
    line = ("train", "logistic", "--limit", "300", "--epochs", "3", "--out", "x", "--quiet")
    code, _, err = run_inside(*line, cwd=tmp_path)
    assert (code, err) == (
        1,
        "nnscratch train: x/logistic or its run.json was removed during the training: begin again\n",
    )
    assert not list(tmp_path.rglob("*.npz"))
