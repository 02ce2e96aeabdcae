"""Each chapter as a notebook to download, made from the source of its page: ``notebooks/N-name.ipynb``.

What only a page can show becomes what every notebook shows: a dropdown is ``<details>``, an included file its text.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jupytext
from docutils import nodes
from sphinx.directives.code import LiteralInclude, LiteralIncludeReader
from sphinx.util.osutil import relative_uri

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.config import Config

FENCE = re.compile(
    r"^(?P<fence>`{3,}|:{3,})\{(?P<name>[\w-]+)\} *(?P<argument>[^\n]*)\n(?P<body>.*?)^(?P=fence) *$", re.M | re.S
)
ROLE = re.compile(r"\{[\w:-]+\}`([^`<]+?)(?: <[^`]*>)?`")
PAGE = re.compile(r"(?<!!)\[([^\]\n]*)\]\((?!https?:)[^)\n]*\)")
OPTION = re.compile(r"\A:([\w-]+): *(.*)\n")


def is_chapter(app: Sphinx, docname: str) -> bool:
    """Whether a page has cells to run."""
    return docname.startswith("learn/") and app.env.metadata[docname].get("file_format") == "mystnb"


def plain(markdown: str, folder: Path, config: Config) -> str:
    """Return a cell's Markdown without what only the site understands: directives, roles, links between its pages."""

    def replaced(match: re.Match[str]) -> str:
        name, argument, body = match["name"], match["argument"], match["body"]
        options = {}
        while option := OPTION.match(body):
            options[option[1]] = option[2]
            body = body[option.end() :]
        if name == "literalinclude":
            given = {key: LiteralInclude.option_spec[key](value or None) for key, value in options.items()}
            text, _ = LiteralIncludeReader(str(folder / argument), given, config).read()
            return f"```python\n{text.rstrip()}\n```"
        body = plain(body, folder, config).strip()
        if name == "dropdown":
            return f"<details><summary>{argument}</summary>\n\n{body}\n\n</details>"
        if name == "play":
            return f"*On the page this can be played with:* {body}"
        if name == "math":
            return f"$$\n{body}\n$$"
        return "\n".join(f"> {line}".rstrip() for line in [f"**{argument or name.title()}**", "", *body.split("\n")])

    markdown = re.sub(r"^\$\$ \([\w-]+\)$", "$$", markdown, flags=re.M)  # the label of a formula
    return FENCE.sub(replaced, PAGE.sub(r"\1", ROLE.sub(r"`\1`", markdown)))


def write(app: Sphinx, error: Exception | None) -> None:
    """Write the notebooks beside the pages."""
    if error or app.builder.format != "html":
        return
    for docname in sorted(app.env.found_docs):
        if not is_chapter(app, docname):
            continue
        source = Path(app.env.doc2path(docname))
        notebook = jupytext.read(source, fmt="md:myst")
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = plain(cell.source, source.parent, app.config)
        path = Path(app.outdir, "notebooks", f"{source.stem}.ipynb")
        path.parent.mkdir(exist_ok=True)
        jupytext.write(notebook, path, fmt="ipynb")


def link(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put the link to the notebook below a chapter's title."""
    if app.builder.format != "html" or not is_chapter(app, docname):
        return
    target = f"notebooks/{docname.split('/')[-1]}.ipynb"
    uri = relative_uri(app.builder.get_target_uri(docname), target)
    title = next(doctree.findall(nodes.title))
    html = f'<p class="notebook"><a href="{uri}" download>Download this chapter as a notebook</a></p>'
    title.parent.insert(title.parent.index(title) + 1, nodes.raw("", html, format="html"))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register both events."""
    app.connect("doctree-resolved", link)
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
