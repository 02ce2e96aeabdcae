"""The page on screens of all sizes, zoomed, light and dark: what fits, what moves, and axe-core's opinion."""

import pytest

from tests.tools.page import SCREENS, drag, draw, drop, forty_two, give, opened, settled, until, words

pytest.importorskip("flask")
pytest.importorskip("waitress")

pytestmark = pytest.mark.thorough

PHONES = [(320, 640), (360, 740), (390, 844), (740, 360)]
ZOOMED = (320, 256)  # a screen of 1,280 x 1,024 at 400 %
EQUALS = [[[120, 200], [380, 200]], [[120, 300], [380, 300]]]


def screen(size):
    return {"viewport": dict(zip(("width", "height"), size, strict=True))}


def ends(page, place):
    box = page.locator(place).bounding_box()
    return box["x"] + box["width"], box["y"] + box["height"]


@pytest.mark.parametrize("width", [320, 500, 768, 2560])
def test_nothing_overflows(browser, server, width):
    for page in opened(browser, server, **screen((width, 800))):
        forty_two(page)
        page.click("#more")
        page.click("#steps-of summary")
        page.click("#compare summary")
        until(page, "document.querySelectorAll('.card .bars').length === 2")
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("size", PHONES)
def test_pad_tools_and_answer_fit_one_screen(browser, server, size):
    for page in opened(browser, server, has_touch=True, is_mobile=True, **screen(size)):
        draw(page, 7)
        for place in ("#pad", "#clear", "#bars"):
            right, bottom = ends(page, place)
            assert right <= size[0] and bottom <= size[1], place
        assert page.locator("#pad").bounding_box()["width"] >= 224
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        page.click("#more")  # which does not come between the pad and its answer
        assert ends(page, "#more-panel")[1] > ends(page, "#bars")[1] or size[0] > size[1]


def test_pad_and_answer_fit_at_400_percent(browser, server):
    for page in opened(browser, server, **screen(ZOOMED)):
        draw(page, 7)
        for place in ("#pad", "#big", "#words", "#clear"):
            right, bottom = ends(page, place)
            assert right <= ZOOMED[0] and bottom <= ZOOMED[1], place
        assert page.evaluate("document.documentElement.scrollWidth") <= ZOOMED[0]


@pytest.mark.parametrize("size", [(320, 640), ZOOMED, (1280, 800)])
def test_targets_are_large_enough_for_a_finger(browser, server, size):
    for page in opened(browser, server, **screen(size)):
        forty_two(page)
        page.click("#more")
        for target in page.locator("button:visible, summary:visible, .file, .switch, #width").all():
            box = target.bounding_box()
            assert min(box["width"], box["height"]) >= 44, target.text_content()


@pytest.mark.parametrize("size", [*PHONES, ZOOMED, (768, 1024), (1280, 800)])
def test_a_number_of_three_digits_stands_beside_its_words(browser, server, size):
    for page in opened(browser, server, **screen(size)):
        for place, digit in enumerate((4, 2, 8)):
            draw(page, digit, scale=1.2, left=30 + 160 * place, top=180)
        until(page, "document.getElementById('big').textContent === '428'")
        assert page.locator("#words").bounding_box()["x"] >= ends(page, "#big")[0] + 4
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


def test_the_names_of_several_digits_stand_beside_their_ink(desk):
    draw(desk, 7, scale=1.4, left=200, top=10)
    draw(desk, 3, scale=1.4, left=10, top=10)
    draw(desk, 1, scale=1.4, left=200, top=300)
    until(desk, "document.querySelectorAll('.box b').length === 3")
    pad = desk.locator("#pad").bounding_box()
    for name in desk.locator(".box b").all():
        box, digit = name.bounding_box(), name.locator("..").bounding_box()
        apart = [
            box[start] + box[side] <= digit[start] or box[start] >= digit[start] + digit[side]
            for start, side in (("x", "width"), ("y", "height"))
        ]
        assert any(apart)
        assert box["y"] >= pad["y"] - 2 and pad["x"] <= box["x"] <= pad["x"] + pad["width"] - box["width"]


def test_what_why_says_to_an_empty_pad_is_in_sight(browser, server):
    for page in opened(browser, server, has_touch=True, is_mobile=True, **screen((320, 568))):
        page.click("#more")
        page.evaluate("document.getElementById('explain').scrollIntoView()")
        page.locator("#explain").tap()
        assert words(page).startswith("Draw a digit first")
        assert page.locator("#words").bounding_box()["y"] >= 0


