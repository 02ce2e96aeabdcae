"""The page as files: what it names is there, from no other host, and small."""

import json
import re
from urllib.parse import urljoin

import pytest

import nnscratch as nn
from nnscratch.cli.main import main
from nnscratch.errors import DataError
from nnscratch.web.site.static_page import StaticPage
from tests.web.site.test_networks import Swish, net

MOST = 600_000  # bytes of the code and LeNet-5, before compression


@pytest.fixture(scope="module")
def site():
    return StaticPage({name: nn.load_pretrained(name) for name in ("lenet5", "mlp", "logistic")})


def config_of(site):
    text = site.entrances["index.html"].decode()
    return json.loads(text.partition('id="config">')[2].partition("</script>")[0])


def test_code_and_lenet5_are_small(site):
    first = sum(map(len, site.loaded.values())) + len(site.entrances["index.html"])
    print(f"{first:,} bytes")
    assert first <= MOST
    assert any("lenet5" in address for address in site.loaded)
    assert sum("mlp" in address or "logistic" in address for address in site.asked_for) == 2


def test_what_the_page_names_is_there_and_relative(site):
    page = site.entrances["index.html"].decode()
    named = re.findall(r'(?:href|src)="([^"#]+)"', page)
    config = config_of(site)
    named += [network["address"] for network in config["networks"]] + [config["worker"]]
    assert len(named) > 20 and set(named) <= set(site.files)
    assert config["pictures"] is False and config["generation"].encode() in site.entrances["sw.js"]


def test_nothing_comes_from_another_host(site):
    """Links that one may follow are none that are loaded."""
    for name, data in site.files.items():
        if not name.endswith((".safetensors", ".png", ".bin")):
            text = data.decode().replace("http://www.w3.org/2000/svg", "")
            assert not re.search(r"""(?:src|from|import|url\(|fetch\()\s*=?\s*\(?["']?(?:https?:)?//""", text), name
    for name in ("index.html", "404.html"):
        policy = re.search(r'Content-Security-Policy" content="([^"]+)"', site.entrances[name].decode())[1]
        assert policy.startswith("default-src &#39;none&#39;" if name == "index.html" else "default-src 'none'")
        assert not any(word in policy for word in ("http", "unsafe", "frame-ancestors"))  # the last is for headers


def test_it_can_be_installed(site):
    address = next(name for name in site.files if name.endswith("manifest.webmanifest"))
    manifest = json.loads(site.files[address])
    base = "https://host.example/some/path/"
    for key in ("start_url", "scope"):
        assert urljoin(base + address, manifest[key]) == base
    sizes = set()
    for icon in manifest["icons"]:
        data = site.files[urljoin(base + address, icon["src"]).removeprefix(base)]
        if icon["type"] == "image/png":
            assert data[:8] == b"\x89PNG\r\n\x1a\n"
            width, height = (int.from_bytes(data[k : k + 4], "big") for k in (16, 20))
            assert icon["sizes"] == f"{width}x{height}"
            sizes.add((width, icon["purpose"]))
    assert sizes == {(side, purpose) for side in (192, 512) for purpose in ("any", "maskable")}


def test_any_change_is_another_generation_and_no_change_is_none():
    model = nn.load_pretrained("logistic")
    site, same = StaticPage({"logistic": model}), StaticPage({"logistic": model})
    assert site.files == same.files
    model.theta[0] += 1
    other = StaticPage({"logistic": model})
    assert other.generation != site.generation and other.page.digest == site.page.digest


def test_a_network_of_ones_own_layers_is_refused():
    with pytest.raises(DataError, match=r"mine is not for a page without a server: .*Swish.*nnscratch serve shows it"):
        StaticPage({"mine": net(Swish(), nn.Dense(10))})


def test_the_command_writes_it_and_says_how_to_try_it(tmp_path, capsys):
    assert main(["site", "--out", str(tmp_path / "a page"), "--model", "logistic"]) == 0
    said = capsys.readouterr().out
    assert "logistic" in said and "bytes before compression" in said
    assert f"python -m http.server --bind 127.0.0.1 --directory '{tmp_path / 'a page'}'" in said
    assert (tmp_path / "a page" / "index.html").exists()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "damaged|no safetensors|empty"),
        (b"\xff" * 100, "damaged|header"),
        (b"\x02\x00\x00\x00\x00\x00\x00\x00{}", "architecture"),
        (b"\x10\x00\x00\x00\x00\x00\x00\x00" + b"[" * 16, "damaged|header"),
    ],
)
def test_hostile_files_are_refused_and_nothing_is_written(tmp_path, capsys, content, says):
    (tmp_path / "bad.safetensors").write_bytes(content)
    assert main(["site", "--out", str(tmp_path / "page"), "--model", str(tmp_path / "bad.safetensors")]) == 1
    assert re.search(says, capsys.readouterr().err) and not (tmp_path / "page").exists()


@pytest.mark.parametrize("address", ["https://example.org/digits", "https://example.org/digits/index.html"])
def test_with_its_address_the_picture_beside_a_link_is_absolute(tmp_path, address):
    assert main(["site", "--out", str(tmp_path / "page"), "--model", "logistic", "--url", address]) == 0
    (picture,) = re.findall(r'"og:image" content="([^"]*)"', (tmp_path / "page" / "index.html").read_text("utf-8"))
    assert picture.startswith("https://example.org/digits/static/")
    assert (tmp_path / "page" / picture.removeprefix("https://example.org/digits/")).is_file()


@pytest.mark.parametrize(
    "address", ["example.org", "javascript:alert(1)", "https://", "https://a.org/?b=c", "http://[x"]
)
def test_what_is_no_address_is_refused(tmp_path, capsys, address):
    with pytest.raises(SystemExit) as end:
        main(["site", "--out", str(tmp_path / "page"), "--url", address])
    assert end.value.code == 2 and "such as https://example.org" in capsys.readouterr().err
