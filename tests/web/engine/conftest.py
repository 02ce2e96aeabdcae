"""The engine's modules in a browser, and Python's numbers for them to be held to."""

import base64
import http.server
import json
import mimetypes
import threading
from pathlib import Path

import numpy as np
import pytest

import nnscratch.web
from nnscratch.data.synthetic.digit_forms import DIGIT_FORMS
from nnscratch.data.synthetic.glyphs import glyph
from nnscratch.data.synthetic.hand import Hand
from nnscratch.pictures.drawing import render_cropped
from nnscratch.pictures.preprocess import ink_box, normalize_digit
from tests.tools.firefox import firefox

STATIC = Path(nnscratch.web.__file__).parent / "static"
PRELUDE = """
const bytes = async (name) => (await fetch(`/data/${name}`)).arrayBuffer();
const base64 = (array) => new Promise((resolve) => {
  const reader = new FileReader();
  reader.onload = () => resolve(reader.result.split(',')[1] ?? '');
  reader.readAsDataURL(new Blob([array]));
});
const [{ parseNetwork }, { reading }, { render, renderCropped }, { inkOf, normalizeDigit, toSquare }] =
  await Promise.all(["network", "confidence", "drawing", "digit"].map((name) => import(`/engine/${name}.js`)));
"""


class Engine:
    """A page of a browser that has the engine's modules and, at /data/..., the bytes that a test gives to it."""

    def __init__(self, page):
        self.page, self.data = page, {}
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        page.goto(f"http://127.0.0.1:{self.server.server_port}/")

    def _handler(engine):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                file = STATIC / self.path[1:]
                body = file.read_bytes() if file.is_file() else b"<!doctype html><title>engine</title>"
                body = engine.data.get(self.path.removeprefix("/data/"), body)
                self.send_response(200)
                self.send_header("Content-Type", mimetypes.guess_type(file)[0] or "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                """Say nothing."""

        return Handler

    def run(self, script, **data):
        """Return what a script's body returns; ``data`` is bytes, or what becomes JSON: ``await bytes(name)``."""
        self.data = {name: one if isinstance(one, bytes) else json.dumps(one).encode() for name, one in data.items()}
        return self.page.evaluate(f"(async () => {{ {PRELUDE} {script} }})()")

    def close(self):
        """Let page and server go."""
        self.page.close()
        self.server.shutdown()
        self.server.server_close()


def array(coded, dtype):
    """The numbers of what ``base64`` made."""
    return np.frombuffer(base64.b64decode(coded), dtype)


@pytest.fixture(scope="module", params=["chromium", pytest.param("firefox", marks=pytest.mark.thorough)])
def engine(request, browser):
    engine = Engine(browser.new_page() if request.param == "chromium" else firefox())
    yield engine
    engine.close()


def drawings(count, seed=0):
    """Digits by many hands, as strokes on the page's canvas: of all sizes and places, some over its edge."""
    rng = np.random.default_rng(seed)
    made = []
    for k in range(count):
        forms = list(DIGIT_FORMS[k % 10].values())
        strokes = Hand.of(rng).write(glyph(*forms[rng.integers(len(forms))]), rng)
        points = np.concatenate(strokes)
        middle, height = (points.min(axis=0) + points.max(axis=0)) / 2, rng.uniform(30, 460)
        place = rng.uniform(min(height / 3, 250), max(500 - height / 3, 250), 2)
        made.append([np.round((stroke - middle) * height + place, int(rng.integers(3))) for stroke in strokes])
    return made


@pytest.fixture(scope="session")
def made():
    """A thousand drawings, of the digits 0 to 9 in turn, and what Python makes of them: (1,000, 28, 28) uint8."""
    strokes = drawings(1_000)
    return strokes, np.array([image_of(one) for one in strokes])


def image_of(strokes, brush=24):
    """A drawing in MNIST's form, (28, 28) uint8, by Python; blank where there is no ink."""
    picture = render_cropped([np.array(one, float) for one in strokes if len(one)], brush)
    place = ink_box(picture)
    return np.zeros((28, 28), np.uint8) if place is None else normalize_digit(picture[place])["mnist"]


def as_placed(found, wanted):
    """The image found (28, 28), moved by a pixel where that makes it the one wanted.

    The centre of mass of what is symmetric may lie just between two pixels; which of them it is then hangs on the last
    bits of a sum, in which Python and the browser differ.
    """
    moves = [np.roll(found, (down, across), (0, 1)) for down in (0, -1, 1) for across in (0, -1, 1)]
    return min(moves, key=lambda moved: np.abs(moved.astype(int) - wanted).max())
