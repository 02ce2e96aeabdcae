"""The network and what would change its mind, as a visitor has them: seen, touched, walked through with keys, heard."""

import re
from itertools import pairwise

import numpy as np
import pytest

from tests.tools.page import CONTEXT, current, draw, give, opened, until
from tests.tools.photos import DIGITS

pytest.importorskip("flask")
pytest.importorskip("waitress")

pytestmark = pytest.mark.thorough

LAYERS = ["pixels", "conv1", "pool1", "conv2", "pool2", "dense1", "dense2"]
ON_OVERLAY = """(() => { const c = document.getElementById('overlay');
  const { data } = c.getContext('2d').getImageData(0, 0, 500, 500);
  return Array.from({ length: 250000 }, (_, k) => data[4 * k + 3]); })()"""


def look(page):
    """Go to the network, and wait until it is there."""
    page.evaluate("document.getElementById('network').scrollIntoView()")
    until(page, "document.querySelectorAll('.alive .layer').length > 0")


def told(page):
    return page.locator(".alive h3").text_content() + ": " + page.locator(".alive .told").text_content()


def overlay(page):
    return np.array(page.evaluate(ON_OVERLAY)).reshape(500, 500)


def test_a_drawing_flows_through_every_layer(desk):
    assert desk.locator(".alive .lead").text_content().startswith("Draw something")
    draw(desk, 3)
    look(desk)
    assert desk.locator(".layer strong").all_text_contents() == LAYERS
    shown = "document.querySelector('.alive canvas').toDataURL()"
    three = desk.evaluate(shown)
    name, _, text = told(desk).partition(": ")
    assert re.match(r"Conv1, map \d of 0 to 5, row \d+, column \d+$", name)
    assert re.match(r"25 inputs × weights = .* bias = .*; ReLU makes it", text)
    desk.click("#clear")
    until(desk, "document.querySelector('.alive .lead').textContent.startsWith('Draw something')")
    draw(desk, 7)
    look(desk)
    until(desk, f"{shown} !== {three!r}")


def test_keys_walk_among_units_and_layers_and_every_step_is_said(desk):
    draw(desk, 3)
    look(desk)
    said = "document.getElementById('said').textContent"
    desk.locator(".layer").nth(1).focus()
    for key, name in [
        ("PageDown", "pool1, map"),
        ("PageUp", "conv1, map"),
        ("End", "output for 3"),
        ("ArrowDown", "output for 4"),
        ("Home", "pixel in row"),
    ]:
        desk.keyboard.press(key)
        assert desk.evaluate(said).startswith(name)
    row, column = map(int, re.findall(r"\d+", desk.evaluate(said))[:2])
    desk.keyboard.press("ArrowRight")
    assert desk.evaluate(said).startswith(f"pixel in row {row}, column {column + 1}: ink ")
    for _ in range(28 - column - 1):
        desk.keyboard.press("ArrowRight")
    assert desk.evaluate(said).startswith("conv1")  # over the edge
    assert desk.evaluate("document.activeElement.getAttribute('aria-label')").startswith("conv1, ReLU: 6 maps of 24")
    assert desk.locator(".layer[tabindex='0']").count() == 1
    desk.keyboard.press("Enter")
    assert "kept" in told(desk)
    kept = told(desk)
    place = desk.locator(".layer").nth(3).bounding_box()
    across = [(place["x"] + k * place["width"] / 9, place["y"] + place["height"] / 2 + 3 * k) for k in range(9)]
    for point in across:
        desk.mouse.move(*point)
    assert told(desk) == kept
    desk.keyboard.press("Escape")
    for point in across:
        desk.mouse.move(*point)
    assert told(desk).startswith("Conv2")


def test_keys_reach_it_before_it_was_seen(desk):
    draw(desk, 3)
    desk.locator("#compare summary").focus()
    for name in ("Forward", "Loss, backward", "Logit, backward"):
        desk.keyboard.press("Tab")
        assert desk.evaluate("document.activeElement.textContent") == name
    until(desk, "document.querySelectorAll('.alive .layer').length > 0")
    desk.keyboard.press("Tab")
    assert desk.evaluate("document.activeElement.className") == "layer"


