"""Batches from one image to four thousand: steps, time, and how noisy the gradient is."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.lab.base import Data, Experiment, Outcome, finite, number
from nnscratch.lab.plots import Line, Panel, panels
from nnscratch.lab.trainings import Training, dense_network, smooth, train
from nnscratch.models.sequential import Sequential
from nnscratch.pages.blocks import Table, percent
from nnscratch.training.losses import softmax_cross_entropy
from nnscratch.training.optimizers import SGD

SIZES = (1, 4, 16, 64, 256, 1024, 4096)
EPOCHS, RATE = 2, 0.05
DRAWS = 24  # batches of each size whose gradients are compared


def measure(data: Data) -> Outcome:
    """Train with each size on the same images, and measure the noise of one network's gradient for each."""
    noise, slope = gradient_noise(dense_network(data, 64), data)
    runs = {size: _train(size, data) for size in SIZES}
    seconds = {size: run.last("seconds") for size, run in runs.items()}
    figures: dict[str, Any] = {
        str(size): {
            "steps": len(run.losses),
            "loss": finite(run.last("validation_loss")),
            "validation_accuracy": finite(run.accuracy),
            "gradient_noise": noise[size],
            "seconds_per_epoch": finite(seconds[size]),
        }
        for size, run in runs.items()
    }
    figures["slope"] = slope
    rows = [
        [
            f"{size:,}",
            f"{len(run.losses):,}",
            number(noise[size]),
            number(run.last("validation_loss")),
            "-" if run.diverged else percent(run.accuracy),
            number(seconds[size]),
        ]
        for size, run in runs.items()
    ]
    header = ["images a batch", "steps", "gradient's noise", "validation loss", "accuracy", "s an epoch"]
    best = max((size for size in SIZES if not runs[size].diverged), key=lambda size: runs[size].accuracy)
    return Outcome(
        figures,
        Table(header, rows),
        _answer(slope),
        f"From 1 to {SIZES[-1]:,} images a batch, the gradient's noise goes with the power {slope:.2f} of the size, so "
        f"four times the images leave {4.0**slope:.2f} of it. With the same images and one rate, {best} a batch reads "
        f"best, {percent(runs[best].accuracy)}; {SIZES[-1]:,} a batch takes {len(runs[SIZES[-1]].losses)} steps and "
        f"reads {percent(runs[SIZES[-1]].accuracy)}. An epoch took {number(seconds[1])} s one image at a time and "
        f"{number(seconds[64])} s with 64.",
        _plot(runs, noise, len(data.labels)),
        "the gradient's noise against the batch size, falling as the root; validation loss against images seen",
    )


def _train(size: int, data: Data) -> Training:
    return train(f"{size} a batch", dense_network(data, 64), data, epochs=EPOCHS, batch_size=size, optimizer=SGD(RATE))


def gradient_noise(network: Sequential, data: Data) -> tuple[dict[int, float], float]:
    """Return for each size how far a batch's gradient is from that of all images, and the power of the size it goes by.

    The first is the root of the mean squared distance, as a share of the length of the gradient of all images.
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
    powers = {1: 0.0, 2: -0.5, 3: -1.0, 4: -2.0}
    return min(powers, key=lambda answer: abs(powers[answer] - slope))


def _plot(runs: dict[int, Training], noise: dict[int, float], images: int) -> bytes:
    middle = noise[SIZES[len(SIZES) // 2]] * np.sqrt(SIZES[len(SIZES) // 2])
    theory = Line(
        "1 / root of the size", SIZES, [float(middle / np.sqrt(size)) for size in SIZES], marks=False, style=1
    )
    measured = Line("measured", SIZES, list(noise.values()), points=True, style=0)
    losses = [_curve(size, run, images) for size, run in runs.items()]
    return panels(
        [
            Panel(
                "the noise of the gradient",
                "images a batch",
                "distance, as a share of its length",
                [theory, measured],
                "xy",
            ),
            Panel("what the images teach, by batch size", "images seen", "training loss (nats)", losses, "y"),
        ]
    )


def _curve(size: int, run: Training, images: int) -> Line:
    """Return the loss against images seen; the last batch of an epoch is what is left of its images."""
    steps, means = smooth(run.losses, max(1, len(run.losses) // 40))
    an_epoch = -(-images // size)
    seen = [images * (step // an_epoch) + size * (step % an_epoch) for step in steps]
    return Line(f"{size:,}", seen, means, "no number" if run.diverged else "")


EXPERIMENT = Experiment(
    name="batch",
    title="Batches from 1 to 4,096 images",
    question="The gradient of a batch is a noisy measurement of the gradient of all images. How much of the noise "
    "(the standard deviation) is left when the batch is four times as large?",
    choices=("all of it", "half", "a quarter", "a sixteenth"),
    answer=2,
    measure=measure,
    explanation=(
        "A batch's gradient is the mean of its images' gradients. The variance of a mean of B independent ones is 1/B "
        "of the variance of one, so its standard deviation falls with the root of B: four times the work for half the "
        "noise.",
        "A step with twice the images is therefore not worth twice as much. With equal images seen, a large batch "
        "takes few steps, which at the same learning rate get less far; a batch of one takes many, each in a direction "
        "that is mostly noise, and the rate must be small for it. Yet a step with one image costs far more than 1/64 "
        "of a step with 64: a matrix product reads the weights once for all images of the batch. Batches of some "
        "dozens are where steps are cheap and noise is bearable.",
    ),
    formula="g_B = 1/B sum over n of g[n],     Var g_B = Var g / B,     standard deviation ~ 1 / sqrt(B)",
    where=(
        ("nnscratch/training/shards.py", "Shards.gradient"),
        ("nnscratch/ops/dense.py", "dense_forward"),
        ("nnscratch/ops/losses.py", "softmax_cross_entropy"),
        ("nnscratch/lab/experiments/batch.py", "gradient_noise"),
    ),
)
