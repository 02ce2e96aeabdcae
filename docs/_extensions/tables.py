"""Tables: a column without a name has an empty cell in the head, and cells of text are told from those of a word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from docutils import nodes

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.writers.html5 import HTML5Translator


LONG = 12  # characters of what may break into lines


class blank(nodes.Element):
    """A cell of a head that is empty."""


def visit(self: HTML5Translator, node: blank) -> None:
    """Write the cell; the row counts its cells."""
    node.parent.column += 1
    self.body.append("<td></td>\n")
    raise nodes.SkipNode


def find(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Mark the empty cells of the heads, and the long cells."""
    for entry in doctree.findall(nodes.entry):
        if len(entry.astext()) > LONG:
            entry["classes"].append("long")
    for head in doctree.findall(nodes.thead):
        for entry in list(head.findall(nodes.entry)):
            if not entry.astext().strip():
                entry.replace_self(blank())


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the cell, and who finds it."""
    app.add_node(blank, html=(visit, None))
    app.connect("doctree-resolved", find)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
