"""The plots, as PNG bytes. Matplotlib is imported inside the functions, so that nothing else waits for it.

Each reads well in grey: lines differ in their dashes as well as in colour, and tables carry their numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.pages.figure import DARK, LIGHT, add_grid, as_png, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def _plain(text: str) -> str:
    """Return text from outside so that matplotlib takes no part of it for a formula."""
    return text.replace("$", r"\$")


def curves(history: list[dict[str, float]], title: str, best_epoch: int) -> bytes:
    """Return accuracy and loss against epochs, of training and validation, with the best epoch marked."""
    figure = new_figure(10, 4)
    figure.suptitle(_plain(title), fontweight="bold")
    left, right = figure.subplots(1, 2)
    _curve(left, history, "accuracy", 100, "accuracy (%)", best_epoch)
    _curve(right, history, "loss", 1, "loss (cross-entropy, nats)", best_epoch)
    _zoom(left, [100 * row[key] for row in history for key in ("accuracy", "validation_accuracy")])
    right.set_ylim(bottom=0)
    left.legend(loc="lower right", frameon=False)
    return as_png(figure)


def _curve(axes: Axes, history: list[dict[str, float]], key: str, factor: float, label: str, best: int) -> None:
    from matplotlib.ticker import MaxNLocator

    epochs = [row["epoch"] for row in history]
    training = [factor * row[key] for row in history]
    validation = [factor * row[f"validation_{key}"] for row in history]
    axes.plot(epochs, training, color=LIGHT, linestyle="--", marker=".", label="training (during the epoch)")
    axes.plot(epochs, validation, color=DARK, marker=".", label="validation (after it)")
    if 1 <= best <= len(history):
        axes.axvline(best, color="0.6", linewidth=1, zorder=0)
        axes.plot(
            best, validation[best - 1], "o", color=DARK, markersize=9, fillstyle="none", label=f"epoch kept: {best}"
        )
    axes.set(xlabel="epoch", ylabel=label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    add_grid(axes)


def _zoom(axes: Axes, values: list[float]) -> None:
    """Leave out a poor first epoch or two, where it would press the rest together."""
    low = float(np.percentile(values, 5))
    axes.set_ylim(low - 0.15 * (100.05 - low), 100.05)


MANY = 12  # classes, above which a cell has no room for the per cent
LONGEST = 16  # characters of a class's name on an axis


def confusion(counts: Array, title: str, names: Sequence[str] | None = None) -> bytes:
    """Return the confusion matrix (K, K): counts, and per cent of each true class; shaded by the per cent.

    ``names`` are those of the K classes, for which it is made of up to about 30; without them they are digits. Where
    there are more than MANY, a cell has its count alone.
    """
    classes, kind = len(counts), "digit" if names is None else "class"
    shown = [_plain(shortened(name, LONGEST)) for name in names or map(str, range(classes))]
    rows = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    percent = 100 * counts / rows
    side = max(8, 2 + 0.36 * classes)
    figure = new_figure(side, side - 0.4)
    axes = figure.subplots()
    # a root spreads the small shares, which are the interesting ones
    axes.imshow(np.sqrt(percent / 100), cmap="Blues", vmin=0, vmax=1.15)
    for true in range(classes):
        for predicted in range(classes):
            _cell(axes, true, predicted, int(counts[true, predicted]), percent[true, predicted], classes <= MANY)
    axes.set(xlabel=f"predicted {kind}", ylabel=f"true {kind}")
    long = max(map(len, shown)) > 2
    axes.set_xticks(range(classes), shown, rotation=90 if long else 0)
    axes.set_yticks(range(classes), shown)
    what = f"count, and per cent of the true {kind}'s images"
    if classes > MANY:
        what = f"count, shaded by its share of the true {kind}'s images"
    axes.set_title(f"{_plain(title)}\n{what}", fontsize=11)
    axes.set_xticks(np.arange(-0.5, classes), minor=True)
    axes.set_yticks(np.arange(-0.5, classes), minor=True)
    axes.grid(which="minor", color="white", linewidth=1.5)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)
    return as_png(figure)


def shortened(text: str, most: int) -> str:
    """Return text of at most so many characters, cut at its end."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _cell(axes: Axes, true: int, predicted: int, count: int, percent: float, room: bool) -> None:
    if count == 0:
        return
    color = "white" if percent > 40 else "black"
    weight = "bold" if true == predicted else "normal"
    up, size = (0.14, 9) if room else (0, 8)
    axes.text(
        predicted, true - up, f"{count:,}", ha="center", va="center", color=color, fontweight=weight, fontsize=size
    )
    if not room:
        return
    axes.text(predicted, true + 0.22, f"{percent:.1f}%", ha="center", va="center", color=color, fontsize=7)