def test_the_button_of_an_error_holds_its_name(browser, server):
    for page in opened(browser, server, **screen((320, 568))):
        page.evaluate("location.hash = '#d=%%%'")
        page.wait_for_selector("#error:not([hidden])")
        assert page.evaluate(
            "(({ scrollWidth, clientWidth }) => scrollWidth <= clientWidth)(document.getElementById('error-close'))"
        )


@pytest.mark.parametrize("size", [(320, 640), (390, 844)])
def test_the_note_of_a_taught_network_is_one_line(browser, server, size):
    for page in opened(browser, server, **screen(size)):
        draw(page, 4)
        page.click("#teach .choices button:nth-child(10)")
        until(page, "document.querySelector('#teach .told').textContent.startsWith('Learnt')")
        text, button = (page.locator(f"#taught {one}").bounding_box() for one in ("span", "button"))
        assert abs(text["y"] + text["height"] / 2 - button["y"] - button["height"] / 2) < 4
        assert text["x"] + text["width"] <= button["x"] and text["height"] < 40


def test_a_wide_screen_is_used(browser, server):
    for page in opened(browser, server, **screen((2560, 1300))):
        draw(page, 3)
        left = page.locator("#pad").bounding_box()["x"]
        assert (ends(page, "#seen")[0] - left) / 2560 > 0.85
        assert page.locator("#words").evaluate("(one) => parseFloat(getComputedStyle(one).fontSize)") > 30


def test_drawing_does_not_scroll(browser, server):
    for page in opened(browser, server, **SCREENS["phone"]):
        client = page.context.new_cdp_session(page)
        box = page.locator("#pad").bounding_box()
        for k in range(25):
            kind = "touchStart" if k == 0 else "touchMove"
            point = {"x": box["x"] + 150, "y": box["y"] + 60 + 8 * k}
            client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
        client.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        until(page, "document.getElementById('words').textContent === 'Looks like a 1, and I am sure.'")
        assert page.evaluate("scrollY") == 0


PLACES = """['#answer', '#bars', '#seen', '#compare'].map(
  (name) => document.querySelector(name).getBoundingClientRect().top + scrollY)"""


@pytest.mark.parametrize("size", [(320, 640), (740, 360), (1280, 800)])
def test_nothing_moves_whatever_is_read(browser, server, size):
    for page in opened(browser, server, **screen(size)):
        draw(page, 3)
        before = page.evaluate(PLACES)
        for place in ("#pad", "#clear"):
            page.focus(place)
            page.keyboard.press("Escape")
        drag(page, EQUALS)
        assert words(page).startswith("That is no digit") and page.evaluate(PLACES) == before
        page.keyboard.press("Escape")
        forty_two(page)
        assert page.evaluate(PLACES)[:2] == before[:2]  # its digits come above the three pictures
        page.route("**/api/predict", lambda route: route.abort())
        drop(page, 300, 300, kind="seven")
        page.wait_for_selector("#error:not([hidden])")
        assert page.evaluate(PLACES)[:2] == before[:2]


def test_no_layout_shift(desk):
    desk.evaluate(
        "() => { window.shift = 0; new PerformanceObserver(list => { for (const e of list.getEntries()) "
        "if (!e.hadRecentInput) window.shift += e.value; }).observe({type: 'layout-shift', buffered: true}); }"
    )
    draw(desk, 9)
    assert desk.evaluate("window.shift") < 0.02


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["desk", "phone"])
def test_axe_finds_nothing(browser, server, scheme, size):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")

    def check(state):
        page.wait_for_timeout(200)
        results = axe.Axe().run(page)
        assert results.violations_count == 0, f"{state}: {results.generate_report()}"

    for page in opened(browser, server, color_scheme=scheme, **SCREENS[size]):
        check("empty")
        draw(page, 3)
        page.click("#more")
        page.click("#steps-of summary")
        page.click("#compare summary")
        until(page, "document.querySelectorAll('.card .bars').length === 2")
        check("sure")
        page.evaluate("document.getElementById('clear').click()")
        drag(page, EQUALS)
        check("no digit")
        page.evaluate("document.getElementById('clear').click()")
        forty_two(page)
        check("a number")
        give(page, 600, 200, kind="sevens")
        check("a picture")
        page.route("**/api/predict", lambda route: route.abort())
        drop(page, 300, 300, kind="seven")
        page.wait_for_selector("#error:not([hidden])")
        settled(page)
        check("an error")
