"""The page in Firefox: it reads what is drawn, all of its parts work, and its console has no error."""

import numpy as np
import pytest

from tests.tools.firefox import firefox
from tests.tools.page import CONTEXT, current, until
from tests.tools.photos import DIGITS

pytest.importorskip("flask")
pytest.importorskip("waitress")

pytestmark = [pytest.mark.thorough, pytest.mark.slow]

BOX = "(({ left, top, width }) => [left, top, width])(document.getElementById('pad').getBoundingClientRect())"
OVERLAY = """document.getElementById('overlay').getContext('2d').getImageData(0, 0, 500, 500).data
  .some((value) => value > 0)"""


@pytest.fixture
def fox(server):
    page = firefox()
    page.resize(1280, 800)
    page.goto(server.url)
    until(page, "document.querySelectorAll('.column').length === 10")
    yield page
    page.close()
    assert page.wrong == []


def press(page, name):
    page.evaluate(f"[...document.querySelectorAll('button')].find((one) => one.textContent === '{name}').click()")


def test_a_drawn_digit_is_read_shown_taught_and_changed(fox):
    left, top, width = fox.evaluate(BOX)
    for stroke in DIGITS[3]:
        fox.drag((stroke * 2.5 + np.array([170, 120])) * width / 500 + np.array([left, top]))
    until(fox, "document.getElementById('words').textContent === 'Looks like a 3, and I am sure.'")
    (stroke,) = current(fox, "context.current.strokes")
    np.testing.assert_allclose(stroke[0], DIGITS[3][0][0] * 2.5 + [170, 120], atol=3)
    fox.evaluate("document.getElementById('network').scrollIntoView()")
    until(fox, "document.querySelectorAll('.alive .layer').length === 7")
    press(fox, "Logit, backward")
    until(fox, OVERLAY)
    press(fox, "Forward")
    press(fox, "Show me")
    until(fox, "document.querySelectorAll('.mind figure').length === 3")
    press(fox, "Hide")
    press(fox, "8")
    until(fox, "document.querySelector('#teach .told').textContent.startsWith('Learnt: an 8')")
    assert current(fox, "context.current.reading.digit") == 8
    press(fox, "Undo all")
    until(fox, f"{CONTEXT}.then(({{ context }}) => context.current.reading.digit === 3)")
    until(fox, "document.querySelectorAll('.history button').length === 1")
    press(fox, "Copy a link")
    until(fox, "document.querySelector('#keep input').value.includes('#d=')")
