"""The machine's peak: NumPy's product of two matrices (1024, 1024) of float32, over and over."""

from __future__ import annotations

import numpy as np

from benchmarks.peers.frameworks import protocol

SIDE = 1024
FLOPS = 2 * SIDE**3


def main() -> None:
    """Serve: the median seconds of a product for each "go"."""
    A, B = np.random.default_rng(protocol.SEED).random((2, SIDE, SIDE), dtype=np.float32)
    protocol.measure(lambda: A @ B)
    protocol.tell({"ready": True, "versions": {"numpy": np.__version__}})
    while protocol.wanted():
        protocol.tell({"seconds": protocol.measure(lambda: A @ B)})


if __name__ == "__main__":
    main()
