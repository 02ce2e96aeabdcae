"""The progress bar of a training."""

from __future__ import annotations

import html
import sys
import time
from typing import Any, TextIO

from nnscratch.training.callbacks import Callback
from nnscratch.training.trainer import Trainer

EVERY = 10  # batches
REFRESH = 0.1  # seconds between two pictures of the bar in a notebook


class ProgressBar(Callback):
    """A progress bar on a terminal or in a notebook, with loss, accuracy, those of validation, and images/s.

    A notebook gets one line of HTML, which stays in the file; rich's own bar would need ipywidgets there.
    """

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
        self.cell = _Cell() if stream is None and _notebook() else None

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
        done, total = trainer.state.step, trainer.steps
        title = f"{self.name} {min(epoch, trainer.plan.epochs)}/{trainer.plan.epochs}"
        figures = f"loss {_figures(row)}  {self.validated}{row['images_per_second'] / 1000:.1f}k/s"
        if self.cell is not None:
            self.cell.show(title, figures, done, total)
            return
        self.progress.start()  # the first time; then it has no effect
        self.progress.update(self.task, description=title, completed=done, total=total, figures=figures)

    def close(self) -> None:
        """Leave the bar as it is and give the terminal back."""
        if self.cell is not None:
            self.cell.close()
        self.progress.stop()


class _Cell:
    """The bar as output of a notebook's cell: one line that is replaced, at most every ``REFRESH`` seconds."""

    def __init__(self) -> None:
        self.handle: Any = None
        self.line, self.last = "", 0.0

    def show(self, title: str, figures: str, done: int, total: int) -> None:
        bar = f'<progress value="{done}" max="{total}" style="width: 12em"></progress>'
        self.line = f"<code>{html.escape(title)} {bar} {html.escape(figures)}</code>"
        if self.handle is None or time.monotonic() - self.last >= REFRESH:
            self._draw()

    def close(self) -> None:
        """Leave the last figures."""
        if self.handle is not None:
            self._draw()

    def _draw(self) -> None:
        from IPython.display import HTML, display

        self.last = time.monotonic()
        if self.handle is None:
            self.handle = display(HTML(self.line), display_id=True)
        else:
            self.handle.update(HTML(self.line))


def _figures(row: dict[str, float], prefix: str = "") -> str:
    """Return the loss of a row, and its accuracy, if it has one."""
    accuracy = row.get(f"{prefix}accuracy")
    return f"{row[f'{prefix}loss']:.4f}" + ("" if accuracy is None else f" {100 * accuracy:.2f}%")


def is_interactive() -> bool:
    """Return whether somebody types the statements: at Python's prompt, in IPython, or in a notebook."""
    return hasattr(sys, "ps1") or _shell() is not None


def _shell() -> Any:
    """Return IPython's shell, None outside of it."""
    ipython: Any = sys.modules.get("IPython")
    return None if ipython is None else ipython.get_ipython()


def _notebook() -> bool:
    """Return whether the output is that of a notebook's cell: IPython with a kernel, rather than on a terminal."""
    return getattr(_shell(), "kernel", None) is not None
