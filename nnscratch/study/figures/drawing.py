"""A drawing: SVG that a notebook and the site show in the page itself, so that it takes their colours.

Lines and letters are in ``currentColor``, the colour of the text around; the accents are readable on light and dark.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

BLUE, ORANGE, GREEN, GRAY = "#3b7dd8", "#d9731a", "#2f9e6e", "#808894"


@dataclass(frozen=True)
class Drawing:
    """One SVG element, or several beside each other as room allows, and ``alt``: what they show, in words."""

    svg: str
    alt: str

    def _repr_html_(self) -> str:
        style = "display: flex; flex-wrap: wrap; justify-content: center; gap: 0.5rem"
        return f'<div class="drawing" style="{style}" role="img" aria-label="{escape(self.alt)}">{self.svg}</div>'


def beside(drawings: Iterable[Drawing], alt: str) -> Drawing:
    """Return drawings as one, which ``alt`` tells of."""
    return Drawing("".join(drawing.svg for drawing in drawings), alt)


@dataclass(frozen=True)
class Row:
    """Drawings side by side, each with words of its own; below each other where the page is narrow."""

    drawings: Sequence[Drawing]

    def _repr_html_(self) -> str:
        row = "display:flex;flex-wrap:wrap;gap:1rem 2rem;align-items:flex-start"
        return f'<div style="{row}">{"".join(drawing._repr_html_() for drawing in self.drawings)}</div>'


def format_number(number: float, digits: int = 3) -> str:
    """Return a number with so many significant digits, as a cell has room for, and with a real minus sign."""
    text = f"{number:.{digits}g}" if abs(number) < 10**digits else f"{number:.0f}"
    return "0" if float(text) == 0 else text.replace("-", "−")
