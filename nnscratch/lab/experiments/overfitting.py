"""Five hundred images learnt by heart; and what dropout and weight decay do about it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nnscratch.data.dataset import stratified_subset
from nnscratch.lab.base import Data, Experiment, Outcome, number
from nnscratch.lab.plots import Line, Panel, panels
from nnscratch.lab.trainings import Training, train
from nnscratch.layers import Dense, Dropout, Flatten, ReLU
from nnscratch.models.sequential import Sequential
from nnscratch.pages.blocks import Table, percent
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
    rows = [
        [
            name,
            percent(some["training_accuracy"]),
            percent(some["validation_accuracy"]),
            number(some["training_loss"]),
            f"{number(some['lowest_validation_loss'])} (epoch {some['lowest_epoch']})",
            number(some["validation_loss"]),
        ]
        for name, some in figures.items()
    ]
    header = ["against it", "training accuracy", "validation", "training loss", "lowest validation loss", "last"]
    return Outcome(
        figures,
        Table(header, rows),
        _answer(figures[NONE]),
        _verdict(figures, len(data.validation[1])),
        _plot(runs),
        "loss and accuracy by epoch: training loss falls to nothing while validation loss turns and rises",
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
        return 1 if plain["validation_loss"] < 0.1 else 2
    return 3 if fell and abs(change) < 0.03 else 4


def _verdict(figures: dict[str, dict[str, Any]], images: int) -> str:
    plain = figures[NONE]
    low, high = wilson_interval(round(plain["validation_accuracy"] * images), images)
    sentences = (
        f"With nothing against it the training loss falls to {number(plain['training_loss'])} and the validation loss "
        f"turns at {number(plain['lowest_validation_loss'])} in epoch {plain['lowest_epoch']} and ends at "
        f"{number(plain['validation_loss'])}, while the accuracy goes from {percent(plain['accuracy_at_lowest'])} to "
        f"{percent(plain['validation_accuracy'])}."
    )
    for name in (DROPOUT, DECAY):
        some = figures[name]
        better = some["validation_loss"] < plain["validation_loss"]
        changed = not low <= some["validation_accuracy"] <= high
        sentences += (
            f" With {name} the validation loss ends {'lower' if better else 'no lower'}, at "
            f"{number(some['validation_loss'])}; its accuracy, {percent(some['validation_accuracy'])}, is "
            f"{'outside' if changed else 'within'} the first one's 95 % interval, "
            f"{100 * low:.2f} to {100 * high:.2f} %."
        )
    return sentences


def _plot(runs: dict[str, Training]) -> bytes:
    epochs = range(1, EPOCHS + 1)
    losses = [Line(f"{name}: validation", epochs, run.column("validation_loss")) for name, run in runs.items()]
    losses.append(Line(f"{NONE}: training", epochs, runs[NONE].column("loss"), style=4))
    accuracy = [
        Line(f"{name}: validation", epochs, [100 * value for value in run.column("validation_accuracy")])
        for name, run in runs.items()
    ]
    accuracy.append(
        Line(f"{NONE}: training", epochs, [100 * value for value in runs[NONE].column("accuracy")], style=4)
    )
    return panels(
        [
            Panel("the loss", "epoch", "loss (nats)", losses, limits=(0, 1)),
            Panel("the accuracy", "epoch", "accuracy (%)", accuracy, limits=(70, 100.5), legend="lower right"),
        ]
    )


EXPERIMENT = Experiment(
    name="overfitting",
    title=f"Learning {IMAGES} images by heart",
    question=f"A network of {UNITS} hidden units is trained on {IMAGES} images for {EPOCHS} epochs, until it reads all "
    "of them rightly. What does the loss on other images do meanwhile?",
    choices=(
        "it falls to almost 0 as well",
        "it falls, and then stays where it is",
        "it falls, then rises again, while the accuracy hardly changes",
        "it rises, and the accuracy falls with it",
    ),
    answer=3,
    measure=measure,
    explanation=(
        f"{IMAGES} images do not pin down 203,530 weights. Once every image is read rightly, the loss still falls when "
        "the weights grow: larger logits make the right answers more certain. On other images the same growth makes "
        "the wrong answers more certain too, and cross-entropy charges a certain mistake without limit. So the loss "
        "rises while the number of mistakes stays: the network becomes too sure of itself.",
        "L2 adds a pull towards 0 to the gradient of each weight, so growth has a price. Dropout trains with half of "
        "the hidden units absent, drawn anew each time, so no unit can rely on another, and the network is a mean of "
        "many; it slows learning by heart, but does not forbid it.",
    ),
    formula="L2:       dW <- dW + decay W\n"
    "dropout:  out = x mask / (1 - rate),   mask = 1 with probability 1 - rate,     dx = dout mask / (1 - rate)",
    where=(
        ("nnscratch/training/optimizers.py", "Optimizer.step_part"),
        ("nnscratch/ops/dropout.py", "dropout_forward"),
        ("nnscratch/layers/dropout.py", "Dropout"),
        ("nnscratch/training/state.py", "TrainingState.remember"),
    ),
)
