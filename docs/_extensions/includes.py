"""Texts that stand beside the code and are pages, too: their links lead to pages, where there are such."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).parents[2]
PAGES = {
    "nnscratch/ops/README.md": "mathematics.md",
    "nnscratch/ops/DERIVATIONS.md": "derivations.md",
    "nnscratch/lenet5_from_scratch.py": "lenet5.md",
    "CONTRIBUTING.md": "contributing.md",
}
INCLUDE = re.compile(r"^```\{include\} (\S+\.md)\n```$", re.MULTILINE)
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:|#)([^)#\s]*)(#[^)\s]*)?\)")


def source_read(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put the texts in the place of the includes of a page at the top of docs."""

    def text(match: re.Match[str]) -> str:
        path = Path(app.srcdir, match[1]).resolve()
        app.env.note_dependency(str(path))
        return linked(path.read_text("utf-8"), path.parent)

    if "/" not in docname:
        source[0] = INCLUDE.sub(text, source[0])


def linked(text: str, folder: Path) -> str:
    """Return a text of ``folder`` with its links to pages of docs; a link to another file becomes its text."""

    def link(match: re.Match[str]) -> str:
        name = os.path.relpath((folder / match[2]).resolve(), ROOT).replace(os.sep, "/")
        page = PAGES.get(name, name.removeprefix("docs/") if name.startswith("docs/") else None)
        if page is None:
            return match[1] if match[1].startswith("`") else f"`{match[1]}`"
        text = "" if match[1] == match[2] else match[1]  # the page's title in place of the name of a file
        return f"[{text}]({page}{match[3] or ''})"

    return LINK.sub(link, text)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the event."""
    app.connect("source-read", source_read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
