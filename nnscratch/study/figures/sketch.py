"""Drawings made of cells with numbers, frames, words and pictures, as SVG.

Numbers in cells are tinted orange above 0 and blue below, as everywhere in the package.
"""

from __future__ import annotations

import base64
from html import escape

import numpy as np

from nnscratch.arrays import Array
from nnscratch.pages.html import png
from nnscratch.study.figures.drawing import BLUE, GRAY, ORANGE, Drawing, format_number

INK, MARK = "currentColor", "#c0398f"  # the colour of the text around; of what is pointed at
CELL = 34  # the side of a number's cell
MOST_TINT = 0.6  # so that a number on it is read on light pages and on dark ones
STYLE = "font-family:system-ui,sans-serif;font-variant-numeric:tabular-nums"


class Sketch:
    """A drawing in the making, ``width`` x ``height`` CSS pixels; x points right and y down. Colours are SVG's."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self.parts: list[str] = []

    def text(
        self, x: float, y: float, text: str, *, size: float = 13, color: str = INK, anchor: str = "middle"
    ) -> None:
        """Write text on the line ``y``; ``anchor`` says which part of it is at ``x``: start, middle or end."""
        self._add("text", {"x": x, "y": y, "font-size": size, "fill": color, "text-anchor": anchor}, escape(text))

    def rect(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        *,
        fill: str = "none",
        opacity: float = 1.0,
        stroke: str = "none",
        thick: float = 1.0,
    ) -> None:
        """Draw a rectangle; ``opacity`` is that of its inside, ``thick`` the width of its border."""
        box = {"x": x, "y": y, "width": width, "height": height}
        self._add("rect", {**box, "fill": fill, "fill-opacity": opacity, "stroke": stroke, "stroke-width": thick})

    def image(self, x: float, y: float, width: float, height: float, pixels: Array) -> None:
        """Put pixels (H, W) or (H, W, 3) uint8 there, as squares."""
        source = "data:image/png;base64," + base64.b64encode(png(pixels)).decode()
        box = {"x": x, "y": y, "width": width, "height": height, "preserveAspectRatio": "none"}
        self._add("image", {**box, "style": "image-rendering:pixelated", "href": source})

    def grid(self, x: float, y: float, numbers: Array, *, name: str = "") -> None:
        """Draw numbers (H, W) in cells, with ``name`` above; the largest magnitude has the full tint."""
        most = float(np.abs(numbers).max(initial=0)) or 1.0
        for (row, column), number in np.ndenumerate(numbers):
            left, above = x + column * CELL, y + row * CELL
            tint = MOST_TINT * min(abs(number) / most, 1.0)
            self.rect(
                left, above, CELL, CELL, fill=ORANGE if number > 0 else BLUE, opacity=tint, stroke=GRAY, thick=0.7
            )
            self.text(left + CELL / 2, above + CELL / 2 + 5, format_number(float(number)))
        if name:
            self.text(x + numbers.shape[1] * CELL / 2, y - 8, name)

    def frame(self, x: float, y: float, rows: float, columns: float, *, color: str = MARK) -> None:
        """Draw a frame around cells that begin at (x, y)."""
        self.rect(x, y, columns * CELL, rows * CELL, stroke=color, thick=2.5)

    def drawing(self, alt: str) -> Drawing:
        """Return the drawing; ``alt`` says in words what it shows."""
        width, height = _coordinate(self.width), _coordinate(self.height)
        opening = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        return Drawing(f'{opening} height="{height}" style="{STYLE}">{"".join(self.parts)}</svg>', alt)

    def _add(self, tag: str, attributes: dict[str, object], inside: str = "") -> None:
        written = (
            f'{name}="{escape(_coordinate(value) if isinstance(value, float) else str(value))}"'
            for name, value in attributes.items()
        )
        self.parts.append(f"<{tag} {' '.join(written)}>{inside}</{tag}>")


def _coordinate(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
