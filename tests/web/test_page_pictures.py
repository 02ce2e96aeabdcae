"""Pictures and photos, which the server reads: given to the page in every way, and shown with what was read in them."""

import base64
import re

import numpy as np
import pytest

from tests.tools.page import (
    SCREENS,
    big,
    current,
    draw,
    drop,
    forty_two,
    give,
    ink,
    opened,
    sent,
    settled,
    until,
    words,
)
from tests.tools.photos import DIGITS

pytest.importorskip("flask")
pytest.importorskip("waitress")

pytestmark = pytest.mark.thorough

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


def test_a_file_is_read_or_said_to_be_no_picture(desk, tmp_path):
    from PIL import Image

    from nnscratch.pictures.drawing import render

    drawn = render([stroke * 2.5 + 120 for stroke in DIGITS[5]])
    Image.fromarray(np.rint(255 * (1 - drawn)).astype(np.uint8)).save(tmp_path / "five.png")
    desk.click("#more")
    desk.set_input_files("#file", tmp_path / "five.png")
    until(desk, "document.getElementById('big').textContent === '5'")
    desk.click("#steps-of summary")
    desk.wait_for_selector("#steps figure")
    assert desk.locator("#steps figure").count() > 4  # the server's steps, each with its sentence
    assert all(text.endswith(".") for text in desk.locator("#steps figcaption").all_text_contents())
    (tmp_path / "text.png").write_text("no picture")
    desk.set_input_files("#file", tmp_path / "text.png")
    desk.wait_for_selector("#error:not([hidden])")
    assert "not a picture" in desk.locator("#error").text_content()
    assert big(desk) == "5"
    desk.click("#error-close")
    assert desk.locator("#error").is_hidden()


def test_a_test_digit_shows_its_label(desk):
    desk.route("**/api/digits/*", lambda route: route.continue_(url=route.request.url.rpartition("/")[0] + "/7"))
    desk.click("#more")
    with desk.expect_response("**/api/digits/*") as response:
        desk.click("#random")
    label = response.value.json()["label"]
    until(desk, f"document.getElementById('confidence').textContent === 'Its label says {label}.'")
    assert np.array_equal(
        current(desk, "[...context.current.image]"),
        np.frombuffer(base64.b64decode(response.value.json()["image"]["pixels"]), np.uint8),
    )
    draw(desk, 1)  # a new drawing
    assert big(desk) == "1" and "label" not in desk.locator("#confidence").text_content()
    desk.keyboard.press("Control+z")
    until(desk, f"document.getElementById('confidence').textContent === 'Its label says {label}.'")


@pytest.mark.parametrize("refusals", [2, 3])
def test_a_busy_server_is_asked_again_twice(desk, refusals):
    asked = []

    def busy(route):
        asked.append(route)
        if len(asked) > refusals:
            route.continue_()
        else:
            route.fulfill(status=503, headers={"Retry-After": "1"}, json={"error": {"message": "too many requests"}})

    desk.route("**/api/predict", busy)
    drop(desk, 400, 400, kind="seven")
    until(desk, "document.getElementById('words').textContent === 'Reading …'")
    settled(desk)
    assert len(asked) == 3
    if refusals == 2:
        assert (big(desk), desk.locator("#error").is_hidden()) == ("7", True)
    else:
        assert words(desk) == "No answer." and "Too many requests." in desk.locator("#error").text_content()


def test_an_error_says_why_and_leaves_nothing_of_another_picture(desk):
    give(desk, 400, 400, kind="seven")
    desk.route("**/api/predict", lambda route: route.abort())
    drop(desk, 500, 400, kind="seven")
    desk.wait_for_selector("#error:not([hidden])")
    assert "does not answer" in desk.locator("#error").text_content()
    assert (big(desk), words(desk)) == ("–", "No answer.")
    assert desk.locator("#answer").get_attribute("aria-busy") == "false"


def test_the_newest_answer_wins(desk):
    """The picture's answer comes when something else is drawn, and is not shown."""
    held = []
    desk.route("**/api/predict", lambda route: held.append(route))
    drop(desk, 400, 400, kind="seven")
    while not held:
        desk.wait_for_timeout(10)
    draw(desk, 2)
    held[0].continue_()
    desk.wait_for_timeout(400)
    assert big(desk) == "2" and desk.locator("#answer").get_attribute("aria-busy") == "false"


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
    response = give(desk, *size, *colours, kind=kind)
    assert big(desk) == wanted
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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_picture_a_new_drawing_begins(browser, server, scheme):
    for page in opened(browser, server, color_scheme=scheme, **SCREENS["desk"]):
        give(page, 500, 500, kind="seven")
        draw(page, 3, left=20)
        assert big(page) == "3" and current(page, "context.current.strokes.length") == len(DIGITS[3])
        for _ in DIGITS[3]:  # its strokes
            page.keyboard.press("Control+z")
        until(page, "document.getElementById('big').textContent === '7'")


def changed(browser, server, pattern, replacement):
    """The page, told something else."""
    context = browser.new_context(reduced_motion="reduce", **SCREENS["desk"])
    page = context.new_page()

    def answer(route):
        response = route.fetch()
        body, count = re.subn(pattern, replacement, response.text(), count=1)
        assert count == 1
        route.fulfill(response=response, body=body)

    page.route(server.url, answer)
    page.goto(server.url)
    page.wait_for_selector(".column")
    yield page
    context.close()


def test_a_page_without_a_server_reads_drawings_and_says_so(browser, server):
    for page in changed(browser, server, '"pictures": true', '"pictures": false'):
        drop(page, 400, 400, kind="seven")
        page.wait_for_selector("#error:not([hidden])")
        assert "nnscratch serve" in page.locator("#error").text_content()
        draw(page, 3)
        assert big(page) == "3"


def test_a_network_that_the_server_alone_knows_is_asked_there(browser, server):
    unknown = r'"address": null\1"why": "it has layers of its own"'
    for page in changed(browser, server, '"address": "[^"]*"(.*?)"why": null', unknown):
        draw(page, 3)
        assert (big(page), words(page)) == ("3", "Looks like a 3, and I am sure.")
        for part in ("teach", "network", "mind"):  # which need the network in the browser
            assert (
                page.locator(f"#{part} .part").text_content()
                == "The server alone reads lenet5: it has layers of its own."
            )
        page.wait_for_selector(".history [aria-label$=' 3']")
        assert page.get_by_role("button", name="Copy a link").is_visible()
        page.click("#compare summary")
        page.wait_for_selector(".card:nth-child(2) .best")
        page.click("#clear")
        forty_two(page)
        give(page, 400, 400, kind="seven")
        assert big(page) == "7"