def test_the_table_has_the_numbers_of_the_sentence(desk):
    draw(desk, 3)
    look(desk)
    desk.locator(".layer").nth(6).click(position={"x": 40, "y": 120})
    assert told(desk).startswith("Output for ")
    desk.click(".alive summary")
    rows = desk.locator(".alive tbody tr")
    numbers = [row.split("\t") for row in rows.all_inner_texts()]
    for name, x, weight, product in numbers[:5]:
        assert re.match(r"dense1, unit \d+ of 0 to 119$", name)
        x, weight, product = (float(text.replace("−", "-")) for text in (x, weight, product))
        assert product == pytest.approx(x * weight, rel=0.02)


def test_the_gradient_lies_over_the_drawing(desk):
    draw(desk, 3)
    look(desk)
    assert not overlay(desk).any()
    desk.click("text=Loss, backward")
    desk.select_option(".alive select", "8")
    assert re.match(r"The loss, were it 8, is [\d.]+\. Orange", desk.locator(".alive .lead").text_content())
    assert overlay(desk).any()
    assert "radient" in told(desk)
    desk.click("text=Forward")
    assert not overlay(desk).any()


def number(text):
    return float(text.replace("−", "-"))


def test_the_gradient_of_an_output_is_made_of_the_numbers_that_are_told(desk):
    """The loss of training knows no temperature, and the confidence does: it is another probability."""
    draw(desk, 3)
    look(desk)
    desk.click("text=Loss, backward")
    for less, key in ((1, "End"), (0, "ArrowDown")):
        desk.locator(".layer").nth(6).press(key)
        found = re.search(r"Gradient (\S+): its probability (\S+) at temperature 1( − 1)?, as", told(desk))
        gradient, p = map(number, found.groups()[:2])
        assert gradient == pytest.approx(p - less, rel=0.06, abs=6e-4 * less) and bool(found[3]) == bool(less)
    desk.click("text=Logit, backward")
    lead = re.match(
        r"The logit of 3 is (\S+) / temperature (\S+) = (\S+)\.", desk.locator(".alive .lead").text_content()
    )
    out, temperature, logit = map(number, lead.groups())
    assert logit == pytest.approx(out / temperature, rel=0.02)
    desk.locator(".layer").nth(6).press("ArrowUp")
    found = re.search(r"Gradient (\S+): 1 / temperature (\S+), as it is the one that is asked about", told(desk))
    assert number(found[1]) == pytest.approx(1 / number(found[2]), rel=0.02) and number(found[2]) == temperature


@pytest.mark.parametrize("where", [(2.5, 170, 120), (1.0, 20, 330), (4.2, 60, 20)])
def test_the_pixels_lie_where_the_ink_is(desk, where):
    """Laid over the drawing, the 28 x 28 pixels that the network reads cover the ink, and little else."""
    for digit in (1, 4, 7):
        scale, left, top = where
        strokes = [np.round(stroke * scale + [left, top]).tolist() for stroke in DIGITS[digit]]
        current(desk, f"context.setStrokes({strokes}, 24)")
        until(desk, f"{CONTEXT}.then(({{ context }}) => `${{context.current?.strokes}}` === `${{{strokes}}}`)")
        on_ink = desk.evaluate("""(async () => {
          const at = (name) => import(document.querySelector('script[type=module]').src.replace('main.js', name));
          const [{ context }, { showOnPad }] = [await at('context.js'), await at('view/overlay.js')];
          return showOnPad(context, Float64Array.from(context.current.image), () => '#000');
        })()""")
        assert on_ink
        pad = desk.evaluate("""(() => { const c = document.getElementById('pad'), small = new OffscreenCanvas(500, 500);
          const context = small.getContext('2d'); context.drawImage(c, 0, 0, 500, 500);
          const { data } = context.getImageData(0, 0, 500, 500);
          return Array.from({ length: 250000 }, (_, k) => data[4 * k]); })()""")
        ink = 1 - np.array(pad).reshape(500, 500) / 255
        laid = (overlay(desk) / 255) ** 2  # its alpha is the root of what a pixel holds
        rows, columns = np.mgrid[:500, :500]
        middles = [[(mask * along).sum() / mask.sum() for along in (rows, columns)] for mask in (ink, laid)]
        np.testing.assert_allclose(middles[1], middles[0], atol=5)  # of the 28 x 28 up to 23 wide
        assert (laid * (ink > 0.5)).sum() > 0.45 * laid.sum()  # thin strokes are thicker in it


