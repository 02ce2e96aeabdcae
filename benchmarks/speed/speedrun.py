"""Measure how many seconds of training LeNet-5 needs to reach a test accuracy, for several seeds.

    python -m benchmarks.speed.speedrun
    python -m benchmarks.speed.speedrun --tune

Trains on all 60,000 training images. The clock counts the batches: forward, loss, backward, optimiser, average of the
weights. It stands still while a callback asks the test images after each epoch; nothing depends on the answer. The
settings below were chosen with ``--tune``, which trains on 55,000 of the training images and judges by the other 5,000,
never by the test images. Compiling is a figure of its own. Results go to benchmarks/results/speedrun.json.
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

import nnscratch as nn
from benchmarks import harness
from nnscratch.data.dataset import stratified_split
from nnscratch.training.trainer import Trainer

MODEL = "lenet5"
THRESHOLDS = (0.97, 0.98, 0.9893, 0.992)  # the third is what the original reached
ORIGINAL = "the Keras project that this one re-implements took 726 s for its 30 epochs, and reached 98.93 %"
HELD_OUT = 5000  # training images that --tune judges by


@dataclass(frozen=True)
class Setting:
    """How to train. ``optimizer`` and ``schedule`` are the library's classes by name; ``lr`` is the peak."""

    name: str
    epochs: int = 5
    batch: int = 64
    optimizer: str = "Nesterov"
    lr: float = 0.1
    weight_decay: float = 0.0
    schedule: str = "Cosine"  # to 0
    warmup: float = 0.2  # share of all steps
    ema: float = 0.99  # decay of the average of the weights
    label_smoothing: float = 0.1
    seeds: int = 5  # trainings that it is measured by


SETTINGS = (Setting("two epochs", epochs=2, seeds=30), Setting("short"), Setting("long", epochs=12))
TRIED = (  # what --tune compares
    *SETTINGS,
    Setting("2, slower", epochs=2, lr=0.05),
    Setting("2, faster", epochs=2, lr=0.15),
    Setting("2, short warm-up", epochs=2, warmup=0.1),
    Setting("2, long warm-up", epochs=2, warmup=0.3),
    Setting("2, less average", epochs=2, ema=0.98),
    Setting("2, not averaged", epochs=2, ema=0.0),
    Setting("2, less smooth", epochs=2, label_smoothing=0.05),
    Setting("2, not smoothed", epochs=2, label_smoothing=0.0),
    Setting("2, batch of 32", epochs=2, batch=32, lr=0.07),
    Setting("2, Adam", epochs=2, optimizer="Adam", lr=4e-3),
    Setting("4 epochs", epochs=4),
    Setting("slower", lr=0.05),
    Setting("one-cycle", schedule="OneCycle", warmup=0.0),
    Setting("decayed", weight_decay=2e-4),
    Setting("not smoothed", label_smoothing=0.0),
    Setting("not averaged", ema=0.0),
    Setting("batch of 128", batch=128, lr=0.2, ema=0.98),
    Setting("Adam", optimizer="Adam", lr=3e-3, warmup=0.1),
    Setting("Adam, long", epochs=12, optimizer="Adam", lr=3e-3, warmup=0.1),
)


def main() -> None:
    """Parse the arguments, measure, write, print."""
    parser = harness.parser(__doc__)
    parser.add_argument("--seeds", type=int, metavar="N", help="train with the seeds 0 to N - 1 (default: 5, or 30)")
    parser.add_argument("--tune", action="store_true", help="compare settings on held-out training images instead")
    args = parser.parse_args()
    if args.tune:
        tune(args)
    else:
        harness.finish(args, "speedrun", measure(args), table)


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Train with every setting and seed on all training images."""
    environment = harness.environment(nn.threads())
    mnist = nn.load_mnist()
    training = mnist.train_images, mnist.train_labels
    compiled = compile_kernels(SETTINGS[0].batch)
    rows = []
    settings = SETTINGS[:1] if args.quick else SETTINGS
    for setting in settings:
        for seed in range(2 if args.quick else args.seeds or setting.seeds):
            epochs = train(setting, seed, training, (mnist.test_images, mnist.test_labels))
            reached = {f"{goal:g}": seconds_to(goal, epochs) for goal in THRESHOLDS}
            rows.append({"setting": setting.name, "seed": seed, "epochs": epochs, "seconds_to": reached})
    return {
        "rows": rows,
        "settings": [asdict(setting) for setting in settings],
        "seconds_compiling": compiled,
        "environment": environment,
    }


class Judge(nn.Callback):
    """Asks images after each epoch, with the weights as they then are (their average, where there is one)."""

    def __init__(self, images: Any, labels: Any) -> None:
        self.images, self.labels = images, labels
        self.seconds = 0.0
        self.epochs: list[dict[str, float]] = []

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Judge. Without validation images, the best weights are the newest."""
        self.seconds += trainer.state.history[-1]["seconds"]
        with trainer.state.best_weights():
            accuracy = trainer.network.score(self.images, self.labels)
        self.epochs.append({"seconds": self.seconds, "accuracy": accuracy})


