"""Six optimisers side by side, and again with a loss in other units: a thousandth of it."""

from __future__ import annotations

from functools import partial
from typing import Any

from nnscratch.arrays import Array
from nnscratch.lab.base import Data, Experiment, Outcome, finite, number
from nnscratch.lab.plots import Line, Panel, panels
from nnscratch.lab.trainings import BATCH, Training, dense_network, smooth, train
from nnscratch.pages.blocks import Table, percent
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
    plain, small = (
        {
            type(optimiser).__name__: train(
                f"{type(optimiser).__name__}, loss x {factor:g}",
                dense_network(data, 64),
                data,
                epochs=EPOCHS,
                optimizer=optimiser,
                loss=partial(scaled_loss, factor=factor),
            )
            for optimiser in optimisers()
        }
        for factor in (1.0, 1 / FACTOR)
    )
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
    rows = [
        _row(name, optimiser.learning_rate, figures[name]) for name, optimiser in zip(plain, optimisers(), strict=True)
    ]
    header = ["", "rate", "validation loss", "accuracy", f"loss / {FACTOR:,}: loss x {FACTOR:,}", "accuracy"]
    return Outcome(
        figures,
        Table(header, rows),
        _answer(as_before, list(plain)),
        _verdict(plain, small, as_before),
        _plot(plain, small),
        "training loss by batch for six optimisers, with the loss as it is and with a thousandth of it",
    )


def _verdict(plain: dict[str, Training], small: dict[str, Training], as_before: list[str]) -> str:
    best = max(plain, key=lambda name: plain[name].accuracy)
    worst = min(plain, key=lambda name: plain[name].accuracy)
    others = [name for name in plain if name not in as_before]
    return (
        f"With the loss as it is, the six read {percent(plain[worst].accuracy)} ({worst}) to "
        f"{percent(plain[best].accuracy)} ({best}). With a thousandth of it, {_listed(as_before)} still read "
        f"{_range(small, as_before)}, and {_listed(others)} {_range(small, others)}."
    )


def _row(name: str, rate: float, some: dict[str, Any]) -> list[str]:
    cells = []
    for loss, accuracy in (("loss", "validation_accuracy"), ("small_loss", "small_validation_accuracy")):
        cells += [number(some[loss] or float("nan")), percent(some[accuracy])]
    return [name, f"{rate:g}", *cells]


def _listed(names: list[str]) -> str:
    return ", ".join(names) if names else "none"


def _range(runs: dict[str, Training], names: list[str]) -> str:
    accuracy = [runs[name].accuracy for name in names]
    return f"{percent(min(accuracy))} to {percent(max(accuracy))}" if accuracy else "nothing"


def _answer(as_before: list[str], names: list[str]) -> int | None:
    kept = {(): 2, ("Momentum", "Nesterov"): 3, DIVIDING: 4, tuple(names): 1}
    return kept.get(tuple(as_before))


def _plot(plain: dict[str, Training], small: dict[str, Training]) -> bytes:
    def lines(runs: dict[str, Training], factor: float) -> list[Line]:
        found = []
        for name, run in runs.items():
            x, y = smooth(run.losses, 12)
            found.append(Line(name, x, [factor * value for value in y]))
        return found

    label, guess = "training loss (nats)", (2.3026, "guessing: log 10")
    return panels(
        [
            Panel("the loss as it is", "batches", label, lines(plain, 1), "y", (0.15, 3), guess),
            Panel(
                f"the loss / {FACTOR:,}",
                "batches",
                f"{label}, x {FACTOR:,}",
                lines(small, FACTOR),
                "y",
                (0.15, 3),
                guess,
            ),
        ]
    )


EXPERIMENT = Experiment(
    name="optimisers",
    title="Six optimisers, and a loss in other units",
    question=f"The loss is divided by {FACTOR:,}, as if it were told in other units; the learning rates stay. Which of "
    "SGD, Momentum, Nesterov, RMSProp, Adam and AdamW still learn as they did?",
    choices=(
        "all: the smallest loss is where it was",
        "none: every step is 1,000 times shorter",
        "Momentum and Nesterov: their velocity builds up",
        "RMSProp, Adam and AdamW: they divide by the gradient's own size",
    ),
    answer=4,
    measure=measure,
    explanation=(
        "Dividing the loss divides the gradient. A step of SGD is the gradient times the rate, so it shrinks as much; "
        "Momentum adds up to 1 / (1 - 0.9) = 10 gradients, which are all a thousand times smaller. The minimum is "
        "where it was, but nobody gets there.",
        "RMSProp and Adam divide each number's gradient by the root of its own running mean square, so a factor "
        f"cancels, as long as the gradient stays far above eps = 1e-8. Their rate is about the length of a step, "
        f"whatever the units. That is why one rate, 0.001, serves them for so many networks, and why SGD's must be "
        f"searched. Here {BATCH} images make a batch, and each optimiser has a rate that is usual for it: which is the "
        "best of the six is not asked, since it changes with the rates.",
    ),
    formula="SGD:   theta <- theta - rate g\n"
    "Adam:  theta <- theta - rate m / (sqrt(v) + eps),    with m ~ g and v ~ g^2\n"
    "c g gives  c m / sqrt(c^2 v) = m / sqrt(v)",
    where=(
        ("nnscratch/ops/optimizers.py", "sgd_update"),
        ("nnscratch/ops/optimizers.py", "momentum_update"),
        ("nnscratch/ops/optimizers.py", "rmsprop_update"),
        ("nnscratch/ops/optimizers.py", "adam_update"),
    ),
)
