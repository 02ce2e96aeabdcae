"""Take the animated picture of one step: python -m benchmarks.pages.step_picture (needs Chromium and playwright).

The page of ``nnscratch study step lenet5`` is walked through as a reader does, forward, loss, backward and update, with
what belongs together lit up, and each state becomes a frame of a WebP file that repeats.
"""

from __future__ import annotations

import argparse
import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

ROOT = Path(__file__).parents[2]
SIZE = (1160, 786)  # CSS pixels; the frames are WIDTH wide
WIDTH = 900
LEAST, MOST = 1600, 3000  # milliseconds that a frame stays
FRAMES = [  # address, what the pointer is on, milliseconds
    ("#input&phase=forward", None, LEAST),
    ("#conv1[1,6,13]&phase=forward", None, LEAST),
    ("#conv1[1,6,13]&phase=forward", '.stage:not([hidden]) .letter[data-token="W"]', MOST),
    ("#conv1[1,6,13]&phase=forward", "#panel .terms tbody tr:nth-child(2) a.name", MOST),
    ("#relu1[1,6,13]&phase=forward", None, LEAST),
    ("#pool1[1,3,6]&phase=forward", None, LEAST),
    ("#dense2[4]&phase=forward", None, LEAST),
    ("#loss&phase=loss", ".stage:not([hidden]) tbody tr:nth-child(5) td:last-child a", MOST),
    ("#dense2.W&phase=backward", None, LEAST),
    ("#conv2&phase=backward", None, LEAST),
    ("#conv1.W[4,0,0,3]&phase=backward", '.stage:not([hidden]) .letter[data-token="dout"]', MOST),
    ("#conv1.W[4,0,0,3]&phase=update", None, LEAST),
    ("#conv1.W[4,0,0,3]&phase=update", "what if", MOST),
]


def main() -> None:
    """Write the page, walk through it, and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "_static" / "step.webp", metavar="FILE.webp")
    out = parser.parse_args().out
    out.parent.mkdir(parents=True, exist_ok=True)
    frames = taken()
    durations = [milliseconds for _, _, milliseconds in FRAMES]
    frames[0].save(out, save_all=True, append_images=frames[1:], duration=durations, loop=0, quality=82, method=6)
    print(f"{out}: {len(frames)} frames, {out.stat().st_size / 1e6:.2f} MB")


def taken() -> list[Image.Image]:
    """Return the frames."""
    from playwright.sync_api import sync_playwright

    command = [sys.executable, "-m", "nnscratch", "study", "step", "lenet5", "test:247", "--out", "step.html"]
    with tempfile.TemporaryDirectory() as name, sync_playwright() as run:
        subprocess.run(command, cwd=name, check=True, capture_output=True)
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        browser = run.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        width, height = SIZE
        page = browser.new_page(
            viewport={"width": width, "height": height}, device_scale_factor=2, reduced_motion="reduce"
        )
        page.goto((Path(name) / "step.html").as_uri())
        frames = [frame(page, address, pointed) for address, pointed, _ in FRAMES]
        browser.close()
    return frames


def frame(page: Any, address: str, pointed: str | None) -> Image.Image:
    """Go to a state, point at something, and take a picture from the player down."""
    page.mouse.move(0, 0)
    page.evaluate("address => location.replace(address)", address)
    page.wait_for_timeout(150)
    page.evaluate(
        "scrollTo(0, document.querySelector('.study').offsetTop - document.querySelector('.player').offsetHeight - 14)"
    )
    if pointed == "what if":
        page.locator(".whatif input").fill("-60")
        page.evaluate("document.querySelector('aside').scrollTop = document.querySelector('.whatif').offsetTop - 45")
    elif pointed:
        page.hover(pointed)
    page.wait_for_timeout(150)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    return picture.resize((WIDTH, round(picture.height * WIDTH / picture.width)), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main()
