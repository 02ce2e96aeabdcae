"""Five hundred images memorised; and what dropout and weight decay do about it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nnscratch.data.dataset import stratified_subset
from nnscratch.lab.base import Data, Outcome
from nnscratch.lab.plots import Panel, by_epoch, panels
from nnscratch.lab.trainings import Training, train
from nnscratch.layers import Dense, Dropout, Flatten, ReLU
from nnscratch.models.sequential import Sequential
from nnscratch.training.metrics import wilson_interval
from nnscratch.training.optimizers import Momentum

IMAGES, UNITS, EPOCHS, RATE = 500, 256, 60, 0.02
NONE, DROPOUT, DECAY = "nothing", "dropout 0.5", "L2, 0.01"
RISE = 1.03  # of the lowest validation loss: what counts as rising again


def measure(data: Data) -> Outcome:
    """Train on few images, plainly, with dropout, and with weight decay."""
    chosen = stratified_subset(data.labels, IMAGES, seed=data.seed)
    few = replace(data, images=data.images[chosen], labels=data.labels[chosen])
    runs = {
        NONE: _train(NONE, few),
        DROPOUT: _train(DROPOUT, few, rate=0.5),
        DECAY: _train(DECAY, few, decay=0.01),
    }
    figures = {name: _figures(run, few) for name, run in runs.items()}
    return Outcome(
        figures,
        figures,
        _answer(figures[NONE]),
        _plot(runs),
        _facts(figures, len(data.validation[1])),
    )


def _train(name: str, few: Data, *, rate: float = 0.0, decay: float = 0.0) -> Training:
    dropout = [Dropout(rate)] if rate else []
    layers = [Flatten(), Dense(UNITS), ReLU(), *dropout, Dense(10)]
    network = Sequential(layers, seed=few.seed)
    return train(name, network, few, epochs=EPOCHS, optimizer=Momentum(RATE, weight_decay=decay))


def _figures(run: Training, few: Data) -> dict[str, Any]:
    """Return the figures of the end, and of the best epoch; training images are read without dropout."""
    losses = run.column("validation_loss")
    training = run.network.evaluate(few.images, few.labels)
    return {
        "training_accuracy": training["accuracy"],
        "training_loss": training["loss"],
        "validation_accuracy": run.accuracy,
        "validation_loss": losses[-1],
        "lowest_validation_loss": min(losses),
        "lowest_epoch": losses.index(min(losses)) + 1,
        "accuracy_at_lowest": run.column("validation_accuracy")[losses.index(min(losses))],
    }


def _answer(plain: dict[str, Any]) -> int | None:
    rises = plain["validation_loss"] > RISE * plain["lowest_validation_loss"]
    fell = plain["lowest_epoch"] > 1
    change = plain["validation_accuracy"] - plain["accuracy_at_lowest"]
    if not rises:
        return 4 if plain["validation_loss"] < 0.1 else 3
    return 2 if fell and abs(change) < 0.03 else 1


def _facts(figures: dict[str, dict[str, Any]], images: int) -> dict[str, Any]:
    plain = figures[NONE]
    low, high = wilson_interval(round(plain["validation_accuracy"] * images), images)
    facts: dict[str, Any] = {"interval": f"{100 * low:.2f} to {100 * high:.2f} %"}
    for key, name in (("dropout", DROPOUT), ("decay", DECAY)):
        some = figures[name]
        ends = "lower" if some["validation_loss"] < plain["validation_loss"] else "no lower"
        place = "within" if low <= some["validation_accuracy"] <= high else "outside"
        facts[key] = {**some, "ends": ends, "place": place}
    return facts


def _plot(runs: dict[str, Training]) -> bytes:
    validation = {f"{name}: validation": run for name, run in runs.items()}
    training = {f"{NONE}: training": runs[NONE]}
    losses = by_epoch(validation, "validation_loss") + by_epoch(training, "loss", style=4)
    accuracy = by_epoch(validation, "validation_accuracy") + by_epoch(training, "accuracy", style=4)
    return panels(
        Panel("the loss", "epoch", "loss (nats)", losses, limits=(0, 1)),
        Panel("the accuracy", "epoch", "accuracy (%)", accuracy, limits=(70, 100.5), legend="lower right"),
    )
