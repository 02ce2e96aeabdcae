"""The page is taught: steps as Python takes them, what they cost, undo, and corrections to take along."""

import json

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.data.drawings import read_drawings
from nnscratch.data.source import open_dataset
from nnscratch.web.data_files import test_digits as digits_file
from tests.tools.page import CONTEXT, SCREENS, big, current, draw, forty_two, opened, until
from tests.web.engine.conftest import Engine, array

pytest.importorskip("flask")
pytest.importorskip("waitress")

pytestmark = pytest.mark.thorough

LESSON = """
const { lesson, weightsOf, restore, moved } = await import('/teach/teaching.js');
const network = parseNetwork(await bytes('network'));
const before = weightsOf(network);
const steps = [...lesson(network, new Uint8Array(await bytes('image')), LABEL)];
const theta = new Float32Array(Object.values(network.parameters).flatMap((one) => [...one]));
const names = Object.keys(network.parameters);
const result = { steps, names, theta: await base64(theta), moved: moved(network, before) };
restore(network, before);
return { ...result, back: moved(network, before) };
"""


@pytest.fixture(scope="module")
def engine(browser):
    engine = Engine(browser.new_page())
    yield engine
    engine.close()


def saved(model, tmp_path):
    model.save(tmp_path / "network.safetensors")
    return (tmp_path / "network.safetensors").read_bytes()


# ---- a lesson


@pytest.mark.parametrize("name", ["lenet5", "mlp", "logistic"])
def test_a_lesson_is_gradient_descent(engine, tmp_path, name):
    """As Python's: the rate is a tenth of loss / |g|^2 at the start, and it ends when the label is read."""
    model, mnist = nn.load_pretrained(name), nn.load_mnist()
    image, label = mnist.test_images[0], 3  # a 7
    data = saved(model, tmp_path)
    found = engine.run(LESSON.replace("LABEL", str(label)), network=data, image=image.tobytes())
    losses = [step["loss"] for step in found["steps"]]
    x, before, rate = model.batches(image[None]).x(np.arange(1)), model.theta.copy(), None
    for loss in losses[:-1]:
        logits = model.forward(x, record=True)
        mine, dlogits = nn.softmax_cross_entropy(logits, np.array([label]))
        assert mine == pytest.approx(loss, rel=1e-3)
        model.backward(dlogits)
        rate = rate or mine / (10 * float((model.gradient.astype(np.float64) ** 2).sum()))
        model.theta -= (rate * model.gradient).astype(np.float32)
    assert model.predict(image[None])[0] == label
    theirs = array(found["theta"], np.float32)
    mine = np.concatenate([model.parameters[key].ravel() for key in found["names"]])
    assert np.abs(theirs - mine).max() < 1e-4 * np.abs(mine - np.concatenate([before])).max()
    assert found["moved"] == pytest.approx(np.linalg.norm(model.theta - before) / np.linalg.norm(before), rel=1e-3)
    assert found["back"] == 0
    last = found["steps"][-1]
    assert last["isRead"] and last["digit"] == label and last["probability"] >= 0.5 and len(losses) <= 101
    assert losses == sorted(losses, reverse=True)


def test_what_is_read_already_takes_no_step(engine, tmp_path):
    image = nn.load_mnist().test_images[0]
    data = saved(nn.load_pretrained("lenet5"), tmp_path)
    found = engine.run(LESSON.replace("LABEL", "7"), network=data, image=image.tobytes())
    assert len(found["steps"]) == 1 and found["moved"] == 0


FIXED = """const stayed = (key) => before[key].every((w, k) => w === network.parameters[key][k]);
result.fixed = names.filter(stayed);
restore("""


def test_layers_that_are_not_trainable_stay(engine, tmp_path):
    model, image = nn.load_pretrained("lenet5"), nn.load_mnist().test_images[0]
    for layer in model.layers[:-1]:
        layer.trainable = False
    script = LESSON.replace("LABEL", "3").replace("restore(", FIXED)
    found = engine.run(script, network=saved(model, tmp_path), image=image.tobytes())
    last = model.layers[-1].name
    assert set(found["names"]) - set(found["fixed"]) == {f"{last}.W", f"{last}.b"}


# ---- the test digits

