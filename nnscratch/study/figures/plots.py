"""Plots of the chapters by Matplotlib, as drawings. It is imported inside the functions: nothing else waits for it."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

from nnscratch.pages.figure import new_figure as page_figure
from nnscratch.study.figures.drawing import Drawing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HOME = 'fill="currentColor" stroke-linejoin="round" style="max-width: 100%; height: auto"'


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of so many inches, without a ground."""
    figure = page_figure(width, height)
    figure.patch.set_alpha(0)
    return figure


def as_drawing(figure: Figure, alt: str) -> Drawing:
    """Return a figure as a drawing: what is black in it takes the colour of the text around, letters stay letters."""
    import matplotlib as mpl

    for axes in figure.axes:
        axes.patch.set_alpha(0)
    buffer = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": alt}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return Drawing(_at_home(buffer.getvalue()), alt)


def _at_home(svg: str) -> str:
    """Return Matplotlib's SVG file as an element that leaves the page around it alone, and takes its colours."""
    svg = svg[svg.index("<svg") :].replace("<svg ", f"<svg {HOME} ", 1)
    svg = re.sub(r"<style.*?</style>|<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*">', "<g>", svg)  # names that every figure has
    svg = re.sub(r"font-family: [^;\"]*", "font-family: system-ui, sans-serif", svg)
    return re.sub(r"#000000\b", "currentColor", svg)
