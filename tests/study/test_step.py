"""``nnscratch study step``: every sum is the library's number, on the page, in the text and in the panel."""

import base64
import html
import json
import re
from xml.etree import ElementTree

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.pages.mathml import mathml
from nnscratch.study.step import arithmetic, formulas
from nnscratch.study.step import page as step_page
from nnscratch.study.step import text as step_text
from nnscratch.study.step.step import take_step
from nnscratch.study.step.update import update_lines
from nnscratch.training.gradcheck import float64_copy
from tests.tools.commands import run_inside
from tests.tools.steps import NETS, NUMBER, some, step_of, summed

# ---- the numbers


@pytest.mark.parametrize("name", [name for name in NETS if name != "mixed"])
def test_a_step_is_that_of_the_library(name):
    """By another way: forward, loss, backward and the optimiser, as one writes them by hand."""
    step, mnist = step_of(name), nn.load_mnist()
    net = float64_copy(NETS[name]())
    x = (mnist.test_images[3] / 255.0).reshape(1, 28, 28, 1)
    loss, dout = nn.softmax_cross_entropy(net.forward(x, training=True), mnist.test_labels[3:4])
    net.backward(dout)
    assert step.loss == pytest.approx(loss, rel=1e-6)
    for path, gradient in net.gradients.items():
        np.testing.assert_allclose(step.gradients[path], gradient, rtol=1e-5, atol=1e-9)
    optimizer = nn.AdamW(1e-3, weight_decay=0.05)
    optimizer.start(net.theta, net.decay_mask)
    optimizer.step(net.theta, net.gradient, 1e-3)
    after, _ = nn.softmax_cross_entropy(net.forward(x, training=True), mnist.test_labels[3:4])
    assert step.loss_after == pytest.approx(after, rel=1e-5) and after < loss


@pytest.mark.parametrize("name", NETS)
def test_every_sum_is_its_number(name):
    step = step_of(name)
    layers = step.network.layers
    for k in range(-1, len(layers)):
        for unit in [step.interesting(k), *some(step.output(k).shape)]:
            assert summed(arithmetic.backward(step, k, unit)) == pytest.approx(step.dout(k)[unit], rel=1e-9, abs=1e-14)
            forward = arithmetic.forward(step, k, unit) if k >= 0 else None
            if forward is not None and forward.terms:
                assert summed(forward) == pytest.approx(step.output(k)[unit], rel=1e-9, abs=1e-12)
    for path, gradient in step.gradients.items():
        for at in [step_text.largest(step, path), *some(gradient.shape, 4)]:
            assert summed(arithmetic.of_weight(step, path, at)) == pytest.approx(gradient[at], rel=1e-9, abs=1e-14)


def test_only_layers_with_no_sum_have_none():
    step = step_of("mixed")
    none = {
        type(layer).__name__
        for k, layer in enumerate(step.network.layers)
        if not arithmetic.forward(step, k, step.interesting(k)).terms
    }
    assert none == {"BatchNorm", "Sigmoid", "Tanh", "LeakyReLU", "Dropout", "Softmax", "MaxPool2D"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "optimizer",
    [
        nn.SGD(0.1),
        nn.SGD(0.1, weight_decay=0.01),
        nn.Momentum(0.1),
        nn.Nesterov(0.1),
        nn.RMSProp(1e-3),
        nn.Adam(1e-3, weight_decay=0.01),
        nn.AdamW(1e-3, weight_decay=0.05),
    ],
    ids=repr,
)
def test_an_update_ends_in_the_optimisers_number(optimizer):
    mnist = nn.load_mnist()
    step = take_step(nn.build("lenet5"), mnist.test_images[0], 7, optimizer)
    for path in step.gradients:
        for at in [step_text.largest(step, path), *some(step.gradients[path].shape, 3)]:
            assert update_lines(step, path, at)[-1][2] == pytest.approx(step.after[path][at], rel=1e-12, abs=1e-15)


def test_a_step_leaves_the_network_alone():
    model = nn.build("lenet5")
    before = model.theta.copy()
    take_step(model, nn.load_mnist().test_images[0], 7, nn.Adam(1e-3))
    assert (model.theta == before).all() and not model.gradient.any() and model.activations == {}


@pytest.mark.parametrize(("label", "told"), [(10, "0 to 9"), (-1, "0 to 9")])
def test_a_label_without_an_output_is_refused(label, told):
    with pytest.raises(nn.UsageError, match=told):
        take_step(nn.build("logistic"), nn.load_mnist().test_images[0], label, nn.SGD(0.1))


def test_a_network_that_ends_in_softmax_is_refused():
    net = nn.Sequential([nn.Flatten(), nn.Dense(10), nn.Softmax()])
    with pytest.raises(nn.UsageError, match="Softmax"):
        take_step(net, nn.load_mnist().test_images[0], 7, nn.SGD(0.1))


