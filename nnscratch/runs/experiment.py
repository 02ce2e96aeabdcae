"""One model, trained by its settings on a data set, evaluated, and written to its folder.

The validation images are a stratified part of the training set, chosen by the seed. The test images are looked at
once, at the end, with the weights of the epoch that ``keep`` says.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data import Dataset
from nnscratch.data.batches import Batches, sample_of
from nnscratch.data.classes import check_same
from nnscratch.errors import DataError
from nnscratch.files import npz
from nnscratch.files.atomic import write_bytes, write_json, write_text
from nnscratch.models.by_class import MOST_CLASSES
from nnscratch.models.confidence import verdict_figures
from nnscratch.models.sequential import Sequential
from nnscratch.models.zoo import build
from nnscratch.ops.backend import backend
from nnscratch.pages import plots
from nnscratch.parallel.mpi import Ranks
from nnscratch.parallel.threads import threads
from nnscratch.pictures.background import is_black
from nnscratch.pictures.contact_sheets import mistakes_sheet
from nnscratch.runs.calibration import calibrate, redrawn_test_images
from nnscratch.runs.checkpoint import (
    STATE_KIND,
    epochs_changed,
    held_apart,
    read_checkpoint,
    read_config,
    trained_classes,
)
from nnscratch.runs.distillation import Distillation, Watch, no_watch
from nnscratch.runs.examples import examples, split
from nnscratch.runs.history import history_csv
from nnscratch.runs.robustness import robustness
from nnscratch.runs.settings import Settings
from nnscratch.runs.start import Start, read_start
from nnscratch.training.callbacks import Callback
from nnscratch.training.metrics import classification_report
from nnscratch.training.trainer import Trainer
from nnscratch.version import __version__

MOST_EVALUATED = 250_000  # training images, evenly spaced, whose accuracy stands for that of all of them


@dataclass
class Experiment:
    """A model, its settings, its data and its folder. Make one with :func:`begin` or :func:`resume`."""

    name: str
    settings: Settings
    dataset: Dataset
    folder: Path
    model: Sequential
    trainer: Trainer
    train: Array  # indices into the data set's training images
    held_out: Array
    start: Start | None = None
    epochs_changed: list[dict[str, int]] = field(default_factory=list)

    # ---- while it runs

    def save_state(self) -> None:
        """Write all that the rest of the training depends on, and the best model so far.

        Raises DataError when that is impossible.
        """
        if self.trainer.state.best_epoch:
            self.write_model()
        state = self.trainer.state.numbers() | {"best_loss": repr(self.trainer.state.best_loss)}  # may be infinite
        header = {
            "model": self.name,
            "settings": self.settings.to_dict(),
            "data": self.dataset.digest,
            "state": state,
        }
        npz.write(self.folder / "checkpoint.npz", STATE_KIND, header, self.trainer.state.arrays())

    def config(self) -> dict[str, Any]:
        """Return what is needed to do this again: the content of config.json."""
        named = {} if self.dataset.is_digits else {"classes": list(self.dataset.classes)}
        data = {"name": self.dataset.name, "source": self.dataset.source, "sha256": self.dataset.digest}
        return {
            "model": self.name,
            "settings": self.settings.to_dict(),
            "data": data | named,
            "images": {
                "train": len(self.train),
                "validation": len(self.held_out),
                "test": len(self.dataset.test_labels),
            }
            | ({"added": self.dataset.added} if self.dataset.added else {}),
            "backend": backend(),
            "threads": threads(),
            "versions": {"nnscratch": __version__, "numpy": np.__version__, "python": platform.python_version()},
            **({"start": self.start.to_dict()} if self.start else {}),
        }

    def write_model(self) -> None:
        """Write model.npz with the best weights so far, and history.csv."""
        history = self.trainer.state.history
        best = history[self.trainer.state.best_epoch - 1]
        self.model.info = {
            "name": self.name,
            "settings": self.settings.to_dict(),
            "data": self.dataset.digest,
            "epochs": len(history),
            "best_epoch": self.trainer.state.best_epoch,
            "validation": {"accuracy": best["validation_accuracy"], "loss": best["validation_loss"]},
        }
        with self.trainer.state.best_weights():
            self.model.save(self.folder / "model.npz")
        write_text(self.folder / "history.csv", history_csv(history, self.epochs_changed, self.settings.epochs))

    # ---- at the end

    @property
    def validation(self) -> tuple[Batches, Array]:
        """The images that are held out, and their labels."""
        assert self.trainer.validation is not None
        return self.trainer.validation

    def finish(self) -> dict[str, Any]:
        """Evaluate the model, write every file of the folder but the checkpoint's, and return the figures."""
        data = self.dataset
        uncalibrated = self.model.log_probabilities(data.test_images)
        calibrate(self.model, data, self.held_out, seed=self.settings.seed, outliers=self.settings.outliers > 0)
        self.write_model()
        log_p = self.model.log_probabilities(data.test_images)
        figures = self.figures(log_p) | self.calibration(uncalibrated)
        if self.settings.limit is None:  # a try with part of the images need not wait for it
            figures["robustness"] = robustness(self.model, data.test_images, data.test_labels)
        title = f"{self.name} on {data.name}"
        predicted, confidence = log_p.argmax(axis=1), np.exp(log_p.max(axis=1))
        right = predicted == data.test_labels
        history, best = self.trainer.state.history, self.trainer.state.best_epoch
        names = None if data.is_digits else data.classes
        pictures = {
            "mistakes.png": mistakes_sheet(data.test_images, data.test_labels, predicted, confidence, title, names),
            "curves.png": plots.curves(history, title, best),
            "reliability.png": self.reliability(confidence, right, f"{title}, test images"),
        }
        if len(data.classes) <= MOST_CLASSES:
            counts = np.array(figures["test"]["confusion"])
            pictures["confusion.png"] = plots.confusion(counts, f"{title}, test images", names)
        for name, png in pictures.items():
            write_bytes(self.folder / name, png)
        write_json(self.folder / "metrics.json", figures)
        return figures

    def reliability(self, confidence: Array, right: Array, title: str) -> bytes:
        """Return the plot of the test images' confidence and of what is right, (N,); of digits, of redrawn ones too."""
        if not self.dataset.is_digits or self.settings.limit is not None:  # a try need not wait for them
            return plots.reliability(confidence, right, title)
        images, labels = redrawn_test_images(self.dataset, self.settings.seed)
        log_p = self.model.log_probabilities(images)
        drawn = np.exp(log_p.max(axis=1)), log_p.argmax(axis=1) == labels
        return plots.reliability(confidence, right, title, also=drawn, names=("test images", "redrawn test images"))

    def calibration(self, uncalibrated: Array) -> dict[str, Any]:
        """Return temperature and limits, and what the test images' log-probabilities (N, K) were without them."""
        before = classification_report(uncalibrated, self.dataset.test_labels)
        logits = self.model.logits(self.dataset.test_images)
        return {
            "calibration": {
                "temperature": self.model.temperature,
                "limits": self.model.limits.to_dict(),
                "test_loss_before": before["loss"],
                "test_calibration_error_before": before["calibration_error"],
                "test_verdicts": verdict_figures(logits, self.dataset.test_labels, self.model.limits),
            }
        }

    def figures(self, test_log_probabilities: Array) -> dict[str, Any]:
        """Return the figures of metrics.json, given the test images' log-probabilities (N, K)."""
        data, history = self.dataset, self.trainer.state.history
        seconds = [row["seconds"] for row in history]
        evaluated = self.train[:: len(self.train) // MOST_EVALUATED + 1]
        taught = [callback.seconds for callback in self.trainer.callbacks if isinstance(callback, Distillation)]
        return {
            "model": self.name,
            "data": data.name,
            "seed": self.settings.seed,
            "parameters": int(self.model.theta.size),
            "weights_sha256": npz.weights_digest(self.model.parameters | self.model.buffers),
            "epochs": len(history),
            "best_epoch": self.trainer.state.best_epoch,
            "seconds": sum(seconds),
            **({"teacher_seconds": sum(taught)} if taught else {}),
            "seconds_per_epoch": float(np.median(seconds)),
            "train": self.model.evaluate(
                self.model.batches(data.train_images, evaluated), data.train_labels[evaluated]
            ),
            "validation": self.model.evaluate(*self.validation),
            "test": classification_report(test_log_probabilities, data.test_labels),
        }


def begin(
    name: str,
    settings: Settings,
    dataset: Dataset,
    folder: Path,
    callbacks: Sequence[Callback] = (),
    *,
    ranks: Ranks | None = None,
    to_run: bool = True,
    start: Start | None = None,
    watch: Watch = no_watch,
) -> Experiment:
    """Return a new experiment; not ``to_run``: one to check and to describe only, without making images to show.

    ``ranks`` share the training; everything else is for one of them to do. With ``start``, its network is trained.
    ``watch`` returns what shows the training of a teacher, by its name.

    Raises UsageError when the settings do not fit the data.
    """
    train, held_out = split(dataset, settings)
    make = build if start is None else start.build

    def network(seed: int) -> Sequential:
        return make(name, seed=seed, classes=dataset.classes, **settings.model_options())

    model = network(settings.seed)
    shown = examples(dataset, train, settings, made=to_run)
    images, labels = dataset.train_images, dataset.train_labels
    batches = model.batches(shown.images, shown.rows)
    if to_run and settings.teachers:
        how = (batches.images[:, 0], shown.targets, network, folder / "teachers", watch)
        callbacks = [Distillation(settings, *how), *callbacks]
    trainer = Trainer(
        model,
        batches,
        shown.targets,
        settings.plan(),
        validation=(model.batches(images, held_out), labels[held_out]),
        callbacks=callbacks,
        ranks=ranks,
    )
    own = batches.sample if shown.rows is not None else shown.images[: len(train)][sample_of(len(train))]
    model.black_background = model.scaling is None and is_black(own)  # what is made has a black ground anyhow
    return Experiment(name, settings, dataset, folder, model, trainer, train, held_out, start)


def resume(
    folder: Path,
    dataset: Dataset,
    callbacks: Sequence[Callback] = (),
    *,
    ranks: Ranks | None = None,
    watch: Watch = no_watch,
) -> Experiment:
    """Return the experiment of a folder, where its checkpoint left it; from the start if it has none yet.

    Raises DataError when a file is damaged or the data are not those that the training began with.
    """
    name, settings = read_config(folder)
    check_same(f"the training in {folder}", trained_classes(folder), dataset.name, dataset.classes)
    checkpoint = read_checkpoint(folder, dataset.digest)
    start = read_start(folder)
    if dataset.added and not held_apart(folder):
        dataset = replace(dataset, added=0)
    experiment = begin(name, settings, dataset, folder, callbacks, ranks=ranks, start=start, watch=watch)
    experiment.epochs_changed = epochs_changed(folder)
    if checkpoint is None:
        return experiment
    try:
        experiment.trainer.state.check(checkpoint.numbers)
        experiment.trainer.state.restore(checkpoint.numbers, checkpoint.arrays)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DataError(f"{checkpoint.path} cannot be continued: {error}") from None
    return experiment
