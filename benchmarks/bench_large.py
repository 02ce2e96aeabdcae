"""Train LeNet-5 on millions of distorted digits, which stay in their file, and on MNIST's 60,000: images/s and memory.

    python benchmarks/bench_large.py                      # 8,000,000: 6.3 GB in the temporary folder
    python benchmarks/bench_large.py --images 1000000

Speed: fresh processes take turns, small and large, round after round; each trains on as many images, in batches of 64,
without distortions, and its images/s are those of its batches: choosing, reading and shaping them, forward, loss,
backward, the optimiser's step. Memory: the most that a whole ``nnscratch train --recipe original --epochs 1`` had at a
time, from the digest of the data to the report, as the operating system counted it (ru_maxrss; pages of the file would
be in it, were it mapped). Results go to benchmarks/results/large.json.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import harness

CORES = harness.cores()
IMAGES, QUICK_IMAGES = 8_000_000, 200_000
TIMED, QUICK_TIMED = 600_000, 120_000  # images trained on in a process
ROUNDS, BATCH = 5, 64


def main() -> None:
    """Parse the arguments, measure, write, print."""
    parser = harness.parser(__doc__)
    parser.add_argument("--images", type=int, metavar="N", help=f"how many digits are written ({IMAGES:,})")
    parser.add_argument(
        "--folder", metavar="DIR", help="where the temporary folder is made; it needs 785 bytes an image"
    )
    parser.add_argument("--train", nargs=2, metavar=("DATA", "IMAGES"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.train:
        print(train(args.train[0], int(args.train[1])))
        return
    harness.finish(args, "large", measure(args), table)


def train(data: str, images: int) -> float:
    """Return the images/s of a training on so many images, in this process; data: a folder, or "" for MNIST."""
    import nnscratch as nn
    from nnscratch.experiment import begin
    from nnscratch.settings import Settings

    class StopAfter(nn.Callback):
        def on_batch_end(self, trainer: Any) -> None:
            if trainer.state.step * BATCH >= images:
                trainer.stop()

    dataset = nn.load_dataset(data) if data else nn.load_mnist()
    epochs = -(-images // len(dataset.train_labels)) + 1
    trainer = begin("lenet5", Settings(epochs=epochs, batch_size=BATCH), dataset, Path(), [StopAfter()]).trainer
    trainer.run()
    state = trainer.state
    seen = len(state.history) * len(trainer.images) + state.position
    return seen / (sum(row["seconds"] for row in state.history) + state.seconds)


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Write the data, and run every process."""
    environment = harness.environment(threads=CORES)
    count = args.images or (QUICK_IMAGES if args.quick else IMAGES)
    timed, rounds = (QUICK_TIMED, 1) if args.quick else (TIMED, ROUNDS)
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        data = str(Path(folder) / "digits")
        written = command("augment", "--write", str(count), "--out", data, cwd=folder)
        sets = {"": 60_000, data: count}
        speeds: dict[str, list[float]] = {name: [] for name in sets}
        for number in range(rounds + 1):
            for name in sets:
                ended = harness.run([sys.executable, __file__, "--train", name, str(timed)], cwd=harness.ROOT)
                speeds[name] += [float(ended.stdout)] if number else []  # the first one compiles
        rows = []
        for name, images in sets.items():
            given = ["--data", name] if name else []
            settings = ["--recipe", "original", "--epochs", "1", "--batch-size", str(BATCH)]
            out = str(Path(folder) / f"run-{images}")
            whole = command("train", "lenet5", *given, *settings, "--out", out, cwd=folder)
            megabytes, seconds = whole.peak_bytes / 1e6, whole.seconds
            rows.append({"images": images, "images_per_second": harness.spread(speeds[name]), "all": speeds[name]})
            rows[-1] |= {"megabytes": megabytes, "train_seconds": seconds, "accuracy": accuracy(Path(out))}
    small, large = (row["images_per_second"]["median"] for row in rows)
    pairs = [b / a for a, b in zip(*speeds.values(), strict=True)]
    return {
        "rows": rows,
        "ratio": large / small,
        "ratios": harness.spread(pairs),
        "timed_images": timed,
        "write": {"seconds": written.seconds, "megabytes": written.peak_bytes / 1e6, "bytes": count * 785},
        "memory_of_the_machine": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "environment": environment,
    }


def command(*arguments: str, cwd: str) -> harness.Ended:
    """Run ``nnscratch`` with these arguments in a fresh process."""
    path = {"PYTHONPATH": str(harness.ROOT)}
    return harness.run([sys.executable, "-m", "nnscratch", *arguments], cwd=Path(cwd), env=path)


def accuracy(run: Path) -> float:
    """Return the test accuracy of a run of LeNet-5."""
    return float(json.loads((run / "lenet5" / "metrics.json").read_text())["test"]["accuracy"])


def table(results: dict[str, Any]) -> str:
    """Return the rows as Markdown, with the ratio and the writing below."""
    header = (
        "training images",
        "images/s",
        "least to most",
        "peak memory",
        "`train --epochs 1`",
        "test accuracy after it",
    )
    lines = []
    for row in results["rows"]:
        speed = row["images_per_second"]
        lines.append(
            [
                f"{row['images']:,}",
                f"{speed['median']:,.0f}",
                f"{speed['least']:,.0f} to {speed['most']:,.0f}",
                f"{row['megabytes']:.0f} MB",
                f"{row['train_seconds']:.0f} s",
                f"{100 * row['accuracy']:.2f} %",
            ]
        )
    ratios, write = results["ratios"], results["write"]
    below = (
        f"Images/s of the large set: {results['ratio']:.2f} times those of the small one (round by round "
        f"{ratios['least']:.2f} to {ratios['most']:.2f}; {results['timed_images']:,} images a process). To write it, "
        f"{write['bytes'] / 1e9:.2f} GB, took {write['seconds']:.0f} s and {write['megabytes']:.0f} MB of memory."
    )
    return f"{harness.markdown(header, lines)}\n\n{below}"


if __name__ == "__main__":
    main()
