"""Drawings are kept and sent: a strip of the last ones, a link that holds one, a picture, and what messengers show."""

import io
import json
import re
from itertools import pairwise
from urllib.parse import urljoin

import numpy as np
import pytest
from PIL import Image

from tests.tools.page import SCREENS, big, current, draw, forty_two, inked, opened, until
from tests.web.engine.conftest import Engine, drawings

pytest.importorskip("flask")
pytest.importorskip("waitress")

pytestmark = pytest.mark.thorough

ROUND = """
const { linkOf, drawingOf } = await import('/keep/link.js');
const asked = JSON.parse(new TextDecoder().decode(await bytes('asked')));
return asked.map((drawing) => { const { hash, apart } = linkOf(drawing); return { hash, apart, ...drawingOf(hash) }; });
"""
OPEN = """
const { drawingOf, linkOf } = await import('/keep/link.js');
const tried = (work) => { try { return work(); } catch (error) { return error.message; } };
return JSON.parse(new TextDecoder().decode(await bytes('asked'))).map((one) => tried(() => WORK(one)));
"""


@pytest.fixture(scope="module")
def engine(browser):
    engine = Engine(browser.new_page())
    yield engine
    engine.close()


# ---- the link


def test_a_link_holds_the_drawing(engine):
    asked = [
        {"strokes": [one.tolist() for one in strokes], "brush": 8 + k % 40} for k, strokes in enumerate(drawings(60))
    ]
    for drawing, found in zip(asked, engine.run(ROUND, asked=asked), strict=True):
        assert (
            found["hash"].startswith("#d=")
            and len(found["hash"]) <= 2_000
            and re.fullmatch(r"#d=[\w-]+", found["hash"])
        )
        assert found["brush"] == drawing["brush"] and len(found["strokes"]) == len(drawing["strokes"])
        for mine, theirs in zip(drawing["strokes"], found["strokes"], strict=True):
            assert np.abs(np.array(mine)[[0, -1]] - np.array(theirs)[[0, -1]]).max() <= 0.5
            if found["apart"] == 0:
                assert np.abs(np.array(mine) - theirs).max() <= 0.5


def far(points, lines):
    """How far the points are from the nearest of the lines' points, made dense."""
    dense = np.concatenate([np.linspace(a, b, 50) for a, b in pairwise(lines)])
    return np.linalg.norm(points[:, None] - dense, axis=2).min(axis=1).max()


def test_what_is_too_long_is_made_simpler_by_as_much_as_is_said(engine):
    angle = np.linspace(0, 40, 3_000)
    spiral = np.stack([250 + 5 * angle * np.cos(angle), 250 + 5 * angle * np.sin(angle)], axis=1)
    (found,) = engine.run(ROUND, asked=[{"strokes": [spiral.tolist()], "brush": 24}])
    assert 0 < found["apart"] <= 4 and len(found["hash"]) <= 2_000
    assert far(spiral, np.array(found["strokes"][0], float)) <= found["apart"] + 1.5


def test_more_strokes_than_fit_are_refused(engine):
    dots = [[[10 * k % 500, 7 * k % 500]] for k in range(800)]
    (said,) = engine.run(OPEN.replace("WORK", "linkOf"), asked=[{"strokes": dots, "brush": 24}])
    assert said == "This drawing has too many strokes for a link. Send it as a picture."


HOSTILE = [
    "",
    "A",
    "AQ",
    "ARg",
    "ARgA",
    "AgEBAAA",
    "ARgBAA",
    "%3Cscript%3Ealert(1)%3C/script%3E",
    "<script>alert(1)</script>",
    "javascript:alert(1)",
    "ARgB" + "_" * 40,
    "ARj_____DwAA",
    "ARgB______8PAAA",
    "A" * 1_990,
    "",
    "A" * 100_000,
    "ARgBgICAgICAgICAgAEA",
    "AQABAAA",
    "Af8HAQAA",
    "ARgB/+8=",
    "ARgB\u0000AA",
    "ARgB" + "9" * 1_900,
]