def train(setting: Setting, seed: int, training: tuple[Any, Any], judged: tuple[Any, Any]) -> list[dict[str, float]]:
    """Return for each epoch the seconds of training so far, and the accuracy on the images to be judged by."""
    judge = Judge(*judged)
    nn.build(MODEL, seed=seed).fit(
        *training,
        epochs=setting.epochs,
        batch_size=setting.batch,
        optimizer=getattr(nn, setting.optimizer)(setting.lr, weight_decay=setting.weight_decay),
        schedule=getattr(nn, setting.schedule)(warmup=setting.warmup),
        ema=setting.ema,
        label_smoothing=setting.label_smoothing,
        seed=seed,
        callbacks=[judge],
    )
    return judge.epochs


def compile_kernels(batch: int) -> float:
    """Return the seconds of a training of one batch: next to nothing when the machine code is on disk."""
    start = time.perf_counter()
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (batch, 28, 28)).astype(np.uint8)
    nn.build(MODEL).fit(images, rng.integers(0, 10, batch), batch_size=batch, ema=0.9)
    return time.perf_counter() - start


def seconds_to(goal: float, epochs: list[dict[str, float]]) -> float | None:
    """Return the seconds of training after the first epoch that reached the goal; None when none did."""
    return next((epoch["seconds"] for epoch in epochs if epoch["accuracy"] >= goal), None)


def tune(args: argparse.Namespace) -> None:
    """Print the accuracy on held-out training images after each epoch: the mean of the seeds, each with its split."""
    mnist = nn.load_mnist()
    tried = [replace(setting, epochs=1) for setting in TRIED[:1]] if args.quick else TRIED
    for setting in tried:
        runs = []
        for seed in range(1 if args.quick else args.seeds or 5):
            own, held_out = stratified_split(mnist.train_labels, HELD_OUT, seed=seed)
            parts = [(mnist.train_images[part], mnist.train_labels[part]) for part in (own, held_out)]
            runs.append([100 * epoch["accuracy"] for epoch in train(setting, seed, *parts)])
        told = " ".join(f"{statistics.mean(epoch):.2f}" for epoch in zip(*runs, strict=True))
        print(f"{setting.name:14} {told}   {setting}", flush=True)


def table(results: dict[str, Any]) -> str:
    """Return for each setting the medians of its seeds, and the mean accuracy, as Markdown."""
    header = ["setting", "seeds", *(f"to {100 * goal:g} %" for goal in THRESHOLDS), "all epochs"]
    header += ["mean test accuracy", "least to most"]
    lines = []
    for name in dict.fromkeys(row["setting"] for row in results["rows"]):
        lines.append(line(name, [row for row in results["rows"] if row["setting"] == name]))
    return "\n".join([harness.markdown(header, lines), "", below(results)])


def line(name: str, rows: list[harness.Row]) -> list[str]:
    """Return the cells of a setting: the medians of its rows, but the mean of the accuracies."""
    times = [seconds_text(median([row["seconds_to"][f"{goal:g}"] for row in rows])) for goal in THRESHOLDS]
    seconds = statistics.median(row["epochs"][-1]["seconds"] for row in rows)
    reached = [100 * row["epochs"][-1]["accuracy"] for row in rows]
    spread = f"{min(reached):.2f} to {max(reached):.2f} %"
    return [name, str(len(rows)), *times, f"{seconds:.2f} s", f"{statistics.mean(reached):.2f} %", spread]


def below(results: dict[str, Any]) -> str:
    """Return what the table needs to be understood."""
    told = "; ".join(
        f"*{s['name']}*: {s['epochs']} epochs, batch {s['batch']}, {s['optimizer']} with a peak of {s['lr']:g} "
        f"(weight decay {s['weight_decay']:g}), {s['schedule']} (warm-up {s['warmup']:g}), average of the weights "
        f"{s['ema']:g}, label smoothing {s['label_smoothing']:g}"
        for s in results["settings"]
    )
    return (
        f"Seconds of training on all 60,000 images, known after each epoch. Settings, {told}. "
        f"Compiling took {results['seconds_compiling']:.1f} s more. For comparison, {ORIGINAL}."
    )


def median(seconds: list[float | None]) -> float | None:
    """Return the median, where "not reached" is longer than any time."""
    middle = statistics.median_high([float("inf") if value is None else value for value in seconds])
    return None if middle == float("inf") else middle


def seconds_text(seconds: float | None) -> str:
    """Return "4.1 s", or that it was not reached."""
    return "not reached" if seconds is None else f"{seconds:.2f} s"


if __name__ == "__main__":
    main()
