"""The history that ``fit`` returns: a list of rows, which shows itself as a table."""

from __future__ import annotations

ENDS = 5  # rows that are shown of each end of a long one
HIDDEN = ("images_per_second",)


class History(list[dict[str, float]]):
    """A list with a dict for each epoch: epoch, learning_rate, loss, accuracy, seconds, validation_loss, ..."""

    def __repr__(self) -> str:
        """Return a table of the first and the last epochs."""
        if not self:
            return "[]"
        names = [name for name in self[0] if name not in HIDDEN]
        shown = self if len(self) <= 2 * ENDS + 1 else [*self[:ENDS], *self[-ENDS:]]
        cells = [names, *([_number(row[name]) if name in row else "" for name in names] for row in shown)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]
        if len(shown) < len(self):
            lines.insert(ENDS + 1, "...".rjust(widths[0]))
        return "\n".join(lines)


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.4g}"
