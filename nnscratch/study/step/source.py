"""The lines of code that a layer runs, forward and backward, for the page: the readable functions of ``ops/``."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from nnscratch import layers
from nnscratch.layers import Layer, is_custom
from nnscratch.training.optimizers import SGD, Adam, AdamW, Momentum, Nesterov, Optimizer, RMSProp

# file of ops/, then the functions of the forward pass, and those of the backward pass
FUNCTIONS: dict[type[Layer], tuple[str, str, str]] = {
    layers.Dense: ("dense", "dense_forward", "dense_backward_weights dense_backward_input"),
    layers.Conv2D: ("conv", "conv2d_forward", "conv2d_backward_weights conv2d_backward_input"),
    layers.MaxPool2D: ("pool", "maxpool2d_forward", "maxpool2d_backward"),
    layers.AvgPool2D: ("pool", "avgpool2d_forward", "avgpool2d_backward"),
    layers.ReLU: ("activations", "relu_forward", "relu_backward"),
    layers.LeakyReLU: ("activations", "leaky_relu_forward", "leaky_relu_backward"),
    layers.Tanh: ("activations", "tanh_forward", "tanh_backward"),
    layers.Sigmoid: ("activations", "sigmoid_forward", "sigmoid_backward"),
    layers.Softmax: ("losses", "softmax_forward", "softmax_backward"),
    layers.Dropout: ("dropout", "dropout_forward", "dropout_backward"),
    layers.BatchNorm: ("batchnorm", "batchnorm_forward", "batchnorm_backward_weights batchnorm_backward_running"),
}
LOSS = ("losses", "shifted log_softmax softmax_cross_entropy")
UPDATES: dict[type[Optimizer], str] = {
    SGD: "sgd_update",
    Momentum: "momentum_update",
    Nesterov: "nesterov_update",
    RMSProp: "rmsprop_update",
    Adam: "adam_update",
    AdamW: "weight_decay_update adam_update",
}


@dataclass(frozen=True)
class Code:
    """A function: where it stands, such as "ops/conv.py", and its text without its docstring."""

    place: str
    text: str


def of_layer(layer: Layer, phase: str) -> list[Code]:
    """Return the code of "forward" or "backward" of a layer; its own methods where there is no function of ``ops/``."""
    if is_custom(layer) or isinstance(layer, layers.Flatten):
        found = _code(type(layer).__name__, getattr(layer, phase))
        return [found] if found else []
    file, forward, backward = FUNCTIONS[type(layer)]
    return _of_ops(file, forward if phase == "forward" else backward)


def of_loss() -> list[Code]:
    """Return the code of softmax and cross-entropy."""
    return _of_ops(*LOSS)


def of_update(optimizer: Optimizer) -> list[Code]:
    """Return the code of an optimiser's step; its own method where it is none of the library's."""
    if type(optimizer) in UPDATES:
        return _of_ops("optimizers", UPDATES[type(optimizer)])
    found = _code(type(optimizer).__name__, optimizer.update)
    return [found] if found else []


def _of_ops(file: str, names: str) -> list[Code]:
    module = import_module(f"nnscratch.ops.{file}")  # of the package itself: ops.<name> may be a compiled twin
    return [code for name in names.split() if (code := _code(f"ops/{file}.py", getattr(module, name)))]


def _code(place: str, function: Callable[..., Any]) -> Code | None:
    """Return the text of a function, or None where its file is not at hand."""
    try:
        text = textwrap.dedent(inspect.getsource(function))
        (made,) = ast.parse(text).body
    except (OSError, TypeError, SyntaxError, ValueError):
        return None
    lines = text.rstrip().splitlines()
    if isinstance(made, ast.FunctionDef) and ast.get_docstring(made) is not None:
        docstring = made.body[0]
        del lines[docstring.lineno - 1 : docstring.end_lineno]
    return Code(place, "\n".join(lines))
