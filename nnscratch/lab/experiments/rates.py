"""Learning rates over seven powers of ten: too small, good, too large, a loss that is no number, and dead units."""

from __future__ import annotations

from typing import Any

from nnscratch.lab.base import Data, Experiment, Outcome, finite, number
from nnscratch.lab.plots import Line, Panel, panels
from nnscratch.lab.trainings import Training, backward_once, dense_network, smooth, train
from nnscratch.layers import Layer, LeakyReLU, ReLU
from nnscratch.pages.blocks import Table, percent
from nnscratch.training.optimizers import SGD

RATES = (0.0001, 0.001, 0.01, 0.1, 1.0, 10.0, 100.0)
DEADLY = 10.0  # the rate with which ReLU is tried as well
UNITS, EPOCHS = 64, 3
GROUP = 12  # batches of which the curves show the mean


def measure(data: Data) -> Outcome:
    """Train the same network with each rate; and one of ReLU, whose units can die."""
    runs = {rate: _train(rate, LeakyReLU, data) for rate in RATES}
    relu = _train(DEADLY, ReLU, data)
    dead = None if relu.diverged else dead_units(relu, data)
    best = min((rate for rate in RATES if not runs[rate].diverged), key=lambda rate: runs[rate].loss)
    figures: dict[str, Any] = {f"{rate:g}": _figures(run) for rate, run in runs.items()}
    figures[f"{DEADLY:g}, ReLU"] = {**_figures(relu), "dead_units": dead}
    rows = [[f"{rate:g}", *_row(run)] for rate, run in runs.items()]
    rows.append([f"{DEADLY:g}, with ReLU", *_row(relu)])
    return Outcome(
        figures,
        Table(["rate", "loss, last epoch", "validation accuracy", "ended"], rows),
        _answer(runs[RATES[-1]], runs[best]),
        _verdict(runs, best, dead),
        _plot(runs, best),
        "loss by batch for seven learning rates; loss of the last epoch against the rate",
    )


def _train(rate: float, activation: type[Layer], data: Data) -> Training:
    network = dense_network(data, UNITS, UNITS, activation=activation)
    name = f"rate {rate:g}, {activation.__name__}"
    return train(name, network, data, epochs=EPOCHS, optimizer=SGD(rate))


def _figures(run: Training) -> dict[str, Any]:
    return {
        "loss": finite(run.loss),
        "validation_accuracy": finite(run.accuracy),
        "batches": len(run.losses),
        "diverged": run.diverged,
    }


def _row(run: Training) -> list[str]:
    if run.diverged:
        return ["-", "-", f"no number after batch {len(run.losses)}"]
    return [number(run.loss), percent(run.accuracy), "all epochs"]


def dead_units(run: Training, data: Data) -> int:
    """Return how many hidden ReLU units give 0 for each of 500 images: no gradient can wake them."""
    backward_once(run.network, data)
    return sum(int((run.network.activations[name] <= 0).all(axis=1).sum()) for name in ("relu1", "relu2"))


def _verdict(runs: dict[float, Training], best: float, dead: int | None) -> str:
    small, high = runs[RATES[0]], runs[RATES[-1]]
    sentences = (
        f"The best of the rates is {best:g}: loss {number(runs[best].loss)}, {percent(runs[best].accuracy)}. With "
        f"{RATES[0]:g} the loss is still {number(small.loss)}; guessing has 2.30. "
    )
    sentences += (
        f"With {RATES[-1]:g} it is no number after {len(high.losses)} batches."
        if high.diverged
        else f"With {RATES[-1]:g} it ends at {number(high.loss)}."
    )
    if dead is not None:
        sentences += f" With ReLU in place of LeakyReLU, {DEADLY:g} leaves {dead} of the {2 * UNITS} hidden units dead."
    return sentences


def _answer(high: Training, best: Training) -> int:
    if high.diverged:
        return 3
    return 1 if high.loss <= best.loss else 2


def _plot(runs: dict[float, Training], best: float) -> bytes:
    lines = []
    for rate, run in runs.items():
        group = GROUP if len(run.losses) >= 2 * GROUP else 1
        x, y = smooth(run.losses, group)
        lines.append(Line(f"{rate:g}", x, y, "no number" if run.diverged else ""))
    finished = [rate for rate in RATES if not runs[rate].diverged]
    ends = [
        Line("", finished, [runs[rate].loss for rate in finished]),
        Line(f"best: {best:g}", [best], [runs[best].loss], points=True, style=1),
    ]
    guess = (2.3026, "guessing: log 10")
    return panels(
        [
            Panel("the loss of each rate", "batches", "training loss (nats)", lines, "y", (0.1, 100), guess),
            Panel("where they end", "learning rate", "loss of the last epoch", ends, "xy", (0.1, 10), guess),
        ]
    )


EXPERIMENT = Experiment(
    name="rates",
    title="Learning rates, too small and too large",
    question="A learning rate of 0.1 trains this network of two hidden layers well, with plain SGD. What does a "
    "thousand times that, 100, do?",
    choices=(
        "it gets as far, in fewer steps",
        "the loss jumps about, but stays a number to the end",
        "the loss stops being a number",
    ),
    answer=3,
    measure=measure,
    explanation=(
        "The gradient is the slope where you stand, and it holds for a small step only. While the loss curves upward "
        "by lambda along a direction, a step multiplies the distance to the valley's floor by (1 - rate * lambda). "
        "Below 1 / lambda that shrinks steadily; beyond 2 / lambda its magnitude is above 1, and each step leaps "
        "farther up the other side.",
        "In a network with several layers the gradient of each is a product of the others' weights, so large weights "
        "make larger gradients, which make larger weights: a few steps to overflow. With ReLU a rate may kill "
        "instead: one leap makes a bias so negative that the unit gives 0 for every image, and where ReLU gives 0 its "
        "gradient is 0, for ever. A rate that is too small is merely slow, and looks like a network that cannot learn.",
    ),
    formula="theta <- theta - rate g\nfor a loss 1/2 lambda theta^2:   theta_t = (1 - rate lambda)^t theta_0,   "
    "which shrinks only while  rate < 2 / lambda",
    where=(
        ("nnscratch/ops/optimizers.py", "sgd_update"),
        ("nnscratch/training/trainer.py", "Trainer.check_finite"),
        ("nnscratch/ops/activations.py", "relu_backward"),
    ),
)
