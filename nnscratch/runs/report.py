"""report.html and report.md: trained models side by side, and beside the figures of the Keras original."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nnscratch.data.classes import DIGITS
from nnscratch.errors import DataError, NNScratchError
from nnscratch.files.atomic import atomic_write, write_text
from nnscratch.models.by_class import MOST_CLASSES, by_class, left_out, worst_confusions
from nnscratch.pages import plots
from nnscratch.pages.blocks import Block, Heading, Paragraph, Picture, Table, as_html, as_markdown, percent
from nnscratch.runs.checkpoint import EPOCHS_CHANGED
from nnscratch.runs.folder import Result
from nnscratch.runs.settings import describe
from nnscratch.runs.start import sentence as start_sentence

# Keras notebooks with the same three networks, 30 epochs on a hosted CPU: what they report. None: not reported.
ORIGINAL: dict[str, dict[str, float | None]] = {
    "lenet5": {"train": 0.9954, "validation": 0.9892, "test": 0.9893, "loss": 0.0512, "seconds": 726},
    "mlp": {"train": 0.9980, "validation": 0.9767, "test": 0.9767, "loss": 0.1499, "seconds": 143},
    "logistic": {"train": None, "validation": None, "test": 0.9280, "loss": 0.2666, "seconds": 72},
}
BUNDLED = "nnscratch/data/mnist"  # the source of the MNIST that comes with the library
ROBUSTNESS = "robustness.png"
PICTURES = {
    "curves.png": "accuracy and loss by epoch",
    "confusion.png": "confusion matrix of the test images",
    "reliability.png": "how often it is right, by its confidence",
    "mistakes.png": "all errors on the test images",
}


def labels(results: Sequence[Result]) -> list[str]:
    """Return a column's name for each result: the model, with the run where a model occurs twice."""
    names = [result.name for result in results]
    return [r.name if names.count(r.name) == 1 else f"{r.name} ({r.run})" for r in results]


def comparison(results: Sequence[Result]) -> Table:
    """Return the table of models side by side."""
    rows: list[list[str]] = []

    def add(title: str, cell: Any) -> None:
        rows.append([title, *(cell(result.metrics) for result in results)])

    def interval(m: dict[str, Any]) -> str:
        low, high = m["test"]["accuracy_interval"]
        return f"{100 * low:.2f} to {100 * high:.2f} %"

    add("test accuracy", lambda m: percent(m["test"]["accuracy"]))
    add("  95 % interval (Wilson)", interval)
    add("test loss (nats)", lambda m: f"{m['test']['loss']:.4f}")
    add("calibration error (expected)", lambda m: percent(m["test"].get("calibration_error")))
    add("  before the temperature", lambda m: percent(m.get("calibration", {}).get("test_calibration_error_before")))
    add("answers called sure", lambda m: percent(_verdicts(m).get("sure")))
    add("  of them right", lambda m: percent(_verdicts(m).get("right_of_sure")))
    refused = "digits refused" if all_digits(results) else "images refused"
    add(refused, lambda m: percent(_verdicts(m).get("not_a_digit")))
    add("macro precision", lambda m: percent(m["test"]["macro_precision"]))
    add("macro recall", lambda m: percent(m["test"]["macro_recall"]))
    add("macro F1", lambda m: percent(m["test"]["macro_f1"]))
    add("validation accuracy", lambda m: percent(m["validation"]["accuracy"]))
    add("training accuracy", lambda m: percent(m["train"]["accuracy"]))
    add("parameters", lambda m: f"{m['parameters']:,}")
    add("epoch kept", lambda m: f"{m['best_epoch']} of {m['epochs']}")
    add("seconds per epoch (median)", lambda m: f"{m['seconds_per_epoch']:.3g}")
    add("seconds of training", lambda m: f"{m['seconds']:.1f}")
    if any("teacher_seconds" in result.metrics for result in results):
        add("  and of its teachers", lambda m: f"{m.get('teacher_seconds', 0):.1f}")
    return Table(["", *labels(results)], rows)


