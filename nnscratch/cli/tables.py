"""A table as a terminal of any width shows it: whole.

Where it is too wide, its titles go over several lines; where that is not enough, the columns that do not fit follow
below, beside the first column again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nnscratch.errors import printable
from nnscratch.pages.blocks import Table

if TYPE_CHECKING:
    from rich.table import Table as RichTable

EDGES, GAP = 2, 2  # characters left and right of a table, and between two of its columns


def drawn(table: Table, width: int) -> list[RichTable]:
    """Return the table in parts that are at most ``width`` characters wide, each with the first column."""
    columns = [[printable(cell) for cell in column] for column in zip(table.header, *table.rows, strict=True)]
    return [_draw(columns, part) for part in _parts(columns, width - EDGES)]


def _parts(columns: Sequence[Sequence[str]], room: int) -> list[dict[int, int]]:
    """Return for each part which columns it has, and how wide each is."""
    from rich.cells import cell_len

    whole = [max([1, *map(cell_len, column)]) for column in columns]
    if sum(whole) + GAP * (len(whole) - 1) <= room:
        return [dict(enumerate(whole))]
    least = [max([1, *map(cell_len, title.split()), *map(cell_len, cells)]) for title, *cells in columns]
    first = min(least[0], room // 2)  # what is longer goes over several lines
    parts = [{0: first}]
    for place, wanted in enumerate(least[1:], 1):
        if len(parts[-1]) > 1 and sum(parts[-1].values()) + GAP * len(parts[-1]) + wanted > room:
            parts.append({0: first})
        parts[-1][place] = min(wanted, room - first - GAP)
    return parts


def _draw(columns: Sequence[Sequence[str]], part: dict[int, int]) -> RichTable:
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    shown = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, GAP - 1, 0, 0))
    for place, width in part.items():
        title, justify = Text(columns[place][0]), "right" if place else "left"
        shown.add_column(title, justify=justify, width=width, overflow="fold")  # type: ignore[arg-type]
    for cells in zip(*(columns[place][1:] for place in part), strict=True):
        shown.add_row(*map(Text, cells))
    return shown
