"""The plots of a watched training, as PNG bytes: curves over the epochs, and how numbers are spread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.pages.figure import DARK, LIGHT, add_grid, as_png, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Curve = tuple[Sequence[float], Sequence[float | None]]  # x, y; None where there is no value
DASHES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v")
FEW = 30  # numbers in the fullest range of a histogram; with more, its scale is logarithmic
MOMENTS: tuple[tuple[str, float, Any], ...] = (
    (LIGHT, 1.2, "-"),
    ("0.55", 1.2, "--"),
    (DARK, 1.6, "-"),
)  # of three histograms: colour, width, dashes


def over_time(
    curves: Mapping[str, Curve],
    label: str,
    *,
    log: bool = False,
    band: tuple[float, float, str] | None = None,
    dots: Sequence[str] = (),
    steps: bool = False,
) -> bytes:
    """Return curves against epochs. ``band`` is shaded, (low, high, name); the curves in ``dots`` are dotted points.

    With ``steps`` each value holds until the next one.
    """
    figure = new_figure(5.4, 3.5)
    axes = figure.subplots()
    if band is not None:
        axes.axhspan(band[0], band[1], color="#2a9d8f", alpha=0.16, linewidth=0, label=band[2])
    for k, (name, (x, y)) in enumerate(curves.items()):
        values = np.array([np.nan if value is None else value for value in y], float)
        if log:
            values[~(values > 0)] = np.nan
        style: dict[str, Any] = {"color": _color(k, len(curves)), "linestyle": DASHES[k % 4], "linewidth": 1.5}
        if steps:
            style["drawstyle"] = "steps-post"
        elif name in dots or len(values) < 30:
            style |= {"marker": MARKERS[k % 5], "markersize": 3.5}
        axes.plot(x, values, label=name, **style)
    if log:
        _log_scale(axes, curves)
    elif label != "accuracy (%)":
        axes.set_ylim(bottom=0)
    axes.set(xlabel="epochs", ylabel=label)
    add_grid(axes)
    if len(curves) > 1 or band is not None:
        columns = 1 if len(curves) < 8 else 2
        figure.legend(*axes.get_legend_handles_labels(), loc="outside right upper", frameon=False, ncols=columns)
    return as_png(figure)


def _log_scale(axes: Axes, curves: Mapping[str, Curve]) -> None:
    """Make the axis logarithmic where there is anything to show, with plain numbers beside it."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    values = [value for _, y in curves.values() for value in y if value is not None and value > 0]
    if not values:
        return
    axes.set_yscale("log")
    subs = (1.0, 2.0, 5.0) if max(values) < 100 * min(values) else (1.0,)
    axes.yaxis.set_major_locator(LogLocator(subs=subs))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, place: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())


def _color(k: int, n: int) -> Any:
    """Return the colour of curve k of n: two far apart, or steps from dark to light in the order of the layers."""
    if n <= 2:
        return (LIGHT, DARK)[(k + 2 - n) % 2]
    from matplotlib import colormaps

    return colormaps["viridis"](0.82 * k / (n - 1))


@dataclass
class Spread:
    """How the numbers of one array are spread, at several moments and at three of them.

    quantiles: (moments, 5), the 5, 25, 50, 75 and 95 %. histograms: counts (B,) and edges (B + 1,), three times.
    """

    name: str
    quantiles: Array
    histograms: list[tuple[Array, Array]]


def spreads(epochs: Sequence[float], rows: Sequence[Spread], milestones: Sequence[str]) -> bytes:
    """Return a row for each array: bands of its quantiles against epochs (moments,), and its three histograms."""
    height = 1.6 * len(rows) + 0.8
    figure = new_figure(7.6, height, constrained=False)  # placed by hand, which saves half of the time
    figure.subplots_adjust(0.125, 0.45 / height, 0.985, 1 - 0.35 / height, wspace=0.16, hspace=0.36)
    grid: Any = figure.subplots(len(rows), 2, squeeze=False)
    for (left, right), row in zip(grid, rows, strict=True):
        _bands(left, epochs, row.quantiles)
        _histograms(right, row.histograms)
        left.set_ylabel(row.name, fontsize=9, fontweight="bold")
        left.yaxis.set_label_coords(-0.145, 0.5)
        for axes in (left, right):
            add_grid(axes)
            axes.tick_params(labelsize=8)
            axes.ticklabel_format(axis="x" if axes is right else "y", style="sci", scilimits=(-3, 4))
            for offset in (axes.xaxis.get_offset_text(), axes.yaxis.get_offset_text()):
                offset.set_fontsize(8)
    grid[-1][0].set_xlabel("epochs", fontsize=9)
    grid[-1][1].set_xlabel("value", fontsize=9)
    _legend(figure, milestones)
    return as_png(figure)


def _bands(axes: Axes, epochs: Sequence[float], quantiles: Array) -> None:
    axes.fill_between(epochs, quantiles[:, 0], quantiles[:, 4], color=DARK, alpha=0.18, linewidth=0)
    axes.fill_between(epochs, quantiles[:, 1], quantiles[:, 3], color=DARK, alpha=0.35, linewidth=0)
    axes.plot(epochs, quantiles[:, 2], color=DARK, linewidth=1.5, marker="." if len(epochs) < 30 else None)


def _histograms(axes: Axes, histograms: Sequence[tuple[Array, Array]]) -> None:
    """Draw the histograms; one of numbers that are all the same is a line."""
    from matplotlib.ticker import MaxNLocator, NullLocator

    for (counts, edges), (color, width, dashes) in zip(histograms, MOMENTS, strict=False):
        if np.count_nonzero(counts) > 1:
            axes.stairs(counts, edges, color=color, linewidth=width, linestyle=dashes)
        else:
            axes.axvline(float(edges[0] + edges[-1]) / 2, color=color, linewidth=width, linestyle=dashes)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    if any(np.count_nonzero(counts) > 1 and counts.max() > FEW for counts, _ in histograms):
        axes.set_yscale("log")
        axes.set_ylim(bottom=0.7)
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))


def _legend(figure: Figure, milestones: Sequence[str]) -> None:
    """Say on top what the colours mean: bands on the left, moments on the right."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    small: dict[str, Any] = {"fontsize": 8, "frameon": False, "handlelength": 1.5, "ncols": 3, "columnspacing": 1.0}
    bands = [Patch(color=DARK, alpha=0.18, label="5 to 95 %"), Patch(color=DARK, alpha=0.5, label="25 to 75 %")]
    figure.legend(
        handles=[*bands, Line2D([], [], color=DARK, label="median")],
        loc="upper center",
        bbox_to_anchor=(0.33, 1),
        **small,
    )
    lines = [
        Line2D([], [], color=color, linewidth=width, linestyle=dashes, label=moment)
        for moment, (color, width, dashes) in zip(milestones, MOMENTS, strict=False)
    ]
    figure.legend(handles=lines, loc="upper center", bbox_to_anchor=(0.78, 1), **small)
