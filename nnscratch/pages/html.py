"""Pages that need no other file and no network: templates, with the style, scripts, numbers and pictures in them.

What stands in ``{{ }}`` of a template means itself: Jinja2 escapes it, and :func:`visible` writes out what would steer.
Jinja2 is imported when a page is written.
"""

from __future__ import annotations

import base64
import io
import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

from nnscratch.arrays import Array

if TYPE_CHECKING:
    from jinja2 import Environment

LOW, MIDDLE, HIGH = np.array([58, 134, 230]), np.array([20, 20, 22]), np.array([240, 130, 50])  # below 0, 0, above 0
SMALLEST = 3  # pixels on the screen for each of a picture's, at least


def page(
    template: str,
    title: str,
    *,
    scripts: Sequence[str] = (),
    styles: Sequence[str] = (),
    data: Any = None,
    **values: Any,
) -> str:
    """Return the page that a file of ``templates/`` makes of ``values``.

    ``scripts`` are texts of our own, which work on ``data``; ``styles`` are what the page has beside the common style,
    such as :func:`math_font` where it has formulas.
    """
    style = "".join([(files("nnscratch.pages") / "static" / "pages.css").read_text("utf-8"), *styles])
    payload = (
        None if data is None else json.dumps(data, allow_nan=False).replace("<", "\\u003c")
    )  # no text in it ends it
    made = _environment().get_template(template)
    return made.render(title=title, style=style, scripts=scripts, data=payload, **values)


def math_font() -> str:
    """Return the style that sets formulas in STIX Two Math, with the font's file in it: 165 KB.

    Without it a browser takes what it finds, and mixes fonts where that one lacks a letter.
    """
    font = (files("nnscratch.pages") / "static" / "fonts" / "STIXTwoMath-subset.woff2").read_bytes()
    source = f"data:font/woff2;base64,{base64.b64encode(font).decode()}"
    return (
        f'@font-face {{ font-family: "STIX Two Math"; src: url("{source}") format("woff2"); }}\n'
        'math { font-family: "STIX Two Math", math; }\n'
    )


@cache
def _environment() -> Environment:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader("nnscratch.pages"),
        autoescape=True,
        finalize=visible,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def visible(value: Any) -> Any:
    """Return a value as text in which control characters, and those that turn the text around them, are written out."""
    if hasattr(value, "__html__"):  # of a template, so it is HTML already
        return value
    text = str(value)
    return text if text.isascii() and text.isprintable() else "".join(map(_visible, text))


def _visible(character: str) -> str:
    hidden = unicodedata.category(character) in ("Cc", "Cf", "Cs") and character not in "\n\t"
    return character.encode("unicode_escape").decode() if hidden else character


@dataclass(frozen=True)
class Image:
    """A PNG file in a page, with what it shows: see the macro ``img``.

    ``kind`` is its class; ``size`` is (width, height) in CSS pixels; ``about`` is kept with it as data-... attributes.
    """

    png: bytes
    alt: str
    kind: str
    size: tuple[int, int] | None = None
    about: Mapping[str, str] = field(default_factory=dict)

    @property
    def base64(self) -> str:
        """The file as text."""
        return base64.b64encode(self.png).decode()


def picture(
    image: Array,
    alt: str,
    *,
    top: float | None = None,
    width: int | None = None,
    about: Mapping[str, object] | None = None,
) -> Image:
    """Return numbers (H, W) as an image: orange above 0, blue below, the more the further.

    ``top`` is the magnitude shown in full colour, the largest by default. ``width`` is in CSS pixels. ``about`` is kept
    with it, as JSON unless it is text.
    """
    H, W = image.shape
    width = width or max(64, SMALLEST * W)
    attributes = {key: value if isinstance(value, str) else json.dumps(value) for key, value in (about or {}).items()}
    return Image(png(colored(image, top)), alt, "numbers", (width, round(width * H / W)), attributes)


def plot(content: bytes, alt: str) -> Image:
    """Return a plot, PNG bytes as those of ``plots.py``, as an image."""
    return Image(content, alt, "plot")


def colored(image: Array, top: float | None = None) -> Array:
    """Return numbers (H, W) as colours (H, W, 3) uint8: see :func:`picture`."""
    top = float(np.abs(image).max(initial=0)) if top is None else top
    share = np.clip(image / (top or 1.0), -1, 1)[..., None]
    colors = MIDDLE + np.abs(share) * np.where(share < 0, LOW - MIDDLE, HIGH - MIDDLE)
    return np.asarray(np.rint(colors), np.uint8)


def png(pixels: Array) -> bytes:
    """Return (H, W) or (H, W, 3) uint8 as a PNG file."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()
