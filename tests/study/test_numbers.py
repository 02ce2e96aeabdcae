"""``study step --json``: the numbers of the text, for programs."""

import json

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.models.zoo import MODELS
from nnscratch.study.step import numbers
from nnscratch.study.step import text as step_text
from nnscratch.study.step.arithmetic import format_number
from nnscratch.study.step.step import take_step
from tests.tools.commands import run_inside


@pytest.fixture(scope="module", params=MODELS)
def step(request):
    mnist = nn.load_mnist()
    return take_step(nn.build(request.param), mnist.test_images[3], int(mnist.test_labels[3]), nn.AdamW(1e-3, 0.1))


def total(sum_of):
    return sum_of["bias"] + sum(term["product"] for term in sum_of["terms"]) + sum_of["others"]


def test_sums_add_up_to_the_numbers_of_the_step(step):
    told = json.loads(json.dumps(numbers.to_dict(step), allow_nan=False))
    assert [layer["name"] for layer in told["layers"]] == [layer.name for layer in step.network.layers]
    for k, layer in enumerate(told["layers"]):
        unit = layer["forward"]["unit"]
        assert unit["value"] == step.output(k)[tuple(unit["at"])]
        if "sum" in unit:
            assert total(unit["sum"]) == pytest.approx(unit["value"], rel=1e-9, abs=1e-12)
        assert layer["forward"]["output"]["shape"] == list(step.output(k).shape)
        assert layer["backward"]["dout"]["mean"] == step.dout(k).mean()
        below = layer["backward"]["below"]
        assert total(below) == pytest.approx(below["total"], rel=1e-9, abs=1e-14)
        for path, parameter in layer["parameters"].items():
            at = tuple(parameter["at"])
            assert parameter["gradient"]["total"] == pytest.approx(step.gradients[path][at], rel=1e-9)
            assert parameter["update"][0]["value"] == step.before[path][at]
            assert parameter["update"][-1]["value"] == pytest.approx(step.after[path][at], rel=1e-12)
    assert sum(row["p"] for row in told["classes"]) == pytest.approx(1)
    dz = [row["dz"] for row in told["classes"]]
    np.testing.assert_allclose(dz, step.dout(len(step.network.layers) - 1), atol=1e-12)


def test_they_are_the_numbers_of_the_text(step):
    text, told = step_text.as_text(step), numbers.to_dict(step)
    for layer in told["layers"]:
        for sum_of in [layer["backward"]["below"], *(p["gradient"] for p in layer["parameters"].values())]:
            assert f"{sum_of['name']} = " in text and format_number(sum_of["total"]) in text
    assert format_number(told["loss"]) in text and format_number(told["loss_after"]) in text


def test_the_command(tmp_path):
    code, out, _ = run_inside("study", "step", "logistic", "--json", "--out", "a.html", cwd=tmp_path)
    told = json.loads(out)
    keys = [
        "page",
        "model",
        "label",
        "read_as",
        "loss",
        "loss_after",
        "note",
        "optimizer",
        "input",
        "layers",
        "classes",
    ]
    assert code == 0 and list(told) == keys and (tmp_path / "a.html").exists()
    code, out, _ = run_inside("study", "step", "logistic", "--json", "--number", "dense1[3]", cwd=tmp_path)
    assert code == 0 and json.loads(out)["number"] == "dense1[3]" and json.loads(out)["lines"][0] == "forward"
