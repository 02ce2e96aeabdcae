"""The reference out of docstrings, which are plain prose with indented formulas, not reStructuredText."""

from __future__ import annotations

import importlib
import pkgutil
import re
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

import nnscratch

if TYPE_CHECKING:
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

ARRAY = re.compile(
    r"TypeAliasForwardRef\('Array'\)"
    r"|~?(?:numpy\.)?ndarray\[~?(?:typing\.)?Any, ~?(?:numpy\.)?dtype\[~?(?:typing\.)?Any\]\]"
)
CODE = re.compile(r"(``.+?``|:\w+:`[^`]+`)")


def as_rest(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Turn a docstring's indented blocks into code, and take from all else what reStructuredText has marks for."""
    new: list[str] = []
    literal = False
    for number, line in enumerate(lines):
        indented = line.startswith("    ")
        if indented and not literal and (number == 0 or not lines[number - 1].strip()):
            literal = True
            new += [".. code-block:: text", ""]
        elif line.strip() and not indented:
            literal = False
        new.append(line if literal else escaped(line.strip()))
    lines[:] = new


def escaped(line: str) -> str:
    """Return a line of prose in which stars, bars and underscores stand for themselves, but for code in it."""
    parts = CODE.split(line)
    parts[::2] = [re.sub(r"([*|\\]|_(?=\W|$)|`)", r"\\\1", part) for part in parts[::2]]
    return "".join(parts)


def shorten_arrays(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, *parts: str | None
) -> tuple[str | None, ...]:
    """Let an array be an ``Array`` in signature and result: shapes stand in the docstrings."""
    return tuple(part and ARRAY.sub("Array", part) for part in parts)


def public(app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.TextElement) -> nodes.Node | None:
    """Let what annotations call by its module, ``nnscratch.layers.conv.Conv2D``, be found as ``nnscratch.Conv2D``."""
    name = node.get("reftarget", "").rpartition(".")[2]
    if node.get("refdomain") != "py" or name not in [*nnscratch.__all__, "Classifier"]:
        return None
    domain = env.domains["py"]
    return domain.resolve_xref(env, node["refdoc"], app.builder, node["reftype"], f"nnscratch.{name}", node, content)


def no_way_back(
    app: Sphinx, pagename: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Take the links out of pages of source that lead back: viewcode takes all names of a file to be of one module."""
    if pagename.startswith("_modules/"):
        context["body"] = re.sub(r'<a class="viewcode-back".*?</a>', "", context["body"])


def lines(app: Sphinx, pagename: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Let a signature of several lines be that: Sphinx writes a list of definitions, which lacks what they define."""
    if pagename.startswith("reference/"):
        context["body"] = re.sub(
            r'<dl>\n(<dd><em class="sig-param">.*?)</dl>',
            lambda found: re.sub(r"<dd>(.*?)</dd>", r'<span class="sig-line">\1</span>', found[1]),
            context["body"],
            flags=re.DOTALL,
        )


class Modules(SphinxDirective):
    """``{modules} package``: every module of a package, with its functions and classes."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return what autodoc makes of them."""
        package = importlib.import_module(self.arguments[0])
        names = sorted(module.name for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."))
        parts = [
            f"### {name.rpartition('.')[2]}\n\n```{{eval-rst}}\n.. automodule:: {name}\n   :members:\n```"
            for name in names
        ]
        return self.parse_text_to_nodes("\n\n".join(parts), allow_section_headings=True)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register all of them."""
    app.connect("autodoc-process-signature", shorten_arrays)
    app.connect("autodoc-process-docstring", as_rest)
    app.connect("missing-reference", public)
    app.connect("html-page-context", no_way_back)
    app.connect("html-page-context", lines)
    app.add_directive("modules", Modules)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
