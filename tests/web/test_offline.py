"""The page as files, in a browser: below any path, without a connection, and never of two generations."""

import functools
import http.server
import threading

import pytest

import nnscratch as nn
from nnscratch.web.site.digest import digest
from nnscratch.web.site.folder import write_site
from nnscratch.web.site.static_page import StaticPage
from tests.tools.browsing import Server
from tests.tools.checks import wait_until

pytestmark = pytest.mark.thorough

MARKS = """[document.documentElement.dataset.generation,
    getComputedStyle(document.documentElement).getPropertyValue('--generation').trim(),
    JSON.parse(document.getElementById('config').textContent).generation]"""
KEPT = "caches.keys()"


class Handler(http.server.SimpleHTTPRequestHandler):
    """Sends files, as `python -m http.server` does."""

    def do_GET(self):
        if self.server.reached:  # a browser has connections ready before it needs them
            super().do_GET()

    def log_message(self, *_):
        self.server.asked.append(self.path)


class Host:
    """A static host of a folder, which may be out of reach for a while."""

    def __init__(self, folder):
        self.folder, self.port, self.asked = folder, 0, []
        self.start()

    def start(self):
        self.server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", self.port), functools.partial(Handler, directory=self.folder)
        )
        self.server.asked, self.server.reached, self.port = self.asked, True, self.server.server_port
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self):
        self.server.reached = False
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/"


@pytest.fixture
def host(tmp_path):
    host = Host(tmp_path)
    yield host
    host.stop()


@pytest.fixture
def context(browser):
    context = browser.new_context()
    yield context
    context.close()


@functools.cache
def generation(number):
    """A page whose modules need each other, and no other generation's."""
    site = StaticPage({"logistic": nn.load_pretrained("logistic"), "other": nn.load_pretrained("logistic")})
    static = site.page.static
    static["pad.js"] += f"\nexport const generation{number} = '{number}';\n".encode()
    static["style.css"] += f"\n:root {{ --generation: {number}; }}\n".encode()
    static["main.js"] += (
        f"\nimport {{ generation{number} }} from './pad.js';\n"
        f"document.documentElement.dataset.generation = generation{number};\n"
    ).encode()
    site.page.digest = digest(static)
    return site


def write(folder, number):
    site = generation(number)
    write_site(folder, site.loaded | site.asked_for, site.entrances)


