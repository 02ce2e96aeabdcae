"""What a chapter's Markdown becomes in its notebook."""

import sys

import pytest

from tests.tools.commands import ROOT

pytest.importorskip("jupytext")
pytest.importorskip("sphinx")


@pytest.fixture
def plain(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs" / "_extensions")
    import notebooks
    from sphinx.config import Config

    yield lambda text: notebooks.plain(text, ROOT / "docs" / "learn", Config())
    sys.modules.pop("notebooks", None)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("no $p - y$ changes `{x}` here", "no $p - y$ changes `{x}` here"),
        (":::{dropdown} The answer\nIt is 1.\n:::", "<details><summary>The answer</summary>\n\nIt is 1.\n\n</details>"),
        (":::{note}\nMind\nthis.\n:::", "> **Note**\n>\n> Mind\n> this."),
        (":::{play} neuron\nDrag.\n:::", "*On the page this can be played with:* Drag."),
        ("see {doc}`3-dense` and {func}`nnscratch.load`", "see `3-dense` and `nnscratch.load`"),
        ("see [chapter 3](3-dense.md#play), [this](https://example.org)", "see chapter 3, [this](https://example.org)"),
        ("$$\na = b\n$$ (one)", "$$\na = b\n$$"),
        ("```python\nx = {1}\n```", "```python\nx = {1}\n```"),
        (
            "::::{dropdown} Out\n:::{note}\nIn\n:::\n::::",
            "<details><summary>Out</summary>\n\n> **Note**\n>\n> In\n\n</details>",
        ),
    ],
)
def test_only_the_site_knows_directives(plain, text, wanted):
    assert plain(text) == wanted


def test_included_code_is_the_files(plain):
    text = plain("```{literalinclude} ../../nnscratch/ops/dense.py\n:pyobject: dense_forward\n```")
    assert text.startswith("```python\ndef dense_forward(") and "return W @ x" in text and text.endswith("\n```")