# ---- text


@pytest.mark.parametrize("name", NETS)
def test_numbers_of_the_text_are_the_librarys(name):
    step = step_of(name)
    arrays = {layer.name: step.output(k) for k, layer in enumerate(step.network.layers)}
    arrays |= {f"d{layer.name}": step.dout(k) for k, layer in enumerate(step.network.layers)}
    arrays |= {"dinput": step.dout(-1)} | {f"d{path}": value for path, value in step.gradients.items()}
    text, found = step_text.as_text(step), 0
    for told, index, value in re.findall(
        rf"^ *([\w.]+)\[([\d, ]+)\] =.*?({NUMBER})(?:, from .*)?$", text, re.MULTILINE
    ):
        assert float(value) == pytest.approx(arrays[told][tuple(map(int, index.split(", ")))], rel=6e-6, abs=1e-300)
        found += 1
    assert found >= 2 * len(step.network.layers)
    for left, right, product in re.findall(rf"= ({NUMBER}) \* ({NUMBER}) = ({NUMBER})$", text, re.MULTILINE):
        assert float(left) * float(right) == pytest.approx(float(product), rel=2e-5, abs=1e-300)
    assert f"loss {step.loss:.6g} before, {step.loss_after:.6g} after" in text


def test_what_is_left_out_of_a_sum_is_told():
    step = step_of("logistic")
    lines = list(step_text.sum_lines(arithmetic.forward(step, 1, (3,)), 4))
    assert len(lines) == 6 and lines[-1].startswith("  780 others: ")
    shown = sum(float(line.rsplit("= ", 1)[1]) for line in lines[1:5]) + float(lines[5].rsplit(": ", 1)[1])
    assert shown == pytest.approx(step.output(1)[3] - step.before["dense1.b"][3], abs=1e-5)


# ---- formulas


@pytest.mark.parametrize("name", [*(layer.__name__ for layer in formulas.FORMULAS), "LOSS"])
def test_every_formula_can_be_typeset(name):
    found = formulas.LOSS if name == "LOSS" else formulas.FORMULAS[getattr(nn, name)]
    for formula in (found.forward, found.dx, *found.parameters):
        ElementTree.fromstring(mathml(formula))


def test_letters_of_formulas_are_the_axes_of_arrays():
    of = formulas.FORMULAS[nn.Conv2D]
    assert formulas.indices(of.forward)["x"] == ["c", "oh SH i", "ow SW j"]
    assert set(formulas.indices(of.forward, *of.parameters, of.dx)) == {"out", "b", "W", "x", "dW", "db", "dx", "dout"}


# ---- the page


def test_a_page_brings_the_font_of_its_formulas():
    page = step_page.as_page(step_of("logistic"))
    (font,) = re.findall(r"url\(\"data:font/woff2;base64,([^\"]+)\"\)", page)
    assert base64.b64decode(font)[:4] == b"wOF2"
    assert "font-src data:" in page


def unpacked(packed):
    values = np.frombuffer(base64.b64decode(packed["base64"]), f"<{packed['type']}")
    return np.broadcast_to(values, packed["shape"]) if len(values) == 1 else values.reshape(packed["shape"])


@pytest.mark.parametrize("name", NETS)
def test_the_pages_arrays_are_the_librarys(name):
    step = step_of(name)
    page = step_page.as_page(step)
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])
    for k in range(-1, len(step.network.layers)):
        np.testing.assert_array_equal(unpacked(data["outputs"][k + 1]), step.output(k))
        np.testing.assert_array_equal(unpacked(data["douts"][k + 1]), step.dout(k))
    for path, value in step.before.items():
        np.testing.assert_array_equal(unpacked(data["parameters"][path]), value)
        if path in data["gradients"]:
            np.testing.assert_array_equal(unpacked(data["gradients"][path]), step.gradients[path])
    rows = re.findall(r'<tr><th scope="row">(\d)</th>' + rf"<td>({NUMBER})</td>" * 5 + "</tr>", page)
    assert len(rows) == 10
    for k, z, _, p, y, difference in rows:
        assert float(z) == pytest.approx(step.output(len(step.network.layers) - 1)[int(k)], rel=6e-6)
        assert float(p) == pytest.approx(step.p[int(k)], rel=6e-6)
        assert float(difference) == pytest.approx(step.p[int(k)] - (int(k) == step.label), rel=6e-6)
        assert int(y) == (int(k) == step.label)


def test_a_page_asks_nothing_of_others():
    page = step_page.as_page(step_of("logistic"))
    assert not re.search(r"""(?:src|href)=["'](?!data:|#)""", page) and "default-src 'none'" in page


def test_a_models_name_is_only_text():
    model = nn.build("logistic")
    model.info["name"] = "</script><script>alert(1)</script>"
    page = step_page.as_page(take_step(model, nn.load_mnist().test_images[0], 7, nn.SGD(0.1)))
    assert "<script>alert" not in page and model.info["name"] in html.unescape(page)


