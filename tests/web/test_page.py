"""The page in a real browser: drawing, answers, keys, what happens when the server dies, and axe-core's opinion."""

import base64
import io
import re

import numpy as np
import pytest

from tests.tools.browsing import Server
from tests.tools.photos import DIGITS

pytest.importorskip("flask")
pytest.importorskip("waitress")

SCREENS = {
    "phone": {
        "viewport": {"width": 360, "height": 740},
        "has_touch": True,
        "is_mobile": True,
        "device_scale_factor": 3,
    },
    "desk": {"viewport": {"width": 1280, "height": 800}},
    "fine": {"viewport": {"width": 1280, "height": 800}, "device_scale_factor": 2},
}


@pytest.fixture(scope="module")
def server():
    server = Server()
    yield server
    server.stop()


@pytest.fixture(params=SCREENS)
def page(request, browser, server):
    yield from opened(browser, server, **SCREENS[request.param])


@pytest.fixture
def desk(browser, server):
    yield from opened(browser, server, **SCREENS["desk"])


def opened(browser, server, **options):
    """A page of which no console error, no failure and no outside request may come."""
    context = browser.new_context(**options)
    page, wrong = context.new_page(), []
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))

    def guard(route):
        if route.request.url.startswith(server.url):
            route.continue_()
        else:
            wrong.append(f"outside request: {route.request.url}")
            route.abort()

    page.route(re.compile("^https?:"), guard)
    page.goto(server.url)
    page.wait_for_selector("#models .model")
    yield page
    context.close()
    assert [text for text in wrong if "Failed to load resource" not in text] == []


def draw(page, digit, live=True, scale=2.5, left=170, top=120):
    """Draw a digit with pointer events, as a mouse or a finger does. Return its strokes in canvas pixels."""
    strokes = [stroke * scale + np.array([left, top]) for stroke in DIGITS[digit]]
    page.evaluate("scrollTo(0, 0)")
    box = page.locator("#pad").bounding_box()
    factor = box["width"] / 500
    for stroke in strokes:
        points = [(box["x"] + x * factor, box["y"] + y * factor) for x, y in stroke]
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point)
        page.mouse.up()
    if live:
        settled(page)
    return strokes


def until(page, condition):
    """Wait for a condition; the page's own policy forbids what Playwright's wait_for_function does."""
    for _ in range(3_000):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(20)
    raise AssertionError(f"waited in vain for {condition}")


def settled(page):
    until(page, "!document.querySelector('.results').classList.contains('stale')")


def ink(page):
    """The canvas's own pixels (H, W), 0..255, dark ink on white."""
    script = """() => { const c = document.getElementById('pad');
      const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
      let reds = '';
      for (let k = 0; k < d.length; k += 4) reds += String.fromCharCode(d[k]);
      return [c.width, btoa(reds)]; }"""
    side, coded = page.evaluate(script)
    return np.frombuffer(base64.b64decode(coded), np.uint8).reshape(side, side).astype(int)


def test_a_drawn_digit_is_read_by_all_and_lies_under_the_pointer(page):
    strokes = draw(page, 3)
    assert page.locator("#big").text_content() == "3"
    assert page.locator(".model").count() == 3
    assert "%" in page.locator("#words").text_content()
    canvas = ink(page)
    scale = canvas.shape[0] / 500
    rows, columns = np.nonzero(canvas < 128)
    points = np.concatenate(strokes) * scale
    within = 1 * scale * 500 / page.locator("#pad").bounding_box()["width"]  # a pixel of the screen
    for axis, places in ((0, columns), (1, rows)):
        assert abs(places.min() - (points[:, axis].min() - 12 * scale)) <= within + 1
        assert abs(places.max() - (points[:, axis].max() + 12 * scale)) <= within + 1


@pytest.mark.parametrize("width", [320, 500, 2000])
def test_nothing_overflows(browser, server, width):
    for page in opened(browser, server, viewport={"width": width, "height": 800}):
        draw(page, 8)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_predict_asks_one_and_predict_all_three(desk):
    desk.uncheck("#live")
    draw(desk, 2, live=False)
    assert "stale" in desk.locator(".results").get_attribute("class")
    desk.select_option("#model", "mlp")
    desk.click("#predict")
    settled(desk)
    told = desk.locator(".model .verdict-text").all_text_contents()
    assert [text == "no answer" for text in told] == [True, False, True]
    assert desk.locator("#table tbody tr").nth(0).locator("td").first.text_content() == "–"
    desk.click("#predict-all")
    until(desk, "![...document.querySelectorAll('.verdict-text')].some(told => told.textContent === 'no answer')")
    assert desk.locator(".model").count() == 3 and desk.locator("#table tbody tr").count() == 3


