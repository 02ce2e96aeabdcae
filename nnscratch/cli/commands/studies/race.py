"""What is printed of the race of the exercise lenet5: both losses, where they part, and what both networks read."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnscratch.cli.console import Output
from nnscratch.errors import printable
from nnscratch.pages.blocks import Table, percent
from nnscratch.study.exercises.race import TESTED, Race

SHOWN = 9  # rows of the table, from the first step to the last
WHY = (  # of the losses to part at the first step, or at the second
    "Nothing has been learnt before it: the forward pass differs, or the order of the images",
    "The forward pass is right, then: the first step differs, by a gradient or by the update",
)


def tell_race(race: Race, output: Output) -> dict[str, Any]:
    """Print the losses side by side and where they part; return them for JSON."""
    if race.yours is None:
        output.say(f"Yours did not come to its end: {printable(race.failure)}.")
    steps = np.unique(np.linspace(0, len(race.library) - 1, SHOWN).astype(int))
    rows = [[str(k + 1), _loss(race, k), f"{race.library[k]:.4f}"] for k in steps]
    output.table(Table(("step", "your loss", "the library's"), rows))
    if race.yours is not None:
        output.say(_parting(race))
    if race.share is not None:
        output.say(
            f"Of {TESTED:,} digits that neither has seen, your network reads {percent(race.share)}, the library's "
            f"{percent(race.library_share)}."
        )
    losses = None if race.yours is None else [float(each) if np.isfinite(each) else str(each) for each in race.yours]
    return {
        "failure": race.failure,
        "losses": losses,
        "library_losses": race.library.tolist(),
        "parted": None if race.parted is None else race.parted + 1,
        "share": race.share,
        "library_share": race.library_share,
    }


def _loss(race: Race, k: int) -> str:
    return "-" if race.yours is None or k >= len(race.yours) else f"{race.yours[k]:.4f}"


def _parting(race: Race) -> str:
    k = race.parted
    if k is None:
        return f"The losses agree in all {len(race.library)} steps."
    if k >= min(len(race.yours if race.yours is not None else ()), len(race.library)):
        return f"The losses agree as far as both go, but yours are of another number of steps: {_count(race)}."
    why = f" {WHY[k]}." if k < len(WHY) else ""
    theirs = f"{race.library[k]:.6g}"
    return f"They part at step {k + 1}: your loss is {race.yours[k]:.6g}, the library's {theirs}.{why}"  # type: ignore[index]


def _count(race: Race) -> str:
    return f"{len(race.yours if race.yours is not None else ())} instead of {len(race.library)}"
