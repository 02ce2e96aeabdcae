"""What the arguments of ``Sequential.fit`` mean: the plan, and the images that are held out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.dataset import stratified_split
from nnscratch.data.scaling import as_array
from nnscratch.errors import UsageError, short_repr
from nnscratch.models.progress import ProgressBar, is_interactive
from nnscratch.training.bounds import SHARE
from nnscratch.training.callbacks import Callback, as_callbacks
from nnscratch.training.plan import Plan

OFF = ("optimizer", "schedule", "distortion")  # arguments that may be None: then they are the plan's own


def as_plan(**arguments: Any) -> Plan:
    """Return the plan of these arguments of ``fit``. Raises UsageError for one that is out of range."""
    return Plan(**{name: value for name, value in arguments.items() if value is not None or name not in OFF})


def as_validation(given: Any) -> tuple[Any, Array] | None:
    """Return images and labels to validate on, or None. Raises UsageError for what is no pair."""
    if given is None:
        return None
    if given in SHARE and given:
        raise UsageError(f"validation is {given}: give a pair (images, labels), or validation_split={given}")
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        raise UsageError(f"validation is {short_repr(given)}: give a pair (images, labels)")
    images, labels = given
    return images, as_array(labels, "the validation's labels")


def hold_out(images: Any, labels: Array, share: float, validation: object, seed: int) -> tuple[Array, Array] | None:
    """Return the indices to train on and those to validate on, ``share`` of labels (N,) or targets (N, K); None at 0.

    Integer labels are held out each class in proportion. Raises UsageError where ``validation`` came too, nothing
    would be left, or there are not as many images.
    """
    SHARE.check("validation_split", share)
    if not share:
        return None
    if validation is not None:
        raise UsageError("validation and validation_split came both: give one of the two")
    if len(images) != len(labels):
        raise UsageError(f"{len(images)} images and {len(labels)} labels came: give as many of both, at least 1")
    size = math.ceil(share * len(labels))
    if size >= len(labels):
        raise UsageError(f"a validation_split of {share} leaves none of {len(labels)} images: give a smaller one")
    by_class = labels.ndim == 1 and labels.dtype.kind in "iubU"
    return stratified_split(labels if by_class else np.zeros(len(labels)), size, seed=seed)


def all_callbacks(given: Any, progress: bool | None) -> list[Callback]:
    """Return the callbacks, and a progress bar if it is wanted: None means where somebody types."""
    wanted = is_interactive() if progress is None else as_flag("progress", progress)
    return [*as_callbacks(given), *([ProgressBar()] if wanted else [])]


def as_flag(name: str, value: Any) -> bool:
    """Return a switch. Raises UsageError for what is neither True nor False."""
    if not isinstance(value, bool | np.bool_):
        raise UsageError(f"{name} is {short_repr(value)}: give True or False")
    return bool(value)
