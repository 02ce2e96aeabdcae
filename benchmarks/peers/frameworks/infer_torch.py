"""Ask a network of PyTorch for probabilities. Modes: eager; channels_last; compile (Inductor); jit (traced, frozen)."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from benchmarks.peers.frameworks import protocol
from benchmarks.peers.frameworks.train_torch import as_tensor, build


def prepared(network: nn.Module, images: torch.Tensor, mode: str) -> nn.Module:
    """Return the network as the mode wants it."""
    if mode == "compile":
        return torch.compile(network, dynamic=False)
    if mode == "jit":
        return torch.jit.freeze(torch.jit.trace(network, images))
    return network


def main() -> None:
    """Serve."""
    args = protocol.arguments()
    torch.set_num_threads(args.threads)
    torch.manual_seed(protocol.SEED)
    network = build(args.model)
    protocol.check_parameters(args.model, sum(p.numel() for p in network.parameters()))
    layout = torch.channels_last if args.mode == "channels_last" else torch.contiguous_format
    images = as_tensor(protocol.data(args.model).test_images[: args.batch], layout)
    with torch.inference_mode():
        network = prepared(nn.Sequential(network, nn.Softmax(dim=1)).eval().to(memory_format=layout), images, args.mode)

        def call() -> np.ndarray:
            return network(images).numpy()

        protocol.serve_calls(call, args.batch, torch=torch.__version__)


if __name__ == "__main__":
    main()
