"""An experiment's page: the question first, and what happened once it is answered."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from nnscratch.lab import play
from nnscratch.lab.base import Data, LabExperiment, Outcome
from nnscratch.pages import html


def lab_page(
    experiment: LabExperiment, outcome: Outcome, prediction: int | None, about: str, data: Data | None = None
) -> str:
    """Return the page; ``about`` says what was run, on which images. Its sliders train with ``data``, if that is given.

    Without a ``prediction`` it hides the answer until one of the choices is pressed, or the answer is opened.
    """
    choices = range(1, len(experiment.choices) + 1)
    told: dict[str, Any] = {
        "feedback": [experiment.feedback(outcome, choice) for choice in choices],
        "seen": outcome.answer,
    }
    scripts = [(files("nnscratch.lab") / "static" / "question.js").read_text("utf-8")]
    sliders = {} if data is None else {name: play.SLIDERS[name] for name in experiment.sliders}
    if data is not None and sliders:
        told["play"] = play.play_data(data, experiment.activation, experiment.sliders)
        scripts.append(play.script())
    return html.page(
        "lab.html",
        experiment.title,
        scripts=[f"(() => {{\n{text}}})();" for text in scripts],  # each has names of its own
        data=told,
        plot=html.plot(outcome.plot, experiment.alt),
        experiment=experiment,
        outcome=outcome,
        prediction=prediction,
        about=about,
        sliders=sliders,
        units=play.UNITS,
        images=play.TRAINING,
    )
