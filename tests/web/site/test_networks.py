"""Networks as files: at addresses that say what is in them, and only those that a browser can read."""

import json
from dataclasses import dataclass

import numpy as np
import pytest

import nnscratch as nn

pytest.importorskip("flask")
from nnscratch.layers import Layer
from nnscratch.web.app import create_app
from nnscratch.web.site.networks import described, network_file, network_files, refusal
from nnscratch.web.site.page import STATIC, Page, modules, read_folder


@dataclass
class Swish(Layer):
    """A layer of one's own."""

    def build(self, shape, rng):
        return shape

    def forward(self, x, training=False):
        return x

    def backward(self, dout):
        return dout


@pytest.fixture(scope="module")
def logistic():
    return nn.load_pretrained("logistic")


def net(*layers, shape=(1, 28, 28)):
    return nn.Sequential([nn.Flatten(), *layers], shape)


def test_the_server_sends_each_network_from_where_the_page_looks_for_it(logistic, tmp_path):
    client = create_app({"logistic": logistic}).test_client()
    (network,) = Page({"logistic": logistic}, served=True).config["networks"]
    answer = client.get("/" + network["address"], headers={"Accept-Encoding": "gzip"})
    assert answer.status_code == 200 and answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    plain = client.get("/" + network["address"])
    assert len(plain.data) == network["bytes"] and "Content-Encoding" not in plain.headers
    path = tmp_path / "n.safetensors"
    path.write_bytes(plain.data)
    assert np.array_equal(nn.load(path).theta, logistic.theta)
    assert network["parameters"] == 7850 and network["accuracy"] == 0.9276
    assert network["about"].endswith("it reads 92.8\N{NO-BREAK SPACE}% of the test images")
    assert network["trained"].startswith("python train.py")


@pytest.mark.parametrize("address", ["x/logistic.safetensors", "{}/other.safetensors", "{}/", "{}", "{}/%2e%2e/app.py"])
def test_other_addresses_have_no_network(logistic, address):
    client = create_app({"logistic": logistic}).test_client()
    answer = client.get("/networks/" + address.format(network_file("logistic", logistic).digest))
    assert answer.status_code == 404 and answer.headers["Cache-Control"] == "no-store"


def test_the_address_is_of_the_weights(logistic):
    first, same = network_file("logistic", logistic), network_file("logistic", logistic)
    assert first == same and first.address == f"networks/{first.digest}/logistic.safetensors"
    changed = nn.load_pretrained("logistic")
    changed.theta[3] += 1
    assert network_file("logistic", changed).address != first.address


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("../../etc/passwd", "etc-passwd.safetensors"),
        ("a b/ü<script>", "a-b-script.safetensors"),
        ("…", "network.safetensors"),
        ("n" * 300, "n" * 40 + ".safetensors"),
        ("lenet5 2", "lenet5-2.safetensors"),
    ],
)
def test_a_network_may_be_called_anything(logistic, name, file):
    assert network_file(name, logistic).name == file


def test_a_name_stays_within_the_page_s_config(logistic):
    page = Page({"</script><b>": logistic}, served=True).html()
    text = page.partition('id="config">')[2].partition("</script>")[0]
    assert json.loads(text)["networks"][0]["name"] == "</script><b>"
    assert "<b>" not in page


def test_what_a_browser_cannot_read_is_told_so(logistic):
    own = net(Swish(), nn.Dense(10))
    assert "Swish), which Python alone knows" in refusal(own)
    assert "multiplications" in refusal(_costly())
    assert refusal(logistic) is None
    config = Page({"logistic": logistic, "own": own}, served=True).config
    assert [network["address"] is None for network in config["networks"]] == [False, True]
    assert [network["why"] for network in config["networks"]] == [None, refusal(own)]


def _costly():
    model = net(nn.Dense(10))
    model.multiply_adds = lambda: 2_000_000_000
    return model


def test_what_a_file_says_of_itself_is_not_believed_where_it_makes_no_sense():
    model = net(nn.Dense(10))
    for accuracy in ("<b>", 7, -1, True, None, [1], float("nan")):
        model.info["test"] = {"accuracy": accuracy}
        told = described("mine", model, network_file("mine", model))
        assert told["accuracy"] is None and told["about"] == ""
    model.info |= {"name": "lenet5", "test": {"accuracy": 0.5}}  # it says so, and is not
    assert described("mine", model, None)["about"] == "it reads 50.0\N{NO-BREAK SPACE}% of the test images"


def test_all_modules_that_are_loaded_at_once_are_preloaded():
    static = read_folder(STATIC)
    found = modules(static)
    assert found[0] == "main.js" and {"context.js", "engine/network.js", "engine/layers.js"} <= set(found)
    made = {
        "main.js": b"import { a,\n  b } from './a.js';\nimport './e/b.js';\nconst c = () => import('./later.js');\n",
        "a.js": b"export { c } from './e/c.js';\nexport * from \"./e/d.js\";",
        "e/b.js": b"import f from '../f.js';\n// import g from './g.js'; it was\n",
        **dict.fromkeys(("e/c.js", "e/d.js", "f.js", "later.js", "e/g.js"), b""),
    }
    assert set(modules(made)) == {"main.js", "a.js", "e/b.js", "e/c.js", "e/d.js", "f.js"}


def test_what_json_has_no_words_for_is_left_out(logistic):
    """No browser would read the file."""
    model = nn.load_pretrained("logistic")
    assert b"validation" in network_file("logistic", model).data
    model.info["test"] = {"loss": float("nan")}
    assert b"NaN" not in network_file("logistic", model).data and model.info["test"]


def test_networks_without_a_file_are_not_among_the_files(logistic):
    assert list(network_files({"own": net(Swish(), nn.Dense(10)), "logistic": logistic})) == ["logistic"]
