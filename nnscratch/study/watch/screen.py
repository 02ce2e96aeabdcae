"""What a terminal shows of a watched training: curves in blocks, a line for each layer, warnings."""

from __future__ import annotations

import itertools
import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.text import Text

from nnscratch.arrays import Array
from nnscratch.study.watch.diagnosis import look, update_word
from nnscratch.study.watch.sample import LayerSample, Sample
from nnscratch.study.watch.watch import Watch

BLOCKS = " ▁▂▃▄▅▆▇█"
PARTS = " ▏▎▍▌▋▊▉█"
STYLES = {"at rest": "dim", "slow": "yellow", "healthy": "green", "fast": "yellow", "too fast": "bold red"}
TRAINING, VALIDATION = "dark_orange", "cyan"
DECADES = 4  # that a bar of a gradient's norm spans, at least
WIDE = 104  # columns, from which there is room for histograms
Layers = Sequence[tuple[str, LayerSample]]
LEAST_ROWS, MOST_ROWS = 3, 12  # of a chart


@dataclass(frozen=True)
class Progress:
    """Where the training stands: ``epoch`` and ``batch`` count from 1; ``left`` are the seconds it will still take."""

    name: str
    epoch: int
    epochs: int
    batch: int
    batches: int
    step: int
    steps: int
    images_per_second: float
    learning_rate: float
    left: float
    word: str = ""  # "done" or "stopped" at the end


def screen(watch: Watch, at: Progress, width: int, height: int) -> Text:
    """Return the lines for a terminal of that size, at most ``height`` - 1 of them, of at most ``width`` columns."""
    sample = watch.newest
    layers = list(sample.layers.items()) if sample is not None else []
    top, notes = header(at, width), warnings(sample, width)
    room = height - 1 - 3 - len(top) - len(notes)  # without the bar, the charts' title and the table's
    rows = min(max(room - len(layers), LEAST_ROWS), MOST_ROWS)
    lines = [*top, bar(at, width), *charts(watch, at, width, rows)]
    lines += table(layers, width, room - rows) + notes
    return Text("\n", no_wrap=True, overflow="crop").join(lines)


def header(at: Progress, width: int) -> list[Text]:
    """Return model, epoch, batch, speed, learning rate and time left, in as many lines as they need."""
    parts = [
        (at.name, "bold"),
        (f"epoch {at.epoch}/{at.epochs}", ""),
        (f"batch {at.batch:,}/{at.batches:,}", ""),
        (f"{at.images_per_second:,.0f} images/s", ""),
        (f"lr {at.learning_rate:.3g}", ""),
        (at.word or f"{int(at.left) // 60}:{int(at.left) % 60:02d} left", "bold" if at.word else ""),
    ]
    lines = [Text(no_wrap=True)]
    for text, style in parts:
        if len(lines[-1]) + 2 + len(text) > width:
            lines.append(Text(no_wrap=True))
        lines[-1].append("  " if lines[-1] else "").append(text, style)
    return lines


def bar(at: Progress, width: int) -> Text:
    """Return how much of the training is done."""
    done = round(width * at.step / max(at.steps, 1))
    return Text.assemble(("━" * done, TRAINING), ("━" * (width - done), "grey37"))


# ---- curves


def charts(watch: Watch, at: Progress, width: int, rows: int) -> list[Text]:
    """Return loss and accuracy side by side, each with a line of title."""
    half = (width - 2) // 2
    history = watch.history
    loss = chart("loss", np.array(watch.losses), [row.get("validation_loss") for row in history], at, half, rows)
    percent = [None if (value := row.get("validation_accuracy")) is None else 100 * value for row in history]
    accuracy = chart("accuracy %", 100 * np.array(watch.accuracies), percent, at, half, rows)
    return [Text.assemble(a, "  ", b) for a, b in zip(loss, accuracy, strict=True)]


