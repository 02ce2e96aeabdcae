"""The page in a real browser: drawing, what is read, keys, and what it says when something does not work."""

import json

import numpy as np
import pytest

from tests.tools.browsing import Server
from tests.tools.page import CONTEXT, SCREENS, big, current, drag, draw, forty_two, ink, inked, opened, until, words
from tests.tools.photos import DIGITS

pytest.importorskip("flask")
pytest.importorskip("waitress")

MINUS = [np.linspace([120, 250], [380, 250], 6)]
EQUALS = [np.linspace([120, y], [380, y], 6) for y in (200, 300)]
DOUBTFUL = [[[180, 120], [300, 120], [330, 170], [300, 240], [220, 250]], [[300, 240], [300, 400]]]  # a 3, or a 7


def set_strokes(page, strokes):
    page.evaluate(f"strokes => {CONTEXT}.then(({{ context }}) => context.setStrokes(strokes, 24))", strokes)
    until(page, "!['', '–'].includes(document.getElementById('big').textContent)")


def test_a_drawn_digit_is_read_and_lies_under_the_pointer(page):
    strokes = draw(page, 3)
    assert (big(page), words(page)) == ("3", "Looks like a 3, and I am sure.")
    assert "%" in page.locator("#confidence").text_content()
    canvas = ink(page)
    scale = canvas.shape[0] / 500
    rows, columns = np.nonzero(canvas < 128)
    points = np.concatenate(strokes) * scale
    within = 1 * scale * 500 / page.locator("#pad").bounding_box()["width"]  # a pixel of the screen
    for axis, places in ((0, columns), (1, rows)):
        assert abs(places.min() - (points[:, axis].min() - 12 * scale)) <= within + 1
        assert abs(places.max() - (points[:, axis].max() + 12 * scale)) <= within + 1


def test_the_answer_follows_the_pointer(desk):
    """The digit is there before the pen is lifted, and nothing is called no digit that may become one."""
    box = desk.locator("#pad").bounding_box()
    factor = box["width"] / 500
    desk.mouse.move(box["x"] + 250 * factor, box["y"] + 90 * factor)
    desk.mouse.down()
    until(desk, "document.getElementById('words').textContent === 'Go on …'")
    desk.mouse.move(box["x"] + 250 * factor, box["y"] + 400 * factor, steps=12)
    until(desk, "document.getElementById('big').textContent === '1'")
    desk.mouse.up()
    until(desk, "document.getElementById('words').textContent === 'Looks like a 1, and I am sure.'")


def test_digit_sentence_confidence_and_bars_are_of_one_network(desk):
    asked = []
    desk.on("request", lambda request: asked.append(request.url))
    set_strokes(desk, DOUBTFUL)
    reading = current(desk, "context.current.reading")
    assert reading["verdict"] == "unsure"
    p = np.array(reading["probabilities"])
    first, second = np.argsort(-p)[:2]
    assert words(desk) == f"Perhaps a {first} ({100 * p.max():.0f}\N{NO-BREAK SPACE}%), or a {second}."
    assert big(desk) == str(first) == desk.locator(".best .name").text_content()
    assert "lenet5" in current(desk, "context.current.name") and asked == []  # nobody else is asked


@pytest.mark.parametrize("strokes", [EQUALS, MINUS], ids=["equals", "minus"])
def test_what_is_no_digit_is_called_so(desk, strokes):
    drag(desk, strokes)
    assert (big(desk), words(desk)) == ("?", "That is no digit, as far as I know.")
    assert desk.locator("#confidence").text_content().startswith("If anything, a")


def test_an_eight_has_the_right_article(desk):
    draw(desk, 8)
    assert words(desk) == "Looks like an 8, and I am sure."


def test_a_number_is_boxed_and_can_be_read_as_one_digit(desk):
    forty_two(desk)
    assert words(desk) == "42: I am sure of both."
    assert desk.locator(".box").count() == 2
    desk.click("#more")
    desk.check("#single")
    until(desk, "document.querySelectorAll('.box').length === 0")
    assert len(big(desk)) == 1


def test_a_seven_above_a_three_are_two_digits(desk):
    draw(desk, 7, scale=1.6, left=180, top=40)
    draw(desk, 3, scale=1.6, left=180, top=300)
    assert (big(desk), desk.locator(".box").count()) == ("73", 2)


