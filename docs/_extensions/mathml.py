"""Formulas as MathML, made when the site is built: the browser draws them, with the font of site.css and no script."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import tostring

from docutils import nodes
from latex2mathml import exceptions
from latex2mathml.converter import convert_to_element
from sphinx.util import logging

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from sphinx.application import Sphinx
    from sphinx.writers.html5 import HTML5Translator

# What the converter raises for wrong LaTeX: a class for each mistake, and what its own code meets.
MISTAKES = (
    *(kind for kind in vars(exceptions).values() if isinstance(kind, type)),
    *(ValueError, LookupError, StopIteration),
)
PRIME = "&#x02032;"  # no power: the font has it raised
logger = logging.getLogger(__name__)


def mathml(node: nodes.Element, display: str) -> str:
    """Return a formula's MathML; a warning, which ends a strict build, where its LaTeX is not understood."""
    latex = node.astext()
    try:
        element = convert_to_element(latex, display=display)
        check(latex, element)
    except MISTAKES as error:
        logger.warning("%s in the formula %r", str(error) or type(error).__name__, latex, location=node)
        return "<code></code>"
    for power in element.iter("msup"):
        if power[1].text == PRIME:
            power.tag = "mrow"
    element.set("alttext", latex)  # what a reader without MathML, and one who copies, gets
    return tostring(element, encoding="unicode").replace("&amp;#x", "&#x")  # it writes signs as their numbers


def check(latex: str, element: Element) -> None:
    """Raise ValueError for what the converter lets pass: braces that are not closed, commands that it does not know."""
    bare = re.sub(r"\\[\\{}]", "", latex)
    if bare.count("{") != bare.count("}"):
        raise ValueError("a brace without its other")
    for text in element.itertext():
        if "\\" in text:
            raise ValueError(f"the unknown command {text}")


def visit_inline(self: HTML5Translator, node: nodes.math) -> None:
    """Write a formula in a line of text; what follows without a blank stays on its line."""
    after = node.get("after", "")
    formula = mathml(node, "inline")
    self.body.append(f'<span class="whole">{formula}{self.encode(after)}</span>' if after else formula)
    raise nodes.SkipNode


def keep_together(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Give each formula the full stop, comma or bracket behind it: a browser would begin a line with it."""
    for node in list(doctree.findall(nodes.math)):
        text = node.next_node(descend=False, siblings=True)
        if isinstance(text, nodes.Text) and (found := re.match(r"[^\w\s]+", text)):
            node["after"] = found[0]
            text.parent.replace(text, nodes.Text(text[found.end() :]))


def visit_block(self: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula on lines of its own, which scrolls where the screen is narrower."""
    number = f'<span class="eqno">({node["number"]})</span>' if node.get("number") else ""
    names = "".join(f' id="{name}"' for name in node["ids"][:1])
    self.body.append(f'<div class="math"{names} tabindex="0">{mathml(node, "block")}{number}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the renderer; conf.py chooses it by ``html_math_renderer``."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    app.connect("doctree-resolved", keep_together)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
