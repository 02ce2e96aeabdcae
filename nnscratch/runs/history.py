"""The history of a training as a table: history.csv."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any


def history_csv(
    history: list[dict[str, float]], changes: Sequence[dict[str, int]] = (), epochs: int | None = None
) -> str:
    """Return the history as CSV, a row for each epoch.

    Where the number of epochs was changed, the column ``epochs_planned`` says for how many each was trained.
    """
    rows = history
    if changes:
        rows = [row | {"epochs_planned": _planned(int(row["epoch"]), changes, epochs)} for row in history]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _planned(epoch: int, changes: Sequence[dict[str, int]], epochs: int | None) -> Any:
    return next((change["from"] for change in changes if epoch <= change["after"]), epochs)
