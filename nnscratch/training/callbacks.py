"""What watches a training."""

from __future__ import annotations

from typing import Any


class Callback:
    """Something that watches a training. Override any method; ``trainer.stop()`` ends it after this batch.

    Each is given the ``Trainer`` (``trainer.py``), which may be looked at, and its network changed.
    """

    def on_begin(self, trainer: Any) -> None:
        """Called once before the first batch."""

    def on_batch_end(self, trainer: Any) -> None:
        """Called after each batch, with ``trainer.batch_loss`` at hand."""

    def on_epoch_end(self, trainer: Any) -> None:
        """Called after each epoch's validation, with ``trainer.state.history[-1]`` at hand."""

    def close(self) -> None:
        """Called when the training has ended in any way, errors included."""
