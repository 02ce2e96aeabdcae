"""One wrong sign in a backward pass: what training shows of it, and what the gradient checker says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nnscratch.arrays import Array
from nnscratch.lab.base import Data, Outcome, finite, format_number
from nnscratch.lab.plots import Line, Panel, by_batch, panels
from nnscratch.lab.trainings import Training, train
from nnscratch.layers import Dense, Flatten, ReLU
from nnscratch.models.sequential import Sequential
from nnscratch.pages.blocks import percent
from nnscratch.training.gradcheck import GradcheckReport, gradcheck
from nnscratch.training.numerical_gradient import MEASURE
from nnscratch.training.optimizers import SGD

FORMULA = MEASURE  # which sign.toml prints
EPOCHS = 5
CHECKED = 4  # images that the gradient checker gets
RIGHT = "all right"
SIZES = ((64, "dense1"), (10, "dense2"))
WRONG = ("dense1.b", "dense1.W", "dense2.W")


@dataclass(eq=False)
class FlippedDense(Dense):
    """A Dense layer with a mistake: the gradient of ``flipped``, "W" or "b", has the wrong sign."""

    flipped: str = ""

    def backward_parameters(self, dout: Array) -> None:
        super().backward_parameters(dout)
        wrong = {"W": self.dW, "b": self.db}.get(self.flipped)
        if wrong is not None:
            wrong *= -1


def measure(data: Data) -> Outcome:
    """Check and train a network with no mistake, and with each of three."""
    runs: dict[str, Training] = {}
    reports: dict[str, GradcheckReport] = {}
    for wrong in ("", *WRONG):
        name = wrong or RIGHT
        network = flawed_network(wrong, data)
        reports[name] = gradcheck(network, data.images[:CHECKED], data.labels[:CHECKED], seed=data.seed)
        runs[name] = train(f"wrong sign: {wrong or 'none'}", network, data, epochs=EPOCHS, optimizer=SGD(0.1))
    found = {
        name: [row.name for row in report.rows if row.worst > report.tolerance] for name, report in reports.items()
    }
    figures: dict[str, Any] = {
        name: {
            "loss": finite(run.loss),
            "validation_accuracy": finite(run.accuracy),
            "diverged": run.diverged,
            "gradcheck_names": found[name],
            "gradcheck_error": reports[name].error,
        }
        for name, run in runs.items()
    }
    words = {name: ", ".join(some) or "none: pass" for name, some in found.items()}
    return Outcome(
        figures,
        {name: {**some, "ended": _ended(runs[name]), "names": words[name]} for name, some in figures.items()},
        _answer(runs[RIGHT], runs["dense1.b"]),
        _plot(runs, reports),
        {"ends": "; ".join(_end(name, runs[name]) for name in WRONG), "names": _names(found)},
    )


def flawed_network(wrong: str, data: Data) -> Sequential:
    """Return 64 hidden ReLU units and 10 outputs; ``wrong`` is "" or names an array, such as "dense1.b"."""
    layer, _, array = wrong.partition(".")
    first, second = (FlippedDense(units, flipped=array if layer == name else "") for units, name in SIZES)
    return Sequential([Flatten(), first, ReLU(), second], seed=data.seed)


def _ended(run: Training) -> str:
    return f"NaN in epoch {len(run.history) + 1}" if run.diverged else format_number(run.loss)


def _end(wrong: str, run: Training) -> str:
    ended = "the loss becomes NaN" if run.diverged else f"it reads {percent(run.accuracy)}"
    return f"with the sign of {wrong} wrong, {ended}"


def _names(found: dict[str, list[str]]) -> str:
    if all(found[wrong] == [wrong] for wrong in WRONG) and not found[RIGHT]:
        return " the wrong array each time, and only that one"
    return ": " + "; ".join(f"{name}: {', '.join(some) or 'none'}" for name, some in found.items())


def _answer(right: Training, wrong: Training) -> int | None:
    if wrong.diverged:
        return 4
    lost = right.accuracy - wrong.accuracy
    if abs(lost) < 0.02:
        return 1
    return 3 if wrong.accuracy < 0.2 else 2


def _plot(runs: dict[str, Training], reports: dict[str, GradcheckReport]) -> bytes:
    curves = by_batch({f"wrong sign in {name}" if name in WRONG else name: run for name, run in runs.items()}, 10)
    arrays = [row.name for row in reports[RIGHT].rows]
    errors = [
        Line(name, range(len(arrays)), [max(row.worst, 1e-12) for row in report.rows], points=True)
        for name, report in reports.items()
    ]
    tolerance = reports[RIGHT].tolerance
    level = (tolerance, f"tolerance {tolerance:.0e}")
    return panels(
        Panel("what training shows", "batches", "training loss (nats)", curves, "y", (0.1, 100), legend=(0.5, 0.5)),
        Panel("what gradcheck shows", "array", "error or direction", errors, "y", level=level, ticks=arrays),
    )