def all_digits(results: Sequence[Result]) -> bool:
    """Return whether all were trained on digits, so that the report may speak of them."""
    return all(result.classes == DIGITS for result in results)


def _verdicts(metrics: dict[str, Any]) -> dict[str, float]:
    return dict(metrics.get("calibration", {}).get("test_verdicts", {}))


def beside_original(results: Sequence[Result]) -> Table | None:
    """Return the table with the original's figures, or None when no result can be compared with them."""
    known = [r for r in results if _comparable(r)]
    if not known:
        return None
    rows = []
    for label, result in zip(labels(known), known, strict=True):
        m, o = result.metrics, ORIGINAL[result.name]
        loss = "-" if o["loss"] is None else f"{o['loss']:.4f}"
        rows.append([f"{label}, here", percent(m["test"]["accuracy"]), f"{m['test']['loss']:.4f}"])
        rows[-1] += [percent(m["validation"]["accuracy"]), percent(m["train"]["accuracy"])]
        teachers = result.config["settings"].get("teachers")
        untold = f", without {teachers} teachers" if teachers else ""
        rows[-1] += [f"{m['seconds']:.0f} s, {m['epochs']} epochs{untold}"]
        rows.append([f"{label}, original", percent(o["test"]), loss, percent(o["validation"])])
        rows[-1] += [percent(o["train"]), f"{o['seconds']:.0f} s, 30 epochs"]
    header = ["", "test accuracy", "test loss", "validation accuracy", "training accuracy", "training time"]
    return Table(header, rows)


def _comparable(result: Result) -> bool:
    began_anew = not result.config.get("start")
    return result.name in ORIGINAL and result.config["data"]["source"] == BUNDLED and began_anew


ORIGINAL_RECIPE = {"keep": "last", "optimizer": "adam", "lr": 0.001, "epochs": 30}
ORIGINAL_BATCH = {"lenet5": 64, "mlp": 128, "logistic": 64}  # images


def recipes_beside_original(results: Sequence[Result]) -> Table | None:
    """Return the table of the settings, beside the original's, or None when no model is one of the original's."""
    known = [r for r in results if _comparable(r)]
    if not known:
        return None
    every = [result.config["settings"] for result in known]
    columns = [ORIGINAL_RECIPE | {"batch_size": ORIGINAL_BATCH[result.name]} for result in known]
    rows = []
    for name in dict.fromkeys(["keep", *(key for t in every for key in t if key != "seed")]):
        mine, theirs = ([setting(t.get(name)) for t in those] for those in (every, columns))
        if set(mine + theirs) != {"-"}:
            rows.append([name.replace("_", " "), *(cell for pair in zip(mine, theirs, strict=True) for cell in pair)])
    header = ["", *(f"{label}, {which}" for label in labels(known) for which in ("here", "original"))]
    return Table(header, rows)


def setting(value: Any) -> str:
    """Return a setting as a cell: "-" for what is off or not there."""
    if not value or value == "constant":
        return "-"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def blocks(results: Sequence[Result], folder: Path, title: str) -> list[Block]:
    """Return the whole report; the pictures of all models together are in ``folder``."""
    content: list[Block] = [Heading(1, title), Paragraph(_provenance(results)), comparison(results)]
    original = beside_original(results)
    if original is not None:
        content += [
            Heading(2, "Beside the Keras original"),
            Paragraph(
                "The original validated on the test set and kept the last epoch, on a hosted CPU; "
                "here the test set is looked at once, with weights that it had no part in choosing."
            ),
            original,
        ]
    recipes = recipes_beside_original(results)
    if recipes is not None:
        content += [
            Paragraph("The settings of both; validation, and never the test images, chose those here."),
            recipes,
        ]
    if (folder / ROBUSTNESS).is_file():
        content += _robustness(folder, digits=all_digits(results))
    for label, result in zip(labels(results), results, strict=True):
        content += _one_model(label, result)
    return content


