"""A column without a name has an empty cell in a table's head, not a heading that says nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from docutils import nodes

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.writers.html5 import HTML5Translator


class blank(nodes.Element):
    """A cell of a head that is empty."""


def visit(self: HTML5Translator, node: blank) -> None:
    """Write the cell; the row counts its cells."""
    node.parent.column += 1
    self.body.append("<td></td>\n")
    raise nodes.SkipNode


def find(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Mark the empty cells of the heads."""
    for head in doctree.findall(nodes.thead):
        for entry in list(head.findall(nodes.entry)):
            if not entry.astext().strip():
                entry.replace_self(blank())


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the cell, and who finds it."""
    app.add_node(blank, html=(visit, None))
    app.connect("doctree-resolved", find)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
