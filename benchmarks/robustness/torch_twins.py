"""Random networks in PyTorch, with the same weights and dropout masks, in float64: how far are the gradients apart?

    python -m benchmarks.robustness.torch_twins --networks 1000    # JSON; called by random_networks.py

Errors are measured as ``architectures.errors`` says. The NumPy functions are what PyTorch is compared with.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np
import torch

import nnscratch as nn
from benchmarks.robustness import architectures
from benchmarks.robustness.architectures import Architecture
from nnscratch.arrays import Array
from nnscratch.layers import Layer
from nnscratch.parallel.threads import one_blas_thread

F = torch.nn.functional
Module = torch.nn.Module
NAMES = {"weight": ("W", "gamma"), "bias": ("b", "beta")}


def main() -> None:
    """Compare, and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    nn.set_backend("numpy")
    torch.set_num_threads(1)
    with one_blas_thread():
        rows = [compare(architectures.draw(args.seed, number)) for number in range(args.networks)]
    print(json.dumps({"rows": rows, "torch": torch.__version__, "numpy": np.__version__}))


def compare(drawn: Architecture) -> dict[str, Any]:
    """Return the errors of a network by array, and the digest of the NumPy functions' gradients."""
    network = architectures.build(drawn)
    start = {name: value.copy() for name, value in network.buffers.items()}
    ours = architectures.gradients(drawn, network)
    theirs = gradients(drawn, network, start)
    sums = architectures.terms(drawn, network)
    return {
        "errors": architectures.errors(ours, theirs, sums),
        "cancelled": architectures.cancelled(ours, sums),
        "digest": architectures.digest(ours),
    }


class Mask(Module):
    """Dropout with the mask that was drawn already."""

    def __init__(self, mask: Array) -> None:
        super().__init__()
        self.mask = batch_first(mask)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the masked numbers."""
        return x * self.mask


class Padded(Module):
    """Zeros around an image, so that the outputs are ceil(size / stride), the odd one after it; then a convolution."""

    def __init__(self, conv: Module, kernel: tuple[int, int], stride: tuple[int, int]) -> None:
        super().__init__()
        self.conv, self.kernel, self.stride = conv, kernel, stride

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the convolution."""
        zeros: list[int] = []
        for size, kernel, stride in zip(x.shape[:1:-1], self.kernel[::-1], self.stride[::-1], strict=True):
            outputs = (size + stride - 1) // stride
            total = max(0, (outputs - 1) * stride + kernel - size)
            zeros += [total // 2, (total + 1) // 2]
        return self.conv(F.pad(x, zeros))  # type: ignore[no-any-return]


def gradients(drawn: Architecture, network: nn.Sequential, buffers: dict[str, Array]) -> dict[str, Array]:
    """Return what ``architectures.gradients`` does, after that has been called for ``network``, whose masks are taken.

    ``buffers``: as they were before.
    """
    twins = [twin(layer, shape) for layer, shape in zip(network.layers, network.shapes, strict=False)]
    with torch.no_grad():
        copied = [pair for layer, module in zip(network.layers, twins, strict=True) for pair in copies(layer, module)]
        for ours, theirs in copied:
            theirs.copy_(torch.tensor(np.ascontiguousarray(network.parameters[ours])))
        for name, value in buffers.items():
            running(network, twins, name).copy_(torch.tensor(value))
    model = torch.nn.Sequential(*twins).double().train(drawn.training)
    x, targets = architectures.data(drawn, network)
    tx = batch_first(x).requires_grad_()
    out = model(tx)
    loss = loss_of(drawn, out, targets)
    loss.backward()
    found = {"loss": np.array([loss.item()]), "output": batch_last(out), "input": batch_last(tx.grad)}
    found |= {ours: theirs.grad.numpy() for ours, theirs in copied}
    return found | {name: running(network, twins, name).numpy() for name in buffers}


def twin(layer: Layer, shape: tuple[int, ...]) -> Module:
    """Return PyTorch's layer for an input of this shape."""
    if isinstance(layer, nn.Conv2D):
        return convolution(layer, shape[0])
    if isinstance(layer, nn.MaxPool2D):
        return torch.nn.MaxPool2d(layer.size, layer.stride)
    if isinstance(layer, nn.AvgPool2D):
        return torch.nn.AvgPool2d(layer.size, layer.stride)
    if isinstance(layer, nn.BatchNorm):  # PyTorch's momentum is the share of the new value, ours of the old one
        kind = torch.nn.BatchNorm2d if len(shape) == 3 else torch.nn.BatchNorm1d
        return kind(shape[0], layer.eps, 1 - layer.momentum).double()
    if isinstance(layer, nn.Dense):
        return torch.nn.Linear(shape[0], layer.units).double()
    if isinstance(layer, nn.Dropout):
        return torch.nn.Identity() if layer.mask is None else Mask(layer.mask)
    if isinstance(layer, nn.LeakyReLU):
        return torch.nn.LeakyReLU(layer.slope)
    if isinstance(layer, nn.Softmax):
        return torch.nn.Softmax(1)
    plain = {nn.Flatten: torch.nn.Flatten, nn.ReLU: torch.nn.ReLU, nn.Tanh: torch.nn.Tanh, nn.Sigmoid: torch.nn.Sigmoid}
    return plain[type(layer)]()


def convolution(layer: nn.Conv2D, channels: int) -> Module:
    """Return the convolution; with strides PyTorch has no padding "same"."""
    kernel, stride = both(layer.kernel), both(layer.stride)
    padding = {"valid": 0, "same": 0}.get(layer.padding, layer.padding)  # type: ignore[call-overload]
    conv = torch.nn.Conv2d(channels, layer.filters, kernel, stride, padding).double()
    return Padded(conv, kernel, stride) if layer.padding == "same" else conv


def both(value: int | tuple[int, int]) -> tuple[int, int]:
    """Return (vertical, horizontal)."""
    return (value, value) if isinstance(value, int) else value


def copies(layer: Layer, module: Module) -> list[tuple[str, torch.Tensor]]:
    """Return (the name of our parameter, PyTorch's parameter) of a layer, in our order."""
    theirs = {name.split(".")[-1]: value for name, value in module.named_parameters()}
    return [(f"{layer.name}.{own}", theirs[name]) for own in layer.parameters for name in NAMES if own in NAMES[name]]


def running(network: nn.Sequential, twins: list[Module], name: str) -> torch.Tensor:
    """Return PyTorch's buffer for ours."""
    layer, kind = name.split(".")
    place = next(place for place, own in enumerate(network.layers) if own.name == layer)
    return getattr(twins[place], kind)  # type: ignore[no-any-return]


def loss_of(drawn: Architecture, out: torch.Tensor, targets: Array) -> torch.Tensor:
    """Return PyTorch's loss."""
    there = batch_first(targets)
    if drawn.loss == "squared error":
        return F.mse_loss(out, there)
    return F.cross_entropy(out, there, label_smoothing=architectures.smoothing(drawn))


def batch_first(a: Array) -> torch.Tensor:
    """Return a tensor of (..., N) as (N, ...)."""
    return torch.tensor(np.moveaxis(a, -1, 0).copy())


def batch_last(t: torch.Tensor) -> Array:
    """Return an array of (N, ...) as (..., N)."""
    return np.moveaxis(t.detach().numpy(), 0, -1)


if __name__ == "__main__":
    main()
