"""How training became fast: what was measured, from ``benchmarks/results``, and the profiler's own figures."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data import load_mnist
from nnscratch.models.zoo import build
from nnscratch.pages.blocks import Table
from nnscratch.study.figures.drawing import BLUE, GRAY, GREEN, ORANGE, Drawing, Row
from nnscratch.study.figures.sketch import Sketch
from nnscratch.study.profile import text
from nnscratch.study.profile.profile import Profile, profile
from nnscratch.training.optimizers import Adam
from nnscratch.training.plan import Plan

RESULTS = Path(__file__).parents[3] / "benchmarks" / "results"
IMAGES, BATCH = 4096, 64  # of what is profiled
BAR, LABEL = 150, 132  # the longest bar, and the place for its name
LEGEND = ("images", "forward", "backward", "update")
COLORS = dict(zip(LEGEND, (GRAY, BLUE, ORANGE, GREEN), strict=True))
KERNELS = (
    ("conv2d_relu_pool_forward", "conv1, max", "conv1 forward"),
    ("conv2d_relu_pool_backward", "conv1, max", "conv1 backward"),
    ("conv2d_relu_pool_forward", "conv2, max", "conv2 forward"),
    ("conv2d_relu_pool_backward", "conv2, max", "conv2 backward"),
    ("adam_update", "LeNet-5, 34,622", "Adam"),
)


def results(name: str) -> dict[str, Any] | None:
    """Return what a benchmark measured, or None where the package was installed without its source."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text("utf-8")) if path.is_file() else None


def bars(groups: list[tuple[str, list[tuple[float, str, str]]]], unit: str, source: str) -> Drawing:
    """Return bars: for each name (value, colour, words after it), with where they come from below."""
    most = max(value for _, values in groups for value, _, _ in values)
    step = 18
    height = sum(len(values) * step + 10 for _, values in groups)
    sketch, top, said = Sketch(372, height + 22), 4.0, []
    for name, values in groups:
        sketch.text(LABEL - 6, top + len(values) * step / 2 + 4, name, size=12, anchor="end")
        for place, (value, color, words) in enumerate(values):
            at = top + place * step
            sketch.rect(LABEL, at, max(BAR * value / most, 1), step - 3, fill=color)
            sketch.text(LABEL + 5 + BAR * value / most, at + 12, words, size=12, anchor="start")
            said.append(f"{name} {value:.3g} {unit}")
        top += len(values) * step + 10
    sketch.text(4, height + 16, source, size=10, color=GRAY, anchor="start")
    return sketch.drawing("; ".join(said))


def measured(found: dict[str, Any]) -> str:
    """Return on what a benchmark was run, and when."""
    where = found["environment"]
    return f"{where['machine']}, {where['cores']} cores, {where['date']}, {found['benchmark']}.json"


def missing() -> Drawing:
    """Return a sentence in the place of a figure that needs the source."""
    sketch = Sketch(370, 24)
    sketch.text(0, 16, "Measurements come with the source, not with the package.", size=12, anchor="start")
    return sketch.drawing("No measurements are here.")


def kernels() -> Drawing:
    """Return the microseconds of NumPy's functions and of compiled kernels, for a shard of LeNet-5."""
    found = results("kernels")
    if found is None:
        return missing()
    by_case = {(row["op"], row["case"]): row for row in found["rows"]}
    groups = []
    for op, case, name in KERNELS:
        slow, fast = (by_case[op, case][way]["median"] for way in ("numpy", "numba"))
        groups.append((name, [(slow, BLUE, f"{slow:.0f} µs NumPy"), (fast, ORANGE, f"{fast:.0f} µs kernel")]))
    return bars(groups, "microseconds", measured(found))


