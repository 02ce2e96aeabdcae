"""Draw digits with a mouse on the page's own pad, and compare what the page, its API and Python read in them.

    python -m benchmarks.pages.pad --drawings drawings.json.gz --count 300    # needs Chromium and Playwright

The file is a list of {"label": 7, "strokes": [[[x, y], ...], ...]}, packed or not. Of it ``--count`` drawings, evenly
spread, are drawn in the middle of the pad with its default brush, by pointer events of a browser, at the five
sizes of bench_drawings.py in turn. The strokes that the page then holds are what /api/predict is asked about, and what
the library reads in this process. Told are the drawings in which the three differ, the single digits that were split,
and how many digits each network reads right.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import numpy as np
from playwright.sync_api import Page, sync_playwright

import nnscratch as nn
from benchmarks import harness
from benchmarks.quality.bench_drawings import PLACES, SIZES, placed
from nnscratch.cli.flags import DEFAULT_MODELS
from nnscratch.data.drawings import Drawing, read_drawings
from nnscratch.models.confidence import legibility
from nnscratch.pictures.drawing import CANVAS, Strokes
from nnscratch.pictures.several.strokes import digits_in_strokes
from tests.tools.browsing import CHROMIUM, FLAGS, Server
from tests.tools.page import current, drag, until

READ = """({ strokes: context.current.strokes, brush: context.current.brush,
  digits: context.current.digits.map(({ image, reading }) => ({ image: [...image], ...reading })) })"""
NEAR = 1e-3  # a confidence is that of the same image


def main() -> None:
    """Draw, ask, compare, print."""
    parser = harness.parser(__doc__)
    parser.add_argument("--drawings", required=True, metavar="FILE", help="JSON of strokes, packed (.gz) or not")
    parser.add_argument("--count", type=int, default=300, metavar="N", help="drawings; default: 300")
    args = parser.parse_args()
    models = {name: nn.load_pretrained(name) for name in DEFAULT_MODELS}
    drawings = [one for one in read_drawings(args.drawings) if one.label is not None and one.strokes]
    chosen = drawings[:: max(len(drawings) // args.count, 1)][: args.count]
    server = Server()
    try:
        rows = [
            compared(found, server.url, models) | {"label": label} for label, found in on_the_pad(chosen, server.url)
        ]
    finally:
        server.stop()
    results = {"rows": rows, "environment": harness.environment(nn.threads())}
    args.quick = True  # the drawings are not everyone's: nothing is written
    harness.finish(args, "pad", results, table)


def on_the_pad(drawings: list[Drawing], url: str) -> Iterator[tuple[int | None, Any]]:
    """Yield each drawing's label, and what the page holds once it was drawn there: strokes, brush and digits."""
    with sync_playwright() as run:
        browser = run.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(reduced_motion="reduce")
        page.goto(url)
        page.wait_for_selector(".column")
        for number, drawing in enumerate(drawings):
            yield drawing.label, drawn(page, placed_in_turn(drawing, number))
        browser.close()


def placed_in_turn(drawing: Drawing, number: int) -> Strokes:
    """Return the strokes in the middle of the pad, as large as the number says."""
    return placed(drawing.strokes, (CANVAS, CANVAS), SIZES[number % len(SIZES)], PLACES["centre"])


def drawn(page: Page, strokes: Strokes) -> Any:
    """Draw on an empty pad; return what the page holds."""
    page.click("#clear")
    until(page, "document.getElementById('big').textContent === '–'")
    drag(page, strokes)
    return current(page, READ)


def compared(found: Any, url: str, models: dict[str, nn.Sequential]) -> harness.Row:
    """Return what the page, the API and the library read in the strokes that the page holds."""
    strokes, brush, on_page = found["strokes"], found["brush"], found["digits"]
    question = {"strokes": strokes, "brush": brush, "models": [next(iter(models))], "single": False}
    by_api = [one["predictions"][0] for one in asked(url, question)["digits"]]
    reader = next(iter(models.values()))
    arrays = [np.array(stroke, float) for stroke in strokes]
    digits = digits_in_strokes(arrays, brush, read=lambda images: legibility(reader.read(images)))
    images = np.array([digit.image for digit in digits]).reshape(-1, 28, 28)
    seen = np.array([one["image"] for one in on_page], float).reshape(-1, 28, 28)
    return {
        "page": [told(one) for one in on_page],
        "api": [told(one) for one in by_api],
        "python": [told(one.to_dict()) for one in reader.read(images)] if digits else [],
        "levels": float(np.abs(images - seen).max(initial=0)) if images.shape == seen.shape else None,
        "read": {name: model.predict(images).tolist() for name, model in models.items()} if digits else {},
    }


def asked(url: str, question: Any) -> Any:
    """Return the answer of the API."""
    request = urllib.request.Request(
        f"{url}api/predict", json.dumps(question).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


def told(reading: Any) -> tuple[int, str, float]:
    """Return digit, verdict and confidence."""
    return reading["digit"], reading["verdict"], reading["confidence"]


def is_same(mine: list[Any], theirs: list[Any]) -> bool:
    """Return whether two found the same digits, with the same verdicts and as sure."""
    return len(mine) == len(theirs) and all(
        (a[0], a[1]) == (b[0], b[1]) and abs(a[2] - b[2]) <= NEAR for a, b in zip(mine, theirs, strict=True)
    )


def table(results: dict[str, Any]) -> str:
    """Return the figures as Markdown."""
    rows = results["rows"]

    def reads_right(row: harness.Row, name: str) -> bool:
        return bool(row["read"].get(name) == [row["label"]])

    counts = {
        "page and API differ": sum(not is_same(row["page"], row["api"]) for row in rows),
        "page and Python differ": sum(not is_same(row["page"], row["python"]) for row in rows),
        "their 28 x 28 pixels differ by more than a level": sum(
            row["levels"] is None or row["levels"] > 1 for row in rows
        ),
        "split, or nothing was found": sum(len(row["page"]) != 1 for row in rows),
        "the page refuses it as no digit": sum(any(one[1].startswith("not") for one in row["page"]) for row in rows),
        "the page's digit is right": sum([one[0] for one in row["page"]] == [row["label"]] for row in rows),
    }
    counts |= {f"{name} is right": sum(reads_right(row, name) for row in rows) for name in DEFAULT_MODELS}
    return harness.markdown([f"of {len(rows)} drawings", ""], [[name, str(count)] for name, count in counts.items()])


if __name__ == "__main__":
    main()
