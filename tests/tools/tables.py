"""What a terminal shows of tables, and whether all of it is there."""

import io
import re
import sys
from unittest import mock

from nnscratch.cli.console import Output
from tests.tools.commands import Terminal


def shown_again(tables, listings=()):
    """Return the lines that they take on the terminal as it is now."""
    with mock.patch.object(sys, "stdout", Terminal(io.BytesIO(), "utf-8")) as out:
        output = Output()
        for table in tables:
            output.table(table)
        for listing in listings:
            output.listing(listing)
        out.flush()
        return plain(out.buffer.getvalue().decode())


def plain(text):
    """Return the lines of a terminal without what steers it."""
    return re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", text).split("\n")


def check_whole(lines, tables, listings, width):
    """Check that the lines are at most so wide, and have every word of the tables and listings."""
    assert not [line for line in lines if "…" in line or "..." in line]
    rules = [line for line in lines if "─" in line]
    assert all(len(line) <= width for line in rules) and len(rules) >= len(tables)
    shown, text = set(" ".join(lines).split()), "".join("".join(lines).split())
    for table in tables:
        for cell in [*table.header, *(cell for row in table.rows for cell in row[1:])]:
            assert shown.issuperset(cell.split()), cell
        assert all("".join(row[0].split()) in text for row in table.rows if len(row[0]) < width // 2)
    for name, what in [entry for listing in listings for entry in listing.items()]:
        assert shown.issuperset([*name.split(), *what.split()])
