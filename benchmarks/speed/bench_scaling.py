"""Measure how the cost of training LeNet-5 grows with images, batch, filters and threads.

    python -m benchmarks.speed.bench_scaling

Every point is a fresh process, so its memory is its own; the points take turns, in rounds. Seconds are those of an
epoch's batches: the median of a process's epochs, then that of the rounds. The exponent b of seconds = a x^b is the
slope of the line of least squares through the logarithms. Results go to benchmarks/results/scaling.json and, as a plot,
to benchmarks/results/scaling.png.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import harness

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CORES = harness.cores()
USUAL = {"images": 10_000, "batch": 64, "filters": 1, "threads": CORES}  # where nothing else is said
AXES: dict[str, tuple[int, ...]] = {
    "images": (1000, 2000, 5000, 10_000, 20_000, 60_000),
    "batch": (16, 32, 64, 128, 256, 512, 1024),
    "filters": (1, 2, 4, 8),
    "threads": (*range(1, CORES + 1), 2 * CORES),  # twice as many as there are cores must do no harm
}
QUICK_AXES: dict[str, tuple[int, ...]] = {
    "images": (1000, 4000),
    "batch": (32, 64),
    "filters": (1, 2),
    "threads": (1, 2, 4),
}
FIXED = {"threads": {"batch": 256}}  # eight shards, so that there is something to do for eight threads
TITLES = {
    "images": "images an epoch",
    "batch": "images a batch",
    "filters": "times (6, 16) filters",
    "threads": "threads",
}
EPOCHS, LEAST_IMAGES = 3, 30_000  # in a process: at least so many epochs, and images trained on
COLOR, GRAY = "#1f3a5f", "0.6"

Point = dict[str, int]


def main() -> None:
    """Parse the arguments, measure, write, print."""
    parser = harness.parser(__doc__)
    parser.add_argument(
        "--plot", type=Path, metavar="FILE", help="where the plot goes; with --quick there is none else"
    )
    parser.add_argument("--point", type=json.loads, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.point:
        print(json.dumps(train(args.point)))
        return
    results = measure(args.quick)
    harness.finish(args, "scaling", results, table)
    if args.plot or not args.quick:
        plot(results, args.plot or harness.RESULTS / "scaling.png")


def train(point: Point) -> list[float]:
    """Return the seconds of each epoch, trained in this process."""
    import nnscratch as nn

    nn.set_threads(point["threads"])
    layers = [
        *(nn.Conv2D(6 * point["filters"], 5), nn.ReLU(), nn.MaxPool2D(2)),
        *(nn.Conv2D(16 * point["filters"], 5), nn.ReLU(), nn.MaxPool2D(2)),
        *(nn.Flatten(), nn.Dense(120), nn.ReLU(), nn.Dense(10)),
    ]
    mnist, n = nn.load_mnist(), point["images"]
    history = nn.Sequential(layers, seed=0).fit(
        mnist.train_images[:n],
        mnist.train_labels[:n],
        epochs=max(EPOCHS, LEAST_IMAGES // n),
        batch_size=point["batch"],
    )
    return [row["seconds"] for row in history]


def measure(quick: bool) -> dict[str, Any]:
    """Run every point in a process of its own, round after round."""
    environment = harness.environment(threads=CORES)
    rows: list[harness.Row] = []
    for axis, values in (QUICK_AXES if quick else AXES).items():
        rows += [{"axis": axis, **USUAL, **FIXED.get(axis, {}), axis: value} for value in values]
    for row in rows:
        run(row)  # compiles, which takes memory of its own
    measured = [[run(row) for row in rows] for _ in range(1 if quick else 5)]
    for place, row in enumerate(rows):
        row["seconds"] = harness.spread([results[place][0] for results in measured])
        row["megabytes"] = harness.spread([results[place][1] for results in measured])
    return {"rows": rows, "fits": {axis: fit(rows, axis) for axis in AXES}, "environment": environment}


def run(row: harness.Row) -> tuple[float, float]:
    """Return the median seconds of an epoch, and the most megabytes, of a fresh process."""
    point = json.dumps({name: row[name] for name in USUAL})
    ended = harness.run([sys.executable, "-m", "benchmarks.speed.bench_scaling", "--point", point], cwd=harness.ROOT)
    return statistics.median(json.loads(ended.stdout)), ended.peak_bytes / 1e6


def fit(rows: list[harness.Row], axis: str) -> dict[str, float]:
    """Return a and b of seconds = a x^b, up to x = ``to``, by least squares on the logarithms.

    Only as many threads count as there are cores.
    """
    points = [row for row in rows if row["axis"] == axis and (axis != "threads" or row["threads"] <= CORES)]
    if len(points) < 2:
        return {"a": points[0]["seconds"]["median"], "b": 0.0, "to": points[0][axis]}
    x = [math.log(row[axis]) for row in points]
    y = [math.log(row["seconds"]["median"]) for row in points]
    slope, intercept = statistics.linear_regression(x, y)
    return {"a": math.exp(intercept), "b": slope, "to": points[-1][axis]}


def table(results: dict[str, Any]) -> str:
    """Return the rows as Markdown, with the exponents below."""
    header = ("what grows", "value", "seconds an epoch", "least to most", "images/s", "peak memory")
    lines = []
    for row in results["rows"]:
        seconds, axis = row["seconds"], row["axis"]
        spread = f"{seconds['least']:.3f} to {seconds['most']:.3f}"
        rate = f"{row['images'] / seconds['median']:,.0f}"
        memory = f"{row['megabytes']['median']:.0f} MB"
        lines.append([TITLES[axis], f"{row[axis]:,}", f"{seconds['median']:.3f}", spread, rate, memory])
    exponents = ", ".join(f"{TITLES[axis]} {fitted['b']:.2f}" for axis, fitted in results["fits"].items())
    usual = f"{USUAL['images']:,} images, batch {USUAL['batch']} ({FIXED['threads']['batch']} where threads grow)"
    below = (
        f"Exponents of seconds (least squares on the logarithms): {exponents}. What does not grow: {usual}, all cores."
    )
    return f"{harness.markdown(header, lines)}\n\n{below}"


def plot(results: dict[str, Any], path: Path) -> None:
    """Write the plot: above, seconds on logarithmic axes with the fitted lines; below, memory from zero."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    matplotlib.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    figure = Figure(figsize=(9, 4.6), dpi=150, layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08))
    above, below = figure.subplots(2, len(AXES), sharex="col", sharey="row")
    for upper, lower, axis in zip(above, below, AXES, strict=True):
        rows = [row for row in results["rows"] if row["axis"] == axis]
        x = [row[axis] for row in rows]
        _seconds(upper, x, [row["seconds"] for row in rows], results["fits"][axis], axis)
        lower.plot(x, [row["megabytes"]["median"] for row in rows], ".-", color=COLOR, markersize=7)
        lower.set(xlabel=TITLES[axis])
        lower.set_xticks(x, [f"{value // 1000}k" if value >= 1000 else str(value) for value in x])
        for axes in (upper, lower):
            axes.minorticks_off()
            axes.grid(color="0.92")
            axes.set_axisbelow(True)
    extremes = [row["seconds"][end] for row in results["rows"] for end in ("least", "most")]
    above[0].set(ylabel="seconds an epoch", ylim=(min(extremes) / 2, 4 * max(extremes)))  # room for the legends
    above[0].yaxis.set_major_formatter("{x:g}")
    below[0].set(ylabel="peak memory, MB", ylim=(0, 1.1 * below[0].get_ylim()[1]))
    figure.savefig(path, metadata={"Software": None})


def _seconds(axes: Axes, x: list[int], seconds: list[dict[str, float]], fitted: dict[str, float], axis: str) -> None:
    """Draw the points, from least to most, and the fitted line."""
    median = [value["median"] for value in seconds]
    spread = [
        [value["median"] - value["least"] for value in seconds],
        [value["most"] - value["median"] for value in seconds],
    ]
    fitted_x = [value for value in x if value <= fitted["to"]]
    line = [fitted["a"] * value ** fitted["b"] for value in fitted_x]
    axes.plot(fitted_x, line, "--", color=GRAY, zorder=1, label=f"seconds ~ {axis}$^{{{fitted['b']:.2f}}}$")
    axes.errorbar(x, median, spread, fmt=".", color=COLOR, markersize=7, elinewidth=1)
    axes.set(xscale="log", yscale="log")
    axes.legend(loc="upper left", frameon=False, handlelength=1.2, borderaxespad=0, fontsize=8.5)


if __name__ == "__main__":
    main()
