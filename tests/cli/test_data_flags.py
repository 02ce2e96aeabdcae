"""--add and --skip-bad: what train and sweep read, keep and read again; evaluate skips, too."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.tools.commands import run_inside
from tests.tools.data_files import light_digits, write, write_csv, write_four

TRAIN = ("train", "logistic", "--epochs", "1", "--val-size", "20", "--backend", "numpy")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A data set "four", "more.csv", and "pictures" of digits, of which one is broken."""
    place = tmp_path_factory.mktemp("place")
    write_four(place / "four", 60, 20, made=light_digits)
    write_csv(place / "more.csv", *light_digits(30))
    for number, (image, label) in enumerate(zip(*light_digits(40), strict=True)):
        path = place / "pictures" / str(label) / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    write(place / "pictures" / "3" / "broken.png", b"no picture")
    return place


def test_a_run_keeps_what_was_added(place):
    given = ("--data", "four", "--add", "pictures", "--skip-bad")
    code, out, err = run_inside(*TRAIN, *given, "--out", "added", cwd=place)
    assert code == 0, err
    assert "100 training and 20 test images" in out and "1 of 41 pictures cannot be used and were left out" in out
    kept = json.loads((place / "added" / "run.json").read_text())
    assert kept["add"] == str(place / "pictures") and kept["skip_bad"] is True
    code, out, err = run_inside("train", "--resume", "added", "--backend", "numpy", cwd=place)
    assert code == 0 and "100 training and 20 test images" in out, err
    code, _, err = run_inside("train", "--resume", "added", "--add", "more.csv", cwd=place)
    assert code == 2 and "leave --add out" in err


def test_a_sweep_keeps_what_was_added(place):
    given = ("--vary", "lr=0.01,0.1", "--epochs", "1", "--val-size", "20", "--workers", "1", "--out", "swept")
    code, _, err = run_inside("sweep", "logistic", "--data", "four", "--add", "more.csv", *given, cwd=place)
    assert code == 0, err
    assert json.loads((place / "swept" / "sweep.json").read_text())["add"] == str(place / "more.csv")
    code, out, err = run_inside("sweep", "--resume", "swept", cwd=place)
    assert code == 0, err
    hint = out[out.rindex("best     ") :].split(" train ")[1]  # trains on the same data
    assert hint.split() == ["logistic", "--config", "swept/best.toml", "--data", *_paths(place)], hint
    (place / "more.csv").rename(place / "away.csv")
    code, _, err = run_inside("sweep", "--resume", "swept", cwd=place)
    (place / "away.csv").rename(place / "more.csv")
    assert code == 1 and "more.csv: there is no such file" in err


def _paths(place):
    return str(place / "four"), "--add", str(place / "more.csv")


def test_bad_pictures_stop_a_command_unless_they_are_skipped(place):
    code, _, err = run_inside("evaluate", "logistic", "--data", "pictures", cwd=place)
    assert code == 1 and "1 of 41 pictures cannot be used (3/broken.png" in err and "--skip-bad" in err
    code, out, err = run_inside("evaluate", "logistic", "--data", "pictures", "--skip-bad", cwd=place)
    assert code == 0 and "left out (3/broken.png" in out, err


@pytest.mark.parametrize(
    ("add", "code", "message"), [("none", 1, "none: there is no such file"), ("", 2, "an empty path came")]
)
def test_what_cannot_be_added(place, add, code, message):
    got, _, err = run_inside(*TRAIN, "--data", "four", "--add", add, "--out", "never", cwd=place)
    assert got == code and message in err and not (place / "never").exists()


def test_other_classes_cannot_be_added(place):
    for name in ("cat", "dog"):
        for number in range(2):
            (place / "pets" / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((9, 9), 50 * number, np.uint8)).save(place / "pets" / name / f"{number}.png")
    code, _, err = run_inside(*TRAIN, "--add", "pets", cwd=place)
    assert code == 1 and "pets: has the 2 classes cat, dog, but" in err and err.count("\n") == 1
