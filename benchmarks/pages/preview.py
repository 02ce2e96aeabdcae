"""Make the picture that messengers show beside a link to the page: python -m benchmarks.pages.preview (needs Chromium).

It is the page's own result card of a 7, in a palette of 64 colours.
"""

from __future__ import annotations

import argparse
import io
import re
import subprocess
import sys
from pathlib import Path

import nnscratch.web
from tests.tools.browsing import CHROMIUM, FLAGS

FILE = Path(nnscratch.web.__file__).parent / "static" / "keep" / "preview.png"
SEVEN = [
    [[135, 130], [180, 122], [240, 124], [300, 122], [362, 116], [312, 215], [285, 265], [262, 320], [232, 408]],
    [[190, 268], [245, 262], [300, 264], [345, 258]],
]
DRAW = """strokes => import(document.querySelector('script[type=module]').src.replace('main.js', 'context.js'))
  .then(({ context }) => context.setStrokes(strokes, 30))"""


def main() -> None:
    """Open the page, draw, and save its card."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    command = [sys.executable, "-m", "nnscratch", "serve", "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        address = re.match(r"http://\S+", server.stdout.readline())
        assert address is not None
        FILE.write_bytes(in_palette(card(address[0])))
    finally:
        server.terminate()
        server.wait()
    print(f"{FILE}: {FILE.stat().st_size:,} bytes")


def card(address: str) -> bytes:
    """Return what the page saves as a picture."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as run:
        browser = run.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(reduced_motion="reduce")
        page.goto(address)
        page.wait_for_selector(".column")
        page.evaluate(DRAW, SEVEN)
        with page.expect_download() as download:
            page.get_by_role("button", name="Save as a picture").click()
        data = download.value.path().read_bytes()
        browser.close()
    return data


def in_palette(data: bytes) -> bytes:
    """Return a PNG file with 64 colours."""
    from PIL import Image

    small = io.BytesIO()
    Image.open(io.BytesIO(data)).convert("RGB").quantize(64).save(small, "PNG", optimize=True)
    return small.getvalue()


if __name__ == "__main__":
    main()