def test_one_digit_of_a_number_is_chosen(desk):
    forty_two(desk)
    assert current(desk, "context.current.reading.digit") == 4
    desk.locator("#digits button").nth(1).click()
    assert desk.locator("#digits button").nth(1).get_attribute("aria-pressed") == "true"
    assert desk.evaluate("document.activeElement.getAttribute('aria-label')") == "digit 2: 2, sure"
    assert desk.locator(".box.chosen").text_content() == "2" and big(desk) == "42"
    assert current(desk, "[context.current.reading.digit, context.current.chosen]") == [2, 1]
    assert desk.locator(".best .name").first.text_content() == "2"


def test_the_others_are_under_compare_and_loaded_when_it_is_opened(desk):
    asked = []
    desk.on("request", lambda request: asked.append(request.url))
    draw(desk, 3)
    assert asked == [] and desk.locator(".card").count() == 0
    desk.click("#compare summary")
    until(desk, "[...document.querySelectorAll('.card strong')].map((one) => one.textContent).join() === '3,3'")
    assert len(asked) == 2
    assert "simplest baseline" in desk.locator(".card").nth(1).text_content()
    desk.click("#clear")
    draw(desk, 7)
    assert desk.locator(".card strong").all_text_contents() == ["7", "7"]  # and follow, too


def test_what_did_not_come_to_compare_is_asked_for_again(desk):
    desk.route("**/mlp.safetensors", lambda route: route.abort())
    draw(desk, 3)
    desk.click("#compare summary")
    until(desk, "document.querySelector('.card p')?.textContent.startsWith('The network mlp did not load')")
    desk.unroute("**/mlp.safetensors")
    desk.click("#compare summary")
    desk.click("#compare summary")
    desk.wait_for_selector(".card:nth-child(2) .best")
    assert desk.locator(".card").count() == 2 and "did not load" not in desk.locator("#others").text_content()


def test_a_tap_is_a_dot_and_undo_redo_and_clear_do_what_they_say(desk):
    box = desk.locator("#pad").bounding_box()
    desk.mouse.click(box["x"] + 100, box["y"] + 100)
    assert inked(desk) > 100
    draw(desk, 1)
    both = ink(desk)
    desk.keyboard.press("Control+z")
    assert inked(desk) < (both < 128).sum()
    desk.keyboard.press("Control+Shift+Z")
    np.testing.assert_array_equal(ink(desk), both)
    desk.click("#undo")
    desk.click("#undo")
    until(desk, "document.getElementById('words').textContent === 'Draw a digit.'")
    assert inked(desk) == 0 and current(desk, "context.current") is None
    desk.click("#more")
    desk.click("#redo")
    desk.keyboard.press("Escape")
    assert inked(desk) == 0
    desk.keyboard.press("Control+z")  # nothing is lost by clearing
    assert inked(desk) > 0


def test_the_eraser_cuts_strokes_and_what_is_left_is_read(desk):
    draw(desk, 8)
    before, strokes = inked(desk), current(desk, "context.current.strokes.length")
    desk.click("#more")
    desk.click("#eraser")
    assert desk.locator("#eraser").get_attribute("aria-pressed") == "true"
    drag(desk, [np.linspace([150, 240], [400, 240], 8)])
    assert inked(desk) < before
    assert current(desk, "context.current.strokes.length") > strokes  # it is of strokes still
    desk.keyboard.press("Control+z")
    assert inked(desk) == before and big(desk)


def test_the_brush_has_a_width_which_is_that_of_the_drawing(desk):
    draw(desk, 1)
    thin = inked(desk)
    desk.click("#more")
    desk.fill("#width", "48")
    until(desk, f"{CONTEXT}.then(({{ context }}) => context.current?.brush === 48)")
    assert inked(desk) > 1.7 * thin


def test_drawing_with_the_keyboard(desk):
    desk.focus("#pad")
    for key in ["ArrowUp"] * 12 + ["Space"] + ["ArrowDown"] * 24 + ["Space"]:
        desk.keyboard.press(key)
    until(desk, "document.getElementById('words').textContent === 'Looks like a 1, and I am sure.'")
    assert desk.locator("#keys").text_content() == "brush up"


