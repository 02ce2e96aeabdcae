"""What the parameters of ``nn.Classifier`` mean: the layers, the plan, and the examples that are held out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.dataset import stratified_split
from nnscratch.errors import UsageError, unknown
from nnscratch.layers import Dense, Layer
from nnscratch.models.zoo import MODELS
from nnscratch.training.bounds import SHARE
from nnscratch.training.optimizers import OPTIMIZERS
from nnscratch.training.plan import Plan
from nnscratch.training.schedules import SCHEDULES


def layers_of(given: Any, classes: int) -> list[Layer]:
    """Return new layers, the last with an output for each class. Raises UsageError for sizes that are none."""
    if not isinstance(given.hidden, Sequence | np.ndarray):
        raise UsageError(f"hidden is {given.hidden!r}: give the sizes of the hidden layers, such as (100,)")
    options = {name: getattr(given, name) for name in ("hidden", "activation", "dropout")}
    *layers, last = MODELS[given.model](**(options if given.model == "mlp" else {}))
    assert isinstance(last, Dense)
    return [*layers, Dense(classes, last.init)]


def plan_of(given: Any, *, epochs: int, schedule: str, seed: int) -> Plan:
    """Return the plan of a training. Raises UsageError for parameters that are unknown or out of range."""
    for name, known in (("optimizer", OPTIMIZERS), ("schedule", SCHEDULES)):
        if getattr(given, name) not in known:
            raise unknown(f"the {name}", getattr(given, name), known)
    if given.patience and not given.validation_fraction:
        raise UsageError("patience waits for a better validation: give a validation_fraction above 0")
    return Plan(
        epochs=epochs,
        batch_size=given.batch_size,
        optimizer=OPTIMIZERS[given.optimizer](given.learning_rate, given.weight_decay),
        schedule=SCHEDULES[schedule](),
        label_smoothing=given.label_smoothing,
        patience=given.patience,
        seed=seed,
    )


def split_off(labels: Array, share: float, seed: int) -> tuple[Any, Any]:
    """Return which examples to train on, and which ``share`` to hold out: None for no others."""
    SHARE.check("validation_fraction", share)
    size = math.ceil(share * len(labels))
    if size >= len(labels):
        raise UsageError(f"a validation_fraction of {share} leaves none of n_samples={size}: give a smaller one")
    return stratified_split(labels, size, seed=seed) if size else (slice(None), None)
