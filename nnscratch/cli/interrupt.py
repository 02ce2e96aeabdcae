"""Ctrl-C and SIGTERM end a training after its batch, so that nothing is lost."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from nnscratch.training.trainer import Trainer


class Interrupt:
    """What SIGINT and SIGTERM do: stop the trainer after its batch, or, where none runs, raise KeyboardInterrupt."""

    def __init__(self) -> None:
        self.trainer: Trainer | None = None
        self.requested = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal. A second one during a training does not wait for the batch."""
        self.requested = True
        if self.trainer is None or self.trainer.stopped:
            raise KeyboardInterrupt
        self.trainer.stop()

    @contextmanager
    def stopping(self, trainer: Trainer) -> Iterator[None]:
        """Within the block, a signal stops this trainer."""
        self.trainer = trainer
        try:
            yield
        finally:
            self.trainer = None


@contextmanager
def interruptible() -> Iterator[Interrupt]:
    """Give an :class:`Interrupt` that handles SIGINT and SIGTERM within the block."""
    interrupt = Interrupt()
    before: dict[int, Any] = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, interrupt)
        yield interrupt
    finally:
        for handled, handler in before.items():
            signal.signal(handled, handler)
