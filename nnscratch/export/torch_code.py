"""PyTorch: the weights as a state dict, and the code of the ``torch.nn.Sequential`` that takes them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.scaling import scaling_tensors
from nnscratch.export.own import exported
from nnscratch.export.state_dict import write_tensors
from nnscratch.models.sequential import Sequential

CODE = """\
import torch
from torch import nn

model = nn.Sequential(
{modules}
)
{loading}
model.eval()

images = torch.zeros({shape})  # yours, {scale}
with torch.no_grad():
    probabilities = {probabilities}
"""
LOADING = "model.load_state_dict(torch.load({path!r}, weights_only=True))"
SCALED_LOADING = """\
state = torch.load({path!r}, weights_only=True)
mean, scale = state.pop("scaling.mean"), state.pop("scaling.scale")
model.load_state_dict(state)"""
NAMES = {"W": "weight", "b": "bias", "gamma": "weight", "beta": "bias"}  # running_mean and running_var are the same


TORCH_WANTED = '(code, tensors) of a module of torch.nn, such as ("SiLU()", {})'


class Module(NamedTuple):
    """One module of the ``torch.nn.Sequential``: its code, and its part of the state dict."""

    code: str
    tensors: dict[str, Array] = {}  # noqa: RUF012 (never changed)


def write_state_dict(model: Sequential, path: str | Path) -> str:
    """Write a state dict, whole or not at all; return the code of the network that loads it."""
    found = modules(model)
    tensors = {f"{k}.{name}": value for k, one in enumerate(found) for name, value in one.tensors.items()}
    if model.scaling is not None:
        mean, scale = scaling_tensors(model.scaling, model.input_shape)
        tensors |= {"scaling.mean": mean.astype(model.dtype), "scaling.scale": scale.astype(model.dtype)}
    write_tensors(path, tensors)
    return CODE.format(
        modules="\n".join(f"    nn.{one.code},  # {place}" for place, one in enumerate(found)),
        loading=(LOADING if model.scaling is None else SCALED_LOADING).format(path=str(path)),
        shape=(1, *model.input_shape),
        scale="on the scale 0..1" if model.scaling is None else "raw numbers",
        probabilities=_probabilities(model),
    )


def modules(model: Sequential) -> list[Module]:
    """Return the modules in order: one for each layer, and one more before a convolution with uneven padding."""
    found: list[Module] = []
    for layer, before in zip(model.layers, model.shapes, strict=False):
        made = exported(layer, "to_torch", MODULES, TORCH_WANTED, before)
        found += [Module(*made)] if isinstance(made, tuple) else made
    return found


def _probabilities(model: Sequential) -> str:
    """Return code for the probabilities: what ``Sequential.predict_proba`` does around the layers."""
    mean, std = model.normalisation
    images = "images" if model.scaling is None else "(images - mean) / scale"
    images = images if (mean, std) == (0, 1) else f"({images} - {mean}) / {std}"
    out = f"model({images})"
    if model.ends_in_softmax:
        return out
    return f"torch.softmax({out} / {model.temperature}, dim=1)"


def _convolution(layer: Any, before: tuple[int, ...]) -> list[Module]:
    (top, bottom), (left, right) = layer.pads
    even = top == bottom and left == right
    padding = f", padding={(top, left)}" if even and (top or left) else ""
    stride = f", stride={layer.strides}" if layer.strides != (1, 1) else ""
    pad = [] if even else [Module(f"ZeroPad2d({(left, right, top, bottom)})")]
    code = f"Conv2d({before[0]}, {len(layer.b)}, {layer.size}{stride}{padding})"
    return [*pad, Module(code, _tensors(layer))]


def _pool(name: str) -> Callable[[Any, tuple[int, ...]], list[Module]]:
    return lambda layer, before: [Module(f"{name}({layer.window}, stride={layer.strides})")]


def _batchnorm(layer: Any, before: tuple[int, ...]) -> list[Module]:
    """PyTorch's momentum is the share of the new value, ours of the old one; it also counts the batches."""
    kind = "BatchNorm2d" if len(before) == 3 else "BatchNorm1d"
    code = f"{kind}({before[0]}, eps={layer.eps}, momentum={1 - layer.momentum:.12g})"
    return [Module(code, _tensors(layer) | {"num_batches_tracked": np.array(0, np.int64)})]


def _plain(code: str) -> Callable[[Any, tuple[int, ...]], list[Module]]:
    return lambda layer, before: [Module(code)]


def _tensors(layer: Any) -> dict[str, Array]:
    """Return a layer's parameters and buffers by PyTorch's names, in the type of its weights."""
    return {NAMES.get(name, name): value for name, value in (layer.parameters | layer.buffers).items()}


MODULES: dict[str, Callable[[Any, tuple[int, ...]], list[Module]]] = {
    "AvgPool2D": _pool("AvgPool2d"),
    "BatchNorm": _batchnorm,
    "Conv2D": _convolution,
    "Dense": lambda layer, before: [Module(f"Linear({before[0]}, {len(layer.b)})", _tensors(layer))],
    "Dropout": lambda layer, before: [Module(f"Dropout({layer.rate})")],
    "Flatten": _plain("Flatten()"),
    "LeakyReLU": lambda layer, before: [Module(f"LeakyReLU({layer.slope})")],
    "MaxPool2D": _pool("MaxPool2d"),
    "ReLU": _plain("ReLU()"),
    "Sigmoid": _plain("Sigmoid()"),
    "Softmax": _plain("Softmax(dim=1)"),
    "Tanh": _plain("Tanh()"),
}