def test_three_pictures_and_every_step_on_demand(desk):
    draw(desk, 3)
    assert desk.locator("#three strong").all_text_contents() == ["Your ink", "Centred", "28 x 28"]
    assert desk.locator("#steps figure").count() == 0
    desk.click("#steps-of summary")
    desk.wait_for_selector("#steps figure")
    assert desk.locator("#steps figure").count() == 4
    assert all(text.count(".") == 1 for text in desk.locator("#steps figcaption").all_text_contents())
    desk.locator("#three canvas").last.hover()
    assert "row" in desk.locator("#value").text_content()


def test_parts_are_told_what_is_read_and_may_ask_for_it_again(desk):
    draw(desk, 7)
    told = desk.evaluate(
        f"""async () => {{ const {{ context }} = await {CONTEXT}; const told = [];
        context.onReading((current) => told.push(current && current.reading.digit));
        const network = await context.load(context.reader);
        Object.values(network.parameters).at(-1)[2] += 100;
        context.readAgain();
        return [told, context.current.network === network, context.current.image.length]; }}"""
    )
    assert told == [[7, 2], True, 784]
    assert big(desk) == "2"


def test_a_second_pointer_is_not_heeded(desk):
    box = desk.locator("#pad").bounding_box()
    desk.mouse.move(box["x"] + 100, box["y"] + 100)
    desk.mouse.down()
    desk.evaluate(
        """([x, y]) => { const pad = document.getElementById('pad');
        for (const kind of ['pointerdown', 'pointermove', 'pointerup']) pad.dispatchEvent(new PointerEvent(kind,
          {pointerId: 77, clientX: x, clientY: y, bubbles: true, button: 0})); }""",
        [box["x"] + 350, box["y"] + 350],
    )
    desk.mouse.move(box["x"] + 100, box["y"] + 200)
    desk.mouse.up()
    columns = np.nonzero((ink(desk) < 128).any(axis=0))[0]
    assert columns.max() < 200 * 500 / box["width"]  # nothing where the other one was


# ---- before anything is drawn


def test_the_empty_page_draws_a_digit_by_itself_until_it_is_touched(browser, server):
    for page in opened(browser, server, reduced_motion="no-preference", **SCREENS["desk"]):
        until(page, "/^Looks like a [37], and I am sure.$/.test(document.getElementById('words').textContent)")
        assert current(page, "context.current") is None  # it is nobody's drawing
        assert page.locator("#hint").is_visible() and page.locator("#undo").get_attribute("aria-disabled") == "true"
        draw(page, 8)
        assert big(page) == "8" and current(page, "context.current.strokes.length") == len(DIGITS[8])
    for page in opened(browser, server, **SCREENS["desk"]):
        page.wait_for_timeout(1_500)
        assert (big(page), words(page)) == ("–", "Draw a digit.")


def test_why_says_what_to_do_where_nothing_is_drawn(desk):
    desk.evaluate("document.getElementById('network').hidden = false")
    desk.click("#explain")
    assert words(desk) == "Draw a digit first: then I can show why I read it so."
    assert desk.locator("#said").text_content() == words(desk)


# ---- when something does not come


@pytest.mark.parametrize("module", ["main.js", "pad.js", "engine/layers.js"])
def test_a_module_that_does_not_load_says_so(browser, server, module):
    page = browser.new_page()
    page.route(f"**/{module}", lambda route: route.fulfill(status=404))
    page.goto(server.url)
    until(page, "getComputedStyle(document.getElementById('loading')).visibility === 'visible'")
    assert "load the page again" in page.locator("#loading").text_content()
    page.close()


def test_a_part_that_does_not_load_says_so_and_the_page_goes_on(desk):
    parts = CONTEXT.replace("context.js')", "parts.js')")
    desk.evaluate(
        f"""{parts}.then(({{ mountPart }}) => {{ addEventListener('error', (event) => event.preventDefault());
        return mountPart(document.getElementById('network'), './missing.js', null); }})"""
    )
    assert "did not load. Load the page again." in desk.locator("#network").text_content()
    draw(desk, 3)
    assert big(desk) == "3"