def test_a_tap_is_a_dot_and_undo_redo_and_clear_do_what_they_say(desk):
    box = desk.locator("#pad").bounding_box()
    desk.mouse.click(box["x"] + 100, box["y"] + 100)
    assert (ink(desk) < 128).sum() > 100
    draw(desk, 1)
    both = ink(desk)
    desk.keyboard.press("Control+z")
    assert (ink(desk) < 128).sum() < (both < 128).sum()
    desk.keyboard.press("Control+Shift+Z")
    np.testing.assert_array_equal(ink(desk), both)
    desk.click("#undo")
    desk.click("#undo")
    assert (ink(desk) < 128).sum() == 0 and desk.locator("#words").text_content() == "nothing drawn"
    desk.click("#redo")
    desk.keyboard.press("Escape")
    assert (ink(desk) < 128).sum() == 0
    desk.keyboard.press("Control+z")  # nothing is lost by clearing
    assert (ink(desk) < 128).sum() > 0


def test_the_eraser_takes_ink_away_and_the_rest_is_read(desk):
    draw(desk, 8)
    before = (ink(desk) < 128).sum()
    desk.click("#eraser")
    assert desk.locator("#eraser").get_attribute("aria-pressed") == "true"
    draw(desk, 1, left=100, top=120)
    assert (ink(desk) < 128).sum() < before
    assert desk.locator("#big").text_content() in "0123456789"


def test_the_brush_has_a_width(desk):
    draw(desk, 1)
    thin = (ink(desk) < 128).sum()
    desk.keyboard.press("Escape")
    desk.fill("#width", "48")
    draw(desk, 1)
    assert (ink(desk) < 128).sum() > 1.7 * thin


def test_drawing_with_the_keyboard(desk):
    desk.focus("#pad")
    for key in ["ArrowUp"] * 12 + ["Space"] + ["ArrowDown"] * 24 + ["Space"]:
        desk.keyboard.press(key)
    settled(desk)
    assert desk.locator("#big").text_content() == "1"
    assert desk.locator("#keys").text_content() == "brush up"


def test_upload_and_test_digit(desk, tmp_path):
    from PIL import Image

    from nnscratch.pictures.drawing import render

    drawn = render([stroke * 2.5 + 120 for stroke in DIGITS[5]])
    Image.fromarray(np.rint(255 * (1 - drawn)).astype(np.uint8)).save(tmp_path / "five.png")
    desk.set_input_files("#file", tmp_path / "five.png")
    settled(desk)
    until(desk, "document.getElementById('big').textContent === '5'")
    (tmp_path / "text.png").write_text("no picture")
    desk.set_input_files("#file", tmp_path / "text.png")
    desk.wait_for_selector("#error:not([hidden])")
    assert "not a picture" in desk.locator("#error").text_content()
    desk.click("#random")
    until(desk, "document.getElementById('error').hidden")
    settled(desk)


def test_a_number_is_boxed_and_can_be_read_as_one_digit(desk):
    draw(desk, 4, scale=1.6, left=60, top=150)
    draw(desk, 2, scale=1.6, left=280, top=150)
    until(desk, "document.getElementById('big').textContent === '42'")
    assert desk.locator(".box").count() == 2
    desk.check("#single")
    until(desk, "document.querySelectorAll('.box').length === 0")
    assert len(desk.locator("#big").text_content()) == 1


def test_why(desk):
    draw(desk, 3)
    desk.click("#explain")
    desk.wait_for_selector(".explanation")
    assert desk.locator(".explanation").count() == 3
    assert desk.locator("#classes button[aria-pressed=true]").text_content() == "3"
    desk.locator("#classes button").nth(8).click()
    until(desk, "document.querySelector('.explanation h4').textContent.includes('8')")
    desk.locator("#stages canvas").last.hover()
    assert "row" in desk.locator("#value").text_content()


