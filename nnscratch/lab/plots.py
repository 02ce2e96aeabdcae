"""The plots of the lab, as PNG bytes: curves side by side, and two pictures of arrays.

Each reads well in grey: lines differ in their dashes and marks as well as in colour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.lab.trainings import Training, smooth
from nnscratch.pages.figure import DARK, LIGHT, as_png, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GUESSING = (2.3026, "guessing: log 10")  # a level
COLORS = (DARK, LIGHT, "#2a9d8f", "#9b2c4a", "0.45", "#7a5cc2", "#c9a227", "0.1")
DASHES = ("-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)), (0, (3, 1)), (0, (8, 2)), "-")
MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")
MOST_MARKED = 16  # points of a line that get a mark each


@dataclass
class Line:
    """A line: its points, and a word at its end where it breaks off."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    end: str = ""
    points: bool = False  # marks alone, unconnected
    marks: bool = True  # where the points are few
    style: int | None = None  # which colour and dashes; by its place when None


@dataclass
class Panel:
    """Axes with lines. ``log``: "", "x", "y" or "xy". ``level`` is a horizontal line and what it means."""

    title: str
    x: str
    y: str
    lines: Sequence[Line]
    log: str = ""
    limits: tuple[float | None, float | None] = (None, None)  # of y
    level: tuple[float, str] | None = None
    ticks: Sequence[str] = field(default_factory=tuple)  # names of x = 0, 1, 2, ...
    legend: Any = "best"  # where matplotlib puts it


def by_epoch(runs: Mapping[str, Training], key: str, style: int | None = None) -> list[Line]:
    """Return a line for each training, of a figure after each epoch; accuracy in per cent."""
    factor = 100 if key.endswith("accuracy") else 1
    return [
        Line(name, range(1, len(run.history) + 1), [factor * value for value in run.column(key)], run.end, style=style)
        for name, run in runs.items()
    ]


def by_batch(runs: Mapping[str, Training], group: int, factor: float = 1.0) -> list[Line]:
    """Return a line for each training, of ``factor`` times the mean loss of so many batches; of one where few are."""
    lines = []
    for name, run in runs.items():
        steps, losses = smooth(run.losses, group if len(run.losses) >= 2 * group else 1)
        lines.append(Line(name, steps, [factor * loss for loss in losses], run.end))
    return lines


def accuracy_panel(title: str, runs: Mapping[str, Training], legend: str) -> Panel:
    """Return the accuracy on the validation images by epoch."""
    lines = by_epoch(runs, "validation_accuracy")
    return Panel(title, "epoch", "validation accuracy (%)", lines, limits=(0, 100), legend=legend)


def panels(*shown: Panel) -> bytes:
    """Return panels side by side."""
    figure = new_figure(5.4 * len(shown), 4.2)
    grid: Any = np.atleast_1d(figure.subplots(1, len(shown)))
    for axes, panel in zip(grid, shown, strict=True):
        _draw(axes, panel)
    return as_png(figure)


def _draw(axes: Axes, panel: Panel) -> None:
    from matplotlib.ticker import MaxNLocator

    if "x" in panel.log:
        axes.set_xscale("log")
    if "y" in panel.log:
        axes.set_yscale("log")
    for place, line in enumerate(panel.lines):
        _line(axes, line, place if line.style is None else line.style)
        _end(axes, line, place if line.style is None else line.style, panel)
    if panel.level is not None:
        height, text = panel.level
        axes.axhline(height, color="0.35", linewidth=1, zorder=0)
        box: dict[str, Any] = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.5}
        at: dict[str, Any] = {"xytext": (-2, 3), "textcoords": "offset points", "ha": "right", "va": "bottom"}
        axes.annotate(text, (1, height), xycoords=("axes fraction", "data"), bbox=box, fontsize=8, zorder=1, **at)
    axes.set(xlabel=panel.x, ylabel=panel.y, ylim=panel.limits)
    axes.set_title(panel.title, fontsize=11)
    if "y" in panel.log:
        _plain_numbers(axes)
    if panel.ticks:
        axes.set_xticks(range(len(panel.ticks)), panel.ticks)
    elif "x" not in panel.log:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(color="0.9")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    if len(panel.lines) > 1 or panel.lines[0].label:
        axes.legend(frameon=False, fontsize=8.5, loc=panel.legend)


