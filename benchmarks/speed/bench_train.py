"""Measure the seconds of training an epoch of MNIST, beside other frameworks.

    python -m benchmarks.peers.peers    # once: their environments
    python -m benchmarks.speed.bench_train

Everybody trains the same three networks with the same batches: float32, Glorot's uniform weights, Adam(1e-3), softmax
cross-entropy, all 60,000 images in a new order each epoch. Each framework is a process that warms up first, with an
epoch that does not count; then they take turns, an epoch each, round after round, and the others are stopped meanwhile.
Whoever takes more than 15 s gets one round only. Results go to benchmarks/results/train.json.
"""

from __future__ import annotations

import argparse
from typing import Any

from benchmarks import harness
from benchmarks.peers.processes import Framework, Running, take_turns

IMAGES = 60_000
BATCH = {"lenet5": 64, "mlp": 128, "logistic": 64}
MODES = {  # peer: its name, its modes, its models
    "torch": ("PyTorch", ("eager", "channels_last", "compile"), tuple(BATCH)),
    "keras": ("Keras", ("fit", "jit_compile"), tuple(BATCH)),
    "jax": ("JAX", ("step", "scan", "scan-im2col"), tuple(BATCH)),
    "sklearn": ("scikit-learn", ("partial_fit",), ("mlp",)),
}
CONVOLUTIONAL = ("channels_last", "scan-im2col")  # modes that are others' equal without convolutions
OURS = "nnscratch"


def main() -> None:
    """Parse the arguments, measure, write, print."""
    parser = harness.parser(__doc__)
    parser.add_argument("--models", nargs="+", choices=BATCH, default=list(BATCH))
    parser.add_argument("--peers", nargs="*", choices=MODES, default=list(MODES), help="none: only nnscratch")
    parser.add_argument("--threads", type=int, default=harness.cores(), help="of everybody (default: all cores)")
    parser.add_argument("--rounds", type=int, help="epochs of each framework (default: 5, with --quick 2)")
    args = parser.parse_args()
    harness.finish(args, "train", measure(args), table)


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Train each model with everybody."""
    told = harness.environment(args.threads)
    rows: list[harness.Row] = []
    skipped: list[str] = []
    for model in args.models:
        frameworks = ours(model, args.threads) + theirs(model, args.threads, args.peers)
        running, missing = take_turns(frameworks, args.rounds or (2 if args.quick else 5))
        rows += compared([row(one) for one in running])
        skipped += [text for text in missing if text not in skipped]
    return {"rows": rows, "skipped": skipped, "environment": told}


def ours(model: str, threads: int) -> list[Framework]:
    """Return nnscratch on all threads, and on one."""
    return [
        Framework(OURS, f"{n} thread{'s' if n > 1 else ''}", "", "train_nnscratch", model, BATCH[model], n)
        for n in dict.fromkeys((threads, 1))
    ]


def theirs(model: str, threads: int, peers: list[str]) -> list[Framework]:
    """Return every mode of the peers that have this model."""
    return [
        Framework(name, mode, peer, f"train_{peer}", model, BATCH[model], threads)
        for peer, (name, modes, models) in MODES.items()
        for mode in modes
        if peer in peers and model in models and (model == "lenet5" or mode not in CONVOLUTIONAL)
    ]


def row(one: Running) -> harness.Row:
    """Return what a framework has told, in seconds an epoch."""
    seconds = [turn["seconds"] for turn in one.turns]
    spread = harness.spread(seconds)
    last = one.turns[-1]
    return {
        **one.framework.to_dict(),
        "seconds": spread,
        "all": seconds,
        "images_per_second": IMAGES / spread["median"],
        "setup_seconds": one.ready["setup_seconds"],
        "loss": last["loss"],
        "accuracy": last["accuracy"],
        "versions": one.ready["versions"],
    }


def compared(rows: list[harness.Row]) -> list[harness.Row]:
    """Return a model's rows, the fastest first, those of nnscratch with each peer's best seconds over their own.

    ``ratios`` are by peer, in its fastest mode; ``ratio_to_best_peer`` is the least of them. Above 1, nnscratch is
    faster.
    """
    rows = sorted(rows, key=lambda each: float(each["seconds"]["median"]))
    best: dict[str, float] = {}
    for each in rows:
        if each["contender"] != OURS:
            best.setdefault(each["contender"], each["seconds"]["median"])
    for each in rows:
        if each["contender"] == OURS and best:
            each["ratios"] = {name: seconds / each["seconds"]["median"] for name, seconds in best.items()}
            each["ratio_to_best_peer"] = min(each["ratios"].values())
    return rows


def table(results: dict[str, Any]) -> str:
    """Return a Markdown table for each model, and who is missing."""
    models = dict.fromkeys(each["model"] for each in results["rows"])
    parts = [model_table(model, [each for each in results["rows"] if each["model"] == model]) for model in models]
    return "\n\n".join([*parts, *results["skipped"]])


def model_table(model: str, rows: list[harness.Row]) -> str:
    """Return the table of one model, the fastest first; "times nnscratch" is against its fastest mode."""
    own = min((each["seconds"]["median"] for each in rows if each["contender"] == OURS), default=float("nan"))
    header = (model, "mode", "s an epoch", "least to most", "times nnscratch", "set-up s", "loss", "test accuracy")
    lines = []
    for each in rows:
        seconds, name = each["seconds"], each["contender"]
        name = f"**{name}**" if name == OURS else name
        lines.append(
            (
                *(name, each["mode"]),
                *(f"{seconds['median']:.2f}", f"{seconds['least']:.2f} to {seconds['most']:.2f}"),
                *(f"{seconds['median'] / own:.2f}", f"{each['setup_seconds']:.0f}"),
                *(f"{each['loss']:.4f}", f"{100 * each['accuracy']:.2f} %"),
            )
        )
    return harness.markdown(header, lines)


if __name__ == "__main__":
    main()