def test_the_newest_answer_wins(desk):
    """The first answer comes last, and is not shown."""
    first = []

    def slow(route):
        if not first:
            first.append(route)
            return
        route.continue_()

    desk.route("**/api/predict", slow)
    draw(desk, 7, live=False)
    while not first:
        desk.wait_for_timeout(10)
    desk.keyboard.press("Escape")
    draw(desk, 2)
    assert desk.locator("#big").text_content() == "2"
    first[0].continue_()
    desk.wait_for_timeout(300)
    assert desk.locator("#big").text_content() == "2"


def test_when_the_server_dies_the_page_says_so_and_keeps_the_drawing(browser):
    own = Server()
    for page in opened(browser, own, **SCREENS["desk"]):
        draw(page, 6)
        own.stop()
        before = ink(page)
        page.click("#predict-all")
        page.wait_for_selector("#error:not([hidden])")
        assert "does not answer" in page.locator("#error").text_content()
        np.testing.assert_array_equal(ink(page), before)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser, server, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    for page in opened(browser, server, color_scheme=scheme, **SCREENS["desk"]):
        draw(page, 3)
        page.click("#explain")
        page.wait_for_selector(".explanation")
        page.click("#numbers summary")
        page.wait_for_timeout(300)
        results = axe.Axe().run(page)
        assert results.violations_count == 0, results.generate_report()


def test_no_layout_shift(desk):
    desk.evaluate(
        "() => { window.shift = 0; new PerformanceObserver(list => { for (const e of list.getEntries()) "
        "if (!e.hadRecentInput) window.shift += e.value; }).observe({type: 'layout-shift', buffered: true}); }"
    )
    draw(desk, 9)
    desk.wait_for_timeout(300)
    assert desk.evaluate("window.shift") < 0.02


GIVE = """async (kind) => {
  const canvas = new OffscreenCanvas(200, 200), context = canvas.getContext('2d');
  context.fillStyle = '#fff'; context.fillRect(0, 0, 200, 200);
  context.lineWidth = 14; context.beginPath(); context.moveTo(55, 45); context.lineTo(145, 45); context.lineTo(90, 165);
  context.stroke();
  const transfer = new DataTransfer();
  transfer.items.add(new File([await canvas.convertToBlob()], 'seven.png', {type: 'image/png'}));
  const how = {bubbles: true, cancelable: true};
  const event = kind === 'drop' ? new DragEvent('drop', {...how, dataTransfer: transfer})
                                : new ClipboardEvent('paste', {...how, clipboardData: transfer});
  document.body.dispatchEvent(event);
}"""


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_pictures_are_dropped_and_pasted(desk, kind):
    desk.evaluate(GIVE, kind)
    until(desk, "document.getElementById('big').textContent === '7'")


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
    settled(desk)
    columns = np.nonzero((ink(desk) < 128).any(axis=0))[0]
    assert columns.max() < 200 * 500 / box["width"]  # nothing where the other one was


def test_drawing_does_not_scroll(browser, server):
    for page in opened(browser, server, **SCREENS["phone"]):
        client = page.context.new_cdp_session(page)
        box = page.locator("#pad").bounding_box()
        places = [(box["x"] + 150, box["y"] + 60 + 8 * k) for k in range(25)]
        for k, (x, y) in enumerate(places):
            kind = "touchStart" if k == 0 else "touchMove"
            client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
        client.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        settled(page)
        assert page.evaluate("scrollY") == 0
        assert page.locator("#big").text_content() == "1"


# ---- what is asked is what is shown


PICTURE = """async ([width, height, paper, ink, kind]) => {
  const canvas = new OffscreenCanvas(width, height), context = canvas.getContext('2d');
  context.fillStyle = paper; context.fillRect(0, 0, width, height);
  context.strokeStyle = ink; context.lineWidth = 10;
  const side = Math.min(width, height);
  const seven = (x, y) => {
    context.beginPath(); context.moveTo(x + .25 * side, y + .2 * side); context.lineTo(x + .7 * side, y + .2 * side);
    context.lineTo(x + .4 * side, y + .8 * side); context.stroke();
  };
  if (kind === 'sevens') { seven(0, 0); seven(width - side, height - side); }
  if (kind === 'seven') seven((width - side) / 2, (height - side) / 2);
  if (kind === 'noise') {
    const image = context.getImageData(0, 0, width, height);
    for (let k = 0; k < image.data.length; k += 65536) crypto.getRandomValues(image.data.subarray(k, k + 65536));
    image.data.forEach((_, k) => { if (k % 4 === 3) image.data[k] = 255; });
    context.putImageData(image, 0, 0);
  }
  const transfer = new DataTransfer();
  transfer.items.add(new File([await canvas.convertToBlob()], 'picture.png', {type: 'image/png'}));
  const event = new DragEvent('drop', {bubbles: true, cancelable: true, dataTransfer: transfer});
  document.body.dispatchEvent(event);
}"""


