"""Formulas of the texts beside the code: what is indented there, and no session of Python, is typeset on its page.

In the derivations what stands in backticks is a formula, too, unless it is no more than a name of the code.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from docutils import nodes
from includes import PAGES
from sphinx.util import logging

from nnscratch.pages import elements
from nnscratch.pages import mathml as formulas
from nnscratch.pages.mathml import FormulaError, mathml

if TYPE_CHECKING:
    from sphinx.application import Sphinx

logger = logging.getLogger(__name__)
TEXTS = {page.removesuffix(".md"): text for text, page in PAGES.items()}
DERIVATIONS = "nnscratch/ops/DERIVATIONS.md"


def doctree_read(app: Sphinx, doctree: nodes.document) -> None:
    """Put MathML in the place of formulas."""
    text = TEXTS.get(app.env.docname)
    if text is None:
        return
    for module in (formulas, elements):
        app.env.note_dependency(module.__file__)
    for block in list(doctree.findall(nodes.literal_block)):
        if block.get("language") == "none":  # of no fence
            parts = re.finditer(r"(?:^.+\n?)+", block.astext(), re.MULTILINE)
            start = block.line or 0
            made = [typeset(part[0], text, start + part.string[: part.start()].count("\n")) for part in parts]
            block.parent[(at := block.parent.index(block)) : at + 1] = made
    for code in list(doctree.findall(nodes.literal)) if text == DERIVATIONS else []:
        code.replace_self(typeset_inline(code, text))


def typeset(part: str, text: str, line: int) -> nodes.Node:
    """Return the MathML of a formula of a text; a warning, which ends a strict build, where it is not understood."""
    if not part.startswith(">>>"):
        try:
            return nodes.raw("", f'<div class="math" tabindex="0">{mathml(part)}</div>', format="html")
        except FormulaError as error:
            logger.warning("%s", error, location=f"{text}:{line + error.line}")
    return nodes.literal_block(part, part, language="pycon" if part.startswith(">>>") else "none")


def typeset_inline(code: nodes.literal, text: str) -> nodes.Node:
    """Return the MathML of a formula in a line, or ``code`` where it is a name; a warning for what is neither."""
    try:
        return nodes.raw("", mathml(code.astext().replace("\n", " "), inline=True), format="html")
    except FormulaError as error:
        if re.search(r"[=\[{]", code.astext()):
            logger.warning("%s", error, location=f"{text}:{code.parent.line or 0}")
        return code


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the event."""
    app.connect("doctree-read", doctree_read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