def chart(
    what: str, values: Array, validation: Sequence[float | None], at: Progress, width: int, rows: int
) -> list[Text]:
    """Return a title and ``rows`` lines: columns of blocks for the batches (n,), dots after each epoch.

    The loss is on a logarithmic scale.
    """
    log = what == "loss"
    columns = width - 6
    places, means = binned(values, at.steps, columns)
    dots = {
        min(int((k + 1) * at.batches * columns / max(at.steps, 1)), columns) - 1: value
        for k, value in enumerate(validation)
        if value is not None
    }
    title = Text(what, "bold")
    train, valid = ("train ", "valid ") if width >= 39 else ("", "")
    if len(means):
        title.append(f"  █ {train}{means[-1]:.4g}", TRAINING)
    if dots:
        title.append(f"  ● {valid}{list(dots.values())[-1]:.3g}", VALIDATION)
    title.truncate(width, pad=True)
    low, high = limits([*means, *dots.values()], log)
    heights = {int(place): rows * share(mean, low, high, log) for place, mean in zip(places, means, strict=True)}
    marks = {place: min(int(rows * share(value, low, high, log)), rows - 1) for place, value in dots.items()}
    lines = [title]
    for row in range(rows - 1, -1, -1):
        label = high if row == rows - 1 else low if row == 0 else None
        line = Text("      " if label is None else f"{label:>5.3g} ", "dim")
        cells = [_cell(row, heights.get(place), marks.get(place)) for place in range(columns)]
        for style, group in itertools.groupby(cells, lambda cell: cell[1]):  # few pieces are drawn quickly
            line.append("".join(character for character, _ in group), style)
        lines.append(line)
    return lines


def _cell(row: int, height: float | None, mark: int | None) -> tuple[str, str]:
    """Return the character in one row of a chart's column, and its style."""
    if mark == row:
        return "●", VALIDATION
    level = 0 if height is None else round(8 * min(max(height - row, 0.0), 1.0))
    return BLOCKS[max(level, int(row == 0 and height is not None))], TRAINING


