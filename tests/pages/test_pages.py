"""Pages from templates: text means itself, every template can be read, and a page needs no other file."""

import html
import re
from pathlib import Path

import numpy as np
import pytest

from nnscratch.pages import html as pages
from nnscratch.pages import plots
from nnscratch.pages.blocks import Heading, Paragraph, Picture, Table, as_html

EVIL = "<script>alert('1')</script> & \"x\" {{ 7 * 7 }}"
WIDE = Table(["", *(f"a column of figures {k}" for k in range(12))], [["a row", *("12,345.67" for _ in range(12))]] * 3)


def test_text_means_itself():
    page = as_html([Heading(1, EVIL), Heading(2, EVIL), Paragraph(EVIL), Table([EVIL, EVIL], [[EVIL, EVIL]])], EVIL)
    assert "<script" not in page and html.unescape(page).count(EVIL) == 8  # title, h1, h2, p, 4 cells


def test_control_characters_are_written_out():
    page = as_html([Paragraph("a\x1b[31mb\u202ec\nd\xa0%")], "t\x07")
    assert "<p>a\\x1b[31mb\\u202ec\nd\xa0%</p>" in page and "<h1>t\\x07</h1>" in page


def test_data_does_not_end_its_element():
    page = pages.page("report.html", "t", cards=[], data={"name": "</script><script>alert(1)</script>"})
    assert page.count("</script>") == 1 and "\\u003c/script>" in page


def test_every_template_can_be_read():
    environment = pages._environment()
    folder = Path(pages.__file__).parent / "templates"
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*.html")}
    assert set(environment.list_templates()) == names and "base.html" in names
    for name in names:
        environment.get_template(name)


def test_what_a_template_lacks_is_an_error():
    import jinja2

    with pytest.raises(jinja2.UndefinedError):
        pages.page("report.html", "t")


def test_a_page_needs_no_other_file(tmp_path):
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    page = as_html([Heading(2, "h"), Picture(tmp_path / "a.png", EVIL), WIDE], "t")
    assert not re.search(r"""(?:src|href)=["'](?!data:)|url\(|@import""", page) and "default-src 'none'" in page


def test_a_wide_table_scrolls_in_its_own_box_and_its_first_column_stays(browser, tmp_path):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    (tmp_path / "report.html").write_text(as_html([Heading(2, "h"), WIDE], "t"), "utf-8")
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.goto((tmp_path / "report.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    results = axe.Axe().run(page)
    assert results.violations_count == 0, results.generate_report()
    left = "document.querySelector('tbody th').getBoundingClientRect().left"
    before = page.evaluate(left)
    page.evaluate("document.querySelector('.wide').scrollLeft = 300")
    assert page.evaluate("document.querySelector('.wide').scrollLeft") == 300 and page.evaluate(left) == before


def test_a_title_is_no_formula():
    png = plots.confusion(np.eye(3, dtype=int), r"$\nothing$")  # a formula knows no such command
    assert png.startswith(b"\x89PNG")
