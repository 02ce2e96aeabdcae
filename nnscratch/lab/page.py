"""An experiment as a page: question, what the run showed, and why."""

from __future__ import annotations

from nnscratch.lab.base import LabExperiment, Outcome
from nnscratch.pages.html import page, plot


def experiment_page(experiment: LabExperiment, outcome: Outcome, prediction: int | None, told: str) -> str:
    """Return the page, whole; ``told`` says what was run, on which images."""
    return page(
        "lab.html",
        experiment.title,
        experiment=experiment,
        outcome=outcome,
        prediction=prediction,
        told=told,
        plot=plot(outcome.plot, experiment.alt),
    )
