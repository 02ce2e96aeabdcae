"""An experiment as a page: question, what the run showed, and why."""

from __future__ import annotations

from nnscratch.lab.base import Experiment, Outcome
from nnscratch.pages.html import page, plot


def experiment_page(experiment: Experiment, outcome: Outcome, prediction: int | None, about: str) -> str:
    """Return the page, whole; ``about`` says what was run, on which images."""
    drawn = plot(outcome.plot, outcome.alt)
    return page(
        "lab.html",
        experiment.title,
        experiment=experiment,
        outcome=outcome,
        prediction=prediction,
        about=about,
        plot=drawn,
    )
