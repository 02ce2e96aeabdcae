"""A drawing: SVG that a notebook and the site show in the page itself, so that it takes their colours.

Lines and letters are in ``currentColor``, the colour of the text around; the accents are readable on light and dark.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

BLUE, ORANGE, GREEN, GRAY = "#3b7dd8", "#d9731a", "#2f9e6e", "#808894"


@dataclass(frozen=True)
class Drawing:
    """A picture, and ``alt``: what it shows, in words."""

    svg: str
    alt: str

    def _repr_html_(self) -> str:
        return f'<div class="drawing" role="img" aria-label="{escape(self.alt)}">{self.svg}</div>'