def give(page, width, height, paper="#fff", ink="#000", kind="blank"):
    """Drop a picture onto the page, and return the answer to it."""
    with page.expect_response("**/api/predict") as response:
        page.evaluate(PICTURE, [width, height, paper, ink, kind])
    settled(page)
    return response.value


def sent(request):
    """The picture of a question, (H, W) grey."""
    from PIL import Image

    coded = request.post_data_json["image"].partition(",")[2]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(coded))).convert("L")).astype(float)


def shown(page, shape):
    """The pad as it is on the screen, (H, W) grey."""
    from PIL import Image

    page.evaluate("document.activeElement.blur()")
    image = Image.fromarray(ink(page).astype(np.uint8))
    return np.asarray(image.resize(shape[::-1], Image.Resampling.BOX)).astype(float)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("paper", ["#fff", "#000", "#fdf6dc"])
def test_a_digit_drawn_on_a_picture_is_read_as_it_is_shown(browser, server, scheme, paper):
    for page in opened(browser, server, color_scheme=scheme, **SCREENS["desk"]):
        give(page, 500, 500, paper)
        with page.expect_request("**/api/predict") as request:
            draw(page, 3, live=False)
            page.wait_for_timeout(400)
        settled(page)
        asked = sent(request.value)
        assert page.locator("#big").text_content() == "3"
        seen = shown(page, asked.shape)
        assert np.abs(asked - seen).mean() < 10  # of cream paper one is grey, the other the red of it
        assert np.ptp(seen) > 200


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_erased_on_a_picture_is_gone_for_both(browser, server, scheme):
    for page in opened(browser, server, color_scheme=scheme, **SCREENS["desk"]):
        give(page, 500, 500, kind="seven")
        page.fill("#width", "48")
        page.click("#eraser")
        with page.expect_request("**/api/predict") as request:
            draw(page, 1, live=False, left=250, top=350)
        settled(page)
        asked = sent(request.value)
        assert np.abs(asked - shown(page, asked.shape)).mean() < 3
        assert asked[0].mean() == 255 and (asked < 128).mean() < 0.1


def test_on_a_test_digit_strokes_are_light_on_dark(desk):
    with desk.expect_response("**/api/predict"):
        desk.click("#random")
    settled(desk)
    before = (ink(desk) > 200).sum()
    draw(desk, 1, left=20, top=200)
    assert (ink(desk) > 200).sum() > before + 1000


@pytest.mark.parametrize(
    ("size", "colours", "kind", "wanted"),
    [
        ((600, 200), ("#fff", "#000"), "sevens", "77"),
        ((200, 600), ("#fff", "#000"), "seven", "7"),
        ((300, 900), ("#fdf6dc", "#2030a0"), "seven", "7"),
        ((900, 120), ("#fff", "#000"), "sevens", "77"),
        ((120, 900), ("#111", "#eee"), "seven", "7"),
    ],
)
def test_long_pictures_are_read_as_they_are(desk, size, colours, kind, wanted):
    response = give(desk, *size, *colours, kind)
    assert desk.locator("#big").text_content() == wanted
    assert sent(response.request).shape == size[::-1]
    assert abs(ink(desk)[3, 3] - sent(response.request)[3, 3]) < 10  # the rest of the pad is of the same paper


