"""The digit of a step, where none is named, is one that the network has something to learn from."""

import numpy as np
import pytest

from nnscratch.study.step import choice
from tests.tools.commands import run_inside


class Sure:
    """Reads everything as 3, more or less surely: image k has the logits sure[k] for 3 and 0 for all others."""

    temperature = 1.0

    def __init__(self, sure):
        self.sure = np.array(sure, np.float64)

    def logits(self, images):
        z = np.zeros((10, len(images)), np.float32)
        z[3] = self.sure[images[:, 0, 0]]
        return z


def images_of(count):
    return np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None], (count, 28, 28))


def test_the_first_image_above_the_limit_is_chosen():
    number, loss = choice.to_learn(Sure([20, 20, 1, 0, 20]), images_of(5), np.full(5, 3))
    assert number == 2 and loss == pytest.approx(np.log(np.exp(1) + 9) - 1)


def test_where_all_is_learnt_the_largest_loss_is_chosen(monkeypatch):
    monkeypatch.setattr(choice, "CHUNK", 2)
    assert choice.to_learn(Sure([20, 18, 20, 10, 20]), images_of(5), np.full(5, 3))[0] == 3


def test_a_temperature_is_taken_out():
    model = Sure([4.0])
    model.temperature = 0.5
    assert choice.to_learn(model, images_of(1), np.full(1, 3))[1] == pytest.approx(np.log(np.exp(2) + 9) - 2)


def test_the_command_tells_of_its_choice_and_of_what_is_learnt(tmp_path):
    code, out, err = run_inside("study", "step", "logistic", cwd=tmp_path)
    assert code == 0, err
    assert "is the first test image with a loss above 0.5" in out
    chosen = out.split(" is the first")[0].splitlines()[-1]
    code, out, _ = run_inside("study", "step", "logistic", "test:0", cwd=tmp_path)
    page = (tmp_path / "study" / "step-logistic.html").read_text()
    for told in (out, page):
        assert code == 0 and "The network knows this one" in told and f"more to learn from {chosen}," in told
    code, out, _ = run_inside("study", "step", "logistic", "--fresh", cwd=tmp_path)
    assert code == 0 and "more to learn" not in out and "first test image" not in out


def test_arguments_come_in_any_order(tmp_path):
    ask = ("study", "step", "logistic", "--fresh")
    lines = [
        run_inside(*arguments, cwd=tmp_path)[:2]
        for arguments in (
            (*ask, "--number", "loss", "test:3"),
            (*ask, "test:3", "--number", "loss"),
            ("study", "step", "--number", "loss", "logistic", "--fresh", "test:3"),
        )
    ]
    assert lines[0] == lines[1] == lines[2] and lines[0][0] == 0 and "loss = -log p[0]" in lines[0][1]
    code, _, err = run_inside(*ask, "--number", "loss", "test:3", "test:4", cwd=tmp_path)
    assert code == 2 and "test:4" in err
