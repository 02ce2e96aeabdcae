"""Measure how long the networks take to read digits, beside other frameworks: one image, and many.

    python -m benchmarks.peers.peers    # once: their environments
    python -m benchmarks.speed.bench_inference

A figure is the median of the calls that fill half a second, and frameworks take turns, round after round, while the
others are stopped. nnscratch is asked as its users ask it, predict_proba on uint8 images; the others find their images
as a tensor of floats, and answer probabilities, too. Results go to benchmarks/results/inference.json.
"""

from __future__ import annotations

import argparse
from itertools import product
from typing import Any

from benchmarks import harness
from benchmarks.peers.processes import Framework, Running, take_turns

MODELS = ("lenet5", "mlp", "logistic")
BATCHES = (1, 64, 1000, 10_000)
MODES = {  # peer: its name, its modes
    "torch": ("PyTorch", ("eager", "channels_last", "compile", "jit")),
    "onnxruntime": ("ONNX Runtime", ("session",)),
}
OURS = "nnscratch"


def main() -> None:
    """Parse the arguments, measure, write, print."""
    parser = harness.parser(__doc__)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--batches", nargs="+", type=int, choices=BATCHES, default=list(BATCHES))
    parser.add_argument("--peers", nargs="*", choices=MODES, default=list(MODES), help="none: only nnscratch")
    parser.add_argument("--threads", type=int, default=harness.cores(), help="of everybody (default: all cores)")
    parser.add_argument("--rounds", type=int, help="turns of each framework (default: 5, with --quick 2)")
    args = parser.parse_args()
    harness.finish(args, "inference", measure(args), table)


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Measure every network and number of images with everybody."""
    told = harness.environment(args.threads)
    rows: list[harness.Row] = []
    skipped: list[str] = []
    for model, batch in product(args.models, args.batches):
        frameworks = [Framework(OURS, "predict_proba", "", "infer_nnscratch", model, batch, args.threads)]
        frameworks += [
            Framework(name, mode, peer, f"infer_{peer}", model, batch, args.threads)
            for peer, (name, modes) in MODES.items()
            for mode in modes
            if peer in args.peers
        ]
        running, missing = take_turns(frameworks, args.rounds or (2 if args.quick else 5))
        rows += sorted((row(one) for one in running), key=lambda each: float(each["seconds"]["median"]))
        skipped += [text for text in missing if text not in skipped]
    return {"rows": rows, "skipped": skipped, "environment": told}


def row(one: Running) -> harness.Row:
    """Return what a framework has told: seconds a call, and microseconds an image."""
    seconds = [turn["seconds"] for turn in one.turns]
    spread = harness.spread(seconds)
    batch = one.framework.batch
    return {
        **one.framework.to_dict(),
        "seconds": spread,
        "all": seconds,
        "microseconds_per_image": 1e6 * spread["median"] / batch,
        "images_per_second": batch / spread["median"],
        "setup_seconds": one.ready["setup_seconds"],
        "versions": one.ready["versions"],
    }


def table(results: dict[str, Any]) -> str:
    """Return a Markdown table for each network and number of images, and who is missing."""
    asked: dict[tuple[str, int], list[harness.Row]] = {}
    for each in results["rows"]:
        asked.setdefault((each["model"], each["batch"]), []).append(each)
    parts = [batch_table(rows) for rows in asked.values()]
    return "\n\n".join([*parts, *results["skipped"]])


def batch_table(rows: list[harness.Row]) -> str:
    """Return the table for one network and number of images, the fastest first."""
    own = min((each["seconds"]["median"] for each in rows if each["contender"] == OURS), default=float("nan"))
    model, batch = rows[0]["model"], rows[0]["batch"]
    first = f"{model}, {batch:,} image{'s' if batch > 1 else ''}"
    header = (first, "mode", "µs an image", "least to most", "times nnscratch")
    lines = []
    for each in rows:
        median, least, most = (1e6 * each["seconds"][key] / batch for key in ("median", "least", "most"))
        name = f"**{each['contender']}**" if each["contender"] == OURS else each["contender"]
        spread = f"{least:.3g} to {most:.3g}"
        lines.append((name, each["mode"], f"{median:.3g}", spread, f"{each['seconds']['median'] / own:.2f}"))
    return harness.markdown(header, lines)


if __name__ == "__main__":
    main()
