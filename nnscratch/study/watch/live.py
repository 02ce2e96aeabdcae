"""A watched training on the terminal, drawn again as it goes on."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import IO

from nnscratch.study.watch.screen import Progress, screen
from nnscratch.study.watch.watch import Watch
from nnscratch.training.callbacks import Callback
from nnscratch.training.trainer import Trainer

LEAST_COLUMNS, LEAST_LINES = 72, 16
INTERVAL = 1 / 8  # seconds between two pictures, at least
SHARE = 0.008  # of the time that drawing may take: about three pictures a second


def can_show(stream: IO[str]) -> bool:
    """Return whether a stream is a terminal that can show it, and large enough."""
    if not stream.isatty() or os.environ.get("TERM", "") == "dumb":
        return False
    from rich.console import Console

    console = Console(file=stream)
    fits = console.width >= LEAST_COLUMNS and console.height >= LEAST_LINES
    return fits and not console.options.ascii_only


class Live(Callback):
    """Shows what ``watch`` sees, on a terminal; put it after the watch among the callbacks.

    The last picture stays on the screen. Drawing takes about SHARE of the time.
    """

    def __init__(
        self, name: str, watch: Watch, stream: IO[str], clock: Callable[[], float] = time.perf_counter
    ) -> None:
        from rich.console import Console
        from rich.live import Live as Display

        self.name, self.watch, self.clock = name, watch, clock
        self.console = Console(file=stream, highlight=False)
        self.display = Display(
            console=self.console,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )
        self.trainer: Trainer | None = None
        self.next_time, self.cost = 0.0, 0.0
        self.speed = 0.0

    def on_begin(self, trainer: Trainer) -> None:
        """Take the terminal."""
        self.trainer = trainer
        self.display.start()
        self.draw()

    def on_batch_end(self, trainer: Trainer) -> None:
        """Draw, if it is time."""
        if self.clock() >= self.next_time:
            self.draw()

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Remember how fast the epoch was."""
        self.speed = trainer.state.history[-1]["images_per_second"]

    def close(self) -> None:
        """Draw the end, and give the terminal back."""
        if self.trainer is not None:
            self.draw("done" if self.trainer.finished else "stopped")
            self.display.stop()

    def draw(self, word: str = "") -> None:
        """Draw what there is now."""
        assert self.trainer is not None
        start = self.clock()
        size = self.console.size
        self.display.update(screen(self.watch, self.progress(self.trainer, word), *size), refresh=True)
        now = self.clock()
        self.next_time = now + max(INTERVAL, (now - start) / SHARE)

    def progress(self, trainer: Trainer, word: str) -> Progress:
        """Return where the training stands."""
        state, plan = trainer.state, trainer.plan
        batches = trainer.steps // plan.epochs
        if state.position:
            self.speed = state.position / max(state.seconds, 1e-9)
        seconds = sum(row["seconds"] for row in state.history) + state.seconds
        between = not state.position and state.epoch > 0  # the epochs' last batch is shown until the next comes
        return Progress(
            name=self.name,
            epoch=state.epoch if between else state.epoch + 1,
            epochs=plan.epochs,
            batch=batches if between else -(-state.position // plan.batch_size),
            batches=batches,
            step=state.step,
            steps=trainer.steps,
            images_per_second=self.speed,
            learning_rate=trainer.learning_rate,
            left=seconds / max(state.step, 1) * (trainer.steps - state.step),
            word=word,
        )
