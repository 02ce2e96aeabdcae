"""Train LeNet-5 on millions of distorted digits, which stay in their file, and on MNIST's 60,000: images/s and memory.

    python -m benchmarks.speed.bench_large    # 8,000,000: 6.3 GB in the temporary folder
    python -m benchmarks.speed.bench_large --images 1000000

Speed: two trainings in one process take turns, batch 64, without distortions; the images/s of a turn are those of its
batches: choosing, reading and shaping them, forward, loss, backward, the optimiser's step. Memory: the most that a
whole ``nnscratch train --recipe original --epochs 1`` had at a time, from the digest of the data to the report, as the
operating system counted it (ru_maxrss; pages of the file would be in it, were it mapped and looked at). Results go to
benchmarks/results/large.json.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import harness

CORES = harness.cores()
IMAGES, QUICK_IMAGES = 8_000_000, 200_000
ROUNDS, QUICK_ROUNDS = 50, 3
BATCH, TURN = 64, 1024  # images a batch, batches a turn


def main() -> None:
    """Parse the arguments, measure, write, print."""
    parser = harness.parser(__doc__)
    parser.add_argument("--images", type=int, metavar="N", help=f"how many digits are written ({IMAGES:,})")
    parser.add_argument(
        "--folder", metavar="DIR", help="where the temporary folder is made; it needs 785 bytes an image"
    )
    parser.add_argument("--turns", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.turns:
        print(json.dumps(take_turns(args.turns[0], int(args.turns[1]))))
        return
    harness.finish(args, "large", measure(args), table)


def take_turns(data: str, rounds: int) -> list[list[float]]:
    """Return the images/s of MNIST and of the data in a folder, turn by turn: two trainings in this process."""
    import nnscratch as nn
    from nnscratch.parallel.mpi import Ranks
    from nnscratch.runs.experiment import begin
    from nnscratch.runs.settings import Settings

    class StopEachTurn(nn.Callback):
        def on_batch_end(self, trainer: Any) -> None:
            if trainer.state.step % TURN == 0:
                trainer.stop()

    settings, stopping = Settings(epochs=1_000_000, batch_size=BATCH), [StopEachTurn()]
    sets = (nn.load_mnist(), nn.load_dataset(data))
    trainers = [begin("lenet5", settings, some, Path(), stopping).trainer for some in sets]
    speeds: list[list[float]] = [[], []]
    for number in range(rounds + 1):
        for trainer, measured in zip(trainers, speeds, strict=True):
            before, trainer.shards.ranks = seen(trainer), Ranks()  # whose last wish was to stop
            trainer.run()
            images, seconds = (now - then for now, then in zip(seen(trainer), before, strict=True))
            measured += [images / seconds] if number else []  # the first turn warms up
    return speeds


def seen(trainer: Any) -> tuple[int, float]:
    """Return how many images a trainer has been through, and the seconds of their batches."""
    state = trainer.state
    seconds = sum(row["seconds"] for row in state.history) + state.seconds
    return len(state.history) * len(trainer.images) + state.position, seconds


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Write the data, and run every process."""
    environment = harness.environment(threads=CORES)
    count = args.images or (QUICK_IMAGES if args.quick else IMAGES)
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        data = str(Path(folder) / "digits")
        written = command("augment", "--write", str(count), "--out", data, cwd=folder)
        speeds = json.loads(script("--turns", data, str(QUICK_ROUNDS if args.quick else ROUNDS)).stdout)
        rows = []
        for images, given, measured in zip((60_000, count), ([], ["--data", data]), speeds, strict=True):
            settings = ["--recipe", "original", "--epochs", "1", "--batch-size", str(BATCH)]
            out = str(Path(folder) / f"run-{images}")
            whole = command("train", "lenet5", *given, *settings, "--out", out, cwd=folder)
            megabytes, seconds = whole.peak_bytes / 1e6, whole.seconds
            rows.append({"images": images, "images_per_second": harness.spread(measured), "all": measured})
            rows[-1] |= {"megabytes": megabytes, "train_seconds": seconds, "accuracy": accuracy(Path(out))}
    pairs = [b / a for a, b in zip(*speeds, strict=True)]
    return {
        "rows": rows,
        "ratio": harness.spread(pairs),
        "images_a_turn": TURN * BATCH,
        "write": {"seconds": written.seconds, "megabytes": written.peak_bytes / 1e6, "bytes": count * 785},
        "memory_of_the_machine": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "environment": environment,
    }


def script(*arguments: str) -> harness.Ended:
    """Run this script with these arguments in a fresh process."""
    return harness.run([sys.executable, "-m", "benchmarks.speed.bench_large", *arguments], cwd=harness.ROOT)


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
    ratio, write = results["ratio"], results["write"]
    below = (
        f"Images/s of the large set: {ratio['median']:.3f} times those of the small one (median of {ratio['n']} turns "
        f"of {results['images_a_turn']:,} images; {ratio['least']:.2f} to {ratio['most']:.2f}). To write it, "
        f"{write['bytes'] / 1e9:.2f} GB, took {write['seconds']:.0f} s and {write['megabytes']:.0f} MB of memory. "
        f"The machine has {results['memory_of_the_machine'] / 1e9:.0f} GB, so that the system may keep the file in "
        f"memory: of a disk that must be read, images/s say nothing."
    )
    return f"{harness.markdown(header, lines)}\n\n{below}"


if __name__ == "__main__":
    main()
