"""Ask a network of nnscratch for probabilities: the public call, on images as they are stored, uint8."""

from __future__ import annotations

import numpy as np

import nnscratch as nn
from benchmarks.peers.frameworks import protocol


def main() -> None:
    """Serve."""
    args = protocol.arguments()
    nn.set_threads(args.threads)
    nn.set_backend(nn.available_backends()[0])  # a handful of images would be left to NumPy, to spare the compiling
    model = nn.build(args.model, seed=protocol.SEED)
    protocol.check_parameters(args.model, model.theta.size)
    images = nn.load_mnist().test_images[: args.batch]
    versions = {"nnscratch": nn.__version__, "numpy": np.__version__}
    protocol.serve_calls(lambda: model.predict_proba(images), args.batch, **versions)


if __name__ == "__main__":
    main()
