"""The directive ``play``: a place for a widget of ``_static/play``, and its scripts on that page only.

    :::{play} spirals network
    What is to be seen, in a sentence, for readers without JavaScript.
    :::

loads play/network.js before play/spirals.js, which fills the place.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx

NEEDED = "What is to be played with here is drawn by a script, and this browser runs none."


class Play(Directive):
    """``play NAME [LIBRARY ...]``: the widget play/NAME.js, and the files of play/ that it stands on."""

    required_arguments = 1
    optional_arguments = 5
    has_content = True

    def run(self) -> list[nodes.Node]:
        name, *libraries = self.arguments
        environment = self.state.document.settings.env
        environment.metadata[environment.docname].setdefault("play", []).extend([*libraries, name])
        text = nodes.Element()
        self.state.nested_parse(self.content, self.content_offset, text)
        return [
            nodes.raw("", f'<div class="play" data-play="{name}">', format="html"),
            *text.children,
            nodes.raw("", f"</div><noscript><p>{NEEDED}</p></noscript>", format="html"),
        ]


def add_scripts(app: Sphinx, pagename: str, *_: Any) -> None:
    """Load on a page what its widgets need."""
    names = app.env.metadata.get(pagename, {}).get("play", [])
    for name in dict.fromkeys(["play", *names] if names else []):
        app.add_js_file(f"play/{name}.js", loading_method="defer")


def setup(app: Sphinx) -> dict[str, Any]:
    """Sphinx calls this."""
    app.add_directive("play", Play)
    app.add_css_file("play/play.css")
    app.connect("html-page-context", add_scripts)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
