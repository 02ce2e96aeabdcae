"""Print the tables of all results, or put them into README.md and docs/results, and draw the bar chart.

    python -m benchmarks.tables            # print
    python -m benchmarks.tables --write    # README.md, docs/results/*.md and benchmarks/results/train.png
    python -m benchmarks.tables --check    # exit code 1 when one of these texts says something else

In these texts what stands between <!-- benchmark NAME --> and <!-- end NAME --> is replaced, for every NAME that has
results. Each benchmark knows how its results are told: its function ``table``. ``summaries.py`` has the short tables.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import re
import sys
from typing import TYPE_CHECKING, Any

from benchmarks import harness
from benchmarks.summaries import SUMMARIES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TEXTS = [harness.ROOT / "README.md", *sorted((harness.ROOT / "docs" / "results").glob("*.md"))]
PLACE = re.compile(r"<!-- benchmark ([\w-]+) -->.*?<!-- end \1 -->", re.DOTALL)
SCRIPTS = {
    "train": "speed.bench_train",
    "inference": "speed.bench_inference",
    "architectures": "speed.bench_architectures",
    "kernels": "speed.bench_kernels",
    "startup": "speed.bench_startup",
    "speedrun": "speed.speedrun",
    "scaling": "speed.bench_scaling",
    "large": "speed.bench_large",
    "accuracy-best": "quality.accuracy",
    "accuracy-distilled": "quality.accuracy",
    "accuracy-best-deskew": "quality.accuracy",
    "accuracy-original": "quality.accuracy",
    "drawings": "quality.bench_drawings",
    "rejection": "quality.bench_rejection",
    "web": "speed.bench_web",
    "watch": "speed.bench_watch",
    "distributed": "speed.bench_distributed",
    "torture": "robustness.fault_injection",
    "exchange": "peers.exchange",
    "random_networks": "robustness.random_networks",
    "fuzz": "robustness.fuzz",
    "fuzz_kernels": "robustness.fuzz_kernels",
}
PANELS = {"lenet5": "LeNet-5", "mlp": "MLP", "logistic": "logistic regression"}
OURS = "nnscratch"
OUR_COLOR, COLOR, GRAY = "#e07b39", "#b9c3cf", "0.45"


def main() -> None:
    """Parse the arguments; print, write or check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--write", action="store_true", help="put the tables into the texts, and draw the chart")
    what.add_argument("--check", action="store_true", help="exit with 1 when a text says something else")
    args = parser.parse_args()
    results = read_results()
    blocks = {name: block(name, found) for name, found in results.items()}
    blocks |= {name: make(results) for name, (make, needed) in SUMMARIES.items() if results.keys() >= set(needed)}
    if not args.write and not args.check:
        print("\n\n".join(f"## {name}\n\n{text}" for name, text in blocks.items()))
        return
    texts = {path: path.read_text("utf-8") for path in TEXTS}
    new = {path: filled(text, blocks) for path, text in texts.items()}
    for name in blocks:
        if not any(f"<!-- benchmark {name} -->" in text for text in texts.values()):
            print(f"{name}: no text has <!-- benchmark {name} --> with an <!-- end {name} -->", file=sys.stderr)
    changed = [path for path in TEXTS if new[path] != texts[path]]
    if args.check:
        names = ", ".join(str(path.relative_to(harness.ROOT)) for path in changed)
        sys.exit(f"{names}: not what the results say; python -m benchmarks.tables --write" if changed else 0)
    for path in changed:
        path.write_text(new[path], "utf-8")
    if "train" in results:
        draw(results["train"]["rows"])


def read_results() -> dict[str, dict[str, Any]]:
    """Return the results by name, of those benchmarks that are here and have been run."""
    found = {}
    for name, script in SCRIPTS.items():
        path = harness.RESULTS / f"{name}.json"
        if not path.exists():
            print(f"{name}: no results yet", file=sys.stderr)
        elif importlib.util.find_spec(f"benchmarks.{script}") is None:
            print(f"{name}: there is no benchmarks.{script}", file=sys.stderr)
        else:
            found[name] = json.loads(path.read_text())
    return found