def _plain_numbers(axes: Axes) -> None:
    """Write 0.2, 0.5, 1 at a logarithmic axis of few powers of ten."""
    from matplotlib.ticker import FuncFormatter, LogLocator

    low, high = axes.get_ylim()
    if high / low < 1000:
        axes.yaxis.set_minor_locator(LogLocator(subs=(2, 5)))
        for write in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
            write(FuncFormatter(lambda value, place: f"{value:g}"))


def _line(axes: Axes, line: Line, style: int) -> None:
    color, dash, mark = (some[style % len(some)] for some in (COLORS, DASHES, MARKS))
    marked = mark if line.points or (line.marks and len(line.x) <= MOST_MARKED) else None
    drawn: Any = "none" if line.points else dash
    axes.plot(
        line.x, line.y, color=color, linestyle=drawn, marker=marked, markersize=5, linewidth=1.6, label=line.label
    )


def _end(axes: Axes, line: Line, style: int, panel: Panel) -> None:
    """Put a cross and the word where a line breaks off, at the panel's edge if that is beyond it."""
    if not line.end or not len(line.x):
        return
    low, high = (-np.inf if panel.limits[0] is None else panel.limits[0], panel.limits[1] or np.inf)
    at = line.x[-1], min(max(line.y[-1], low), high)
    color = COLORS[style % len(COLORS)]
    axes.plot(*at, "x", color=color, markersize=9, markeredgewidth=2.2, clip_on=False, zorder=5)
    axes.annotate(line.end, at, (7, -11), textcoords="offset points", color=color, fontsize=8.5)


def unit_gradients(pictures: dict[str, Array], panel: Panel) -> bytes:
    """Return a row of pictures for each start, (units, 28, 28) of one unit each, and a panel beside them.

    Orange is above 0 and blue below; each row has a scale of its own.
    """
    count = len(next(iter(pictures.values())))
    figure = new_figure(11.5, 4.4)
    sides: Any = figure.subfigures(1, 2, width_ratios=[1.35, 1])
    left, right = sides
    grid: Any = left.subplots(len(pictures), count, squeeze=False)
    for row, (name, units) in zip(grid, pictures.items(), strict=True):
        top = float(np.abs(units).max()) or 1.0
        for place, (axes, unit) in enumerate(zip(row, units, strict=True)):
            axes.imshow(unit, cmap="PuOr_r", vmin=-top, vmax=top)
            axes.set(xticks=[], yticks=[])
            axes.set_title(f"unit {place + 1}", fontsize=9)
            axes.spines[:].set_color("0.8")
        row[0].set_ylabel(name, fontsize=10)
    left.suptitle("the gradient with respect to the weights of hidden units", fontsize=11)
    _draw(right.subplots(), panel)
    return as_png(figure)


def answers_over_time(steps: Array, shares: dict[str, Array], panel: Panel, epoch: int) -> bytes:
    """Return what a network answers as it is trained: for each order shares (10, T) of the answers after ``steps``.

    A panel stands beside them. ``epoch`` is how many steps an epoch has.
    """
    figure = new_figure(12.5, 4.2)
    axes_list: Any = figure.subplots(1, len(shares) + 1, width_ratios=[*[1.15] * len(shares), 1])
    edges = np.append(steps - (steps[1] - steps[0]), steps[-1])
    for axes, (name, share) in zip(axes_list, shares.items(), strict=False):
        mesh = axes.pcolormesh(edges, np.arange(11) - 0.5, 100 * share, cmap="Blues", vmin=0, vmax=100)
        for end in range(epoch, int(steps[-1]), epoch):
            axes.axvline(end, color="0.5", linewidth=1, linestyle=":")
        axes.set(xlabel="batches", ylabel="share of each digit in its answers", yticks=range(10))
        axes.set_title(name, fontsize=11)
        axes.spines[["top", "right"]].set_visible(False)
    figure.colorbar(mesh, ax=axes_list[len(shares) - 1], pad=0.02).ax.set_title("%", fontsize=9)
    _draw(axes_list[-1], panel)
    return as_png(figure)
