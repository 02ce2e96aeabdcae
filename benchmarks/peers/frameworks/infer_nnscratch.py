"""Ask a network of nnscratch for probabilities: the public call, on images as they are stored, uint8."""

from __future__ import annotations

import numpy as np

import nnscratch as nn
from benchmarks.peers.frameworks import protocol
from benchmarks.speed import architectures


def main() -> None:
    """Serve."""
    args = protocol.arguments()
    nn.set_threads(args.threads)
    nn.set_backend(nn.available_backends()[0])  # a handful of images would be left to NumPy, to spare the compiling
    model = architectures.build(args.model)
    images = architectures.dataset(args.model).test_images[: args.batch]
    versions = {"nnscratch": nn.__version__, "numpy": np.__version__}
    protocol.serve_calls(lambda: model.predict_proba(images), args.batch, **versions)


if __name__ == "__main__":
    main()
