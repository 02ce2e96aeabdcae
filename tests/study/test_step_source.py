"""The code on the step's page is the readable functions', whatever backend runs, and names what the formulas name."""

import ast

import pytest

import nnscratch as nn
from nnscratch.layers import LAYERS
from nnscratch.ops.backend import set_backend
from nnscratch.study.step import formulas, source
from nnscratch.training.optimizers import OPTIMIZERS

SETTINGS = {"Conv2D": (3, 3), "Dense": (4,), "Dropout": (0.5,), "MaxPool2D": (2,), "AvgPool2D": (2,)}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("phase", ["forward", "backward"])
def test_the_code_of_a_layer_has_the_letters_of_its_formulas(name, phase):
    layer = LAYERS[name](*SETTINGS.get(name, ()))
    codes = source.of_layer(layer, phase)
    assert codes
    names = set()
    for code in codes:
        (function,) = ast.parse(code.text).body
        assert ast.get_docstring(function) is None and "Return" not in code.text
        names |= {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
        names |= {argument.arg for argument in ast.walk(function) if isinstance(argument, ast.arg)}
    assert {"x", "z"} & names if phase == "forward" else "dout" in names
    if "W" in formulas.FORMULAS[LAYERS[name]].forward and name in ("Conv2D", "Dense"):
        assert "W" in names if phase == "forward" else {"dW", "db"} <= names


def test_compiled_kernels_change_nothing_of_it():
    before = source.of_layer(nn.Conv2D(3, 3), "forward")
    set_backend("numba")
    assert source.of_layer(nn.Conv2D(3, 3), "forward") == before


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_code_of_an_update_moves_theta(name):
    assert "theta -= " in source.of_update(OPTIMIZERS[name](0.1))[-1].text


def test_code_without_a_file_is_left_out():
    scope = {"nn": nn}
    exec("class Bare(nn.Layer):\n    def forward(self, x, training=False):\n        return x", scope)
    assert source.of_layer(scope["Bare"](), "forward") == []
