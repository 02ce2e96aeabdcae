"""The page in a real browser: drawing, answers, keys, what happens when the server dies, and axe-core's opinion."""

import re
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from photos import DIGITS

pytest.importorskip("flask")
pytest.importorskip("waitress")
playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: install Debian's package chromium"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]
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


class Server:
    def __init__(self):
        command = [sys.executable, "-m", "nnscratch", "serve", "--port", "0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        line = self.process.stdout.readline()
        self.url = re.match(r"http://[\d.]+:\d+/", line).group(0)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def server():
    server = Server()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as run:
        browser = run.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


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
    for _ in range(100):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"waited in vain for {condition}")


def settled(page):
    until(page, "!document.querySelector('.results').classList.contains('stale')")


def ink(page):
    """The canvas's own pixels (H, W), 0..255, dark ink on white."""
    script = """() => { const c = document.getElementById('pad');
      const d = c.getContext('2d').getImageData(0, 0, c.width, c.height);
      return [c.width, Array.from(d.data.filter((_, k) => k % 4 === 0))]; }"""
    side, values = page.evaluate(script)
    return np.array(values).reshape(side, side)


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


def test_pad_and_results_fit_one_screen_of_a_phone(browser, server):
    for page in opened(browser, server, **SCREENS["phone"]):
        draw(page, 7)
        box = page.locator("#models").bounding_box()
        assert box["y"] + box["height"] <= 740
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


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
    told = desk.locator(".model .told").all_text_contents()
    assert [text == "no answer" for text in told] == [True, False, True]
    assert desk.locator("#table tbody tr").nth(0).locator("td").first.text_content() == "–"
    desk.click("#predict-all")
    until(desk, "![...document.querySelectorAll('.told')].some(told => told.textContent === 'no answer')")
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

    from nnscratch.drawing import render

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
    desk.wait_for_timeout(400)
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


def test_sigterm_ends_the_server_and_it_starts_quickly():
    own = Server()
    own.process.send_signal(signal.SIGTERM)
    assert own.process.wait(10) == 0
    own.process.stdout.close()


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
