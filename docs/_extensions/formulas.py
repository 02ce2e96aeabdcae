"""Formulas of the texts beside the code: what is indented there, and no session of Python, is typeset on its page."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

from docutils import nodes
from includes import PAGES
from sphinx.util import logging

from nnscratch.pages.mathml import FormulaError, mathml

if TYPE_CHECKING:
    from sphinx.application import Sphinx

logger = logging.getLogger(__name__)
TEXTS = {page.removesuffix(".md"): text for text, page in PAGES.items()}


def doctree_read(app: Sphinx, doctree: nodes.document) -> None:
    """Put what :func:`typeset` makes of them in the place of indented blocks."""
    if text := TEXTS.get(app.env.docname):
        app.env.note_dependency(sys.modules[mathml.__module__].__file__ or "")
        for block in list(doctree.findall(nodes.literal_block)):
            if block.get("language") == "none":  # of no fence
                parts = re.finditer(r"(?:^.+\n?)+", block.astext(), re.MULTILINE)
                start = block.line or 0
                made = [typeset(part[0], text, start + part.string[: part.start()].count("\n")) for part in parts]
                block.parent[(at := block.parent.index(block)) : at + 1] = made


def typeset(part: str, text: str, line: int) -> nodes.Node:
    """Return the MathML of a formula of a text; a warning, which ends a strict build, where it is not understood."""
    if not part.startswith(">>>"):
        try:
            return nodes.raw("", f'<div class="math" tabindex="0">{mathml(part)}</div>', format="html")
        except FormulaError as error:
            logger.warning("%s", error, location=f"{text}:{line + error.line}")
    return nodes.literal_block(part, part, language="pycon" if part.startswith(">>>") else "none")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the event."""
    app.connect("doctree-read", doctree_read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
