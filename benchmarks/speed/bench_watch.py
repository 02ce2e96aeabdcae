"""Measure how much longer LeNet-5 trains when ``study.watch.Watch`` looks inside it at its default rhythm.

    python -m benchmarks.speed.bench_watch

Trains for some epochs without and with a watch, in turns, one of each in every round; each goes first in every other
round. A figure is the wall time of ``fit``, kernels being compiled before; the ratio is the median of the rounds' own
ratios. With ``--screen`` the terminal's picture is drawn as well, into nothing. Both must end in the same weights.
Results go to benchmarks/results/watch.json.
"""

from __future__ import annotations

import argparse
import io
import time
from typing import Any

import nnscratch as nn
from benchmarks import harness
from nnscratch.files.npz import weights_digest
from nnscratch.study.watch.live import Live
from nnscratch.study.watch.watch import Watch

MODEL = "lenet5"
TARGET = 1.05  # times as long


class Screen(io.StringIO):
    """A terminal that forgets what it was sent."""

    def isatty(self) -> bool:
        """Return that it is a terminal."""
        return True

    def write(self, text: str) -> int:
        """Forget the text."""
        return len(text)


def main() -> None:
    """Parse the arguments, measure, write, print."""
    parser = harness.parser(__doc__)
    parser.add_argument("--epochs", type=int, help="of each training (default: 10, with --quick 2)")
    parser.add_argument("--rounds", type=int, help="default: 9, with --quick 3")
    parser.add_argument("--screen", action="store_true", help="draw the terminal's picture as well; nothing is written")
    args = parser.parse_args()
    args.quick = args.quick or args.screen
    harness.finish(args, "watch", measure(args), table)


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Train in turns, and return the seconds of every round."""
    environment = harness.environment(nn.threads())
    epochs = args.epochs or (2 if args.quick else 10)
    rounds = args.rounds or (3 if args.quick else 9)
    mnist = nn.load_mnist()
    data = mnist.train_images, mnist.train_labels
    train((data[0][:1000], data[1][:1000]), 1, [Watch()])  # compiles
    rows: list[harness.Row] = []
    for number in range(rounds):
        row: harness.Row = {"round": number}
        for watched in (number % 2 == 1, number % 2 == 0):
            watch = Watch()
            shown = [watch, Live(MODEL, watch, Screen())] if args.screen else [watch]
            seconds, digest = train(data, epochs, shown if watched else [])
            name = "watched" if watched else "plain"
            row |= {f"{name}_seconds": seconds, f"{name}_weights": digest}
            row |= {"samples": len(watch.samples), "share_spent": watch.share_spent} if watched else {}
        row["ratio"] = row["watched_seconds"] / row["plain_seconds"]
        rows.append(row)
    same = len({row[f"{name}_weights"] for row in rows for name in ("plain", "watched")}) == 1
    ratio = harness.spread([row["ratio"] for row in rows])
    return {
        "rows": rows,
        "model": MODEL,
        "epochs": epochs,
        "ratio": ratio,
        "target": TARGET,
        "met": same and ratio["median"] <= TARGET,
        "same_weights": same,
        "environment": environment,
    }


def train(data: tuple[Any, Any], epochs: int, callbacks: list[nn.Callback]) -> tuple[float, str]:
    """Return the seconds of a training, and the digest of the weights that it ends in."""
    model = nn.build(MODEL)
    start = time.perf_counter()
    model.fit(*data, epochs=epochs, batch_size=64, callbacks=callbacks)
    return time.perf_counter() - start, weights_digest(model.parameters)


def table(results: dict[str, Any]) -> str:
    """Return the medians as a Markdown table, and what they mean."""
    rows, ratio = results["rows"], results["ratio"]
    seconds = {name: harness.spread([row[f"{name}_seconds"] for row in rows]) for name in ("plain", "watched")}
    lines = [
        (name, f"{told['median']:.2f} s", f"{told['least']:.2f} to {told['most']:.2f} s", note)
        for (name, told), note in zip(seconds.items(), ("", f"{rows[-1]['samples']} samples"), strict=True)
    ]
    lines.append(
        ("**ratio**", f"{ratio['median']:.3f}", f"{ratio['least']:.3f} to {ratio['most']:.3f}", f"{ratio['n']} rounds")
    )
    header = (f"{results['model']}, {results['epochs']} epochs", "median", "least to most", "")
    weights = "the same weights, bit for bit" if results["same_weights"] else "OTHER WEIGHTS"
    told = "met" if results["met"] else "missed"
    return f"{harness.markdown(header, lines)}\n\nBoth end in {weights}; at most {results['target']}: {told}."


if __name__ == "__main__":
    main()
