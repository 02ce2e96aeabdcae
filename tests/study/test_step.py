"""``nnscratch study step``: every sum is the library's number, on the page, in the text and in the panel."""

import base64
import html
import json
import re

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.study.step import arithmetic, formulas, jacobian, names
from nnscratch.study.step import page as step_page
from nnscratch.study.step import text as step_text
from nnscratch.study.step.step import take_step
from nnscratch.study.step.update import update_lines
from nnscratch.training.gradcheck import float64_copy
from tests.tools.commands import run_inside

NUMBER = r"-?\d[\d.]*(?:e[-+]\d+)?"


def mixed():
    """A network of everything that the three models do not have."""
    return nn.Sequential(
        [
            nn.Conv2D(3, 3, stride=2, padding="same"),
            nn.BatchNorm(),
            nn.Sigmoid(),
            nn.AvgPool2D(3, 2),
            nn.Conv2D(4, 2, padding=1),
            nn.Tanh(),
            nn.MaxPool2D(3, 2),  # windows overlap
            nn.Flatten(),
            nn.Dense(20),
            nn.LeakyReLU(0.1),
            nn.Dropout(0.3),
            nn.Dense(12),
            nn.Softmax(),
            nn.Dense(10),
        ],
        normalisation=(0.13, 0.31),
    )


NETS = {
    "lenet5": lambda: nn.build("lenet5"),
    "mlp": lambda: nn.build("mlp", hidden=(30, 20)),
    "logistic": lambda: nn.build("logistic"),
    "classic": lambda: nn.build("lenet5-classic"),
    "mixed": mixed,
}
STEPS, PAGES = {}, {}


def step_of(name, optimizer=None):
    if name not in STEPS or optimizer:
        mnist = nn.load_mnist()
        optimizer = optimizer or nn.AdamW(1e-3, weight_decay=0.05)
        STEPS[name] = take_step(NETS[name](), mnist.test_images[3], int(mnist.test_labels[3]), optimizer)
    return STEPS[name]


def some(shape, count=6):
    rng = np.random.default_rng(sum(shape))
    return [tuple(int(rng.integers(0, side)) for side in shape) for _ in range(count)]


def summed(sum_of):
    return sum_of.bias + sum(term.product for term in sum_of.terms)


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


def test_every_formula_is_well_formed():
    import xml.etree.ElementTree as tree

    for of_layer in (*formulas.FORMULAS.values(), formulas.LOSS):
        for formula in (of_layer.forward, of_layer.dx, *of_layer.parameters):
            made = tree.fromstring(formulas.mathml(formula).replace("&nbsp;", " "))
            assert len(list(made.iter("mfrac"))) == formula.count(" / ")
            for tag, children in (("msub", 2), ("msup", 2), ("mfrac", 2), ("munder", 2)):
                assert all(len(node) == children for node in made.iter(tag))
            plain = formulas.plain(formula)
            assert "{" not in plain and plain.count("(") == plain.count(")") and plain.count("[") == plain.count("]")
    assert formulas.plain(formulas.FORMULAS[nn.Dense].dx) == "dx[k] = sum over d of W[d, k] dout[d]"


# ---- the page


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
    assert f"new theta {step.after['conv1.W'][4, 0, 0, 3]:>14.6g}" in out and "input[0, 14, 20]" in out
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


# ---- in a browser


@pytest.fixture
def opened(browser, tmp_path):
    """Opens a step's page from disk; no console message or error may come."""
    wrong, pages = [], []

    def open_page(name, width=1280, address=""):
        path = tmp_path / "step.html"
        if name not in PAGES:
            PAGES[name] = step_page.as_page(step_of(name))
        path.write_text(PAGES[name])
        page = browser.new_page(viewport={"width": width, "height": 800})
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(path.as_uri() + address)
        pages.append(page)
        return page

    yield open_page
    for page in pages:
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.close()
    assert wrong == []


def asked(page, text):
    page.fill("#unit", text)
    page.press("#unit", "Enter")
    page.wait_for_function(
        "text => document.querySelector('#panel h2').textContent.replaceAll(' ', '') === text",
        arg=text.replace(" ", ""),
    )


def totals(page):
    return [
        float(value)
        for value in page.eval_on_selector_all("#panel [data-total]", "all => all.map(e => e.dataset.total)")
    ]


