"""Six optimisers side by side, and again with a loss in other units: a thousandth of it."""

from __future__ import annotations

from functools import partial
from typing import Any

from nnscratch.arrays import Array
from nnscratch.lab.base import Data, Outcome, finite
from nnscratch.lab.plots import GUESSING, Panel, by_batch, panels
from nnscratch.lab.trainings import BATCH, Training, dense_network, train
from nnscratch.pages.blocks import percent
from nnscratch.training.losses import softmax_cross_entropy
from nnscratch.training.optimizers import SGD, Adam, AdamW, Momentum, Nesterov, Optimizer, RMSProp

EPOCHS = 3
FACTOR = 1000
MUCH = 0.1  # of accuracy: who loses less learns as before
DIVIDING = ("RMSProp", "Adam", "AdamW")  # by the gradient's own size


def optimisers() -> list[Optimizer]:
    """Return one of each, with a rate that is usual for it."""
    return [
        SGD(0.1),
        Momentum(0.01),
        Nesterov(0.01),
        RMSProp(0.001),
        Adam(0.001),
        AdamW(0.001, weight_decay=0.01),
    ]


def scaled_loss(outputs: Array, labels: Array, *, factor: float) -> tuple[float, Array]:
    """Return softmax cross-entropy times ``factor``, and the gradient of that."""
    loss, dout = softmax_cross_entropy(outputs, labels)
    return factor * loss, dout * dout.dtype.type(factor)


def measure(data: Data) -> Outcome:
    """Train with each optimiser, with the loss as it is and with a thousandth of it."""
    plain, small = _train_all(1.0, data), _train_all(1 / FACTOR, data)
    figures: dict[str, Any] = {
        name: {
            "loss": finite(run.last("validation_loss")),
            "validation_accuracy": finite(run.accuracy),
            "small_loss": finite(FACTOR * small[name].last("validation_loss")),
            "small_validation_accuracy": finite(small[name].accuracy),
        }
        for name, run in plain.items()
    }
    as_before = [name for name, run in plain.items() if small[name].accuracy > run.accuracy - MUCH]
    rates = {type(optimiser).__name__: optimiser.learning_rate for optimiser in optimisers()}
    return Outcome(
        figures,
        {name: {**some, "rate": rates[name]} for name, some in figures.items()},
        _answer(as_before, list(plain)),
        panels(_panel("the loss as it is", plain, 1), _panel(f"the loss / {FACTOR:,}", small, FACTOR)),
        _facts(plain, small, as_before),
    )


def _train_all(factor: float, data: Data) -> dict[str, Training]:
    loss = partial(scaled_loss, factor=factor)
    return {
        type(optimiser).__name__: train(
            f"{type(optimiser).__name__}, loss x {factor:g}",
            dense_network(data, 64),
            data,
            epochs=EPOCHS,
            batch_size=BATCH,
            optimizer=optimiser,
            loss=loss,
        )
        for optimiser in optimisers()
    }


def _facts(plain: dict[str, Training], small: dict[str, Training], as_before: list[str]) -> dict[str, Any]:
    best = max(plain, key=lambda name: plain[name].accuracy)
    worst = min(plain, key=lambda name: plain[name].accuracy)
    others = [name for name in plain if name not in as_before]
    return {
        "best": best,
        "worst": worst,
        "best_run": plain[best],
        "worst_run": plain[worst],
        "as_before": ", ".join(as_before) or "none",
        "as_before_read": _range(small, as_before),
        "others": ", ".join(others) or "none",
        "others_read": _range(small, others),
    }


def _range(runs: dict[str, Training], names: list[str]) -> str:
    accuracy = [runs[name].accuracy for name in names]
    return f"{percent(min(accuracy))} to {percent(max(accuracy))}" if accuracy else "nothing"


def _answer(as_before: list[str], names: list[str]) -> int | None:
    kept = {(): 2, ("Momentum", "Nesterov"): 3, DIVIDING: 4, tuple(names): 1}
    return kept.get(tuple(as_before))


def _panel(title: str, runs: dict[str, Training], factor: int) -> Panel:
    loss = "training loss (nats)" + f", x {factor:,}" * (factor > 1)
    return Panel(title, "batches", loss, by_batch(runs, 12, factor), "y", (0.15, 3), GUESSING)
