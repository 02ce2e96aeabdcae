"""Where the links of README.md and docs/ lead to is there: files, and headings in them."""

import re

import pytest

from tests.tools.commands import ROOT
from tests.tools.documentation import PAGES

LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]*))?\)")


def headings(path):
    """Return the anchors that GitHub and the site give to headings; the site makes a hyphen of an apostrophe."""
    text = path.read_text("utf-8")
    for included in re.findall(r"^```\{include\} (.*)$", text, re.MULTILINE):
        text += (path.parent / included).read_text("utf-8")
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    found = set()
    for title in titles:
        for apostrophe in ("", "-"):
            plain = re.sub(r"[`*]|[^\w\s'’-]", "", title.lower()).strip()
            found.add(re.sub(r"\s", "-", re.sub(r"['’]", apostrophe, plain)))
    return found


@pytest.mark.parametrize("page", [*PAGES, "benchmarks/README.md"])
def test_links_lead_somewhere(page):
    path = ROOT / page
    text = re.sub(r"^```.*?^```$", "", path.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    for name, anchor in LINK.findall(text):
        target = path.parent / name if name else path
        assert target.exists(), f"{page}: {name}"
        if anchor and target.suffix == ".md":
            assert anchor in headings(target), f"{page}: {name}#{anchor}"


def test_the_readme_is_a_door_and_not_a_house():
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 150
