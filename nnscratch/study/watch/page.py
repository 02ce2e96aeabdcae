"""The record of a watched training: a page with curves, every layer over time, filters, warnings and tables."""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nnscratch.errors import UsageError
from nnscratch.files.atomic import write_text
from nnscratch.pages.blocks import Table
from nnscratch.pages.html import Image, page, picture, plot
from nnscratch.study.watch import plots as plots_study
from nnscratch.study.watch.diagnosis import update_word
from nnscratch.study.watch.distribution import Distribution, rounded
from nnscratch.study.watch.plots import Curve, Spread
from nnscratch.study.watch.sample import LayerSample, Sample
from nnscratch.study.watch.watch import Watch

MOST_SHOWN = 120  # samples in a page; of more, some evenly chosen ones
BINS = 240  # of batches, drawn as the mean of their losses
HEALTHY = (3e-4, 3e-3, "about 1e-3")  # updates by weights


def write_record(path: str | Path, watch: Watch, title: str, facts: Mapping[str, str] | None = None) -> None:
    """Write the record of what ``watch`` has seen as one HTML file, whole or not at all.

    ``facts`` are lines that stand below the title, such as the settings. Raises UsageError when there is no sample yet,
    DataError when the file cannot be written.
    """
    write_text(path, record(watch, title, facts or {}))


def record(watch: Watch, title: str, facts: Mapping[str, str]) -> str:
    """Return the page as text: see :func:`write_record`."""
    if not watch.samples:
        raise UsageError("there is nothing to record yet: train with this watch among the callbacks first")
    samples = subsample(watch.samples)
    values: dict[str, Any] = {
        "summary": summary(watch, samples, facts),
        "findings": [(finding.text, finding.when(len(watch.samples))) for finding in watch.findings()],
        "learning": learning(watch),
        "layers": [*layers(samples), rates(watch)],
        "filters": filters(samples),
        "details": details(samples),
        "last": last_line(samples[-1]),
        "last_layers": layer_table(samples[-1]),
        "last_parameters": parameter_table(samples[-1]),
        "images": len(watch.labels),
        "couples_batch": watch.couples_batch,
    }
    return page("train.html", title, data=page_data(watch, samples, title), **values)


def subsample(samples: Sequence[Sample]) -> list[Sample]:
    """Return at most MOST_SHOWN of the samples, evenly chosen, the first and the last included."""
    places = np.linspace(0, len(samples) - 1, min(len(samples), MOST_SHOWN)).round().astype(int)
    return [samples[k] for k in places]


def milestones(samples: Sequence[Sample]) -> list[Sample]:
    """Return the first, the middle and the last sample, or as many as there are."""
    steps = np.array([sample.step for sample in samples])
    middle = int(np.abs(steps - (steps[0] + steps[-1]) / 2).argmin())
    return [samples[k] for k in sorted({0, middle, len(samples) - 1})]


def page_data(watch: Watch, samples: Sequence[Sample], title: str) -> dict[str, Any]:
    """Return what the page shows, fit for JSON; histograms of three moments only."""
    shown = milestones(samples)
    return {
        "title": title,
        "parameters": watch.parameters,
        "batches": len(watch.losses),
        "share_spent": rounded(watch.share_spent),
        "findings": [finding.text for finding in watch.findings()],
        "history": [{key: rounded(value) for key, value in row.items()} for row in watch.history],
        "samples": [sample.to_dict(histograms=sample in shown) for sample in samples],
    }


# ---- the sections


def summary(watch: Watch, samples: Sequence[Sample], facts: Mapping[str, str]) -> list[str]:
    """Return what was trained and how it was watched."""
    more = "" if len(samples) == len(watch.samples) else f" ({len(samples)} of them are shown)"
    return [
        f"{watch.parameters:,} parameters, {len(watch.losses):,} batches, {len(watch.history)} full epochs.",
        f"{len(watch.samples)} samples{more} of the same {len(watch.labels)} training images took "
        f"{100 * watch.share_spent:.1f} % of the time.",
        *(f"{name}: {value}" for name, value in facts.items()),
    ]


def learning(watch: Watch) -> list[Image]:
    """Return the curves of loss and accuracy."""
    epochs = [float(row["epoch"]) for row in watch.history]

    def curves(values: array[float], key: str, factor: float) -> dict[str, Curve]:
        found = {"training": bin_means(values, watch.steps_per_epoch, factor)}
        if watch.history and key in watch.history[0]:
            found["validation"] = epochs, [factor * row[key] for row in watch.history]
        return found

    losses, accuracies = (
        curves(watch.losses, "validation_loss", 1),
        curves(watch.accuracies, "validation_accuracy", 100),
    )
    dots = ["validation"]
    return [
        plot(plots_study.over_time(losses, "loss", log=True, dots=dots), "loss against epochs"),
        plot(plots_study.over_time(accuracies, "accuracy (%)", dots=dots), "accuracy against epochs"),
    ]


def bin_means(values: Sequence[float], steps_per_epoch: int, factor: float = 1.0) -> Curve:
    """Return a curve against epochs of the means of at most BINS equal runs of batches."""
    ends = np.linspace(0, len(values), min(len(values), BINS) + 1).round().astype(int)
    means = [factor * float(np.mean(values[a:b])) for a, b in itertools.pairwise(ends)]
    return [float(a + b) / 2 / steps_per_epoch for a, b in itertools.pairwise(ends)], means