def test_without_javascript_the_page_says_so(browser, server):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(server.url)
    assert page.locator("noscript").is_visible()
    context.close()


def test_a_network_that_does_not_come_is_asked_for_again(browser, server):
    context = browser.new_context(reduced_motion="reduce", **SCREENS["desk"])
    page = context.new_page()
    page.route("**/*.safetensors", lambda route: route.abort())
    page.goto(server.url)
    page.wait_for_selector("#error:not([hidden])")
    assert "lenet5 did not load" in page.locator("#error").text_content() and words(page) == "Draw a digit."
    page.click("#pad")
    until(page, "document.getElementById('words').textContent === 'No answer.'")
    page.unroute("**/*.safetensors")
    page.click("#clear")
    draw(page, 3)
    assert big(page) == "3"
    assert page.locator("#error").is_hidden()
    context.close()


def test_without_the_server_drawings_are_read(browser):
    own = Server()
    for page in opened(browser, own, **SCREENS["desk"]):
        own.stop()
        draw(page, 6)
        assert big(page) == "6"
        page.click("#more")
        page.click("#random")
        page.wait_for_selector("#error:not([hidden])")
        assert "does not answer" in page.locator("#error").text_content()
        draw(page, 1, left=20)
        assert page.locator("#error").is_hidden()  # it was of another question
        page.keyboard.press("Control+z")
        assert big(page) and current(page, "context.current.strokes.length") > 0


# ---- keys


def test_escape_and_undo_end_the_stroke_that_is_drawn(desk):
    desk.focus("#pad")
    for end in ("Escape", "Control+z"):
        for key in ["Space"] + ["ArrowDown"] * 5 + [end] + ["ArrowRight"] * 8:
            desk.keyboard.press(key)
        assert desk.locator("#keys").text_content().startswith("brush at")
        for key in ("Space", "ArrowLeft", "Space"):
            desk.keyboard.press(key)
        assert inked(desk) > 400
        desk.focus("#pad")
        desk.keyboard.press("Escape")
    box = desk.locator("#pad").bounding_box()
    desk.mouse.move(box["x"] + 100, box["y"] + 100)
    desk.mouse.down()
    desk.mouse.move(box["x"] + 200, box["y"] + 100, steps=4)
    desk.keyboard.press("Escape")
    desk.mouse.move(box["x"] + 200, box["y"] + 300, steps=4)
    desk.mouse.up()
    assert inked(desk) == 0
    draw(desk, 1)  # and the pad is not left holding a pointer
    assert big(desk) == "1"


def test_escape_clears_from_the_pad_and_not_from_elsewhere(desk):
    draw(desk, 1)
    desk.click("#more")
    for place in ("#single", "#width", "#steps-of summary"):
        desk.focus(place)
        desk.keyboard.press("Escape")
        assert inked(desk) > 0
    desk.focus("#pad")
    desk.keyboard.press("Escape")
    until(desk, "document.getElementById('words').textContent === 'Draw a digit.'")


def test_the_keys_are_told_to_who_draws_with_them(desk):
    assert desk.locator("#pad-help").is_hidden()
    desk.keyboard.press("Tab")
    assert desk.evaluate("document.activeElement.id") == "pad"
    assert desk.locator("#pad-help").is_visible()
    assert desk.locator("#pad").get_attribute("role") == "application"
    draw(desk, 1)
    assert desk.locator("#pad-help").is_hidden()


def test_undo_keeps_the_focus_when_nothing_is_left_to_undo(desk):
    draw(desk, 1)
    desk.focus("#undo")
    desk.keyboard.press("Enter")
    assert desk.locator("#undo").get_attribute("aria-disabled") == "true"
    assert desk.evaluate("document.activeElement.id") == "undo"
    desk.keyboard.press("Enter")
    until(desk, "document.getElementById('words').textContent === 'Draw a digit.'")


def test_the_page_promises_what_is_true_of_any_host(desk):
    assert "What you draw stays in your browser." in desk.locator("footer").text_content()


def test_the_configuration_is_not_run(desk):
    config = json.loads(desk.locator("#config").text_content())
    assert [network["name"] for network in config["networks"]] == ["lenet5", "mlp", "logistic"]
