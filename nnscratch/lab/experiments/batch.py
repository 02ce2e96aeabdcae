"""Batches from one image to four thousand: steps, time, and how noisy the gradient is."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.lab.base import Data, Outcome, finite
from nnscratch.lab.plots import Line, Panel, panels
from nnscratch.lab.trainings import Training, dense_network, smooth, train
from nnscratch.models.sequential import Sequential
from nnscratch.training.losses import softmax_cross_entropy
from nnscratch.training.optimizers import SGD

SIZES = (1, 4, 16, 64, 256, 1024, 4096)
EPOCHS, RATE = 2, 0.05
DRAWS = 24  # batches of each size whose gradients are compared


def measure(data: Data) -> Outcome:
    """Train with each size on the same images, and measure the noise of one network's gradient for each."""
    noise, slope = gradient_noise(dense_network(data, 64), data)
    runs = {size: _train(size, data) for size in SIZES}
    by_size: dict[str, Any] = {
        str(size): {
            "steps": len(run.losses),
            "loss": finite(run.last("validation_loss")),
            "validation_accuracy": finite(run.accuracy),
            "gradient_noise": noise[size],
            "seconds_per_epoch": finite(run.last("seconds")),
        }
        for size, run in runs.items()
    }
    best = max((size for size in SIZES if not runs[size].diverged), key=lambda size: runs[size].accuracy)
    return Outcome(
        {**by_size, "slope": slope},
        {f"{int(size):,}": some for size, some in by_size.items()},
        _answer(slope),
        _plot(runs, noise, len(data.labels)),
        {
            "slope": slope,
            "left": 4.0**slope,
            "best": best,
            "best_run": runs[best],
            "one": by_size["1"],
            "middle": by_size["64"],
            "last": by_size["4096"],
        },
    )


def _train(size: int, data: Data) -> Training:
    return train(f"{size} a batch", dense_network(data, 64), data, epochs=EPOCHS, batch_size=size, optimizer=SGD(RATE))


def gradient_noise(network: Sequential, data: Data) -> tuple[dict[int, float], float]:
    """Return for each size how far a batch's gradient is from that of all images, and the power of the size it goes by.

    The first is the root of the mean squared distance, as a share of the norm of the gradient of all images.
    Batches are drawn with replacement, so theory gives the power -1/2.
    """
    rng = np.random.default_rng(data.seed)
    everything = gradient(network, data, np.arange(len(data.labels)))
    noise = {}
    for size in SIZES:
        draws = (gradient(network, data, rng.integers(len(data.labels), size=size)) for _ in range(DRAWS))
        squares = [float(((draw - everything) ** 2).sum()) for draw in draws]
        noise[size] = float(np.sqrt(np.mean(squares)) / np.linalg.norm(everything))
    slope = np.polyfit(np.log(SIZES), np.log(list(noise.values())), 1)[0]
    return noise, float(slope)


def gradient(network: Sequential, data: Data, chosen: Array) -> Array:
    """Return the gradient (P,) float64 of the mean loss over the chosen images."""
    out = network.forward(network.batches(data.images).x(chosen))
    _, dout = softmax_cross_entropy(out, data.labels[chosen])
    network.backward_parameters(dout)
    return network.gradient.astype(np.float64)


def _answer(slope: float) -> int:
    powers = {4: 0.0, 3: -0.5, 2: -1.0, 1: -2.0}
    return min(powers, key=lambda answer: abs(powers[answer] - slope))


def _plot(runs: dict[int, Training], noise: dict[int, float], images: int) -> bytes:
    middle = SIZES[len(SIZES) // 2]
    root = [float(noise[middle] * np.sqrt(middle) / np.sqrt(size)) for size in SIZES]
    noises = [
        Line("1 / root of the size", SIZES, root, marks=False, style=1),
        Line("measured", SIZES, list(noise.values()), points=True, style=0),
    ]
    losses = [_curve(size, run, images) for size, run in runs.items()]
    return panels(
        Panel("the noise of the gradient", "images a batch", "distance, as a share of its norm", noises, "xy"),
        Panel("what the images teach, by batch size", "images seen", "training loss (nats)", losses, "y"),
    )


def _curve(size: int, run: Training, images: int) -> Line:
    """Return the loss against images seen; the last batch of an epoch is what is left of its images."""
    steps, means = smooth(run.losses, max(1, len(run.losses) // 40))
    an_epoch = -(-images // size)
    seen = [images * (step // an_epoch) + size * (step % an_epoch) for step in steps]
    return Line(f"{size:,}", seen, means, run.end)
