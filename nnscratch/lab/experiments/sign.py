"""One wrong sign in a backward pass: what training shows of it, and what the gradient checker says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nnscratch.arrays import Array
from nnscratch.lab.base import Data, Experiment, Outcome, finite, number
from nnscratch.lab.plots import Line, Panel, panels
from nnscratch.lab.trainings import Training, smooth, train
from nnscratch.layers import Dense, Flatten, ReLU
from nnscratch.models.sequential import Sequential
from nnscratch.pages.blocks import Table, percent
from nnscratch.training.gradcheck import GradcheckReport, gradcheck
from nnscratch.training.optimizers import SGD

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
    found = {name: named(report) for name, report in reports.items()}
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
    return Outcome(
        figures,
        Table(
            ["wrong sign in", "loss", "validation accuracy", "gradcheck's largest error", "it names"],
            [[name, *_row(run, reports[name], found[name])] for name, run in runs.items()],
        ),
        _answer(runs[RIGHT], runs["dense1.b"]),
        _verdict(runs, found),
        _plot(runs, reports),
        "training loss by batch with three different wrong signs; the gradient checker's error for each array",
    )


def flawed_network(wrong: str, data: Data) -> Sequential:
    """Return 64 hidden ReLU units and 10 outputs; ``wrong`` is "" or names an array, such as "dense1.b"."""
    layer, _, array = wrong.partition(".")
    first, second = (FlippedDense(units, flipped=array if layer == name else "") for units, name in SIZES)
    return Sequential([Flatten(), first, ReLU(), second], seed=data.seed)


def named(report: GradcheckReport) -> list[str]:
    """Return the arrays whose gradient the checker calls wrong."""
    return [row.name for row in report.rows if row.worst > report.tolerance]


def _row(run: Training, report: GradcheckReport, found: list[str]) -> list[str]:
    loss = f"no number in epoch {len(run.history) + 1}" if run.diverged else number(run.loss)
    accuracy = "-" if run.diverged else percent(run.accuracy)
    return [loss, accuracy, f"{report.error:.0e}", ", ".join(found) or "none: right"]


def _verdict(runs: dict[str, Training], found: dict[str, list[str]]) -> str:
    sentences = [f"Without a mistake the network reads {percent(runs[RIGHT].accuracy)}"]
    for wrong in WRONG:
        run = runs[wrong]
        ended = "the loss becomes no number" if run.diverged else f"it reads {percent(run.accuracy)}"
        sentences.append(f"with the sign of {wrong} wrong, {ended}")
    exact = all(found[wrong] == [wrong] for wrong in WRONG) and not found[RIGHT]
    checked = (
        "The gradient checker names the wrong array each time, and only that one."
        if exact
        else "The gradient checker names: "
        + "; ".join(f"{name}: {', '.join(some) or 'none'}" for name, some in found.items())
        + "."
    )
    return "; ".join(sentences) + ". " + checked


def _answer(right: Training, wrong: Training) -> int | None:
    if wrong.diverged:
        return 4
    lost = right.accuracy - wrong.accuracy
    if abs(lost) < 0.02:
        return 3
    return 1 if wrong.accuracy < 0.2 else 2


def _plot(runs: dict[str, Training], reports: dict[str, GradcheckReport]) -> bytes:
    curves = []
    for name, run in runs.items():
        x, y = smooth(run.losses, 10)
        curves.append(
            Line(f"wrong sign in {name}" if name in WRONG else name, x, y, "no number" if run.diverged else "")
        )
    arrays = [row.name for row in reports[RIGHT].rows]
    errors = [
        Line(name, range(len(arrays)), [max(row.worst, 1e-12) for row in report.rows], points=True)
        for name, report in reports.items()
    ]
    tolerance = reports[RIGHT].tolerance
    return panels(
        [
            Panel("what training shows", "batches", "training loss (nats)", curves, "y", (0.1, 100), legend=(0.5, 0.5)),
            Panel(
                "what the gradient checker shows",
                "array",
                "relative error",
                errors,
                "y",
                level=(tolerance, f"tolerance {tolerance:.0e}"),
                ticks=arrays,
            ),
        ]
    )


EXPERIMENT = Experiment(
    name="sign",
    title="A wrong sign in one gradient",
    question="In the backward pass of the hidden layer, the sign of the biases' gradient is wrong, so they climb the "
    f"loss. All else is right. How well does the network read after {EPOCHS} epochs?",
    choices=(
        "like guessing: about one digit in ten",
        "noticeably worse than without the mistake, by 2 points or more",
        "as well as without it, within 2 points",
        "not at all: the loss becomes no number",
    ),
    answer=3,
    measure=measure,
    explanation=(
        "A network is robust: what one array does wrong, the others, whose gradients are right, make good. Weights "
        "compensate a hidden bias that climbs, and accuracy looks as it should. Such a mistake can live in a program "
        "for years, since accuracy does not tell. The same sign in the weights shows at once: they climb the loss, "
        "and what the layers below and above learn cannot keep up.",
        "The gradient checker does not ask how well the network reads. It moves one number of each array by a little, "
        "sees how the loss changes, and compares that with what backward said. A wrong sign is a relative error of up "
        "to 2 in that one array and of 1e-9 or so in all others, so it says where to look.",
    ),
    formula="numeric = (f(x + h) - f(x - h)) / 2h,     error = |analytic - numeric| / max(|analytic|, |numeric|)\n"
    "analytic = -numeric   gives   error = 2 for the largest entry",
    where=(
        ("nnscratch/training/gradcheck.py", "gradcheck"),
        ("nnscratch/training/gradcheck.py", "check_array"),
        ("nnscratch/ops/dense.py", "dense_backward_weights"),
        ("nnscratch/lab/experiments/sign.py", "FlippedDense"),
    ),
)