EXAM = """
const { parseTestDigits, countRight } = await import('/teach/exam.js');
const shares = [];
const [network, digits] = [parseNetwork(await bytes('network')), parseTestDigits(await bytes('digits'))];
const right = await countRight(network, digits, (share) => { shares.push(share); });
return { right, last: shares.at(-1) };
"""


def test_as_many_test_digits_are_right_as_in_python(engine, tmp_path):
    model, mnist = nn.load_pretrained("logistic"), nn.load_mnist()
    found = engine.run(EXAM, network=saved(model, tmp_path), digits=digits_file())
    right = model.predict(mnist.test_images[:1_000]) == mnist.test_labels[:1_000]
    assert found == {"right": int(right.sum()), "last": 1}


@pytest.mark.parametrize(
    "data", [b"", b"\0\0\0\0", b"\1\0\0\0", digits_file(3)[:-1], digits_file(3) + b"\0", b"\xff" * 789]
)
def test_damaged_test_digits_are_refused(engine, data):
    script = """const { parseTestDigits } = await import('/teach/exam.js');
    try { parseTestDigits(await bytes('digits')); return 'taken'; } catch (error) { return error.message; }"""
    assert engine.run(script, digits=data) == "The file of test digits is damaged."


# ---- on the page


def logits(page):
    return current(page, "[...context.current.network.forward(context.current.image).logits]")


def teach(page, digit):
    page.get_by_role("button", name=f"No, it was a {digit}", exact=True).click()
    until(page, "!['', 'Learning …'].includes(document.querySelector('#teach .told').textContent)")


def draw_one(page):
    strokes = draw(page, 1)
    until(page, "document.getElementById('big').textContent === '1'")
    return strokes


def reloaded(page):
    page.reload()
    page.wait_for_selector(".column")


def kept(page):
    return page.evaluate("JSON.parse(localStorage.getItem('nnscratch-corrections') ?? '[]')")


def told(page):
    return page.locator("#teach .told").text_content()


def test_the_digit_flips_the_cost_is_told_and_undo_takes_it_back(desk):
    draw_one(desk)
    before = logits(desk)
    teach(desk, 7)
    assert big(desk) == "7" and current(desk, "context.current.reading.digit") == 7
    assert told(desk).startswith("Learnt: a 7 (") and "no longer a 1. In " in told(desk)
    assert desk.locator(".curve circle").count() > 3
    assert desk.locator("#taught").text_content().startswith("Taught: 1 lesson")
    desk.get_by_role("button", name="What did that cost?").click()
    until(desk, "document.querySelector('.lesson .quiet').textContent.startsWith('Of 1,000 test digits it read ')")
    model, mnist = nn.load_pretrained("lenet5"), nn.load_mnist()
    right = int((model.predict(mnist.test_images[:1_000]) == mnist.test_labels[:1_000]).sum())
    assert f"it read {right} before" in desk.locator(".lesson .quiet").text_content()
    draw(desk, 3, scale=1, left=20, top=20)  # the next drawings are read by the taught network
    assert desk.locator("#taught").is_visible()
    desk.click("#undo")
    desk.click("#teach .lesson + .tools button:last-child")
    assert desk.locator("#taught").is_hidden()
    assert logits(desk) == before and big(desk) == "1"


def test_even_a_clear_digit_becomes_another(desk):
    draw(desk, 3)
    teach(desk, 5)
    assert big(desk) == "5" and told(desk).startswith("Learnt: a 5")


def test_lessons_are_undone_one_by_one_or_all(desk):
    draw_one(desk)
    states = [logits(desk)]
    for digit in (7, 4):
        teach(desk, digit)
        until(desk, f"document.getElementById('big').textContent === '{digit}'")
        states.append(logits(desk))
    assert [one["label"] for one in kept(desk)] == [4]  # what was said last of the same drawing
    desk.get_by_role("button", name="Undo", exact=True).last.click()
    assert logits(desk) == states[1] and kept(desk) == []  # the slip is no correction
    desk.get_by_role("button", name="Undo all").click()
    assert logits(desk) == states[0]