def layers(samples: Sequence[Sample]) -> list[Image]:
    """Return what can be compared from layer to layer, over time."""
    pictures = []
    for key, label, options in (
        ("gradient_norm", "norm of the gradient with respect to the weights", {"log": True}),
        ("update", "update / weights", {"log": True, "band": HEALTHY}),
        ("dead", "dead units (%)", {}),
        ("dead_maps", "dead maps (%)", {}),
        ("saturated", "saturated outputs (%)", {}),
    ):
        curves = over_layers(samples, key, 1 if options else 100)
        if curves and (options or any(value for _, y in curves.values() for value in y)):
            pictures.append(plot(plots_study.over_time(curves, label, **options), f"{label} of each layer"))
    return pictures


def rates(watch: Watch) -> Image:
    """Return the learning rate, which moves the updates, of every batch: what a schedule does between two samples."""
    done = watch.rates[: len(watch.losses)]
    places = np.unique(np.linspace(0, len(done) - 1, BINS).round().astype(int))
    epochs = [float(watch.samples[0].epochs + k / watch.steps_per_epoch) for k in [*places, len(done)]]
    curve = {"learning rate": (epochs, [done[k] for k in [*places, -1]])}
    return plot(plots_study.over_time(curve, "learning rate", steps=True), "learning rate against epochs")


def over_layers(samples: Sequence[Sample], key: str, factor: float) -> dict[str, Curve]:
    """Return a curve of this number for each layer that has it."""
    found: dict[str, Curve] = {}
    for name in samples[-1].layers:
        values = [getattr(sample.layers[name], key) for sample in samples]
        if any(value is not None for value in values):
            found[name] = _epochs(samples), [None if value is None else factor * value for value in values]
    return found


def filters(samples: Sequence[Sample]) -> list[tuple[str, list[Image]]]:
    """Return the first layer's weights as pictures, at three moments, all on one scale; none where there are none."""
    shown = [(sample, sample.filters) for sample in milestones(samples) if sample.filters is not None]
    top = max((float(np.abs(images).max()) for _, images in shown), default=0.0)
    return [
        (
            _moment(sample),
            [
                picture(image, f"weights of unit {k} at epoch {sample.epochs:.2f}", top=top)
                for k, image in enumerate(images)
            ],
        )
        for sample, images in shown
    ]


def details(samples: Sequence[Sample]) -> list[tuple[str, Image]]:
    """Return for each layer a plot of how its numbers are spread."""
    found = []
    for name in samples[-1].layers:
        rows = list(layer_spreads(samples, name))
        png = plots_study.spreads(_epochs(samples), rows, [_moment(sample) for sample in milestones(samples)])
        found.append((name, plot(png, f"{name}: quantiles over the epochs, and histograms")))
    return found


def layer_spreads(samples: Sequence[Sample], name: str) -> Iterator[Spread]:
    """Yield the output of a layer, its gradient, and each parameter and its gradient."""
    mine = [sample.layers[name] for sample in samples]
    shown = [sample.layers[name] for sample in milestones(samples)]
    arrays: dict[str, Callable[[LayerSample], Distribution]] = {
        "output": lambda layer: layer.activation,
        "gradient with respect to the output": lambda layer: layer.gradient,
    }
    for key in mine[-1].weights:
        arrays[key] = lambda layer, key=key: layer.weights[key]  # type: ignore[misc]
        arrays[f"gradient with respect to {key}"] = lambda layer, key=key: layer.weight_gradients[key]  # type: ignore[misc]
    for label, get in arrays.items():
        histograms = [(np.array(get(layer).counts), get(layer).edges()) for layer in shown]
        yield Spread(label, np.array([get(layer).quantiles[1:6] for layer in mine]), histograms)


def last_line(sample: Sample) -> str:
    """Return how well the last sample was read."""
    return (
        f"{_moment(sample)}: probe loss {sample.loss:.4g}, accuracy {100 * sample.accuracy:.1f} %, "
        f"learning rate {format_number(sample.learning_rate)}."
    )


def layer_table(sample: Sample) -> Table:
    """Return a row for each layer of the last sample."""
    header = ["layer", "output, mean", "output, std", "dead", "saturated", "output's gradient, std"]
    header += ["weights' gradient, norm", "weights, norm", "update / weights", "moves"]
    rows = [
        [
            name,
            format_number(layer.activation.mean),
            format_number(layer.activation.std),
            percent(layer.dead),
            percent(layer.saturated),
            format_number(layer.gradient.std),
            format_number(layer.gradient_norm),
            format_number(layer.weight_norm),
            format_number(layer.update),
            update_word(layer.update),
        ]
        for name, layer in sample.layers.items()
    ]
    return Table(header, rows)


def parameter_table(sample: Sample) -> Table:
    """Return a row for each parameter of the last sample."""
    rows = [
        [
            f"{name}.{key}",
            format_number(one.mean),
            format_number(one.std),
            format_number(layer.weight_gradients[key].std),
            format_number(layer.updates.get(key)),
        ]
        for name, layer in sample.layers.items()
        for key, one in layer.weights.items()
    ]
    return Table(["parameter", "mean", "std", "gradient, std", "update / weights"], rows)


# ---- pieces


def format_number(value: float | None) -> str:
    """Return a number with three digits that count, or nothing."""
    shown = rounded(value)
    return "" if shown is None else f"{shown:.3g}".replace("e-0", "e-").replace("e+0", "e")


def percent(share: float | None) -> str:
    """Return a share as text, or nothing."""
    return "" if share is None else f"{100 * share:.1f} %"


def _epochs(samples: Sequence[Sample]) -> list[float]:
    return [sample.epochs for sample in samples]


def _moment(sample: Sample) -> str:
    return f"epoch {sample.epochs:.2f}" if sample.step else "at the start"
