"""The progress bar of a training."""

from __future__ import annotations

import sys
from typing import Any, TextIO

from nnscratch.training.callbacks import Callback
from nnscratch.training.trainer import Trainer

EVERY = 10  # batches


class ProgressBar(Callback):
    """A progress bar on a terminal or in a notebook, with loss, accuracy, those of validation, and images/s."""

    each_batch = False

    def __init__(self, name: str = "epoch", stream: TextIO | None = None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self.name = name
        self.progress = Progress(
            TextColumn("{task.description}"),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            TextColumn("{task.fields[figures]}"),
            BarColumn(bar_width=None),
            console=Console(file=stream or sys.stderr),
            expand=True,
        )
        self.task = self.progress.add_task(name, total=None, figures="")
        self.validated, self.shown = "", 0  # what was said last, and after how many steps

    def __repr__(self) -> str:
        return f"ProgressBar({self.name!r})"

    def on_batch_end(self, trainer: Trainer) -> None:
        state = trainer.state
        if state.step - self.shown < EVERY and not trainer.stopped:
            return
        self.shown = state.step
        n = max(state.position, 1)
        row = {"loss": state.loss_sum / n, "images_per_second": n / max(state.seconds, 1e-9)}
        if not trainer.is_regression:
            row["accuracy"] = state.correct / n
        self._show(trainer, state.epoch + 1, row)

    def on_epoch_end(self, trainer: Trainer) -> None:
        history = trainer.state.history
        row = history[-1]
        if "validation_loss" in row:
            self.validated = f"val {_figures(row, 'validation_')}  "
        self._show(trainer, len(history), row)

    def _show(self, trainer: Trainer, epoch: int, row: dict[str, float]) -> None:
        self.progress.start()  # the first time; then it has no effect
        self.progress.update(
            self.task,
            description=f"{self.name} {min(epoch, trainer.plan.epochs)}/{trainer.plan.epochs}",
            completed=trainer.state.step,
            total=trainer.steps,
            figures=f"loss {_figures(row)}  {self.validated}{row['images_per_second'] / 1000:.1f}k/s",
        )

    def close(self) -> None:
        """Leave the bar as it is and give the terminal back."""
        self.progress.stop()


def _figures(row: dict[str, float], prefix: str = "") -> str:
    """Return the loss of a row, and its accuracy, if it has one."""
    accuracy = row.get(f"{prefix}accuracy")
    return f"{row[f'{prefix}loss']:.4f}" + ("" if accuracy is None else f" {100 * accuracy:.2f}%")


def is_interactive() -> bool:
    """Return whether somebody types the statements: at Python's prompt, in IPython, or in a notebook."""
    ipython: Any = sys.modules.get("IPython")
    return hasattr(sys, "ps1") or (ipython is not None and ipython.get_ipython() is not None)
