"""Take the documentation's pictures of the study tools: python -m benchmarks.pages.study_pictures (needs Chromium and
playwright).

Each tool is run as a user runs it, in a temporary folder, and its page is photographed; plots of the lab are copied.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import harness

COMMANDS = [
    ["study", "step", "lenet5", "test:3", "--fresh"],
    ["study", "network", "lenet5"],
    ["study", "train", "lenet5", "--epochs", "3"],
    ["lab", "vanishing"],
    ["lab", "order"],
]
LAB = ("vanishing", "order")


def main() -> None:
    """Run the tools and write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=harness.RESULTS, metavar="DIR")
    out = parser.parse_args().out
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as name, sync_playwright() as run:
        place = Path(name)
        for command in COMMANDS:
            subprocess.run([sys.executable, "-m", "nnscratch", *command], cwd=place, check=True, capture_output=True)
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        browser = run.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 860}, device_scale_factor=1.5)
        take_step(page, place, out)
        take_network(page, place, out)
        take_training(page, place, out)
        browser.close()
        for experiment in LAB:
            shutil.copyfile(place / "lab" / f"{experiment}.png", out / f"lab-{experiment}.png")


def take_step(page: Any, place: Path, out: Path) -> None:
    """A weight of the first convolution: which pixels changed it, and its update."""
    page.goto((place / "study" / "step-lenet5.html").as_uri() + "#conv1.W[4,0,0,3]&phase=backward")
    page.screenshot(path=out / "study-step.png")


def take_network(page: Any, place: Path, out: Path) -> None:
    """The digits that excite each filter most."""
    page.goto((place / "study" / "network-lenet5.html").as_uri())
    box = page.locator("#units").bounding_box()
    page.screenshot(path=out / "study-network.png", full_page=True, clip={**box, "height": 985})


def take_training(page: Any, place: Path, out: Path) -> None:
    """The record of a training, from its beginning."""
    page.goto((place / "study" / "train-lenet5.html").as_uri())
    page.screenshot(path=out / "study-train.png", full_page=True, clip={"x": 0, "y": 0, "width": 1280, "height": 1580})


if __name__ == "__main__":
    main()