def test_corrections_stay_and_are_taught_again_and_taken_along(desk, tmp_path):
    strokes = draw_one(desk)
    teach(desk, 7)
    reloaded(desk)
    desk.wait_for_selector("#teach .stock button")
    assert desk.locator("#taught").is_hidden()
    stock = desk.locator("#teach .stock p").first
    assert (
        stock.text_content() == "1 correction stays in this browser. The network is as it came: it can be taught again."
    )
    draw_one(desk)
    assert big(desk) == "1"
    desk.get_by_role("button", name="Teach again").click()
    until(desk, "document.getElementById('big').textContent === '7'")
    until(desk, "document.querySelector('#teach .told').textContent === 'Of 1 correction it now reads 1.'")
    assert stock.text_content() == "1 correction stays in this browser."
    with desk.expect_download() as download:
        desk.get_by_role("button", name="Save corrections.json").click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    (drawing,) = read_drawings(path)
    assert (path.name, drawing.label, drawing.box, drawing.brush) == ("corrections.json", 7, (500, 500), 24)
    np.testing.assert_allclose(np.concatenate(drawing.strokes)[[0, -1]], np.concatenate(strokes)[[0, -1]], atol=2)
    data = open_dataset(None, add=str(path))
    assert data.added == 1 and data.train_labels[-1] == 7
    np.testing.assert_array_equal(data.train_images[-1].ravel(), current(desk, "[...context.current.image]"))
    desk.get_by_role("button", name="Delete").click()
    assert desk.evaluate("localStorage.getItem('nnscratch-corrections')") is None


def test_of_several_digits_none_is_taught(desk):
    forty_two(desk)
    assert desk.locator("#teach .part > p").first.text_content() == "Several digits: draw one alone to teach it."
    assert desk.locator("#teach .choices button").first.get_attribute("aria-disabled") == "true"


def test_when_the_test_digits_do_not_come_it_says_so(desk):
    desk.route("**/data/test-digits.bin", lambda route: route.abort())
    draw_one(desk)
    teach(desk, 7)
    desk.get_by_role("button", name="What did that cost?").click()
    until(
        desk,
        "document.querySelector('.lesson .quiet').textContent === 'The test digits did not load. Are you connected?'",
    )


GOOD = {"label": 7, "strokes": [[[100, 100], [200, 100]]], "brush": 24}


@pytest.mark.parametrize(
    ("kept", "count"),
    [
        ("no JSON", 0),
        ("3", 0),
        ('{"a": 1}', 0),
        ("[[[[]]]]", 0),
        (json.dumps([None, 3, "x", GOOD | {"label": 10}, GOOD | {"label": "7"}, GOOD | {"strokes": []}]), 0),
        (json.dumps([GOOD | {"strokes": [[[1e9, 0]]]}, GOOD | {"brush": 1e9}, GOOD]), 1),
        (json.dumps([GOOD] * 700), 500),
        (json.dumps([{**GOOD, "strokes": [[[0, 0]] * 6000]}]), 0),
    ],
)
def test_whatever_is_kept_the_page_works(desk, kept, count):
    desk.evaluate(
        "kept => { for (const name of ['corrections', 'drawings']) localStorage.setItem(`nnscratch-${name}`, kept); }",
        kept,
    )
    reloaded(desk)
    draw(desk, 3)
    assert big(desk) == "3"
    shown = desk.locator("#teach .stock")
    assert shown.is_visible() is bool(count) and (not count or shown.text_content().startswith(f"{count} correction"))


@pytest.mark.parametrize(
    "script",
    [
        "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } });",
        "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); };",
    ],
    ids=["blocked", "full"],
)
def test_without_storage_the_page_works_and_says_that_nothing_is_kept(desk, script):
    desk.add_init_script(script)
    reloaded(desk)
    draw_one(desk)
    teach(desk, 7)
    assert big(desk) == "7", told(desk)
    assert "keeps nothing for this page" in desk.locator("#teach .stock").text_content()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser, server, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    for page in opened(browser, server, color_scheme=scheme, **SCREENS["desk"]):
        draw_one(page)
        teach(page, 7)
        page.wait_for_selector(".history button")
        page.get_by_role("button", name="Copy a link").click()
        page.wait_for_timeout(300)
        results = axe.Axe().run(page)
        assert results.violations_count == 0, results.generate_report()


@pytest.mark.parametrize("width", [320, 390])
def test_nothing_overflows_on_a_phone(browser, server, width):
    for page in opened(browser, server, viewport={"width": width, "height": 700}):
        draw_one(page)
        teach(page, 7)
        page.wait_for_selector(".history button")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(f"{CONTEXT}.then(() => true)")
