"""The experiments by name, in the order in which they are best met."""

from __future__ import annotations

from nnscratch.errors import unknown
from nnscratch.lab.base import Experiment
from nnscratch.lab.experiments import (
    batch,
    classic,
    optimisers,
    order,
    overfitting,
    rates,
    scale,
    sign,
    twice,
    vanishing,
    zero,
)

EXPERIMENTS: dict[str, Experiment] = {
    module.EXPERIMENT.name: module.EXPERIMENT
    for module in (zero, rates, vanishing, order, scale, twice, sign, batch, optimisers, overfitting, classic)
}


def experiment(name: str) -> Experiment:
    """Return the experiment of that name. Raises UsageError for an unknown one."""
    if name not in EXPERIMENTS:
        raise unknown("the experiment", name, EXPERIMENTS, ", or all")
    return EXPERIMENTS[name]
