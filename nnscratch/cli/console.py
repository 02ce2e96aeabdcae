"""What the commands print: lines, tables, and the progress of a training."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from nnscratch.cli.tables import drawn
from nnscratch.errors import printable
from nnscratch.layers.network import Network
from nnscratch.layers.summary import cells, frozen
from nnscratch.models.progress import ProgressBar
from nnscratch.pages.blocks import Table
from nnscratch.training.callbacks import Callback
from nnscratch.training.trainer import Trainer

UNLIMITED = 1000  # the width of what is no terminal: a pipe, a file


class Output:
    """Text for people goes to stdout, or to stderr when stdout carries JSON; with ``quiet`` nowhere."""

    def __init__(self, *, as_json: bool = False, quiet: bool = False) -> None:
        self.as_json, self.quiet = as_json, quiet
        self.stream = sys.stderr if as_json else sys.stdout

    def say(self, text: str = "") -> None:
        """Print a line for people, or several; what would steer the terminal is escaped."""
        if not self.quiet:
            print("\n".join(map(printable, text.split("\n"))), file=self.stream, flush=True)

    def paragraph(self, text: str, first: str = "", others: str = "", widest: int = UNLIMITED) -> None:
        """Print a text in lines of whole words that fit the terminal; before the first stands ``first``."""
        width = max(min(self.width(), widest), 40)
        text = printable(text).replace(" %", "\u00a0%")  # no line begins with a lone %
        lines = textwrap.wrap(text, width, initial_indent=first, subsequent_indent=others, break_on_hyphens=False)
        self.say("\n".join(lines).replace("\u00a0", " "))

    def clear(self) -> None:
        """Clear the terminal; elsewhere, print an empty line."""
        if self.quiet:
            return
        from rich.console import Console

        Console(file=self.stream).clear() if self.stream.isatty() else self.say()

    def table(self, table: Table) -> None:
        """Print a table for people."""
        if self.quiet:
            return
        from rich.console import Console

        width = self.width()
        for part in drawn(table, width):
            Console(file=self.stream, width=width).print(part)

    def width(self) -> int:
        """Return how many characters fit a line."""
        from rich.console import Console

        console = Console(file=self.stream)
        return console.width if console.is_terminal else UNLIMITED

    def network(self, name: str, network: Network) -> None:
        """Print what a network is made of."""
        (header, *rows), parts = cells(network.table()), network.trainable_parts
        self.say(name)
        self.table(Table(header, rows))
        if note := frozen(network.table(), sum(part.stop - part.start for part in parts)):
            self.say(note)

    def listing(self, entries: Mapping[str, str]) -> None:
        """Print names, and beside each what it is, in lines that fit the terminal."""
        first = max(map(len, entries), default=0) + 2
        room = max(self.width() - first, 20)
        for name, text in entries.items():
            lines = textwrap.wrap(text, room) or [""]
            self.say(f"{name:<{first}}" + ("\n" + " " * first).join(lines))

    def result(self, value: Any) -> None:
        """Print the result for programs, if that is wanted."""
        if self.as_json:
            print(json.dumps(value, allow_nan=False), flush=True)

    @contextmanager
    def progress(self, name: str, total: int | None) -> Iterator[Callable[[int], None]]:
        """Give what is to be told how many are done, and shows them on a terminal; elsewhere it does nothing."""
        if self.quiet or not self.stream.isatty():
            yield lambda done: None
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}"),
            TimeRemainingColumn(compact=True),
            MofNCompleteColumn(),
            BarColumn(),
        )
        with Progress(*columns, console=Console(file=self.stream), transient=True) as bar:
            task = bar.add_task(name, total=total)
            yield lambda done: bar.update(task, completed=done)

    def watch(self, name: str) -> Callback:
        """Return a callback that shows a training: a progress bar on a terminal, else a line for each epoch."""
        if self.quiet:
            return Callback()
        return ProgressBar(name, self.stream) if self.stream.isatty() else Lines(name, self)


class Lines(Callback):
    """One line for each epoch."""

    def __init__(self, name: str, output: Output) -> None:
        self.name, self.output = name, output

    def on_epoch_end(self, trainer: Trainer) -> None:
        history, epochs = trainer.state.history, trainer.plan.epochs
        left = int((epochs - len(history)) * sum(row["seconds"] for row in history) / len(history))
        best = "  *" if trainer.state.best_epoch == len(history) else ""
        row = history[-1]
        self.output.say(
            f"{self.name}  epoch {len(history):>{len(str(epochs))}}/{epochs}  "
            f"loss {row['loss']:.4f}  accuracy {100 * row['accuracy']:.2f} %  "
            f"validation {row['validation_loss']:.4f}  {100 * row['validation_accuracy']:.2f} %  "
            f"{row['images_per_second']:,.0f} images/s  {left // 60}:{left % 60:02d} left{best}"
        )