# ---- the command


def test_the_command_prints_the_step_and_writes_the_page(tmp_path):
    code, out, err = run_inside("study", "step", "logistic", "test:3", "--fresh", cwd=tmp_path)
    assert code == 0, err
    assert "FORWARD" in out and "UPDATE" in out and out.endswith("page: study/step-logistic.html\n")
    assert (
        "<title>logistic: one training step on a 0</title>" in (tmp_path / "study" / "step-logistic.html").read_text()
    )


def test_one_number(tmp_path):
    command = ("study", "step", "lenet5", "test:3", "--fresh", "--number")
    code, out, _ = run_inside(*command, "conv1[3, 15,15]", cwd=tmp_path)
    step = take_step(nn.build("lenet5"), nn.load_mnist().test_images[3], 0, nn.Adam(1e-3))
    assert code == 0 and out.count(" * conv1.W[3, 0, ") == 25 and not (tmp_path / "study").exists()
    assert f"conv1[3, 15, 15] = {step.output(0)[3, 15, 15]:.6g}" in out
    code, out, _ = run_inside(*command, "conv1.W[4,0,0,3]", cwd=tmp_path)
    assert code == 0 and f"dconv1.W[4, 0, 0, 3] = {step.gradients['conv1.W'][4, 0, 0, 3]:.6g}" in out
    assert out.count("\n") < 150 and re.search(r"^  \d+ others: 0$", out, re.MULTILINE)  # of 576 products, most are 0
    assert f"new theta {step.after['conv1.W'][4, 0, 0, 3]:>14.6g}" in out and "input[0, 14, 20]" in out
    products = [line for line in out.splitlines() if " * input[" in line]
    assert 0 < len(products) < 576 and not [line for line in products if line.endswith(" = 0")]
    assert f"  {576 - len(products)} others: 0\n" in out
    code, out, _ = run_inside(*command, "input[0,5,5]", cwd=tmp_path)
    assert code == 0 and "input[0, 5, 5] = 0" in out and "dinput[0, 5, 5]" in out


def test_a_picture_of_ones_own(tmp_path):
    from PIL import Image

    Image.fromarray(255 - nn.load_mnist().test_images[0]).resize((200, 200)).save(tmp_path / "seven.png")
    assert run_inside("study", "step", "mlp", "seven.png", "--label", "7", cwd=tmp_path)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["resnet"], 2, "lenet5, mlp, logistic"),
        (["none.npz"], 1, "none.npz"),
        (["mlp", "test:10000"], 1, "test:9999"),
        (["mlp", "test:x"], 1, "test:9999"),
        (["mlp", "a.png", "--label", "3"], 1, "a.png"),
        (["mlp", ""], 1, "is no file"),
        (["mlp", "here.png"], 2, "--label"),
        (["mlp", "--label", "11"], 2, "0 to 9"),
        (["mlp", "--optimizer", "lion"], 2, "sgd, momentum"),
        (["mlp", "--lr", "-1"], 2, "above 0"),
        (["mlp", "--lr", "1e308"], 2, "no finite loss"),
        (["mlp", "--number", "conv1[0]"], 2, "input, flatten1, dense1"),
        (["mlp", "--number", "dense1 ["], 2, "such as conv1[2,10,7]"),
        (["mlp", "--number", "W[1,1]"], 2, "such as dense1.W[...]"),
        (["mlp", "--number", "theta"], 2, "give one, such as dense1.W"),
        (["mlp", "--number", "dense1[394]"], 2, "(394,)"),
        (["mlp", "--number", "dense1[1,1]"], 2, "(394,)"),
        (["mlp", "--number", "dense1[,]"], 2, "(394,)"),
        (["mlp", "--out", "x.txt"], 2, "HTML"),
        (["none.npz", "--fresh"], 2, "--fresh"),
    ],
)
def test_bad_input_is_one_line(arguments, code, told, tmp_path):
    (tmp_path / "here.png").write_bytes(b"")
    got, out, err = run_inside("study", "step", *arguments, cwd=tmp_path)
    lines = [line for line in err.splitlines() if not line.startswith("using ")]
    assert (got, out) == (code, "") and len(lines) == 1 and told in lines[0]


def test_the_letters_of_windows_have_numbers(tmp_path):
    code, out, _ = run_inside("study", "step", "lenet5", cwd=tmp_path)
    page = (tmp_path / "study/step-lenet5.html").read_text("utf-8")
    for said in (out, page):
        assert "KH x KW = 5 x 5 pixels, in steps of SH = 1 down and SW = 1 to the right" in said
        assert "KH x KW = 2 x 2 pixels, in steps of SH = 2 down and SW = 2 to the right" in said
    assert code == 0
