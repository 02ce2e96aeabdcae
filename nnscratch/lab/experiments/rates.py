"""Learning rates over seven powers of ten: too small, good, too large, a loss that is NaN, and dead units."""

from __future__ import annotations

from typing import Any

from nnscratch.lab.base import Data, Outcome, finite, format_number
from nnscratch.lab.plots import GUESSING, Line, Panel, by_batch, panels
from nnscratch.lab.trainings import Training, backward_once, dense_network, train
from nnscratch.layers import Layer, LeakyReLU, ReLU
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
    by_rate = {f"{rate:g}": _figures(run) for rate, run in runs.items()}
    with_relu = _figures(relu)
    rows = {**by_rate, f"{DEADLY:g}, with ReLU": with_relu}
    return Outcome(
        {**by_rate, f"{DEADLY:g}, ReLU": {**with_relu, "dead_units": dead}},
        {name: _row(some) for name, some in rows.items()},
        _answer(runs[RATES[-1]], runs[best]),
        _plot(runs, best),
        _facts(runs, best, dead),
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


def _row(some: dict[str, Any]) -> dict[str, Any]:
    if some["diverged"]:
        return {**some, "last": "-", "ended": f"NaN after batch {some['batches']}"}
    return {**some, "last": format_number(some["loss"]), "ended": "all epochs"}


def dead_units(run: Training, data: Data) -> int:
    """Return how many hidden ReLU units give 0 for each of 500 images: no gradient can wake them."""
    backward_once(run.network, data)
    return sum(int((run.network.activations[name] <= 0).all(axis=1).sum()) for name in ("relu1", "relu2"))


def _facts(runs: dict[float, Training], best: float, dead: int | None) -> dict[str, Any]:
    high = runs[RATES[-1]]
    ended = f"is NaN after {len(high.losses)} batches" if high.diverged else f"ends at {format_number(high.loss)}"
    killed = f"With ReLU in place of LeakyReLU, {DEADLY:g} leaves {dead} of the {2 * UNITS} hidden units dead."
    found = {"best": best, "best_run": runs[best], "small_run": runs[RATES[0]]}
    return {**found, "ended": ended, "dead": "" if dead is None else killed}


def _answer(high: Training, best: Training) -> int:
    if high.diverged:
        return 1
    return 3 if high.loss <= best.loss else 2


def _plot(runs: dict[float, Training], best: float) -> bytes:
    lines = by_batch({f"{rate:g}": run for rate, run in runs.items()}, GROUP)
    finished = [rate for rate in RATES if not runs[rate].diverged]
    ends = [
        Line("", finished, [runs[rate].loss for rate in finished]),
        Line(f"best: {best:g}", [best], [runs[best].loss], points=True, style=1),
    ]
    return panels(
        Panel("the loss of each rate", "batches", "training loss (nats)", lines, "y", (0.1, 100), GUESSING),
        Panel("where they end", "learning rate", "loss of the last epoch", ends, "xy", (0.1, 10), GUESSING),
    )