def block(name: str, results: dict[str, Any]) -> str:
    """Return a benchmark's table, and below it what it depends on."""
    table = importlib.import_module(f"benchmarks.{SCRIPTS[name]}").table(results)
    told = results["environment"]
    today = f"python -m benchmarks.{SCRIPTS[name]}"  # for results that do not say how they were made
    command = f"`{results['command']}`" if "command" in results else f"today by `{today}`"
    versions = " ".join(f"{package} {version}" for package, version in told["versions"].items())
    threads = f"{told['threads']} thread{'' if told['threads'] == 1 else 's'} on {told['cores']} cores"
    where = f"{told['machine']}, {threads}, load before {told['load']}; {versions}"
    return f"{table}\n\n*{where}; {told['date']}, commit {told['commit']}; {command}.*"


def filled(text: str, blocks: dict[str, str]) -> str:
    """Return a text with the blocks between their marks."""

    def table(place: re.Match[str]) -> str:
        name = place[1]
        if name not in blocks:
            return place[0]
        return f"<!-- benchmark {name} -->\n\n{blocks[name]}\n\n<!-- end {name} -->"

    return PLACE.sub(table, text)


def best(rows: list[harness.Row], model: str) -> dict[str, float]:
    """Return the seconds of an epoch by framework, each in its fastest mode."""
    seconds: dict[str, float] = {}
    for row in rows:
        if row["model"] == model:
            median = row["seconds"]["median"]
            seconds[row["contender"]] = min(median, seconds.get(row["contender"], median))
    return seconds


def draw(rows: list[harness.Row]) -> None:
    """Write results/train.png: seconds an epoch of all three models, the fastest of LeNet-5 on top."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    matplotlib.rcParams["font.size"] = 10
    panels = {title: best(rows, model) for model, title in PANELS.items()}
    everybody = {name: None for seconds in panels.values() for name in sorted(seconds, key=lambda one: seconds[one])}
    layout = ConstrainedLayoutEngine(wspace=0.06, w_pad=0.1, h_pad=0.08)
    figure = Figure(figsize=(9, 1 + 0.36 * len(everybody)), dpi=200, layout=layout)  # 900 pixels, twice as fine
    figure.suptitle("Seconds of training an epoch, 60,000 images (shorter is better)", x=0.012, ha="left", fontsize=11)
    for axes, (title, seconds) in zip(figure.subplots(1, len(panels), sharey=True), panels.items(), strict=True):
        bars(axes, title, list(everybody), seconds)
    figure.savefig(harness.RESULTS / "train.png", metadata={"Software": None})


def bars(axes: Axes, title: str, names: list[str], seconds: dict[str, float]) -> None:
    """Draw a panel: a bar for each framework with its number; a dash for one that has no such model."""
    longest = max(seconds.values(), default=1.0)
    for place, name in enumerate(names):
        value, ours = seconds.get(name, 0.0), name == OURS
        axes.barh(place, value, height=0.68, color=OUR_COLOR if ours else COLOR)
        text = f"{value:.2f} s" if value else "–"
        axes.text(
            value + 0.02 * longest,
            place,
            text,
            va="center",
            color="black" if value else GRAY,
            fontweight="bold" if ours else "normal",
        )
    axes.set_title(title, loc="left", fontsize=10, fontweight="bold")
    axes.set(xlim=(0, 1.25 * longest), ylim=(len(names) - 0.5, -0.5))  # room for the numbers; the first on top
    axes.set_xticks([])
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(left=False)
    axes.spines[:].set_visible(False)
    for label in axes.get_yticklabels():
        label.set_fontweight("bold" if label.get_text() == OURS else "normal")


if __name__ == "__main__":
    main()