def _robustness(folder: Path, *, digits: bool) -> list[Block]:
    strokes = "noise and thickness of strokes" if digits else "and noise"
    text = "Every fifth test image, changed as it enters the network: what becomes of the accuracy."
    if digits:
        text += " Pictures and drawings are centred and scaled before, so place and size cost them little."
    return [
        Heading(2, f"{'Digits' if digits else 'Images'} that are turned, moved, noisy"),
        Paragraph(text),
        Picture(folder / ROBUSTNESS, f"accuracy against rotation, shift, size, {strokes}"),
    ]


def _one_model(label: str, result: Result) -> list[Block]:
    """Return what is said of one model: its settings, figures by class, and pictures."""
    test, classes = result.metrics["test"], result.classes
    content: list[Block] = [Heading(2, label), Paragraph(f"Settings: {describe(result.config['settings'])}.")]
    content += map(Paragraph, begun_and_continued(result.config))
    note = left_out(test)
    content += [Paragraph(note)] if note else []
    content.append(by_class(test, classes))
    if len(classes) > MOST_CLASSES:
        content += [Paragraph("What was confused most often."), worst_confusions(test, classes)]
    pictures = [(result.folder / name, f"{label}: {alt}") for name, alt in PICTURES.items()]
    return content + [Picture(path, alt) for path, alt in pictures if path.is_file()]


def begun_and_continued(config: dict[str, Any]) -> Iterator[str]:
    """Yield what a config.json tells of a training: what it began with, who taught it, and more epochs."""
    if config.get("start"):
        yield start_sentence(config["start"])
    if config["settings"].get("teachers"):
        yield f"It was {taught(config['settings'])}; their time is not in its seconds of training."
    for change in config.get(EPOCHS_CHANGED, []):
        yield (
            f"Planned for {change['from']} epochs, and changed to {change['to']} after epoch {change['after']}; the "
            f"schedule of the learning rate was computed anew."
        )


def taught(settings: dict[str, Any]) -> str:
    """Return by how many networks one was taught with settings that name some, and their epochs."""
    count = settings["teachers"]
    networks = "one network" if count == 1 else f"{count} networks"
    epochs = settings.get("teacher_epochs", settings["epochs"])
    return f"taught by {networks} of its kind, trained first ({epochs} epochs)"


def _provenance(results: Sequence[Result]) -> str:
    configs = [result.config for result in results]
    data = sorted({f"{c['data']['name']} (SHA-256 {c['data']['sha256'][:12]}...)" for c in configs})
    images = sorted(
        {"{train:,} to train, {validation:,} to validate, {test:,} to test".format(**c["images"]) for c in configs}
    )
    ran = sorted({f"{c['backend']} backend, {c['threads']} threads, NumPy {c['versions']['numpy']}" for c in configs})
    return f"Data: {'; '.join(data)}. Images: {'; '.join(images)}. Trained with: {'; '.join(ran)}."


@contextmanager
def readable(results: Sequence[Result]) -> Iterator[None]:
    """Raise DataError where what the block reads in the results' config.json or metrics.json is not as it must be."""
    try:
        yield
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError, RecursionError) as error:
        if isinstance(error, NNScratchError):
            raise
        where = " or ".join(str(result.folder) for result in results)
        raise DataError(f"a config.json or metrics.json in {where} is damaged: {error}") from None


def write_report(results: Sequence[Result], folder: Path, title: str) -> None:
    """Write report.html (self-contained) and report.md (pictures by path) into ``folder``."""
    write_robustness(results, folder)
    content = blocks(results, folder, title)
    write_text(folder / "report.html", as_html(content, title))
    write_text(folder / "report.md", as_markdown(content, folder))


def write_robustness(results: Sequence[Result], folder: Path) -> None:
    """Write robustness.png of the results that were measured so."""
    curves = {
        label: result.metrics["robustness"]
        for label, result in zip(labels(results), results, strict=True)
        if "robustness" in result.metrics
    }
    if curves:
        with atomic_write(folder / ROBUSTNESS) as file:
            file.write(plots.robustness(curves))