def test_boxes_lie_on_the_digits_of_a_long_picture(desk):
    give(desk, 600, 200, kind="sevens")
    pad = ink(desk)
    frame = desk.locator("#pad").bounding_box()
    left, right = (desk.locator(".box").nth(k).bounding_box() for k in (0, 1))
    for box, half in ((left, pad[:, : len(pad) // 2]), (right, pad[:, len(pad) // 2 :])):
        rows, columns = np.nonzero(half < 128)
        across = columns + (0 if box is left else len(pad) // 2)
        for first, side, places in (("x", "width", across), ("y", "height", rows)):
            low = box[first] - frame[first]
            assert 0 < places.min() - low < 12 and 0 < low + box[side] - places.max() < 12


def test_a_picture_too_large_as_png_is_sent_smaller(desk):
    assert give(desk, 900, 900, kind="noise").status == 200
    assert desk.locator("#error").is_hidden()


# ---- what is shown says of what it is


def test_results_of_another_drawing_say_so(desk):
    draw(desk, 4, scale=1.6, left=60, top=150)
    draw(desk, 2, scale=1.6, left=280, top=150)
    until(desk, "document.getElementById('big').textContent === '42'")
    desk.uncheck("#live")
    desk.click("#undo")
    draw(desk, 1, live=False)
    assert desk.locator("#summary .state").text_content() == "the drawing has changed"
    until(desk, "getComputedStyle(document.querySelector('.box')).opacity < 0.5")
    desk.click("#predict-all")
    settled(desk)
    assert desk.locator("#summary .state").text_content() == ""


def test_what_is_asked_and_not_answered_is_marked(desk):
    draw(desk, 3)
    desk.click("#explain")
    desk.wait_for_selector(".explanation")
    held = []
    desk.route("**/api/predict", lambda route: held.append(route))
    desk.locator("#classes button").nth(8).click()
    until(desk, "document.querySelector('.results').getAttribute('aria-busy') === 'true'")
    assert "asking" in desk.locator(".why .state").text_content()
    held.pop().abort()
    desk.wait_for_selector("#error:not([hidden])")
    assert desk.locator(".why .state").text_content() == "no answer"
    assert desk.locator("#classes button[aria-pressed=true]").text_content() == "3"
    assert desk.locator(".results").get_attribute("aria-busy") == "false"
    desk.check("#single")
    until(desk, "document.querySelector('#summary .state').textContent.includes('asking')")
    assert "stale" in desk.locator(".results").get_attribute("class")
    held.pop().abort()


def test_an_error_is_plain_to_read_and_nothing_says_that_nothing_is_drawn(desk):
    desk.route("**/api/predict", lambda route: route.abort())
    draw(desk, 3, live=False)
    desk.wait_for_selector("#error:not([hidden])")
    assert desk.locator(".stale #error").count() == 0
    assert "nothing drawn" not in desk.locator(".results").text_content()
    desk.click("#error-close")
    assert desk.locator("#error").is_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_stale_results_and_errors(browser, server, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    for page in opened(browser, server, color_scheme=scheme, **SCREENS["desk"]):
        draw(page, 4, scale=1.6, left=60, top=150)
        draw(page, 2, scale=1.6, left=280, top=150)
        page.click("#explain")
        page.wait_for_selector(".explanation")
        page.click("#numbers summary")
        page.route("**/api/predict", lambda route: route.abort())
        draw(page, 1, live=False, scale=1, left=20)
        page.wait_for_selector("#error:not([hidden])")
        page.wait_for_timeout(600)
        results = axe.Axe().run(page)
        assert results.violations_count == 0, results.generate_report()


PLACES = """['.results', '#models', '#numbers', '.seen', '.why'].map(
  (name) => document.querySelector(name).getBoundingClientRect().top + scrollY)"""


@pytest.mark.parametrize("size", [(320, 640), (360, 740), (740, 360), (1280, 800)])
def test_nothing_moves_whatever_is_asked(browser, server, size):
    for page in opened(browser, server, viewport=dict(zip(("width", "height"), size, strict=True))):
        before = page.evaluate(PLACES)
        draw(page, 3)
        assert page.evaluate(PLACES) == before
        page.uncheck("#live")
        page.click("#predict")
        settled(page)
        assert page.evaluate(PLACES) == before
        assert page.locator(".model").first.bounding_box()["width"] < 300
        page.check("#live")
        page.keyboard.press("Escape")
        page.evaluate("document.activeElement.blur()")
        page.keyboard.press("Escape")
        draw(page, 4, scale=1.6, left=60, top=150)
        draw(page, 2, scale=1.6, left=280, top=150)
        assert page.locator("#big").text_content() == "42"
        assert page.evaluate(PLACES) == before
        give(page, 400, 400, kind="noise")
        assert page.evaluate(PLACES) == before
        page.route("**/api/predict", lambda route: route.abort())
        page.click("#predict-all")
        page.wait_for_selector("#error:not([hidden])")
        assert page.evaluate(PLACES) == before


def test_explaining_a_number_leaves_it_a_number(desk):
    draw(desk, 4, scale=1.6, left=60, top=150)
    draw(desk, 2, scale=1.6, left=280, top=150)
    until(desk, "document.getElementById('big').textContent === '42'")
    desk.click("#explain")
    desk.wait_for_selector(".explanation")
    assert desk.locator("#big").text_content() == "42" and desk.locator(".box").count() == 2
    assert desk.locator(".explanation h3").first.text_content() == "digit 1: lenet5 reads 4"
    desk.locator("#stages button").nth(1).click()
    until(desk, "document.querySelector('.explanation h3').textContent === 'digit 2: lenet5 reads 2'")
    assert desk.locator("#stages button").nth(1).get_attribute("aria-pressed") == "true"
    assert desk.locator(".box.chosen").text_content() == "2"
    pressed = set(desk.locator("#classes button[aria-pressed=true]").all_text_contents())
    titles = desk.locator(".explanation .row.large h4").all_text_contents()
    assert pressed == {title[-1] for title in titles}


# ---- keys


def test_escape_and_undo_end_the_stroke_that_is_drawn(desk):
    desk.focus("#pad")
    for end in ("Escape", "Control+z"):
        for key in ["Space"] + ["ArrowDown"] * 5 + [end] + ["ArrowRight"] * 8:
            desk.keyboard.press(key)
        assert desk.locator("#keys").text_content().startswith("brush at")
        desk.keyboard.press("Space")
        desk.keyboard.press("ArrowLeft")
        desk.keyboard.press("Space")
        settled(desk)
        assert (shown(desk, (500, 500)) < 128).sum() > 400
        desk.focus("#pad")
        desk.keyboard.press("Escape")
    box = desk.locator("#pad").bounding_box()
    desk.mouse.move(box["x"] + 100, box["y"] + 100)
    desk.mouse.down()
    desk.mouse.move(box["x"] + 200, box["y"] + 100, steps=4)
    desk.keyboard.press("Escape")
    desk.mouse.move(box["x"] + 200, box["y"] + 300, steps=4)
    desk.mouse.up()
    assert (shown(desk, (500, 500)) < 128).sum() == 0
    draw(desk, 1)  # and the pad is not left holding a pointer
    assert desk.locator("#big").text_content() == "1"


def test_escape_clears_from_the_pad_and_not_from_a_menu(desk):
    draw(desk, 1)
    for place in ("#model", "#explain", "#live"):
        desk.focus(place)
        desk.keyboard.press("Escape")
        assert (ink(desk) < 128).sum() > 0
    desk.focus("#pad")
    desk.keyboard.press("Escape")
    assert desk.locator("#words").text_content() == "nothing drawn"


def test_the_keys_are_told_to_who_draws_with_them(desk):
    assert desk.locator("#pad-help").is_hidden()
    for _ in range(3):
        desk.keyboard.press("Tab")
        if desk.evaluate("document.activeElement.id") == "pad":
            break
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
    assert desk.locator("#words").text_content() == "nothing drawn"


# ---- small screens


@pytest.mark.parametrize("size", [(320, 640), (360, 740), (740, 360)])
def test_pad_tools_and_results_fit_one_screen(browser, server, size):
    options = {"viewport": dict(zip(("width", "height"), size, strict=True)), "has_touch": True, "is_mobile": True}
    for page in opened(browser, server, **options):
        draw(page, 7)
        for place in ("#pad", "#random", "#models"):
            box = page.locator(place).bounding_box()
            assert box["y"] + box["height"] <= size[1] and box["x"] + box["width"] <= size[0]
        assert page.locator("#live").bounding_box()["y"] < page.locator("#random").bounding_box()["y"] + 30
        assert page.locator("#pad").bounding_box()["width"] >= 224
        assert abs(page.locator("#random").bounding_box()["y"] - page.locator(".file").bounding_box()["y"]) < 2
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


def test_the_page_promises_what_is_true_of_any_host(desk):
    assert desk.locator("footer").text_content().endswith("Nothing you draw is stored.")