def test_hostile_links_are_refused_in_a_sentence(engine):
    said = engine.run(OPEN.replace("WORK", "drawingOf"), asked=[f"#d={text}" for text in HOSTILE])
    for text, sentence in zip(HOSTILE, said, strict=True):
        assert isinstance(sentence, str), text[:40]
        assert re.fullmatch(r"This link holds no drawing: [^<>]{5,80}\.", sentence), sentence


def test_random_links_are_drawings_or_refused(engine):
    rng = np.random.default_rng(0)
    letters = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"))
    asked = ["#d=ARg" + "".join(rng.choice(letters, rng.integers(1, 60))) for _ in range(500)]
    for found in engine.run(OPEN.replace("WORK", "drawingOf"), asked=asked):
        if isinstance(found, str):
            assert found.startswith("This link holds no drawing: ")
        else:
            assert found["brush"] == 24 and all(len(stroke) > 0 for stroke in found["strokes"])
            assert np.abs(np.concatenate(found["strokes"])).max() < 1e6


def test_the_same_is_refused_as_by_the_server(engine):
    from nnscratch.web.api import RequestError, parse_request

    line = [[100, 100], [300, 300]]
    asked = [{"strokes": strokes, "brush": brush} for strokes, brush in [
        ([line], 24), ([line], 1), ([line], 100), ([line], 0.9), ([line], 101), ([line], None), ([line], "24"),
        ([[[0, 0]] * 5_000], 24), ([[[0, 0]] * 5_001], 24), ([[[0, 0], [500, 500]] * 200], 24), ([[[1e6, 0]]], 24),
        ([[[0]]], 24), ([[[0, "0"]]], 24), ([line, 5], 24), ("line", 24), (None, 24),
    ]]  # fmt: skip
    script = OPEN.replace("WORK", "checkedDrawing").replace(
        "return JSON", "const { checkedDrawing } = await import('/keep/drawing.js');\nreturn JSON"
    )
    for one, found in zip(asked, engine.run(script, asked=asked), strict=True):
        try:
            parse_request(one, ["lenet5"])
        except RequestError:
            assert isinstance(found, str), one
        else:
            assert found == one


def copied(page):
    page.get_by_role("button", name="Copy a link").click()
    page.wait_for_selector("#keep input:not([hidden])")
    return page.locator("#keep input").input_value()


def test_a_link_opens_the_drawing_and_the_address_leaves_it_when_it_is_drawn_on(browser, server, desk):
    draw(desk, 5)
    link = copied(desk)
    strokes = current(desk, "context.current.strokes")
    assert link.startswith(f"{server.url}#d=") and desk.locator("#keep .quiet").first.text_content().endswith(
        "in the link itself."
    )
    for other in opened(browser, server, **SCREENS["phone"]):
        other.goto("about:blank")
        other.goto(link)
        until(other, "document.getElementById('big').textContent === '5'")
        np.testing.assert_allclose(
            np.concatenate(current(other, "context.current.strokes")), np.concatenate(strokes), atol=0.5
        )
        assert other.evaluate("location.hash") != ""
        draw(other, 1, scale=0.5, left=20, top=20)
        assert other.evaluate("location.hash") == ""


def test_a_bad_link_is_said_and_the_page_works(desk, server):
    desk.goto("about:blank")
    desk.goto(f"{server.url}#d=<img src=x onerror=alert(1)>")
    desk.wait_for_selector("#error:not([hidden])")
    assert desk.locator("#error-text").text_content().startswith("This link holds no drawing: ")
    assert desk.evaluate("localStorage.length") == 0 and inked(desk) == 0
    draw(desk, 4)
    assert big(desk) == "4" and desk.locator("#error").is_hidden()


# ---- the last drawings


