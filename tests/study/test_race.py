"""The reader's LeNet-5 beside the library's: the same curve, and where another one parts from it."""

import json
from functools import partial

import numpy as np
import pytest

import nnscratch as nn
from nnscratch import ops
from nnscratch.cli.commands.studies import exercise as command
from nnscratch.study.exercises import race as races
from nnscratch.study.exercises.race import Race, _arguments, race
from nnscratch.study.exercises.tasks.training.lenet5 import EXERCISE, lenet5
from tests.study.test_exercises import checked, solution

IMAGES = 32  # two steps
POOLING = """
def maxpool2d_backward(dout, x, size, stride):
    \"\"\"Of windows of 2 x 2 side by side, without a loop over them.\"\"\"
    out, dx, free = maxpool2d_forward(x, size, stride), np.zeros_like(x), np.ones(dout.shape, bool)
    for i, j in np.ndindex(2, 2):
        first = free & (x[:, i::2, j::2] == out)
        dx[:, i::2, j::2] = dout * first
        free &= ~first
    return dx
"""


@pytest.fixture(autouse=True)
def few_digits(monkeypatch):
    monkeypatch.setattr(races, "TESTED", 100)


def raced(place, old="", new=""):
    text = solution("lenet5")
    assert old in text
    (place / "lenet5.py").write_text(text.replace(old, new) + POOLING)
    return race(place / "lenet5.py", images=IMAGES)


def test_the_library_s_curve_is_that_of_its_own_network():
    """The functions in a row against Network, whose layers know nothing of them."""
    x, y, *parameters, orders, batch_size, lr, momentum = _arguments(IMAGES)
    losses, *after = lenet5(x, y, *parameters, orders, batch_size, lr, momentum)
    network = nn.build("lenet5", dtype="float64")
    names = [f"{layer}.{name}" for layer in ("conv1", "conv2", "dense1", "dense2") for name in "Wb"]
    for name, value in zip(names, parameters, strict=True):
        network.parameters[name][...] = value
    m = np.zeros_like(network.theta)
    for loss, batch in zip(losses, orders[0].reshape(-1, batch_size), strict=True):
        value, dz = ops.softmax_cross_entropy(network.forward(x[..., batch], training=True), y[:, batch])
        assert value == pytest.approx(loss, rel=1e-10)
        network.backward(dz)
        ops.momentum_update(network.theta, network.gradient, m, lr=lr, momentum=momentum)
    for name, value in zip(names, after, strict=True):
        np.testing.assert_allclose(network.parameters[name], value, atol=1e-12)


def test_right_functions_give_the_library_s_losses(tmp_path):
    told = raced(tmp_path)
    assert (told.failure, told.parted) == ("", None)
    assert told.yours.shape == (2,)
    assert told.share == told.library_share > 0


@pytest.mark.parametrize(
    ("old", "new", "parted"),
    [
        ("np.maximum(dense_forward(row, W3, b3), 0)", "dense_forward(row, W3, b3)", 0),
        ("relu_backward(dr1, r1)", "dr1", 1),
    ],
)
def test_where_the_losses_part(tmp_path, old, new, parted):
    assert raced(tmp_path, old, new).parted == parted


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("losses.append(loss)", "raise KeyError", "KeyError in line"),
        ("return np.array(losses), *", "return 'losses', *", "no losses came back"),
    ],
)
def test_what_does_not_come_to_its_end(tmp_path, old, new, said):
    told = raced(tmp_path, old, new)
    assert told.yours is None
    assert said in told.failure


@pytest.mark.parametrize(
    "losses", ["losses", "[float(each) for each in losses]", "[np.array(each) for each in losses]"]
)
def test_losses_may_be_a_list(tmp_path, losses):
    told = raced(tmp_path, "return np.array(losses), *", f"return {losses}, *")
    assert (told.failure, told.parted) == ("", None)


def test_the_hints_say_where_losses_and_relu_come_from():
    first, second, _ = EXERCISE.hints
    assert "np.maximum" in first
    assert "training_loop returns theta alone" in first
    assert "appends each batch's loss" in second
    assert "training_loop wants the sum" in second


def test_parameters_of_other_shapes_read_nothing(tmp_path):
    assert raced(tmp_path, "*unpacked(theta)\n", "*unpacked(theta)[:7], theta\n").share is None


def test_the_race_is_told_after_the_check(tmp_path, monkeypatch):
    monkeypatch.setattr(command, "race", partial(race, images=IMAGES))
    code, out, err = checked(tmp_path, "lenet5", solution("lenet5") + POOLING, "--json")
    told = json.loads(out)
    assert code == 0
    assert told["right"]
    assert told["race"]["parted"] is None
    assert told["race"]["losses"] == pytest.approx(told["race"]["library_losses"])
    assert "The losses agree in all 2 steps." in err
    assert "your network reads" in err


@pytest.mark.parametrize(
    ("yours", "said"),
    [
        ([3.0, 2.0], "agree in all 2 steps"),
        ([3.5, 2.0], "They part at step 1: your loss is 3.5, the library's 3. Nothing has been learnt before it"),
        ([3.0, 2.5], "They part at step 2: your loss is 2.5, the library's 2. The forward pass is right, then"),
        ([3.0], "yours are of another number of steps: 1 instead of 2"),
        ([3.0, np.nan], "They part at step 2: your loss is nan"),
        ([3.0, 2.0, 1.0], "yours are of another number of steps: 3 instead of 2"),
        (None, "Yours did not come to its end: why."),
    ],
)
def test_what_is_said_of_a_race(capsys, yours, said):
    from nnscratch.cli.commands.studies.race import tell_race
    from nnscratch.cli.console import Output

    ours = None if yours is None else np.array(yours)
    tell_race(Race(np.array([3.0, 2.0]), 0.5, ours, failure="" if yours else "why"), Output())
    out = capsys.readouterr().out
    assert said in out
    assert "3.0000" in out