Rated = tuple[Array, Array]  # confidence (N,) of answers, 0..1, and which of them are right (N,)


def reliability(
    confidence: Array, right: Array, title: str, bins: int = 15, *, also: Rated | None = None, names: Sequence[str] = ()
) -> bytes:
    """Return the share that is right against confidence, (N,) each, in equal ranges, with how many images each has.

    ``also`` is a second series, such as drawings, (confidence, right), in ranges of equally many images: where it is
    much surer or less sure than the first, equal ranges would hold hardly any. ``names`` are those of both.
    """
    figure = new_figure(6, 6.6 if also else 6)
    figure.suptitle(_plain(title), fontweight="bold")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1.2 if also else 1])
    upper.plot([0, 1], [0, 1], color="0.6", linewidth=1, label="as right as it says")
    first, second = [_plain(name) for name in names] or ["images of about that confidence", "drawings"]
    edges = np.linspace(0, 1, bins + 1)
    series = [(first, confidence, right, edges, DARK, "o")]
    if also:
        series.append((second, *also, _equal_counts(also[0], bins), LIGHT, "s"))
    width = 1 / (bins * len(series))
    for number, (name, values, truth, limits, color, marker) in enumerate(series):
        _reliability_points(upper, values, truth, limits, color, marker, name)
        counts, shade = np.histogram(values, edges)[0], color if also else LIGHT
        lower.bar(edges[:-1] + number * width, counts, width, align="edge", color=shade, edgecolor="white")
    upper.set(ylabel="share that is right", xlim=(0, 1.02), ylim=(0, 1.02))
    if also:
        upper.legend(loc="lower left", bbox_to_anchor=(-0.02, 1), ncols=3, frameon=False, fontsize=9, columnspacing=1.2)
    else:
        upper.legend(loc="lower right", frameon=False)
    lower.set(xlabel="confidence", ylabel="images", yscale="log")
    for axes in (upper, lower):
        add_grid(axes)
    return as_png(figure)


def _equal_counts(values: Array, bins: int) -> Array:
    """Return the limits of ranges that hold equally many of the values, as far as equal ones allow it."""
    return np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)))


def _reliability_points(
    axes: Axes, confidence: Array, right: Array, limits: Array, color: str, marker: str, name: str
) -> None:
    """Draw a point with its 95 % interval for each range (limits[k], limits[k + 1]] of confidence that has images."""
    place = np.clip(np.searchsorted(limits, confidence) - 1, 0, max(len(limits) - 2, 0))
    counts = np.bincount(place)
    filled = counts > 0
    share, mean = (np.bincount(place, weights=each)[filled] / counts[filled] for each in (right, confidence))
    spread = 1.96 * np.sqrt(share * (1 - share) / counts[filled])
    axes.errorbar(mean, share, spread, fmt=marker, color=color, capsize=3, label=name)


LABELS = {
    "rotation": "rotation (degrees)",
    "shift": "shift (pixels)",
    "scale": "size (times)",
    "noise": "noise (standard deviation)",
    "thickness": "thickness of strokes (pixels a side)",
}


def robustness(curves: dict[str, dict[str, list[tuple[float, float]]]]) -> bytes:
    """Return accuracy against how far images depart from what they are: by model, then kind, (value, accuracy)."""
    kinds = list(dict.fromkeys(kind for by_kind in curves.values() for kind in by_kind))
    figure = new_figure(12, 6.6)
    grid: Any = figure.subplots(2, 3, sharey=True).ravel()
    styles = ("-o", "--s", ":^", "-.D")
    colors = (DARK, LIGHT, "0.45", "#2a9d8f")
    for axes, kind in zip(grid, kinds, strict=False):
        for number, (name, by_kind) in enumerate(curves.items()):
            if kind not in by_kind:  # of images that are no digits
                continue
            values, accuracy = zip(*by_kind[kind], strict=True)
            style, color = styles[number % len(styles)], colors[number % len(colors)]
            axes.plot(values, [100 * a for a in accuracy], style, color=color, markersize=4, label=_plain(name))
        axes.set(xlabel=LABELS.get(kind, kind), ylim=(0, 102))
        add_grid(axes)
    for axes in (grid[0], grid[3]):
        axes.set_ylabel("accuracy (%)")
    handles, names = grid[0].get_legend_handles_labels()
    for axes in grid[len(kinds) :]:
        axes.set_axis_off()
    grid[-1].legend(handles, names, loc="center", frameon=False, fontsize=12)
    return as_png(figure)


