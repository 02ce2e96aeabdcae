"""A browser that has seen the page sees it again after an upgrade: what it has kept must not meet what is new."""

import os
import shutil
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import nnscratch
from tests.tools.browsing import Server

pytest.importorskip("flask")
pytest.importorskip("waitress")

LARGE = ("data",)  # folders that need not be copied
GENERATION = "document.documentElement.dataset.generation"
COLOUR = "getComputedStyle(document.documentElement).getPropertyValue('--generation').trim()"


@pytest.fixture
def site(tmp_path):
    """A folder with the package, as pip would install it."""
    package = Path(nnscratch.__file__).parent
    copy = tmp_path / "nnscratch"
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__", *LARGE))
    for name in LARGE:
        (copy / name).symlink_to(package / name, target_is_directory=True)
    return tmp_path


@pytest.fixture
def context(browser):
    """A browser with an empty cache, which is kept from one page to the next."""
    context = browser.new_context()
    yield context
    context.close()


@pytest.fixture
def serve(site):
    """Start servers of the site, one after the other on the same port."""
    started = []

    def start():
        port = 0
        if started:
            started[-1].stop()
            port = started[-1].port
        started.append(Server("--workers", "1", "--model", "logistic", port=port, cwd=site))
        return started[-1]

    yield start
    started[-1].stop()


def upgrade(site, generation):
    """Give a module a name that the first version has not, and have main.js import it: the two need each other."""
    static = site / "nnscratch" / "web" / "static"
    with (static / "pad.js").open("a") as file:
        file.write(f"\nexport const generation{generation} = '{generation}';\n")
    with (static / "style.css").open("a") as file:
        file.write(f"\n:root {{ --generation: {generation}; }}\n")
    with (static / "main.js").open("a") as file:
        file.write(f"\nimport {{ generation{generation} }} from './pad.js';\n{GENERATION} = generation{generation};\n")


def release(site, version):
    """Change the version of the package too, as an upgrade by pip does and a developer does not."""
    file = site / "nnscratch" / "version.py"
    text = file.read_text("utf-8").replace(f'__version__ = "{nnscratch.__version__}"', f'__version__ = "{version}"')
    file.write_text(text, "utf-8")
    os.utime(file, (2e9, 2e9))  # so that nothing compiled before is taken for it


def look(context, url):
    """Open the page. Return it with what its script and style say of their generation, and what went wrong.

    Nothing may be routed: that would turn the browser's cache off.
    """
    page, wrong = context.new_page(), []
    page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("requestfailed", lambda request: wrong.append(request.url))
    page.goto(url, wait_until="networkidle")
    return page, page.evaluate(GENERATION), page.evaluate(COLOUR), wrong


def status_of(url):
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return answer.status, answer.headers["Cache-Control"]
    except urllib.error.HTTPError as error:
        return error.code, error.headers["Cache-Control"]


@pytest.mark.parametrize("version", [None, "0.2.0"])
def test_after_an_upgrade_the_page_is_the_new_one(site, serve, context, version):
    server = serve()
    for _ in range(2):  # so that everything that may be kept is
        page, script, style, wrong = look(context, server.url)
        assert (script, style, wrong) == (None, "", [])
    upgrade(site, 2)
    if version:
        release(site, version)
    server = serve()
    page, script, style, wrong = look(context, server.url)
    assert (script, style, wrong) == ("2", "2", [])
    assert page.locator("#bars .column").count() == 10
    assert f"nnscratch {version or nnscratch.__version__}," in page.locator("footer").text_content()


def test_what_is_kept_is_used_without_asking(serve, context):
    server = serve()
    look(context, server.url)
    page = context.new_page()
    page.goto(server.url, wait_until="networkidle")
    script = "performance.getEntriesByType('resource').map((one) => [one.name, one.transferSize])"
    sizes = {name: size for name, size in page.evaluate(script) if "/static/" in name}
    assert len(sizes) > 8 and set(sizes.values()) == {0}


def test_a_page_that_was_open_during_the_upgrade_goes_on_and_is_given_nothing_new(site, serve, context):
    server = serve()
    page, _, _, wrong = look(context, server.url)
    old = page.locator("script[src]").get_attribute("src")
    upgrade(site, 2)
    assert status_of(server.url + old) == (200, "public, max-age=31536000, immutable")
    assert look(context, server.url)[1:] == (None, "", [])  # until the server is started again
    server = serve()
    page.click("#more")
    page.click("#random")
    page.wait_for_selector("#confidence:text-matches('^Its label says')")
    assert wrong == []
    assert status_of(server.url + old) == (404, "no-store")
    assert look(context, server.url)[1:] == ("2", "2", [])
