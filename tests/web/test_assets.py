"""What a browser may keep for a year says in its address what is in it, and nothing else is kept."""

import re
from pathlib import Path
from urllib.parse import urljoin

import pytest

import nnscratch as nn
from nnscratch.models.pretrained import pretrained

pytest.importorskip("flask")
from nnscratch.web import app as web_app
from nnscratch.web.assets import Assets
from nnscratch.web.site.digest import digest
from nnscratch.web.site.page import Page, read_folder

MODEL = nn.load(pretrained("logistic"))
PAGE = Page({"logistic": MODEL}, served=True)
YEAR = "public, max-age=31536000, immutable"
LOADED = {  # how a file of a kind names another
    "text/html": r"""(?:<(?:link|script|img)[^>]*?\s(?:href|src)|"og:image" content)=["']([^"'#]+)""",
    "text/javascript": r"""["'](\.{1,2}/[^"']+\.js)["']""",
    "text/css": r"""(?:\burl\(\s*["']?|@import\s+["'])(?!data:)([^"')]+)""",
    "application/manifest+json": r'''"src": "([^"]+)"''',
}


@pytest.fixture(scope="module")
def client():
    return web_app.create_app({"logistic": MODEL}).test_client()


def named_in(answer, address):
    """The addresses that a file names, from its host on."""
    pattern = LOADED.get(answer.mimetype)
    names = re.findall(pattern, answer.text) if pattern else []
    return {urljoin(address, name.removeprefix("http://localhost")) for name in names}


def loaded_with(client, page):
    """Every address that a page leads to, with its answer."""
    answers, left = {}, {page}
    while left:
        address = left.pop()
        answers[address] = client.get(address)
        left |= named_in(answers[address], address) - answers.keys()
    answers.pop(page)
    return answers


def test_all_that_the_page_loads_is_kept_and_has_one_digest(client):
    answers = loaded_with(client, "/")
    network = "/" + PAGE.networks["logistic"].address
    assert set(answers) == {network} | {"/" + PAGE.address(name) for name in PAGE.static}
    for address, answer in answers.items():
        assert answer.status_code == 200 and answer.headers["Cache-Control"] == YEAR
        if address != network:
            assert answer.data == PAGE.static[address.removeprefix("/" + PAGE.address(""))]
    kinds = {Path(address).suffix: answer.content_type for address, answer in answers.items()}
    charset = "; charset=utf-8"
    assert kinds == {
        ".js": "text/javascript" + charset,
        ".css": "text/css" + charset,
        ".svg": "image/svg+xml" + charset,
        ".png": "image/png",
        ".webmanifest": "application/manifest+json",
        ".safetensors": "application/octet-stream",
    }


def test_below_another_address_too(client):
    """As a proxy that serves the page below /digits tells it."""
    page = client.get("/", environ_overrides={"SCRIPT_NAME": "/digits"})
    static, network = f"/digits/{PAGE.address('')}", f"/digits/{PAGE.networks['logistic'].address}"
    assert all(address == network or address.startswith(static) for address in named_in(page, "/digits/"))


@pytest.mark.parametrize("address", ["/static/main.js", "/static/pad.js?v=0.1.0", "/static/style.css"])
def test_what_has_no_digest_is_asked_for_each_time(client, address):
    first = client.get(address)
    assert first.status_code == 200 and first.headers["Cache-Control"] == "no-cache"
    again = client.get(address, headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304 and again.data == b"" and again.headers["Cache-Control"] == "no-cache"
    assert client.get(address, headers={"If-None-Match": '"another"'}).status_code == 200


def test_another_digest_is_told_that_there_is_none(client):
    digest = PAGE.digest
    other = ("0" if digest[0] != "0" else "1") + digest[1:]
    for name in (
        f"{other}/main.js",
        f"{digest}/{digest}/main.js",
        f"{digest}/none.js",
        f"{digest}/",
        f"{digest}",
        "none.js",
    ):
        answer = client.get(f"/static/{name}")
        assert answer.status_code == 404 and answer.headers["Cache-Control"] == "no-store", name
        assert answer.get_json()["error"]["code"] == "not_found"
    assert client.get(f"/static/{digest}/../app.py").status_code == 404
    assert client.get(f"/static/{digest}/%2e%2e/app.py").status_code == 404
    assert client.post(f"/static/{digest}/main.js").headers["Cache-Control"] == "no-store"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "main.js").write_text("1")
    (tmp_path / "pictures" / "a.svg").write_text("2")
    return tmp_path


def test_the_digest_is_of_names_and_contents(folder):
    digests = [digest(read_folder(folder))]

    def changed():
        digests.append(digest(read_folder(folder)))

    (folder / "main.js").touch()
    assert digest(read_folder(folder)) == digests[0]
    (folder / "main.js").write_text("12")
    changed()
    (folder / "pictures" / "a.svg").rename(folder / "a.svg")
    changed()
    (folder / "main.js").write_text("2")
    (folder / "a.svg").write_text("12")
    changed()
    (folder / "empty.js").touch()
    changed()
    assert len(set(digests)) == len(digests) and all(re.fullmatch("[0-9a-f]{16}", one) for one in digests)


def test_a_file_that_changes_keeps_its_content_until_the_server_starts_again(folder):
    assets = Assets(read_folder(folder))
    (folder / "main.js").write_text("new")
    app = web_app.Flask("test", static_folder=None)
    for name, content in ((f"{assets.digest}/main.js", b"1"), (f"{assets.digest}/pictures/a.svg", b"2")):
        with app.test_request_context():
            answer = assets.answer(name)
        assert answer.data == content and answer.headers["Cache-Control"] == YEAR


def test_every_way_of_naming_a_file_is_seen_by_these_tests():
    script = (
        """import { a } from './a.js'; import "./b.js"; const c = await import('./c.js'); export * from "./d.js";"""
    )
    style = (
        """@import "a.css"; b { background: url(b.png) } c { src: url( 'c.woff2' ) } d { x: url(data:image/png,) }"""
    )
    assert re.findall(LOADED["text/javascript"], script) == ["./a.js", "./b.js", "./c.js", "./d.js"]
    assert re.findall(LOADED["text/css"], style) == ["a.css", "b.png", "c.woff2"]


PICTURE = re.compile(r'"og:image" content="([^"]*)"')


@pytest.mark.parametrize(
    ("headers", "home"),
    [
        ({"Host": "example.org"}, "http://example.org/"),
        ({"Host": "127.0.0.1:8000"}, "http://127.0.0.1:8000/"),
        ({"Host": "[::1]:8000"}, "http://[::1]:8000/"),
        (
            {"Host": "example.org", "X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/a b"},
            "https://example.org/a%20b/",
        ),
        ({"Host": "example.org", "X-Forwarded-Proto": "javascript"}, "http://example.org/"),
    ],
)
def test_the_picture_beside_a_link_has_a_whole_address(client, headers, home):
    path = headers.get("X-Forwarded-Prefix", "")
    (picture,) = PICTURE.findall(client.get(f"{path}/", headers=headers).text)
    assert picture == home + PAGE.address("keep/preview.png")


@pytest.mark.parametrize(
    "host", ['x"><script>', "evil.org/path", "a@evil.org", "evil.org:81:82", "evil org", "х.org", ""]
)
def test_a_host_that_is_no_plain_name_is_nowhere_in_the_page(client, host):
    answer = client.get("/", headers={"Host": host})
    assert answer.status_code == 400 or PICTURE.findall(answer.text) == [PAGE.address("keep/preview.png")]