def sweep(points: list[tuple[dict[str, Any], dict[str, Any]]], names: list[str], title: str) -> bytes:
    """Return validation accuracy against each setting: points are (settings, result); larger ones trained longer."""
    columns = min(len(names), 3)
    rows = -(-len(names) // columns)
    figure = new_figure(4.2 * columns, 0.6 + 3.4 * rows)
    figure.suptitle(_plain(title), fontweight="bold")
    grid: Any = np.atleast_1d(figure.subplots(rows, columns, sharey=True)).ravel()
    for axes in grid[len(names) :]:
        axes.set_axis_off()
    most = max((result["epochs"] for _, result in points), default=1)
    accuracy = [100 * result["accuracy"] for _, result in points]
    sizes = [90 * result["epochs"] / most for _, result in points]
    full = [result["epochs"] == most for _, result in points]
    for axes, name in zip(grid, names, strict=False):
        values = [settings[name] for settings, _ in points]
        axes.scatter(_places(axes, values), accuracy, s=sizes, c=np.where(full, DARK, LIGHT), alpha=0.75, linewidth=0)
        axes.set(xlabel=name.replace("_", " "))
        axes.margins(x=0.12)
        add_grid(axes)
    if accuracy:
        low = float(np.percentile(accuracy, 10))
        grid[0].set_ylim(low - 0.2 * (max(accuracy) - low) - 0.05, max(accuracy) + 0.1 * (max(accuracy) - low) + 0.02)
    grid[0].set_ylabel(f"validation accuracy (%)\ndark: {most} epochs, light: fewer", fontsize=9)
    return as_png(figure)


def lr_range(
    rates: Array,
    losses: Array,
    smoothed: Array,
    title: str,
    *,
    lowest: float | None,
    suggestion: float | None,
    highest: float | None,
) -> bytes:
    """Return losses (n,) against rates (n,), as they came and smoothed, with where they fell, and fell most steeply."""
    figure = new_figure(8, 4.6)
    axes = figure.subplots()
    axes.set_title(_plain(title), fontweight="bold")
    axes.plot(rates, losses, ".", color="0.65", markersize=4, label="loss of a batch")
    axes.plot(rates, smoothed, color=DARK, label="smoothed")
    if lowest is not None and suggestion is not None and highest is not None:
        axes.axvspan(lowest, highest, color="0.93", zorder=-1, label=f"it falls: {lowest:.2g} to {highest:.2g}")
        at = float(np.interp(np.log(suggestion), np.log(rates), smoothed))
        axes.axvline(suggestion, color=LIGHT, linestyle="--", linewidth=1)
        axes.plot(suggestion, at, "o", color=LIGHT, markersize=8, label=f"most steeply: {suggestion:.2g}")
    axes.set(xscale="log", xlabel="learning rate", ylabel="loss (cross-entropy, nats)")
    first = losses[: len(losses) // 2 + 1]
    axes.set_ylim(0, 1.2 * max(float(smoothed[0]), float(np.percentile(first, 98))))  # above it, it has diverged
    axes.legend(loc="best", frameon=False)
    add_grid(axes)
    return as_png(figure)


def _places(axes: Axes, values: list[Any]) -> list[float]:
    """Return where values stand on an axis, which is made logarithmic, or given their names, where that suits them."""
    if all(isinstance(value, (int, float)) for value in values):
        if values and min(values) > 0 and max(values) >= 30 * min(values):
            axes.set_xscale("log")
        return [float(value) for value in values]
    words = sorted({str(value) for value in values})
    axes.set_xticks(range(len(words)), words)
    return [float(words.index(str(value))) for value in values]
