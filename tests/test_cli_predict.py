"""predict.py, once as a user starts it, and inside this process."""

import json

import numpy as np
import pytest
from commands import only_run, run, run_inside, start

import nnscratch as nn


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
    assert [set(answer) for answer in answers] == [{"file", "predictions"}] + [{"file", "error"}] * 4
    assert answers[1]["error"] == "no ink found"
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
