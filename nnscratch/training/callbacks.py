"""What watches a training."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from nnscratch.errors import UsageError, accepts, short_repr

HOOKS = ("on_begin", "on_batch_end", "on_epoch_end", "close")


class Callback:
    """Something that watches a training: give an instance to ``fit(callbacks=...)``. Override any method.

    Each method but ``close`` is given the ``Trainer`` (``trainer.py``): ``trainer.state`` has the epoch, the step and
    the history, ``trainer.network`` the network, which may be changed, ``trainer.learning_rate = x`` sets the learning
    rate from then on, and ``trainer.stop()`` ends the training after the batch that runs.
    """

    def on_begin(self, trainer: Any) -> None:
        """Called once before the first batch."""

    def on_batch_end(self, trainer: Any) -> None:
        """Called after each batch, with ``trainer.batch_loss`` at hand; or after a few, see ``each_batch``."""

    def on_epoch_end(self, trainer: Any) -> None:
        """Called after each epoch's validation, with ``trainer.state.history[-1]`` at hand."""

    def close(self) -> None:
        """Called when the training has ended in any way, errors included."""


def wants_each_batch(callback: Any) -> bool:
    """Return whether it does something after a batch, and each batch counts."""
    own = getattr(callback.on_batch_end, "__func__", None) is not Callback.on_batch_end
    return own and bool(getattr(callback, "each_batch", True))


class EachEpoch(Callback):
    """Calls a function with the trainer after each epoch."""

    def __init__(self, function: Callable[[Any], object]) -> None:
        self.function = function

    def __repr__(self) -> str:
        return f"EachEpoch({getattr(self.function, '__qualname__', repr(self.function))})"

    def on_epoch_end(self, trainer: Any) -> None:
        self.function(trainer)


def as_callbacks(given: Any) -> list[Callback]:
    """Return the callbacks meant: none for None, one alone, or several; a function is called after each epoch.

    Raises UsageError for what is no callback, and for a class that was not called.
    """
    if given is None:
        return []
    if isinstance(given, Iterable) and not isinstance(given, str | bytes) and not _is_callback(given):
        return [_as_callback(each) for each in given]
    return [_as_callback(given)]


def _as_callback(given: Any) -> Any:
    if isinstance(given, type) and _is_callback(given):
        raise UsageError(f"the callback {given.__name__} is a class: give an instance, {given.__name__}()")
    if _is_callback(given):
        return given
    if not callable(given):
        raise UsageError(f"a callback is {short_repr(given)}: give an instance of nn.Callback, or a function")
    if not accepts(given, 1):
        raise UsageError(
            f"the callback {short_repr(given)} does not take one argument: it is called with the trainer after each "
            f"epoch"
        )
    return EachEpoch(given)


def _is_callback(given: Any) -> bool:
    return all(hasattr(given, hook) for hook in HOOKS)
