"""The experiments by name, in the order in which they are best met.

Each is a module, whose ``measure`` runs it, and a file of texts beside it, whose $NAMES are the module's constants.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from string import Template
from types import ModuleType

from nnscratch.errors import unknown
from nnscratch.lab import experiments
from nnscratch.lab.base import LabExperiment, one_line
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

MODULES = (zero, rates, vanishing, order, scale, twice, sign, batch, optimisers, overfitting, classic)
FOLDER = Path(experiments.__file__).parent


def _read(module: ModuleType) -> LabExperiment:
    text = (FOLDER / f"{module.__name__.rpartition('.')[2]}.toml").read_text("utf-8")
    constants = {
        name: value if isinstance(value, str) else f"{value:,}"
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, int | str)
    }
    fields = tomllib.loads(Template(text).substitute(constants))
    for key in ("question", "alt"):
        fields[key] = one_line(fields[key])
    fields["explanation"] = [one_line(each) for each in fields["explanation"]]
    return LabExperiment(**fields, measure=module.measure)


EXPERIMENTS = {each.name: each for each in map(_read, MODULES)}


def experiment(name: str) -> LabExperiment:
    """Return the experiment of that name. Raises UsageError for an unknown one."""
    if name not in EXPERIMENTS:
        raise unknown("the experiment", name, EXPERIMENTS, ", or all")
    return EXPERIMENTS[name]
