"""``{dropdown} Title``: what a reader opens after a guess. HTML's own element, so it needs no script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.writers.html5 import HTML5Translator


class dropdown(nodes.General, nodes.Element):
    """A title, and what it hides."""


class Dropdown(SphinxDirective):
    """The directive: its argument is the title, its content anything."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True
    option_spec: ClassVar[dict[str, Any]] = {}

    def run(self) -> list[nodes.Node]:
        """Return the title and the content."""
        titles, messages = self.state.inline_text(self.arguments[0], self.lineno)
        content = self.parse_content_to_nodes()
        return [dropdown("", nodes.caption("", "", *titles), *content), *messages]


def visit(self: HTML5Translator, node: dropdown) -> None:
    """Begin the element; its first child is the title."""
    self.body.append('<details class="dropdown"><summary>')
    for child in node.children.pop(0).children:
        child.walkabout(self)
    self.body.append("</summary>\n")


def depart(self: HTML5Translator, _: dropdown) -> None:
    """End the element."""
    self.body.append("</details>\n")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register node and directive."""
    app.add_node(dropdown, html=(visit, depart))
    app.add_directive("dropdown", Dropdown)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
