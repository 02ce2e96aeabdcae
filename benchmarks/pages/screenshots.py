"""Take the pictures of the page: python -m benchmarks.pages.screenshots (needs Chromium and playwright)."""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import harness

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
DESK, PHONE = {"width": 1180, "height": 760}, {"width": 360, "height": 740}
THREE = [[(12, 15), (30, 2), (52, 10), (54, 32), (28, 46), (56, 60), (58, 86), (30, 100), (4, 90)]]
FOUR = [[(40, 0), (0, 65), (60, 65)], [(45, 30), (45, 100)]]
TWO = [[(4, 22), (18, 4), (44, 4), (54, 26), (40, 54), (2, 100), (60, 100)]]


def main() -> None:
    """Start the server and the browser, and write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=harness.RESULTS, metavar="DIR")
    out = parser.parse_args().out
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    command = [sys.executable, "-m", "nnscratch", "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        found = re.match(r"http://\S+", server.stdout.readline())
        assert found
        with sync_playwright() as run:
            browser = run.chromium.launch(executable_path=chromium, args=FLAGS)
            take(browser, found.group(0), out)
            browser.close()
        server.terminate()


def take(browser: Any, url: str, out: Path) -> None:
    """Write each picture."""
    page = browser.new_page(viewport=DESK, device_scale_factor=2)
    page.goto(url)
    page.wait_for_selector("#summary[data-kind=sure]")
    page.screenshot(path=out / "page-empty.png")
    draw(page, THREE, 2.8, 165, 110)
    page.screenshot(path=out / "page-digit.png")
    take_network(page, out)
    page.click("#compare summary")
    page.wait_for_selector(".card:nth-child(2) .best")
    page.wait_for_timeout(300)  # for the bars
    page.locator("#compare").screenshot(path=out / "page-compare.png")
    page.click("#compare summary")
    page.click("#clear")
    draw(page, FOUR, 1.7, 60, 150)
    draw(page, TWO, 1.7, 290, 150)
    page.wait_for_selector(".box")
    page.screenshot(path=out / "page-number.png")
    for name, options in {
        "page-dark": {"viewport": DESK, "color_scheme": "dark"},
        "page-phone": {"viewport": PHONE, "has_touch": True, "is_mobile": True},
    }.items():
        page = browser.new_page(device_scale_factor=2, **options)
        page.goto(url)
        page.wait_for_selector(".column")
        draw(page, THREE, 2.8, 165, 110)
        page.screenshot(path=out / f"{name}.png")


def take_network(page: Any, out: Path) -> None:
    """Write what flows through the network and back, and what would change its mind; leave the page as it was."""
    page.evaluate("document.getElementById('network').scrollIntoView()")
    page.wait_for_selector(".layer")
    page.locator("#network").screenshot(path=out / "page-network.png")
    page.click("text=Logit, backward")
    page.locator("#network").screenshot(path=out / "page-gradient.png")
    page.click("text=Forward")
    page.click("text=Show me")
    page.wait_for_selector(".mind figure")
    page.locator("#mind").screenshot(path=out / "page-mind.png")
    page.click("text=Hide")
    page.evaluate("scrollTo(0, 0)")


def draw(page: Any, strokes: list[list[tuple[float, float]]], scale: float, left: float, top: float) -> None:
    """Draw with the mouse, along smooth lines, and wait for the answer."""
    page.evaluate("scrollTo(0, 0)")
    box = page.locator("#pad").bounding_box()
    factor = box["width"] / 500
    for stroke in strokes:
        corners = np.array(stroke) * scale + np.array([left, top])
        t = np.linspace(0, len(corners) - 1, 60)
        path = np.stack([np.interp(t, np.arange(len(corners)), axis) for axis in corners.T], axis=1)
        if len(corners) > 3:
            padded = np.pad(path, ((4, 4), (0, 0)), mode="edge")
            path = np.lib.stride_tricks.sliding_window_view(padded, 9, axis=0).mean(axis=2)
        points = [(box["x"] + x * factor, box["y"] + y * factor) for x, y in path]
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point)
        page.mouse.up()
    page.wait_for_timeout(600)


if __name__ == "__main__":
    main()
