"""The three short tables of README.md, each from several results: what is reached, how fast, and what it survived."""

from __future__ import annotations

from statistics import mean
from typing import Any

from benchmarks import harness

NAMES = {"lenet5": "LeNet-5", "mlp": "MLP", "logistic": "logistic regression"}
OURS = "nnscratch"

Results = dict[str, dict[str, Any]]


def accuracy(results: Results) -> str:
    """Return Markdown: each network's parameters, its accuracy on the test images, and on people's drawings."""
    drawn = {row["model"]: row["accuracy"][0] for row in results["drawings"]["groups"] if row["group"] == "all"}
    lines = []
    for model, name in NAMES.items():
        rows = [row for row in results["accuracy-best"]["rows"] if row["model"] == model]
        tested = [row["test_accuracy"] for row in rows]
        spread = f"{100 * min(tested):.2f} to {100 * max(tested):.2f} %"
        read = f"{100 * drawn[model]:.1f} %"
        lines.append([name, f"{rows[0]['parameters']:,}", f"{100 * mean(tested):.2f} %", spread, read])
    writers = next(row["writers"] for row in results["drawings"]["groups"])
    return harness.markdown(
        ["network", "parameters", "test accuracy", f"{len(tested)} seeds", f"drawings of {writers} people"], lines
    )


def speed(results: Results) -> str:
    """Return Markdown: seconds of nnscratch beside those of the fastest other framework, each in its best mode."""
    lines = [
        [f"{name}: an epoch of training", *compared(of_model(results["train"]["rows"], model), 1, "s")]
        for model, name in NAMES.items()
    ]
    for images, scale, unit in ((10_000, 1000, "ms"), (1, 1e6, "µs")):
        rows = [row for row in of_model(results["inference"]["rows"], "lenet5") if row["batch"] == images]
        asked = f"{images:,} images at once" if images > 1 else "one image"
        lines.append([f"LeNet-5: {asked}", *compared(rows, scale, unit)])
    return harness.markdown(["", OURS, "the fastest other", "times as long"], lines)


def of_model(rows: list[harness.Row], model: str) -> list[harness.Row]:
    """Return a network's rows."""
    return [row for row in rows if row["model"] == model]


def compared(rows: list[harness.Row], scale: float, unit: str) -> list[str]:
    """Return our time, the best of the others with its name, and their ratio."""
    own = min(row["seconds"]["median"] for row in rows if row["contender"] == OURS)
    other = min((row for row in rows if row["contender"] != OURS), key=lambda row: row["seconds"]["median"])
    seconds = other["seconds"]["median"]
    times = [f"{scale * value:.2f} {unit}" if scale == 1 else f"{scale * value:.0f} {unit}" for value in (own, seconds)]
    return [times[0], f"{times[1]} ({other['contender']})", f"{seconds / own:.2g}"]


def survived(results: Results) -> str:
    """Return Markdown: attacks, how often, and what came of them."""
    kills, networks = results["torture"]["kills"], results["random_networks"]
    spoiled, kernels = results["fuzz"], results["fuzz_kernels"]
    worst = max(row["torch"]["error"] for row in networks["rows"])
    lines = [
        ["trainings killed, and resumed", f"{kills['kills']:,}", "the weights of an undisturbed run, bit for bit"],
        [
            "spoiled files and requests",
            f"{sum(row['cases'] for row in spoiled['rows']):,}",
            f"accepted, or refused in one sentence; {findings(spoiled)}",
        ],
        [
            "compiled functions called with what does not fit",
            f"{sum(row['cases'] for row in kernels['rows']):,}",
            f"what the readable function answers; {findings(kernels)}",
        ],
        [
            "random networks beside PyTorch, in float64",
            f"{networks['networks']:,}",
            f"{networks['arrays']:,} arrays; the largest relative difference is {worst:.0e}",
        ],
    ]
    return harness.markdown(["attack", "how many", "outcome"], lines)


def findings(results: dict[str, Any]) -> str:
    """Return how many findings an attack had, in words."""
    number = len(results["findings"])
    return f"{number or 'no'} finding{'' if number == 1 else 's'}"


# Each short table, and the results that it is made of.
SUMMARIES = {
    "short-accuracy": (accuracy, ("accuracy-best", "drawings")),
    "short-speed": (speed, ("train", "inference")),
    "short-survived": (survived, ("torture", "fuzz", "fuzz_kernels", "random_networks")),
}
