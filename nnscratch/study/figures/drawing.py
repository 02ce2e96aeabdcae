"""A drawing: SVG that a notebook and the site show in the page itself, so that it takes their colours.

Lines and letters are in ``currentColor``, the colour of the text around; the accents are readable on light and dark.
"""

from __future__ import annotations

from collections.abc import Iterable
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
    """Return drawings as one."""
    return Drawing("".join(drawing.svg for drawing in drawings), alt)
