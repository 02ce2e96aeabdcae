"""Train with PyTorch. Modes: eager; channels_last; compile (torch.compile of network and loss, channels last).

Of several ways to feed it, this is a fast one: the shuffled images are gathered once an epoch and cut into views.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from benchmarks.peers.frameworks import protocol


def build(model: str) -> nn.Sequential:
    """Return the network with Glorot's uniform weights and biases of 0."""
    sizes = protocol.DENSE[model]
    dense = [nn.Linear(one, two) for one, two in pairwise(sizes)]
    layers: list[nn.Module] = [nn.Flatten()]
    if model == "lenet5":
        layers = [
            *(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)),
            nn.Flatten(),
        ]
    for number, layer in enumerate(dense):
        layers += [nn.ReLU(), layer] if number else [layer]
    for layer in layers:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers)


def as_tensor(values: np.ndarray, layout: torch.memory_format) -> torch.Tensor:
    """Return images (N, 1, 28, 28)."""
    return torch.tensor(values)[:, None].contiguous(memory_format=layout)


def epoch_of(network: nn.Sequential, data: protocol.Mnist, batch: int, mode: str) -> Callable[[], float]:
    """Return a function that trains an epoch and returns its mean loss."""
    layout = torch.contiguous_format if mode == "eager" else torch.channels_last
    network.to(memory_format=layout)
    every, labels = as_tensor(data.train_images, layout), torch.tensor(data.train_labels)
    optimizer = torch.optim.Adam(network.parameters(), lr=protocol.LEARNING_RATE, fused=True)
    cross_entropy = nn.CrossEntropyLoss()

    def loss_of(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return cross_entropy(network(x), y)

    if mode == "compile":
        loss_of = torch.compile(loss_of, dynamic=False)

    def epoch() -> float:
        order = torch.randperm(len(every))
        total = torch.zeros(())
        for x, y in zip(every[order].split(batch), labels[order].split(batch), strict=True):
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of(x, y)
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(y)
        return total.item() / len(every)

    return epoch


def main() -> None:
    """Train."""
    args = protocol.arguments()
    torch.set_num_threads(args.threads)
    torch.manual_seed(protocol.SEED)
    data = protocol.mnist()
    network = build(args.model)
    protocol.check_parameters(args.model, sum(p.numel() for p in network.parameters()))
    test = as_tensor(data.test_images, torch.contiguous_format)
    truth = torch.tensor(data.test_labels)

    def accuracy() -> float:
        with torch.inference_mode():
            return (network(test).argmax(dim=1) == truth).float().mean().item()

    protocol.serve_epochs(epoch_of(network, data, args.batch, args.mode), accuracy, torch=torch.__version__)


if __name__ == "__main__":
    main()