class Tab:
    """A page that is open, with what went wrong in it."""

    def __init__(self, context, url):
        self.page, self.wrong = context.new_page(), []
        self.page.on("console", lambda said: self.wrong.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.goto(url, wait_until="networkidle")

    def reload(self):
        self.page.reload(wait_until="networkidle")

    @property
    def generation(self):
        """The number of the generation that script, style and page are all of."""
        script, style, page = self.page.evaluate(MARKS)
        assert script == style and page == generation(int(script)).generation
        return int(script)

    def wait_until_kept(self, number):
        """Wait until the worker of a generation is in charge, and has let go of all others."""
        name = generation(number).generation
        wait_until(lambda: [one.endswith(name) for one in self.page.evaluate(KEPT)] == [True])
        wait_until(lambda: self.page.evaluate("!!navigator.serviceWorker.controller"))

    def read(self):
        """Draw a line, and return what is read in it."""
        box = self.page.locator("#pad").bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"]
        self.page.mouse.move(x, y + 0.2 * box["height"])
        self.page.mouse.down()
        self.page.mouse.move(x, y + 0.8 * box["height"], steps=8)
        self.page.mouse.up()
        wait_until(lambda: self.page.locator("#big").text_content() == "1")
        return "1"

    def status(self, address):
        return self.page.evaluate("(address) => fetch(address).then((answer) => answer.status, () => 0)", address)


@pytest.mark.parametrize("path", ["", "some/path/"])
def test_after_the_first_visit_it_works_without_a_connection(host, context, path):
    write(host.folder / path, 1)
    tab = Tab(context, host.url + path)
    tab.wait_until_kept(1)
    assert tab.generation == 1 and tab.read() == "1" and tab.wrong == []
    assert all(address.startswith(f"/{path}") or address == "/favicon.ico" for address in host.asked)
    _, other = generation(1).page.networks.values()
    assert tab.status(other.address) == 200  # asked for once
    host.stop()
    tab.reload()
    assert tab.generation == 1 and tab.read() == "1"
    assert tab.status(other.address) == 200
    again = Tab(context, host.url + path + "index.html#strokes")
    assert again.generation == 1 and again.read() == "1"
    host.start()


def test_after_an_upgrade_all_is_new_and_stays_so_without_a_connection(host, context):
    write(host.folder, 1)
    tab = Tab(context, host.url)
    tab.wait_until_kept(1)
    write(host.folder, 2)
    assert tab.read() == "1" and tab.wrong == []  # the open page goes on
    assert tab.status(generation(1).page.address("main.js")) == 200  # which its host has no longer
    tab.reload()
    assert tab.generation == 2 and tab.wrong == []
    tab.wait_until_kept(2)
    host.stop()
    tab.reload()
    assert tab.generation == 2 and tab.read() == "1"
    host.start()


def test_an_older_page_that_is_open_keeps_what_it_may_still_load(host, context):
    write(host.folder, 1)
    old = Tab(context, host.url)
    old.wait_until_kept(1)
    write(host.folder, 2)
    new = Tab(context, host.url)
    assert (old.generation, new.generation) == (1, 2) and old.wrong == new.wrong == []
    waiting = "navigator.serviceWorker.getRegistration().then((one) => !!one.waiting)"
    wait_until(lambda: new.page.evaluate(waiting))
    assert old.status(generation(1).page.address("main.js")) == 200
    host.stop()
    new.reload()  # the older worker answers, with all of its own generation
    assert new.generation == 1 and new.read() == "1"
    host.start()
    old.page.close()
    new.reload()
    assert new.generation == 2
    new.wait_until_kept(2)


def test_a_cache_that_is_not_whole_is_filled_again(host, context):
    write(host.folder, 1)
    tab = Tab(context, host.url)
    tab.wait_until_kept(1)
    forget = """async (ends) => {
        const cache = await caches.open((await caches.keys())[0]);
        for (const one of await cache.keys()) if (ends.some((end) => one.url.endsWith(end))) await cache.delete(one);
    }"""
    tab.page.evaluate(forget, ["pad.js", "style.css", "logistic.safetensors"])
    tab.reload()
    assert tab.generation == 1 and tab.read() == "1" and tab.wrong == []
    host.stop()
    tab.reload()
    assert tab.generation == 1 and tab.read() == "1"
    host.start()


@pytest.mark.parametrize("missing", ["index.html", "static"])
def test_a_host_that_has_only_half_of_a_new_page_makes_no_worker_of_it(host, context, missing):
    write(host.folder, 1)
    tab = Tab(context, host.url)
    tab.wait_until_kept(1)
    site = generation(2)
    half = dict(site.files)
    gone = site.page.address("pad.js") if missing == "static" else missing
    late = half.pop(gone)
    for name, data in half.items():
        (host.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (host.folder / name).write_bytes(data)
    tab.page.evaluate("navigator.serviceWorker.getRegistration().then((one) => one.update()).catch(() => {})")
    states = "navigator.serviceWorker.getRegistration().then((one) => [!!one.installing, !!one.waiting])"
    wait_until(lambda: tab.page.evaluate(states) == [False, False])
    host.stop()
    tab.reload()
    assert tab.generation == 1 and tab.read() == "1"
    host.start()
    (host.folder / gone).parent.mkdir(parents=True, exist_ok=True)
    (host.folder / gone).write_bytes(late)
    tab.reload()
    assert tab.generation == 2
    tab.wait_until_kept(2)


def test_other_pages_of_the_host_keep_their_caches(host, context):
    write(host.folder / "a", 1)
    write(host.folder / "a" / "b", 2)
    first, second = Tab(context, host.url + "a/"), Tab(context, host.url + "a/b/")
    for tab in (first, second):
        wait_until(lambda: tab.page.evaluate("!!navigator.serviceWorker.controller"))  # noqa: B023
    assert len(first.page.evaluate(KEPT)) == 2
    write(host.folder / "a" / "b", 3)
    second.reload()
    wait_until(lambda: second.page.evaluate(KEPT)[-1].endswith(generation(3).generation))
    wait_until(lambda: len(second.page.evaluate(KEPT)) == 2)
    assert first.generation == 1 and second.generation == 3
    host.stop()
    first.reload()
    second.reload()
    assert first.generation == 1 and second.generation == 3
    host.start()


def test_a_host_in_trouble_is_no_reason_not_to_draw(host, context, monkeypatch):
    write(host.folder, 1)
    tab = Tab(context, host.url)
    tab.wait_until_kept(1)
    monkeypatch.setattr(Handler, "do_GET", lambda self: self.send_error(503))
    tab.reload()
    assert tab.generation == 1 and tab.read() == "1"


def test_where_the_server_takes_the_place_of_the_files_its_page_is_seen(host, context):
    write(host.folder, 1)
    Tab(context, host.url).wait_until_kept(1)
    host.stop()
    server = Server("--workers", "1", "--model", "logistic", port=host.port)
    tab = Tab(context, server.url)
    config = tab.page.evaluate("JSON.parse(document.getElementById('config').textContent)")
    assert config["pictures"] and "worker" not in config
    assert tab.read() == "1" and tab.wrong == []
    server.stop()
    host.start()