def binned(values: Array, steps: int, columns: int) -> tuple[Array, Array]:
    """Return for the values (n,) of the first n of ``steps`` batches which columns they fall in, and their means."""
    places = np.arange(len(values)) * columns // max(steps, len(values), 1)
    filled, starts, counts = np.unique(places, return_index=True, return_counts=True)
    means = np.add.reduceat(values, starts) / counts if len(values) else values
    if 0 < steps < columns:  # a batch is wider than a column
        every = np.arange(int(len(values) * columns / steps))
        return every, values[np.minimum(every * steps // columns, len(values) - 1)]
    return filled, means


def limits(values: Sequence[float], log: bool) -> tuple[float, float]:
    """Return where a chart of these values begins and ends."""
    finite = [float(value) for value in values if math.isfinite(value) and (value > 0 or not log)]
    if not finite:
        return (0.1, 1.0) if log else (0.0, 100.0)
    if log:
        return min(finite) / 1.1, max(finite)
    low = float(np.percentile(finite, 5))
    return max(math.floor(low - 0.2 * (100 - low)), 0.0), 100.0


def share(value: float, low: float, high: float, log: bool) -> float:
    """Return where between low (0) and high (1) a value lies."""
    if not math.isfinite(value) or high <= low:
        return 0.0
    if log:
        value, low, high = (math.log(max(each, 1e-30)) for each in (value, low, high))
    return min(max((value - low) / (high - low), 0.0), 1.0)


# ---- layers


def table(layers: Layers, width: int, rows: int) -> list[Text]:
    """Return a heading and a line for each layer, or for the :func:`fitting` ones."""
    wide = width >= WIDE
    first = min(max([9, *(len(name) for name, _ in layers)]), 16)
    left = f"{'layer':<{first}} {'mean':>8} {'std':>7}"
    left += f"  {'output':<16} {'its grad.':>9}" if wide else ""
    left += f" {'dead/sat.':>9} {'gradient':>9} "
    right = f" {'update/weights':>17}"
    space = width - len(left) - len(right)
    heading = Text(f"{left}{'(log scale)' if space > 11 else '':<{max(space, 0)}}{right}"[:width], "bold dim")
    norms = [layer.gradient_norm for _, layer in layers if layer.gradient_norm]
    top = math.log10(max(norms)) if norms else 0.0
    bottom = min([top - DECADES, *(math.log10(norm) - 0.5 for norm in norms)])
    shown, gap = fitting(layers, rows)
    lines = [layer_line(name, layer, first, space, wide, bottom, top) for name, layer in shown]
    if len(shown) < len(layers):
        lines.insert(gap, Text(f"... {len(layers) - len(shown)} more layers", "dim"))
    return [heading, *lines]


def fitting(layers: Layers, rows: int) -> tuple[Layers, int]:
    """Return the layers that fit into ``rows`` lines, and where a line belongs that says how many are left out.

    Those without weights are left out first, then those in the middle.
    """
    if len(layers) <= rows:
        return layers, len(layers)
    room = max(rows - 1, 0)
    shown = [(name, layer) for name, layer in layers if layer.weights]
    if len(shown) <= room:
        return shown, len(shown)
    head = room // 2
    return [*shown[:head], *shown[len(shown) - room + head :]], head


def layer_line(name: str, layer: LayerSample, first: int, space: int, wide: bool, bottom: float, top: float) -> Text:
    """Return one layer's line; a bar of ``space`` columns tells the gradient's norm between two powers of ten."""
    line = Text(no_wrap=True)
    line.append(f"{name[:first]:<{first}} ", "bold" if layer.weights else "")
    line.append(f"{_format_number(layer.activation.mean):>8} {_format_number(layer.activation.std):>7}")
    if wide:
        line.append(f"  {sparkline(layer.activation.counts, 16)}", TRAINING)
        line.append(f" {_format_number(layer.gradient.std):>9}")
    stuck = layer.dead if layer.dead is not None else layer.saturated
    line.append(f" {'' if stuck is None else f'{100 * stuck:.0f} %':>9}", "red" if (stuck or 0) >= 0.4 else "")
    norm = layer.gradient_norm
    line.append(f" {_format_number(norm):>9} ")
    length = 0.0 if not norm else max(space - 1, 0) * (math.log10(norm) - bottom) / (top - bottom)
    line.append(f"{_bar(length):<{max(space, 0)}}", TRAINING)
    word = update_word(layer.update)
    line.append(f" {_format_number(layer.update):>8} {word:<8}", STYLES.get(word, ""))
    return line


def sparkline(counts: Sequence[int], columns: int) -> str:
    """Return a histogram in one line; heights are logarithmic, so that tails are seen."""
    edges = np.linspace(0, len(counts), columns + 1).round().astype(int)
    sums = np.array([sum(counts[a:b]) for a, b in itertools.pairwise(edges)])
    heights = np.log1p(sums) / max(float(np.log1p(sums.max())), 1e-9)
    return "".join(BLOCKS[math.ceil(8 * height)] for height in heights)


def _bar(length: float) -> str:
    eighths = round(8 * max(length, 0.0))
    return "█" * (eighths // 8) + (PARTS[eighths % 8] if eighths % 8 else "")


def _format_number(value: float | None) -> str:
    """Return a number in at most seven columns."""
    if value is None or not math.isfinite(value):
        return ""
    if value == 0 or 0.01 <= abs(value) < 1000:
        return f"{value:.3f}" if abs(value) < 100 else f"{value:.1f}"
    return f"{value:.1e}".replace("e-0", "e-").replace("e+0", "e")


def warnings(sample: Sample | None, width: int) -> list[Text]:
    """Return the newest sample's warnings, two at most, or that there is none."""
    found = look(sample) if sample is not None else []
    texts = [f"⚠ {seen.text}" for seen in found[:2]]
    if len(found) > 2:
        texts[-1] += f" (and {len(found) - 2} more)"
    lines = [Text(line, "bold yellow") for text in texts for line in textwrap.wrap(text, width, subsequent_indent="  ")]
    return lines or [Text("no warnings", "dim")]
