"""``nnscratch gradcheck``: right networks are right, wrong layers are found, bad input is one line."""

import json
import re

import pytest

import nnscratch as nn
from tests.tools.commands import ROOT, run_inside

LAYERS = """
from dataclasses import dataclass
import numpy as np
from nnscratch import Layer

@dataclass(eq=False)
class Square(Layer):
    kind = "square"
    def forward(self, x, training=False):
        self.x = x
        return x * x
    def backward(self, dout):
        return 2 * self.x * dout

@dataclass(eq=False)
class Wrong(Square):
    def backward(self, dout):
        return self.x * dout

@dataclass(eq=False)
class Shifted(Layer):
    def build(self, input_shape, rng):
        self.add("b", np.zeros((*input_shape, 1)))
        return input_shape
    def forward(self, x, training=False):
        return x + self.b
    def backward(self, dout):
        self.db[...] = dout.mean(axis=-1, keepdims=True)
        return dout

class Shapeless(Square):
    def backward(self, dout):
        return dout[..., 0]

class Failing(Square):
    def forward(self, x, training=False):
        raise RuntimeError("no way\\nnext line")

class Demanding(Square):
    def __init__(self, size):
        pass
"""


@pytest.fixture
def place(tmp_path):
    (tmp_path / "mine.py").write_text(LAYERS)
    (tmp_path / "broken.py").write_text("import nothing_of_that_name")
    (tmp_path / "leaves.py").write_text("raise SystemExit(3)")
    (tmp_path / "exits.py").write_text("import os; os._exit(0)")
    return tmp_path


@pytest.mark.slow
def test_the_three_models_are_right(tmp_path):
    code, out, _ = run_inside("gradcheck", "--json", cwd=tmp_path)
    told = json.loads(out)
    assert code == 0 and [one["target"] for one in told] == ["lenet5", "mlp", "logistic"]
    for one in told:
        model = nn.build(one["target"])
        assert [row["name"] for row in one["arrays"]] == [*model.parameters, "input"]
        assert all(row["ok"] and row["error"] <= 1e-6 for row in one["arrays"])
        assert [tuple(row["shape"]) for row in one["arrays"][:-1]] == [p.shape for p in model.parameters.values()]


def test_what_is_printed_is_what_is_told_to_programs(tmp_path):
    arguments = ("gradcheck", "lenet5", "--layer", "conv2", "--samples", "3", "--seed", "4")
    code, out, _ = run_inside(*arguments, cwd=tmp_path)
    (told,) = json.loads(run_inside(*arguments, "--json", cwd=tmp_path)[1])
    assert code == 0 and "lenet5: pass" in out and "conv1" not in out
    assert [row["name"] for row in told["arrays"]] == ["conv2.W", "conv2.b"]
    for row in told["arrays"]:
        (line,) = [line for line in out.splitlines() if line.strip().startswith(row["name"])]
        assert f"{row['analytic']:.3e}" in line and f"{row['numeric']:.3e}" in line and str(tuple(row["at"])) in line


def test_a_saved_network_of_another_kind(tmp_path):
    net = nn.Sequential([nn.Conv2D(2, 7, stride=3), nn.BatchNorm(), nn.Sigmoid(), nn.Flatten(), nn.Dense(4)])
    net.save(tmp_path / "own.npz")
    code, out, err = run_inside("gradcheck", "own.npz", cwd=tmp_path)
    assert code == 0, err
    assert "batchnorm1.gamma" in out


def test_a_layer_of_ones_own(place):
    assert run_inside("gradcheck", "mine.py:Square", cwd=place)[0] == 0
    code, out, _ = run_inside("gradcheck", "mine.py:Wrong", "--json", "--input-shape", "2,3", cwd=place)
    (row,) = json.loads(out)[0]["arrays"]
    assert code == 1 and row["name"] == "input" and not row["ok"] and row["shape"] == [2, 3, 3]
    assert row["analytic"] == pytest.approx(row["numeric"] / 2, rel=1e-6)  # what is wrong with it can be seen
    code, out, _ = run_inside("gradcheck", "mine.py:Shifted", cwd=place)
    assert code == 1 and any("b" in line and "FAIL" in line for line in out.splitlines())


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["resnet"], 2, "lenet5, mlp, logistic"),
        (["none.npz"], 1, "none.npz"),
        (["lenet5", "--layer", "conv9"], 2, "conv1, relu1, pool1"),
        (["lenet5", "--samples", "0"], 2, "give 1 to 10,000"),
        (["lenet5", "--seed", "-1"], 2, "--seed is -1"),
        (["lenet5", "--input-shape", "1,2"], 2, "--input-shape"),
        (["mine.py"], 2, "mine.py:CLASS"),
        (["mine.py:Missing"], 1, "it has Square, Wrong, Shifted, Shapeless, Failing, Demanding"),
        (["mine.py:Square", "--layer", "x"], 2, "leave it out"),
        (["mine.py:Failing"], 1, "RuntimeError: no way next line"),
        (["mine.py:Demanding"], 1, "give every setting a default"),
        (["mine.py:Square", "--samples", "0"], 2, "--samples is 0"),
        (["mine.py:Square", "--input-shape", "a"], 2, "list of whole numbers"),
        (["mine.py:Square", "--input-shape", "0"], 2, "at least 1"),
        (["broken.py:Square"], 1, "cannot be run: ModuleNotFoundError"),
        (["leaves.py:Square"], 1, "cannot be run: SystemExit"),
        (["exits.py:Square"], 1, "ended the process"),
        (["mine.py:Shapeless"], 1, "dx must have, as the input, the shape"),
        (["nowhere.py:Square"], 1, "is no file"),
    ],
)
def test_bad_input_is_one_line(place, arguments, code, told):
    got, out, err = run_inside("gradcheck", *arguments, cwd=place)
    assert (got, out) == (code, "") and len(err.splitlines()) == 1 and told in err


def test_a_network_for_other_inputs_is_refused(tmp_path):
    nn.Sequential([nn.Dense(3)], (5,)).save(tmp_path / "small.npz")
    code, _, err = run_inside("gradcheck", "small.npz", cwd=tmp_path)
    assert code == 1 and "(5,)" in err


def test_nan_is_wrong_and_still_json(place):
    (place / "nan.py").write_text(LAYERS.replace("return 2 * self.x * dout", "return dout * np.nan"))
    code, out, _ = run_inside("gradcheck", "nan.py:Square", "--json", cwd=place)
    assert code == 1 and json.loads(out)[0]["ok"] is False


def test_the_layer_of_the_documentation_is_right(tmp_path):
    page = (ROOT / "docs/learn/tools.md").read_text("utf-8")
    (layer,) = [block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "class Swish" in block]
    (tmp_path / "swish.py").write_text(layer)
    code, out, err = run_inside("gradcheck", "swish.py:Swish", "--input-shape", "4,6,6", cwd=tmp_path)
    assert code == 0 and "pass" in out, err