def test_the_last_drawings_come_back(desk):
    for digit in (3, 7):
        draw(desk, digit)
        desk.wait_for_selector(f".history [aria-label$=' {digit}']")
        desk.click("#clear")
    assert desk.locator(".history span").all_text_contents() == ["7", "3"]
    desk.locator(".history button").nth(1).click()
    until(desk, "document.getElementById('big').textContent === '3'")
    desk.wait_for_timeout(1_500)
    assert desk.locator(".history span").all_text_contents() == ["7", "3"]  # it is there already
    desk.reload()
    desk.wait_for_selector(".history button")
    assert desk.locator(".history span").all_text_contents() == ["7", "3"]
    desk.get_by_role("button", name="Forget all").click()
    assert desk.locator(".history").is_hidden() and desk.evaluate("localStorage.getItem('nnscratch-drawings')") is None


def test_a_drawing_that_is_gone_on_with_is_one(desk):
    draw(desk, 4, scale=1.6, left=60, top=150)
    desk.wait_for_selector(".history [aria-label$=' 4']")
    draw(desk, 2, scale=1.6, left=280, top=150)
    desk.wait_for_selector(".history [aria-label$=' 42']")
    assert desk.locator(".history button").count() == 1


def test_what_is_half_drawn_is_not_kept(desk):
    box = desk.locator("#pad").bounding_box()
    desk.mouse.move(box["x"] + 100, box["y"] + 100)
    desk.mouse.down()
    desk.mouse.move(box["x"] + 100, box["y"] + 200)
    desk.wait_for_timeout(1_500)
    assert desk.locator(".history button").count() == 0
    desk.mouse.up()
    desk.wait_for_selector(".history button")


def test_two_tabs_keep_the_drawings_of_both(desk, server):
    other = desk.context.new_page()
    other.goto(server.url)
    other.wait_for_selector(".column")
    for page, digit in ((desk, 3), (other, 7)):
        draw(page, digit)
        page.wait_for_selector(f".history [aria-label$=' {digit}']")
    until(desk, "document.querySelectorAll('.history button').length === 2")
    desk.click("#clear")
    draw(desk, 1)
    until(other, "document.querySelectorAll('.history button').length === 3")
    other.get_by_role("button", name="Forget all").click()
    until(desk, "document.querySelectorAll('.history button').length === 0")


def test_no_more_than_a_few_are_kept(desk):
    many = [{"strokes": [[[k, 100], [200, 300]]], "brush": 24, "read": "<b>1</b>"} for k in range(100)]
    desk.evaluate("all => localStorage.setItem('nnscratch-drawings', all)", json.dumps(many))
    desk.reload()
    desk.wait_for_selector(".history button")
    assert desk.locator(".history button").count() == 24
    assert desk.locator(".history span").first.text_content() == "<b>1</b>" and desk.locator(".history b").count() == 0


# ---- the picture


@pytest.mark.parametrize("what", ["digit", "number"])
def test_the_result_is_a_picture(desk, what):
    draw(desk, 8) if what == "digit" else forty_two(desk)
    with desk.expect_download() as download:
        desk.get_by_role("button", name="Save as a picture").click()
    picture = Image.open(download.value.path())
    assert (download.value.suggested_filename, picture.size) == ("drawing.png", (1200, 630))
    pixels = np.asarray(picture.convert("L"))
    assert (pixels[65:565, 65:565] < 60).mean() > 0.02  # the drawing
    assert (pixels[302:330, 620:] < 150).any() == (what == "number")  # of which digit the bars are


def test_an_empty_pad_has_nothing_to_send(desk):
    assert desk.get_by_role("button", name="Copy a link").is_hidden()
    assert desk.get_by_role("button", name="Save as a picture").is_hidden()


def test_messengers_find_a_description_and_a_picture(desk, server):
    told = desk.evaluate(
        "Object.fromEntries([...document.querySelectorAll('meta')].map("
        "meta => [meta.getAttribute('property') ?? meta.name, meta.content]))"
    )
    assert "Draw a digit" in told["description"] and told["og:title"] and told["og:image:alt"]
    answer = desk.request.get(urljoin(server.url, told["og:image"]))
    assert Image.open(io.BytesIO(answer.body())).size == (1200, 630) and len(answer.body()) < 30_000


def test_the_footer_leads_to_source_and_derivations(desk):
    for link in desk.locator("footer a").all():
        assert desk.request.get(link.evaluate("a => a.href")).status == 200
    assert desk.locator("footer a").count() == 2
