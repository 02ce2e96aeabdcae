"""Measure what the networks take for no digit: letters of several fonts, scribbles and noise, and digits of MNIST.

    python -m benchmarks.quality.bench_rejection
    python -m benchmarks.quality.bench_rejection --models runs/mine/lenet5/model.npz

Each model has a limit that 99 of 100 validation digits pass. Letters are drawn from the fonts that come with
Matplotlib, brought into MNIST's form by the library, and read. Some letters are digits to anybody (O, I, l, S, Z, ...):
the rest is counted on its own. Scribbles are one to three smooth random strokes of the page's brush. The test images
tell how many digits are refused that did not choose the limit. Results go to benchmarks/results/rejection.json.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import nnscratch as nn
from benchmarks import harness
from nnscratch.cli.commands.predict import find_model
from nnscratch.models.confidence import NOT_A_DIGIT, SURE
from nnscratch.pictures.drawing import CANVAS, render
from nnscratch.pictures.preprocess import to_mnist

FONTS = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSansMono", "DejaVuSerif", "DejaVuSerif-Italic")
FONTS += ("STIXGeneral", "STIXGeneralItalic", "cmr10")
LIKE_DIGITS = frozenset("OoQDIilSsZzBbgqj")
SCRIBBLES, NOISE = 1_000, 1_000

Images = np.ndarray[Any, np.dtype[np.uint8]]


def main() -> None:
    """Parse the arguments, measure, write, print."""
    parser = harness.parser(__doc__)
    parser.add_argument("--models", nargs="+", default=["lenet5", "mlp", "logistic"], metavar="NAME|FILE")
    args = parser.parse_args()
    try:
        models = [find_model(name) for name in args.models]
    except nn.NNScratchError as error:
        parser.exit(error.exit_code, f"bench_rejection.py: {error}\n")
    harness.finish(args, "rejection", measure(models, 10 if args.quick else 1), table)


def measure(models: list[tuple[str, nn.Sequential]], every: int) -> dict[str, Any]:
    """Let the models read all sets."""
    told = harness.environment(nn.threads())
    sets = all_sets(every)
    rows = []
    for name, model in models:
        for called, images in sets.items():
            verdicts = [reading.verdict for reading in model.read(images)]
            shares = {"refused": verdicts.count(NOT_A_DIGIT), "sure": verdicts.count(SURE)}
            rows.append(
                {"model": name, "set": called, "n": len(images), **{k: v / len(images) for k, v in shares.items()}}
            )
    return {"rows": rows, "environment": told}


def all_sets(every: int = 1) -> dict[str, Images]:
    """Return the images of each set, (N, 28, 28), or one in so many of them."""
    drawn = list(letters(FONTS[::every]))
    unlike = [image for letter, image in drawn if letter not in LIKE_DIGITS]
    noise = np.random.default_rng(1).integers(0, 256, (NOISE // every, 28, 28), np.uint8)
    return {
        "test digits": nn.load_mnist().test_images[::every],
        "letters": np.stack([image for _, image in drawn]),
        "letters unlike digits": np.stack(unlike),
        "scribbles": np.stack(list(scribbles(SCRIBBLES // every))),
        "noise": noise,
    }


def letters(fonts: Sequence[str] = FONTS) -> Iterator[tuple[str, Images]]:
    """Yield each letter in each font."""
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    for name in fonts:
        font = ImageFont.truetype(str(folder / f"{name}.ttf"), 200)
        for letter in string.ascii_letters:
            sheet = Image.new("L", (400, 400))
            ImageDraw.Draw(sheet).text((120, 80), letter, fill=255, font=font)
            image = to_mnist(np.asarray(sheet))
            if image is not None:
                yield letter, image


def scribbles(count: int) -> Iterator[Images]:
    """Yield random strokes: a mean of nine points along straight lines between four to eight random ones."""
    rng = np.random.default_rng(0)
    for _ in range(count):
        strokes = []
        for _ in range(rng.integers(1, 4)):
            corners = rng.uniform(0.15 * CANVAS, 0.85 * CANVAS, (rng.integers(4, 9), 2))
            t = np.linspace(0, len(corners) - 1, 60)
            path = np.stack([np.interp(t, np.arange(len(corners)), axis) for axis in corners.T], axis=1)
            padded = np.pad(path, ((4, 4), (0, 0)), mode="edge")
            strokes.append(np.lib.stride_tricks.sliding_window_view(padded, 9, axis=0).mean(axis=2))
        image = to_mnist(render(strokes))
        if image is not None:
            yield image


def table(results: dict[str, Any]) -> str:
    """Return Markdown: for each set, the share that each model refuses, and the share that it calls sure."""
    rows = results["rows"]
    names = list(dict.fromkeys(row["model"] for row in rows))
    sets = {row["set"]: row["n"] for row in rows}
    lines = []
    for called, n in sets.items():
        mine = {row["model"]: row for row in rows if row["set"] == called}
        cells = [f"{100 * mine[name][what]:.1f} %" for what in ("refused", "sure") for name in names]
        lines.append([f"{n:,} {called}", *cells])
    header = ["", *(f"{name} {what}" for what in ("refuses", "is sure") for name in names)]
    return harness.markdown(header, lines)


if __name__ == "__main__":
    main()