def training() -> Drawing:
    """Return the seconds that an epoch of LeNet-5 takes here and in other libraries, each in its best mode."""
    found = results("train")
    if found is None:
        return missing()
    best: dict[str, float] = {}
    for row in found["rows"]:
        if row["model"] == "lenet5":
            name = f"here, {row['mode']}" if row["contender"] == "nnscratch" else row["contender"]
            best[name] = min(row["seconds"]["median"], best.get(name, np.inf))
    groups = [
        (name, [(value, ORANGE if "here" in name else BLUE, f"{value:.2f} s")])
        for name, value in sorted(best.items(), key=lambda item: item[1])
    ]
    return bars(groups, "seconds", measured(found))


def peak() -> float | None:
    """Return the FLOP/s of NumPy's matrix product on one core of the machine that the kernels were measured on."""
    found = results("kernels")
    return None if found is None else 1e9 * float(found["peak_gflops"]["median"])


# ---- the profiler


@cache
def profiled() -> Profile:
    """Return the profile of LeNet-5, batches of 64, Adam, on this machine."""
    mnist, network = load_mnist(), build("lenet5")
    return profile(
        network,
        network.batches(mnist.train_images[:IMAGES]),
        mnist.train_labels[:IMAGES],
        Plan(batch_size=BATCH, optimizer=Adam(0.001)),
    )


def told(found: Profile) -> str:
    """Return what the profiler prints of one thread."""
    timing = found.timings[0]
    lines = [f"{text.count(timing.threads)}: {text.speed(found, timing)}", *aligned(text.table(found, timing))]
    return "\n".join([f"machine  {text.machine(found)}", f"timed    {text.how(found)}", "", *lines])


def aligned(table: Table) -> list[str]:
    """Return a table as lines of text."""
    rows = [list(table.header), *(list(row) for row in table.rows)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    padded = [[cell.rjust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]
    return ["  ".join([row[0].ljust(widths[0]), *right[1:]]) for row, right in zip(rows, padded, strict=True)]


def timeline(found: Profile) -> Row:
    """Return a step on one thread as a line of its kernels, and the five that take longest by name."""
    trace = found.timings[0].median
    begin, whole = trace.bounds[0, 0], float(trace.seconds[0])
    sketch, width = Sketch(370, 66), 362.0
    longest: dict[tuple[str, str], float] = {}
    for piece, (start, end) in zip(trace.pieces, trace.spans[0], strict=True):
        part = piece.label[1] or (piece.label[0] if piece.label[0] in LEGEND else "forward")
        x = 4 + width * float(start - begin) / whole
        sketch.rect(x, 4, max(width * float(end - start) / whole - 0.4, 0.4), 34, fill=COLORS[part])
        key = f"{piece.label[0].split(' ')[0]} {piece.kernel}", part
        longest[key] = longest.get(key, 0.0) + float(end - start)
    for place, part in enumerate(LEGEND):
        sketch.rect(4 + place * 76, 48, 11, 11, fill=COLORS[part])
        sketch.text(18 + place * 76, 58, part, size=12, anchor="start")
    sketch.text(366, 58, f"{1e6 * whole:,.0f} µs", size=12, anchor="end")
    line = sketch.drawing(f"{len(trace.pieces)} kernels in {1e6 * whole:.0f} microseconds")
    most = sorted(longest.items(), key=lambda item: -item[1])[:5]
    groups = [(name, [(1e6 * value, COLORS[part], f"{1e6 * value:.0f} µs")]) for (name, part), value in most]
    return Row([line, bars(groups, "microseconds", "the five kernels that take longest, of both shards")])


def runs(N: int, OW: int, *, batch_last: bool) -> int:
    """Return how many numbers, one after the other in memory, a weight is multiplied with: a row of outputs."""
    x: Array = np.zeros((1, 28, 28, N) if batch_last else (N, 1, 28, 28), np.float32)
    row = x[0, 0, :OW] if batch_last else x[0, 0, 0, :OW]
    beyond = x[0, 1, :OW] if batch_last else x[0, 0, 1, :OW]
    assert row.flags.c_contiguous and beyond.ctypes.data - row.ctypes.data > row.nbytes  # the next row is apart
    return row.size