def test_what_is_read_without_its_slant_lies_along_it_again(desk):
    slanted = [[[330, 60], [170, 440]]]
    current(desk, f"context.setStrokes({slanted}, 24)")
    until(desk, f"{CONTEXT}.then(({{ context }}) => `${{context.current?.strokes}}` === `${{{slanted}}}`)")
    desk.evaluate("""(async () => {
      const at = (name) => import(document.querySelector('script[type=module]').src.replace('main.js', name));
      const [{ context }, { showOnPad }, { deskewed }] =
        [await at('context.js'), await at('view/overlay.js'), await at('engine/digit.js')];
      const { current, overlay } = context;
      const seen = Float64Array.from(deskewed(current.image, 28, 28));
      const network = { ...current.network, deskew: true };
      showOnPad({ overlay, current: { ...current, network } }, seen, () => '#000');
    })()""")
    laid = (overlay(desk) / 255) ** 2
    rows = np.arange(100, 400, 30)
    middles = [(laid[row] * np.arange(500)).sum() / laid[row].sum() for row in rows]
    np.testing.assert_allclose(middles, 330 - (rows - 60) * 160 / 380, atol=10)


def test_over_a_test_digit_it_lies_too_and_of_a_picture_it_says_why_not(desk):
    desk.click("#more")
    desk.click("#random")
    desk.wait_for_selector("#confidence:text-matches('^Its label says')")
    look(desk)
    desk.click("text=Logit, backward")
    assert overlay(desk).any() and "not laid" not in desk.locator(".alive .lead").text_content()
    give(desk, 400, 400, kind="seven")
    assert not overlay(desk).any()
    assert desk.locator(".alive .lead").text_content().endswith("where in it these pixels lie.")


def test_what_would_change_its_mind(desk):
    draw(desk, 3)
    desk.select_option(".mind select", "8")
    desk.click("text=Show me")
    until(desk, "document.querySelectorAll('.mind figure').length === 3")
    sentence = desk.locator(".mind .told").text_content()
    amounts = r"Add \d+\.\d % of the ink and take \d+\.\d % away"
    assert re.match(amounts + r", and lenet5 reads 8 \(\d+ %\): (un)?sure\.", sentence)
    assert desk.evaluate("document.getElementById('said').textContent") == sentence
    assert overlay(desk).any()
    desk.click("text=Hide")
    assert not overlay(desk).any() and desk.locator(".mind figure").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_it_is_stacked_and_axe_finds_nothing(browser, server, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    options = {"viewport": {"width": 320, "height": 640}, "has_touch": True, "is_mobile": True, "color_scheme": scheme}
    for page in opened(browser, server, **options):
        draw(page, 8)
        look(page)
        places = [layer.bounding_box() for layer in page.locator(".layer").all()]
        assert all(above["y"] + above["height"] <= below["y"] for above, below in pairwise(places))
        page.locator(".layer").nth(2).tap(position={"x": 60, "y": 60})
        assert told(page).startswith("Pool1") and "kept" in told(page)
        unit = page.locator(".alive .chosen").bounding_box()
        assert unit["y"] >= 0 and unit["y"] + 100 < 640  # in sight
        page.click("text=Logit, backward")
        page.click(".alive summary")
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
        results = axe.Axe().run(page)
        assert results.violations_count == 0, results.generate_report()
