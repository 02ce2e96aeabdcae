"""The page of ``nnscratch study step`` in a browser: its panel, its player, what lights up, and "what if"."""

import re

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.study.step import arithmetic, jacobian, names
from nnscratch.study.step import page as step_page
from nnscratch.study.step import text as step_text
from nnscratch.study.step.update import update_lines
from tests.tools.steps import NUMBER, some, step_of, summed

PAGES = {}


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
WRONG += ["#conv1.W[4,0,0,3]&phase=Backward"]


def test_every_state_has_an_address(opened):
    """Also one that is opened at it, as a slide does."""
    first = next(iter(ADDRESSES))
    page = opened("lenet5", address=first)
    for address, (shown, stage) in ADDRESSES.items():
        page.evaluate("address => { location.hash = address; }", address)
        page.wait_for_function("shown => document.querySelector('#panel h2').textContent === shown", arg=shown)
        assert page.locator(".stage:not([hidden])").get_attribute("id") == stage


def test_an_address_of_nothing_says_so(opened):
    page = opened("lenet5", address=WRONG[-1])
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