def tables_of(page):
    """Show all products, and return the last cell of every row of each table of products."""
    while page.locator("#panel .terms button").count():
        page.locator("#panel .terms button").first.evaluate("button => button.click()")
    return page.eval_on_selector_all(
        "#panel .terms table",
        "all => all.map(t => [...t.tBodies[0].rows].map(r => Number(r.cells[r.cells.length - 1].textContent)))",
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", [pytest.param("lenet5", marks=pytest.mark.thorough), "mixed"])
def test_the_panels_arithmetic_is_the_librarys(opened, name):
    step = step_of(name)
    page = opened(name)
    for k in range(-1, len(step.network.layers)):
        layer = "input" if k < 0 else step.network.layers[k].name
        for unit in [step.interesting(k), *some(step.output(k).shape, 1)]:
            asked(page, f"{layer}[{','.join(map(str, unit))}]")
            expected = [*([step.output(k)[unit]] if k >= 0 else []), step.dout(k)[unit]]
            assert totals(page) == pytest.approx(expected, rel=1e-12)
            for line in page.locator("#panel p.formula").all_text_contents():
                at_end = float(re.search(rf"({NUMBER})$", line)[1])
                assert min(abs(at_end - value) for value in expected) <= 6e-6 * abs(at_end) + 1e-300
            sums = tables_of(page)
            products = [summed(arithmetic.backward(step, k, unit))] if k < len(step.network.layers) - 1 else []
            forward = arithmetic.forward(step, k, unit) if k >= 0 else None
            if forward is not None and forward.terms:
                products = [summed(forward) - forward.bias, *products]
            assert [sum(one) for one in sums] == pytest.approx(products, rel=1e-4, abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", [pytest.param("lenet5", marks=pytest.mark.thorough), "mixed"])
def test_the_panels_weights_and_updates_are_the_librarys(opened, name):
    step = step_of(name)
    page = opened(name)
    for path, gradient in step.gradients.items():
        for at in [step_text.largest(step, path), *some(gradient.shape, 1)]:
            asked(page, f"{path}[{','.join(map(str, at))}]")
            assert totals(page) == pytest.approx([gradient[at]], rel=1e-9, abs=1e-18)
            assert sum(tables_of(page)[0]) == pytest.approx(gradient[at], rel=1e-4, abs=1e-5)
            rows = page.eval_on_selector_all(
                "#panel > .wide table",
                "all => [...all[0].tBodies[0].rows].map(r => [...r.cells].map(c => c.textContent))",
            )
            lines = update_lines(step, path, at)
            assert [row[0] for row in rows] == [line[0] for line in lines]
            assert [float(row[1]) for row in rows] == pytest.approx([line[2] for line in lines], rel=6e-6, abs=1e-300)


@pytest.mark.thorough
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser, tmp_path, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    (tmp_path / "step.html").write_text(step_page.as_page(step_of("lenet5")))
    page = browser.new_page(color_scheme=scheme)
    for address in ("", "#conv1.W[4,0,0,3]&phase=backward", "#loss&phase=loss", "#dense1&phase=update"):
        page.goto("about:blank")
        page.goto((tmp_path / "step.html").as_uri() + address)
        results = axe.Axe().run(page)
        assert results.violations_count == 0, results.generate_report()
    page.close()


# ---- the player


def lit(page):
    return set(page.eval_on_selector_all(".lit", "all => all.map(one => one.closest('pre') ? 'code' : one.tagName)"))


def test_the_player_walks_forward_through_the_loss_back_and_to_the_update(opened):
    page = opened("logistic")
    seen = []
    while not page.locator("#next").is_disabled():
        seen.append(page.locator(".stage:not([hidden])").get_attribute("id"))
        page.keyboard.press("ArrowRight")
        page.wait_for_function("id => document.querySelector('.stage:not([hidden])').id !== id", arg=seen[-1])
    assert seen == ["forward-dense1", "loss-loss", "backward-dense1", "backward-flatten1"]
    assert page.locator(".layers [aria-current]").get_attribute("data-node") == "dense1"
    page.go_back()
    page.wait_for_function("() => location.hash.includes('backward')")
    assert page.locator("#panel h2").text_content().startswith("dinput[")
    page.keyboard.press(" ")
    assert page.locator("#play").get_attribute("aria-pressed") == "true"
    page.keyboard.press("ArrowLeft")  # whoever takes a step stops it
    assert page.locator("#play").get_attribute("aria-pressed") == "false"


ADDRESSES = {
    "#conv1.W[4,0,0,3]&phase=backward": ("conv1.W[4, 0, 0, 3]", "backward-conv1"),
    "#conv1.W%5B4,0,0,3%5D&phase=update": ("conv1.W[4, 0, 0, 3]", "update-conv1"),
    "#dconv1[2,5,9]": ("dconv1[2, 5, 9]", "backward-relu1"),
    "#dconv1[2,5,9]&phase=backward&layer=conv1": ("dconv1[2, 5, 9]", "backward-conv1"),
    "#conv2.x[0,1,1]": ("pool1[0, 1, 1]", "forward-pool1"),
    "#p[3]": ("p[3]", "loss-loss"),
}
WRONG = ["#nothing", "#conv1[9,9,9]", "#%E0%A4%A", "#constructor[1]", "#__proto__&phase=x", "#conv1.W[4,0,0,3"]


def test_every_state_has_an_address(opened):
    """Also one that is opened at it, as a slide does."""
    first = next(iter(ADDRESSES))
    page = opened("lenet5", address=first)
    for address, (shown, stage) in ADDRESSES.items():
        page.evaluate("address => { location.hash = address; }", address)
        page.wait_for_function("shown => document.querySelector('#panel h2').textContent === shown", arg=shown)
        assert page.locator(".stage:not([hidden])").get_attribute("id") == stage


def test_an_address_of_nothing_says_so(opened):
    page = opened("lenet5", address=WRONG[0])
    assert page.locator(".stage:not([hidden])").get_attribute("id") == "forward-conv1"
    for address in WRONG:
        page.evaluate("address => { note.textContent = ''; location.hash = address; showAddress(); }", address)
        assert page.locator("#note").text_content(), address
        assert page.locator(".stage:not([hidden])").get_attribute("id") == "forward-conv1"


BARE = ["loss", "L", "S", "p", "z", "y", "dz", "conv1", "conv2.x", "conv1.dW", "batchnorm1.xhat"]


def test_every_name_that_is_printed_can_be_asked_for():
    """One of each array, and the names without an index."""
    step = step_of("mixed")
    printed = re.findall(r"([\w.]+)(\[[\d, ]+\])", step_text.as_text(step))
    for name, index in [*dict(printed).items(), *((name, "") for name in BARE)]:
        assert "".join(names.lines(step, name + index))


def test_every_name_that_is_printed_can_be_typed_and_clicked(opened):
    """The page takes it for the same number as Python."""
    step = step_of("mixed")
    printed = sorted({*re.findall(r"[\w.]+\[[\d, ]+\]", step_text.as_text(step)), *BARE})
    page, values = opened("mixed"), names.arrays(step)
    found = page.evaluate(
        "all => all.map(text => resolved(text, 'loss')).map(one => [one.name, one.at, valueOf(one.name, one.at)])",
        printed,
    )
    for text, (name, at, value) in zip(printed, found, strict=True):
        assert (name, tuple(at)) == names.resolved(step, text)
        if at:
            assert value == pytest.approx(float(values[name][tuple(at)]), rel=1e-12, abs=1e-300)
    asked(page, "dconv1.W[1,0,2,2]")
    links = page.eval_on_selector_all("a.name", "all => all.map(one => one.hash)")
    assert len(links) > 20
    assert page.evaluate("all => all.every(hash => !stateOf(hash).error)", links)


def test_letters_pixels_cells_and_lines_of_code_light_up_together(opened):
    page = opened("lenet5", address="#conv1[1,6,13]&phase=forward")
    page.hover('#forward-conv1 mi[data-token="W"]')
    assert lit(page) >= {"mi", "code", "DIV", "TD", "A"}
    assert page.locator(".line:has(.lit)").count() >= 2
    page.mouse.move(0, 0)
    assert lit(page) == set()
    page.locator("#panel .terms a.name").first.focus()
    assert page.locator(".hint").count() == 1 and "code" in lit(page)
    page.evaluate("scrollTo(0, 0)")
    picture = page.locator('#forward-conv1 img[data-name="input"]')
    box = picture.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 15.5 / 28, box["y"] + box["height"] * 8.5 / 28)
    assert set(page.locator(".same").evaluate_all("all => all.map(one => one.dataset.number)")) == {"input[0,8,15]"}
    page.locator('#forward-conv1 mi[data-token="b"]').click()
    page.wait_for_function("() => document.querySelector('#panel h2').textContent.startsWith('conv1.b[')")


def test_clicking_a_picture_chooses_its_number(opened):
    step = step_of("lenet5")
    page = opened("lenet5")
    picture = page.locator('#forward-conv1 img[data-name="conv1"][data-prefix="[2]"]')
    picture.scroll_into_view_if_needed()
    box = picture.bounding_box()
    picture.click(position={"x": box["width"] * 7.5 / 24, "y": box["height"] * 0.5 / 24})
    page.wait_for_function("() => document.querySelector('#panel h2').textContent === 'conv1[2, 0, 7]'")
    assert totals(page) == pytest.approx([step.output(0)[2, 0, 7], step.dout(0)[2, 0, 7]])
    assert page.locator(".mark:not(.window)").count() == 1 and page.locator(".window").count() == 2  # its x, its kernel
    page.locator("#panel .row a", has_text="conv1.W").click()
    page.wait_for_function("() => document.querySelector('#panel h2').textContent.startsWith('conv1.W[2, 0, ')")
    page.click("#phases a[data-to=backward]")
    page.locator('#backward-conv1 img[data-name="conv1.b"]').click(position={"x": 3, "y": 3})
    page.wait_for_function("() => document.querySelector('#panel h2').textContent === 'dconv1.b[0]'")
    assert page.locator(".stage:not([hidden])").get_attribute("id") == "backward-conv1"


@pytest.mark.parametrize("name", ["mixed", pytest.param("lenet5", marks=pytest.mark.thorough), "mlp"])
def test_what_if_is_the_librarys_loss(opened, name):
    """By a forward pass of the library with the weight changed."""
    step = step_of(name)
    page, layers = opened(name), step.network.layers
    for path, before in step.before.items():
        at = step_text.largest(step, path)
        k = [layer.name for layer in layers].index(path.split(".")[0])
        for change in (0.5, -1e-3):
            changed = before.copy()
            changed[at] += change
            _, x = jacobian.answered(step, k, step.output(k - 1)[..., None], **{path.split(".")[1]: changed})
            for later in range(k + 1, len(layers)):
                _, x = jacobian.answered(step, later, x)
            expected = nn.softmax_cross_entropy(x, np.array([step.label]))[0]
            got = page.evaluate("([path, at, change]) => lossAfter(path, at)(change)", [path, list(at), change])
            assert got == pytest.approx(expected, rel=1e-9, abs=1e-12)
        assert page.evaluate("([path, at]) => lossAfter(path, at)(0)", [path, list(at)]) == pytest.approx(step.loss)


def test_what_if_follows_the_slider(opened):
    page = opened("logistic", address="#dense1.W[3,400]&phase=update")
    rows = (
        "all => Object.fromEntries([...all].map(row => [row.cells[0].textContent, Number(row.cells[1].textContent)]))"
    )
    page.select_option(".whatif select", "0.01")
    page.locator(".whatif input").fill("-100")
    told = page.eval_on_selector_all(".whatif tbody tr", rows)
    assert told["change of dense1.W[3, 400]"] == -0.01
    assert told["change of the loss"] == pytest.approx(told["gradient × change"] + told["remainder"], rel=1e-4)
    assert abs(told["remainder"]) < 0.05 * abs(told["gradient × change"])
    measured = told["gradient, measured from both sides"]
    assert measured == pytest.approx(told["gradient, by backpropagation"], rel=1e-4)


@pytest.mark.parametrize("width", [320, pytest.param(390, marks=pytest.mark.thorough)])
def test_on_a_phone_the_card_has_the_screen(opened, width):
    page = opened("lenet5", width=width)
    bar = page.locator(".keys").bounding_box()
    assert bar["height"] < 70 and bar["y"] + bar["height"] == pytest.approx(800, abs=1)
    assert page.locator("aside").evaluate("one => getComputedStyle(one).position") == "static"
    page.click("#jump")
    page.wait_for_function("() => document.querySelector('aside').getBoundingClientRect().top < 100")
