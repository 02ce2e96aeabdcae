"""predict.py, once as a user starts it, and inside this process."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import nnscratch as nn
from nnscratch.models.confidence import Prediction
from nnscratch.pictures.drawing import render
from tests.tools.commands import only_run, run, run_inside, start
from tests.tools.photos import written


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
    code, out, _ = run_inside(*sources, "--all", "--json", cwd=place, script="predict.py")
    assert code == 1
    answers = json.loads(out)
    assert [answer["file"] for answer in answers] == list(sources)
    keys = [{"file", "predictions"}, {"file", "verdict", "predictions"}] + [{"file", "error"}] * 3
    assert [set(answer) for answer in answers] == keys
    assert answers[1]["verdict"] == "no ink" and answers[1]["predictions"] == []
    for prediction in answers[0]["predictions"]:
        p = prediction["probabilities"]
        assert len(p) == 10
        assert sum(p) == pytest.approx(1, abs=1e-5)
        assert prediction["digit"] == int(np.argmax(p))
        assert prediction["confidence"] == max(p)
    model = nn.load(only_run(place) / "mlp" / "model.npz")
    code, out, _ = run_inside(
        "test:7", "--model", only_run(place) / "mlp" / "model.npz", "--json", cwd=place, script="predict.py"
    )
    expected = model.predict_proba(nn.load_mnist().test_images[7:8])[0]
    np.testing.assert_allclose(json.loads(out)[0]["predictions"][0]["probabilities"], expected, rtol=1e-5)


def test_predict_stdin_is_the_file(place):
    from_file = run_inside("digit.png", "--json", cwd=place, script="predict.py")[1]
    from_stdin = run_inside("-", "--json", cwd=place, script="predict.py", stdin=(place / "digit.png").read_bytes())[1]
    assert json.loads(from_stdin)[0]["predictions"] == json.loads(from_file)[0]["predictions"]


def test_one_bad_picture_does_not_stop_the_others(place):
    code, out, err = run_inside("pictures", cwd=place, script="predict.py")
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


def test_several_digits_with_their_boxes(place, tmp_path):
    page = page_of([4, 2, 7], scale=3)
    page.save(tmp_path / "page.png")
    code, out, err = run_inside(
        "page.png", "--multi", "--all", "--show", "boxes.png", cwd=tmp_path, script="predict.py"
    )
    assert code == 0
    lines = out.splitlines()
    assert len(lines) == 3 + 9
    for line, model in zip(lines, ("lenet5", "mlp", "logistic"), strict=False):
        assert line.startswith(f"page.png: {model} reads ")
    assert lines[0] == "page.png: lenet5 reads 427"
    assert "boxes in boxes.png" in err
    with Image.open(tmp_path / "boxes.png") as boxes:
        assert boxes.size == (450 * 2, 240 * 2)


def test_boxes_are_in_pixels_of_the_file(place, tmp_path):
    """A picture of more than 1,000 pixels is reduced before it is read."""
    boxes = []
    for scale in (3, 9):
        page_of([1, 0], scale=scale).save(tmp_path / "page.png")
        out = run_inside("page.png", "--multi", "--json", cwd=tmp_path, script="predict.py")[1]
        (answer,) = json.loads(out)
        assert set(answer) == {"file", "numbers", "digits"}
        assert [digit["predictions"][0]["digit"] for digit in answer["digits"]] == [1, 0]
        boxes.append([digit["box"] for digit in answer["digits"]])
    np.testing.assert_allclose(np.array(boxes[1]) / 3, boxes[0], atol=2)


def test_answers_have_verdicts(place):
    out = run_inside("digit.png", "test:0", "--json", cwd=place, script="predict.py")[1]
    for answer in json.loads(out):
        assert answer["predictions"][0]["verdict"] in ("sure", "unsure", "not a digit")
    out = run_inside("test:0", cwd=place, script="predict.py")[1]
    assert out.strip().endswith((": sure", ": unsure")) or "no digit" in out


def test_what_is_no_digit_is_told(place, monkeypatch):
    monkeypatch.setattr(
        nn.Sequential,
        "read",
        lambda self, images: [Prediction(8, 0.6, [0.04] * 8 + [0.6, 0.08], "not a digit")] * len(images),
    )
    out = run_inside("digit.png", cwd=place, script="predict.py")[1]
    assert out == "digit.png: lenet5 takes it for no digit; nearest: 8 (60.0 %)\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["digit.png", "--show", "b.png"], "give both"),
        (["digit.png", "digit.png", "--multi", "--show", "b.png"], "shows one picture"),
        (["digit.png", "--multi", "--show", "b.jpg"], "PNG file"),
        (["-", "--multi", "--show", "b.png"], "shows one picture"),
    ],
)
def test_show_is_for_one_picture(arguments, told, place):
    code, _, err = run_inside(*arguments, cwd=place, script="predict.py")
    assert code == 2 and told in err and len(err.splitlines()) == 1


def test_a_page_without_or_with_too_many_digits(place, tmp_path):
    page_of([], scale=3).save(tmp_path / "none.png")
    code, out, _ = run_inside("none.png", "--multi", cwd=tmp_path, script="predict.py")
    assert code == 0 and out == "none.png: no ink found\n"
    dots = np.full((300, 900), 255, np.uint8)
    dots[np.ix_(*(np.arange(side) % 60 < 30 for side in dots.shape))] = 0
    Image.fromarray(np.pad(dots[30:, 30:], 40, constant_values=255)).save(tmp_path / "many.png")
    code, _, err = run_inside("many.png", "--multi", cwd=tmp_path, script="predict.py")
    assert code == 1 and "at most 50" in err
    code, out, _ = run_inside("many.png", cwd=tmp_path, script="predict.py")  # as one digit it is read
    assert code == 0 and "lenet5" in out


def page_of(digits, *, scale):
    """A page with digits drawn by a pen, 150 x 80 times ``scale``."""
    picture = render(written(digits, 20 * scale, 20 * scale, 40 * scale), (150 * scale, 80 * scale), 3.0 * scale)
    return Image.fromarray(np.rint(255 * (1 - picture)).astype(np.uint8))


@pytest.mark.parametrize(("asked", "loaded"), [("test:0", "False"), ("99.npy", "False"), ("100.npy", "True")])
def test_few_images_do_not_wait_for_numba(asked, loaded, tmp_path):
    pytest.importorskip("numba")
    for n in (99, 100):
        np.save(tmp_path / f"{n}.npy", nn.load_mnist().test_images[:n])
    code = (
        "import sys; from nnscratch.cli.main import main;"
        f"assert main(['predict', '{asked}']) == 0; print('numba' in sys.modules)"
    )
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert result.stdout.split()[-1] == loaded


def test_what_is_refused_is_no_digit_of_the_number(place, monkeypatch):
    refused = Prediction(8, 0.6, [0.04] * 8 + [0.6, 0.08], "not a digit")
    monkeypatch.setattr(nn.Sequential, "read", lambda self, images: [refused] * len(images))
    code, out, _ = run_inside("digit.png", "--multi", "--json", cwd=place, script="predict.py")
    (answer,) = json.loads(out)
    assert code == 0 and set(answer["numbers"].values()) == {"?"}
