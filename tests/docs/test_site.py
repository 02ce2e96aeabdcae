"""The site: built without a warning, asks no other host, and has every public name."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import nnscratch as nn
from tests.tools.commands import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        any(
            importlib.util.find_spec(name) is None for name in ("sphinx", "myst_nb", "furo", "latex2mathml", "jupytext")
        ),
        reason='needs the extra "docs"',
    ),
]
BROKEN = {
    "formula.md": ("$\\frac{a$", "a brace without its other in the formula"),
    "derivations.md": (
        "    dx = W § dout",
        "nnscratch/ops/DERIVATIONS.md:3: WARNING: '§' stands where a sign",
    ),
    "command.md": ("$\\nowhere x$", "the unknown command"),
    "script.md": ("$x^$", "MissingSuperScriptOrSubscriptError in the formula"),
    "link.md": ("[there](nowhere.md)", "nowhere.md"),
    "name.md": ("{func}`nnscratch.nowhere`", "nnscratch.nowhere"),
}


def build(source, out, *options):
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", *options, source, out]
    return subprocess.run([*map(str, command)], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site that NNSCRATCH_SITE names, or one without the outputs of its cells."""
    if built := os.environ.get("NNSCRATCH_SITE"):
        return Path(built)
    out = tmp_path_factory.mktemp("site")
    ended = build(ROOT / "docs", out, "-D", "nb_execution_mode=off", "-D", "suppress_warnings=myst-nb.lexer")
    assert ended.returncode == 0, ended.stderr
    return out


def test_nothing_is_loaded_from_another_host(site):
    for page in site.rglob("*.html"):
        text = page.read_text("utf-8")
        for tag in re.findall(r"<(?:script|img|iframe|source|link)\b[^>]*>", text):
            assert re.search(r'\b(?:src|href)="(?:https?:)?//', tag) is None, f"{page}: {tag}"
        assert re.findall(r'(?:src|href)="/(?!/)', text) == [], f"{page} works at the root alone"
    for style in site.rglob("*.css"):
        assert re.findall(r"(?:@import|url\()\s*[\"']?(?:https?:)?//", style.read_text("utf-8")) == [], style


def test_links_inside_lead_somewhere(site):
    pages = {page: page.read_text("utf-8") for page in site.rglob("*.html")}
    anchors = {page: set(re.findall(r'\bid="([^"]*)"', text)) for page, text in pages.items()}
    for page, text in pages.items():
        for name, anchor in re.findall(r'<a\b[^>]*?\bhref="(?!https?:|mailto:)([^"#?]*)(?:#([^"]*))?"', text):
            target = (page.parent / name).resolve() if name else page
            assert target.exists(), f"{page.name}: {name}"
            assert not anchor or target not in anchors or anchor in anchors[target], f"{page.name}: {name}#{anchor}"


def test_every_public_name_is_in_the_reference(site):
    text = "".join(page.read_text("utf-8") for page in (site / "reference").glob("*.html"))
    missing = [name for name in [*nn.__all__, "Classifier"] if f'id="nnscratch.{name}"' not in text]
    assert missing == ["__version__"]


def test_chapters_are_notebooks_too(site):
    chapters = sorted(path.stem for path in (ROOT / "docs/learn").glob("[0-9]*.md"))
    assert sorted(path.stem for path in (site / "notebooks").glob("*.ipynb")) == chapters
    for name in chapters:
        notebook = json.loads((site / "notebooks" / f"{name}.ipynb").read_text("utf-8"))
        text = "".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown")
        assert re.findall(r"^(?::{3,}|`{3,})\{\w+\}.*|\{\w+\}`", text, re.MULTILINE) == [], name
        assert f"notebooks/{name}.ipynb" in (site / "learn" / f"{name}.html").read_text("utf-8")


@pytest.mark.browser
@pytest.mark.thorough
@pytest.mark.parametrize("width", [1280, 360])
def test_axe_finds_nothing(site, browser, width):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = browser.new_page(viewport={"width": width, "height": 800})
    for name in ("index", "search", "reference/ops", "results/speed", "lenet5", "learn/5-convolution", "derivations"):
        page.goto((site / f"{name}.html").as_uri(), wait_until="load")
        results = axe.Axe().run(page)
        assert results.violations_count == 0, f"{name}: {results.generate_report()}"
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} scrolls sideways"
    page.close()


PHONE = """() => {
  document.querySelectorAll("details").forEach((each) => (each.open = true));
  const inline = [...document.querySelectorAll("article math")].filter((each) => !each.closest("div.math"));
  const right = (each) => each.getBoundingClientRect().right;
  const behind = (formula) => {
    const range = document.createRange();
    range.setStart(formula.nextSibling, 0);
    range.setEnd(formula.nextSibling, 1);
    return range.getBoundingClientRect();
  };
  const found = {
    "wider than the page": inline.filter((each) => right(each) > right(each.closest("p, li, td, dd, summary")) + 1),
    "a fraction, which hangs out of its line": inline.filter((each) => each.querySelector("mfrac")),
    "what follows begins a line": inline.filter(
      (each) => /^[.,;:)]/.test(each.nextSibling?.textContent ?? "") && behind(each).left < right(each) - 9),
  };
  found["a table hides a column"] = [...document.querySelectorAll("article table.docutils")].filter(
    (each) => each.scrollWidth > each.parentElement.clientWidth + 1);
  const name = (each) => each.getAttribute("alttext") ?? each.textContent.slice(0, 40);
  return Object.entries(found).flatMap(([what, all]) => all.map((each) => [what, name(each)]));
}"""


@pytest.mark.browser
def test_formulas_and_tables_of_chapters_fit_a_phone(site, browser):
    page = browser.new_page(viewport={"width": 390, "height": 844})
    for chapter in sorted((site / "learn").glob("[0-9]*.html")):
        page.goto(chapter.as_uri(), wait_until="load")
        assert page.evaluate(PHONE) == [], chapter.stem
    page.close()


def test_a_widget_says_what_it_needs(site):
    for page in (site / "learn").glob("[0-9]*.html"):
        text = page.read_text("utf-8")
        assert text.count('class="play"') == text.count("</div><noscript><p>What is to be played with") > 0, page


def test_what_is_wrong_ends_the_build(tmp_path):
    (tmp_path / "conf.py").write_text(
        (ROOT / "docs/conf.py").read_text("utf-8").replace("Path(__file__)", f"Path({str(ROOT / 'docs/conf.py')!r})")
    )
    (tmp_path / "_static").mkdir()
    (tmp_path / "index.md").write_text("# Broken\n\n```{toctree}\n:glob:\n\n*\n```\n")
    for name, (text, _) in BROKEN.items():
        (tmp_path / name).write_text(f"# {name}\n\n{text}\n")
    ended = build(tmp_path, tmp_path / "out")
    assert ended.returncode != 0
    for name, (_, told) in BROKEN.items():
        assert [line for line in ended.stderr.splitlines() if name in line.lower() and told in line], ended.stderr
