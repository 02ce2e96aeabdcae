"""Train with PyTorch. Modes: eager; channels_last; compile (torch.compile of network and loss, channels last).

Of several ways to feed it, this is a fast one: the shuffled images are gathered once an epoch and cut into views.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from benchmarks.peers.frameworks import protocol
from benchmarks.robustness import torch_twins
from benchmarks.speed import architectures
from nnscratch.layers import Dropout


def build(model: str) -> nn.Sequential:
    """Return the network with everybody's initial weights."""
    own = architectures.build(model)
    layers: list[nn.Module] = []
    for layer, shape in zip(own.layers, own.shapes, strict=False):
        layers.append(nn.Dropout(layer.rate) if isinstance(layer, Dropout) else torch_twins.twin(layer, shape))
        for name, value in torch_twins.copies(layer, layers[-1]):
            value.data.copy_(torch.tensor(own.parameters[name]))
        for name, statistic in layer.buffers.items():
            getattr(layers[-1], name).copy_(torch.tensor(statistic))
    return nn.Sequential(*layers).float()


def as_tensor(images: np.ndarray, layout: torch.memory_format) -> torch.Tensor:
    """Return images (N, C, H, W) in the layout."""
    return torch.tensor(images).contiguous(memory_format=layout)


def layout_of(mode: str) -> torch.memory_format:
    """Return how images lie in memory."""
    return torch.contiguous_format if mode == "eager" else torch.channels_last


def epoch_of(network: nn.Sequential, data: architectures.Data, batch: int, mode: str) -> Callable[[], float]:
    """Return a function that trains an epoch and returns its mean loss."""
    layout = layout_of(mode)
    network.to(memory_format=layout)
    every, labels = as_tensor(data.train_images, layout), torch.tensor(data.train_labels)
    orders = protocol.orders(len(every))
    optimizer = torch.optim.Adam(network.parameters(), lr=protocol.LEARNING_RATE, fused=True)
    cross_entropy = nn.CrossEntropyLoss()

    def loss_of(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return cross_entropy(network(x), y)

    if mode == "compile":
        loss_of = torch.compile(loss_of, dynamic=False)

    def epoch() -> float:
        network.train()
        order = torch.from_numpy(next(orders))
        total = torch.zeros(())
        for x, y in zip(every[order].split(batch), labels[order].split(batch), strict=True):
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of(x, y)
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(y)
        return total.item() / len(every)

    return epoch


def probabilities_of(network: nn.Sequential, images: np.ndarray, mode: str) -> protocol.Probabilities:
    """Return a function that returns the probabilities of images, all in one call."""
    x = as_tensor(images, layout_of(mode))

    def forward(x: torch.Tensor) -> torch.Tensor:
        return network(x).softmax(dim=1)

    if mode == "compile":
        forward = torch.compile(forward, dynamic=False)

    def probabilities() -> np.ndarray:
        network.eval()
        with torch.inference_mode():
            return forward(x).numpy()

    return probabilities


def main() -> None:
    """Train."""
    args = protocol.arguments()
    torch.set_num_threads(args.threads)
    torch.manual_seed(protocol.SEED)
    data = protocol.data(args.model, args.images)
    network = build(args.model)
    protocol.check_parameters(args.model, sum(p.numel() for p in network.parameters()))
    epoch = epoch_of(network, data, args.batch, args.mode)
    probabilities = probabilities_of(network, data.test_images, args.mode)
    protocol.serve_epochs(epoch, probabilities, data.test_labels, torch=torch.__version__)


if __name__ == "__main__":
    main()
