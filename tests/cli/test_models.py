"""``nnscratch models``."""

import json

import pytest

import nnscratch as nn
from nnscratch.models.pretrained import manifest
from nnscratch.models.zoo import MODELS
from tests.tools.commands import run_inside


def test_json_says_what_the_tables_say(tmp_path):
    code, out, _ = run_inside("models", "--json", cwd=tmp_path)
    models = {model["name"]: model for model in json.loads(out)}
    assert code == 0 and list(models) == list(MODELS)
    lenet5 = models["lenet5"]
    assert (lenet5["parameters"], lenet5["multiply_adds"], lenet5["input_shape"]) == (34_622, 271_920, [1, 28, 28])
    first = {"layer": "conv1 (Conv2D 6, 5)", "output_shape": [6, 24, 24], "parameters": 156, "multiply_adds": 86_400}
    assert lenet5["layers"][0] == first and len(lenet5["layers"]) == len(nn.build("lenet5").layers)
    for name, model in models.items():
        assert sum(layer["parameters"] for layer in model["layers"]) == model["parameters"]
        assert sum(layer["multiply_adds"] for layer in model["layers"]) == model["multiply_adds"]
        assert model["pretrained"] == (name in manifest())
        assert model["test_accuracy"] == (manifest()[name]["test_accuracy"] if name in manifest() else None)


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_names_that_are_given(tmp_path, arguments):
    code, out, _ = run_inside("models", "logistic", *arguments, cwd=tmp_path)
    assert code == 0 and "lenet5" not in out and "logistic" in out
    code, _, err = run_inside("models", "logstic", *arguments, cwd=tmp_path)
    assert code == 2 and "did you mean logistic" in err and len(err.splitlines()) == 1
