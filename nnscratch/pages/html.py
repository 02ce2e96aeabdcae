"""Pages that need no other file and no network: HTML with its style, script, numbers and pictures in it."""

from __future__ import annotations

import base64
import html
import io
import json
import unicodedata
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

import numpy as np

from nnscratch.arrays import Array

LOW, MIDDLE, HIGH = np.array([58, 134, 230]), np.array([20, 20, 22]), np.array([240, 130, 50])  # below 0, 0, above 0
SMALLEST = 3  # pixels on the screen for each of a picture's, at least

HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline';
 script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<title>{title}</title>
<style>
{style}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
"""


def page(title: str, body: str, *, styles: Sequence[str] = (), scripts: Sequence[str] = (), data: Any = None) -> str:
    """Return a page around ``body``, which is HTML.

    ``styles`` are files of ``static/``, besides the common sheet; ``scripts`` are texts, which work on ``data``.
    """
    sheets = "".join(static(name) for name in ("study.css", *styles))
    parts = [HEAD.format(title=escaped(title), style=sheets), body, "\n</main>\n"]
    if data is not None:
        told = json.dumps(data, allow_nan=False).replace("<", "\\u003c")  # so that no text in it ends the element
        parts.append(f'<script type="application/json" id="data">{told}</script>\n')
    parts += [f"<script>\n{script}\n</script>\n" for script in scripts]
    return "".join([*parts, "</body>\n</html>\n"])


def static(name: str) -> str:
    """Return the text of a file of ``static/``."""
    return (files("nnscratch.pages") / "static" / name).read_text("utf-8")


def escaped(text: object) -> str:
    """Return text as HTML in which it means itself; control characters are written out."""
    return html.escape("".join(_visible(character) for character in str(text)))


def _visible(character: str) -> str:
    """Return a character, or how it is written where it would be a control character, or turn the text around it."""
    hidden = unicodedata.category(character) in ("Cc", "Cf", "Cs") and character not in "\n\t"
    return character.encode("unicode_escape").decode() if hidden else character


def picture(
    image: Array,
    alt: str,
    *,
    top: float | None = None,
    grey: bool = False,
    width: int | None = None,
    about: Mapping[str, object] | None = None,
) -> str:
    """Return an <img> of numbers (H, W): orange above 0, blue below, the more the further; ``grey``: 0 black, 1 white.

    ``top`` is the magnitude shown in full colour, the largest by default. ``width`` is in CSS pixels. ``about`` is kept
    with it as data-... attributes, as JSON unless it is text.
    """
    H, W = image.shape
    width = width or max(64, SMALLEST * W)
    url = base64.b64encode(png(colored(image, top, grey=grey))).decode()
    told = {key: value if isinstance(value, str) else json.dumps(value) for key, value in (about or {}).items()}
    attributes = "".join(f' data-{key}="{escaped(value)}"' for key, value in told.items())
    return (
        f'<img class="numbers" width="{width}" height="{round(width * H / W)}" alt="{escaped(alt)}"{attributes} '
        f'src="data:image/png;base64,{url}">'
    )


def colored(image: Array, top: float | None = None, *, grey: bool = False) -> Array:
    """Return numbers (H, W) as colours (H, W, 3) uint8: see :func:`picture`."""
    top = float(np.abs(image).max(initial=0)) if top is None else top
    share = np.clip(image / (top or 1.0), -1, 1)[..., None]
    if grey:
        return np.asarray(np.repeat(np.rint(255 * share.clip(0, 1)), 3, axis=2), np.uint8)
    colors = MIDDLE + np.abs(share) * np.where(share < 0, LOW - MIDDLE, HIGH - MIDDLE)
    return np.asarray(np.rint(colors), np.uint8)


def png(pixels: Array) -> bytes:
    """Return (H, W) or (H, W, 3) uint8 as a PNG file."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def plot(content: bytes, alt: str) -> str:
    """Return an <img> of a plot, PNG bytes as those of ``plots.py``."""
    return f'<img class="plot" alt="{escaped(alt)}" src="data:image/png;base64,{base64.b64encode(content).decode()}">'


def table(header: list[str], rows: list[list[str]]) -> str:
    """Return a table of text; the first cell of each row is its heading."""
    head = "".join(f'<th scope="col">{escaped(cell)}</th>' for cell in header)
    lines = [
        f'<tr><th scope="row">{escaped(row[0])}</th>{"".join(f"<td>{escaped(cell)}</td>" for cell in row[1:])}</tr>'
        for row in rows
    ]
    body = f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody>"
    return f'<div class="wide" tabindex="0"><table>{body}</table></div>'
