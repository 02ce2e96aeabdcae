"""A figure of Matplotlib that needs no screen, and its PNG bytes. It is imported inside: nothing else waits for it."""

from __future__ import annotations

import io
import logging
import os
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DARK, LIGHT = "#1f3a5f", "#e07b39"  # far apart in brightness too
DPI = 120


def new_figure(width: float, height: float, *, constrained: bool = True) -> Figure:
    """Return an empty figure of so many inches, which needs no screen; parts make room for each other if asked to."""
    os.environ["MPLBACKEND"] = "agg"  # no window is opened, whatever the user's own choice
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # such as a home folder that cannot be written
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=DPI, layout="constrained" if constrained else None)


def add_grid(axes: Axes) -> None:
    """Put grey lines behind what is drawn, and leave the box around it open."""
    axes.grid(color="0.9")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def as_png(figure: Figure) -> bytes:
    """Return a figure as PNG, the same bytes each time."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # a name's letters that the font lacks are shown as boxes
        figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
