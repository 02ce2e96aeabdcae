"""Measure what the networks take for no digit: letters of several fonts, scribbles and noise, and digits of MNIST.

    python -m benchmarks.quality.bench_rejection
    python -m benchmarks.quality.bench_rejection --models runs/mine/lenet5/model.npz --drawings drawings.json.gz

Each model has a limit that 99 of 100 validation digits pass. Letters are drawn from the fonts that come with
Matplotlib, brought into MNIST's form by the library, and read. Some letters are digits to anybody (O, I, l, S, Z, ...):
the rest is counted on its own. Scribbles are one to three smooth random strokes of the page's brush, filled shapes are
discs, boxes, triangles and blobs. The test images tell how many digits are refused that did not choose the limit, and
--drawings how many of those that people draw, as large as they drew them, in the middle. Whatever the limit, AUROC is
the share of pairs of a digit and of something else in which the digit looks more familiar, and "pass" the share of what
is no digit that gets through where 95 % of the digits do. Results go to benchmarks/results/rejection.json.
"""

from __future__ import annotations

import string
import warnings
from collections.abc import Iterator, Sequence
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np

import nnscratch as nn
from benchmarks import harness
from benchmarks.quality.by_writer import groups
from benchmarks.quality.roc import auroc, fpr_at_95
from nnscratch.arrays import Array
from nnscratch.cli.commands.predict import find_model
from nnscratch.data.drawings import Drawing, read_drawings
from nnscratch.models.confidence import NOT_A_DIGIT, SURE
from nnscratch.pictures.drawing import CANVAS, render
from nnscratch.pictures.preprocess import to_mnist

FONTS = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSansMono", "DejaVuSerif", "DejaVuSerif-Italic")
FONTS += ("STIXGeneral", "STIXGeneralItalic", "cmr10")
LIKE_DIGITS = frozenset("OoQDIilSsZzBbgqj")
SCRIBBLES, SHAPES, NOISE = 1_000, 1_000, 1_000
SHAPE_NAMES = ("disc", "box", "triangle", "blob")
VERDICTS = {"refused": NOT_A_DIGIT, "sure": SURE}

Images = np.ndarray[Any, np.dtype[np.uint8]]


def main() -> None:
    """Parse the arguments, measure, write, print."""
    parser = harness.parser(__doc__)
    parser.add_argument("--models", nargs="+", default=["lenet5", "mlp", "logistic"], metavar="NAME|FILE")
    parser.add_argument("--drawings", metavar="FILE", help="digits that people drew: JSON of strokes, packed or not")
    args = parser.parse_args()
    try:
        models = [find_model(name) for name in args.models]
        drawings = read_drawings(args.drawings) if args.drawings else []
    except nn.NNScratchError as error:
        parser.exit(error.exit_code, f"bench_rejection.py: {error}\n")
    warnings.simplefilter("ignore", nn.BackgroundWarning)  # noise has no black ground
    harness.finish(args, "rejection", measure(models, 10 if args.quick else 1, drawings), table)


def score(model: nn.Sequential, images: Images) -> Array:
    """Return how familiar images look to a model, (N,): what it refuses by. The higher, the more like a digit."""
    return model.limits.familiarity(model.logits(images).astype(np.float64))


def measure(models: list[tuple[str, nn.Sequential]], every: int, drawings: Sequence[Drawing] = ()) -> dict[str, Any]:
    """Let the models read all sets: digits, and what is none."""
    told = harness.environment(nn.threads())
    digits, others = digit_sets(every, drawings), other_sets(every)
    rows = []
    for name, model in models:
        known = {called: score(model, images) for called, images in digits.items()}
        for called, images in (digits | others).items():
            verdicts = [reading.verdict for reading in model.read(images)]
            row = {"model": name, "set": called, "n": len(images)}
            row |= {what: verdicts.count(verdict) / len(images) for what, verdict in VERDICTS.items()}
            if called in others:
                found = score(model, images)
                row["auroc"] = {which: auroc(scores, found) for which, scores in known.items()}
                row["fpr_at_95"] = {which: fpr_at_95(scores, found) for which, scores in known.items()}
            rows.append(row)
    return {"rows": rows, "environment": told}


def digit_sets(every: int = 1, drawings: Sequence[Drawing] = ()) -> dict[str, Images]:
    """Return the images of digits, (N, 28, 28) each, or one in so many: MNIST's, and people's by group of writers."""
    sets = {"test digits": nn.load_mnist().test_images[::every]}
    some = drawings[::every]
    for group, part in groups([drawing.writer for drawing in some]).items() if some else ():
        pictures = (to_mnist(render(drawing.strokes, drawing.box)) for drawing in compress(some, part))
        which = "drawn digits" if group == "all" else f"drawn digits, {group} writers"
        sets[which] = np.stack([picture for picture in pictures if picture is not None])
    return sets


def other_sets(every: int = 1) -> dict[str, Images]:
    """Return the images of what is no digit, (N, 28, 28) each, or one in so many."""
    drawn = list(letters(FONTS[::every]))
    unlike = [image for letter, image in drawn if letter not in LIKE_DIGITS]
    return {
        "letters": np.stack([image for _, image in drawn]),
        "letters unlike digits": np.stack(unlike),
        "scribbles": np.stack(list(scribbles(SCRIBBLES // every))),
        "filled shapes": np.stack(list(filled_shapes(SHAPES // every))),
        "noise": np.random.default_rng(1).integers(0, 256, (NOISE // every, 28, 28), np.uint8),
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


def filled_shapes(count: int) -> Iterator[Images]:
    """Yield filled discs (and ellipses), boxes, triangles and blobs in turn, of any size, place and turn."""
    from PIL import Image, ImageDraw

    rng = np.random.default_rng(2)
    for number in range(count):
        corners = rng.uniform(0.05, 0.3) * CANVAS * outline(SHAPE_NAMES[number % len(SHAPE_NAMES)], rng)
        middle = rng.uniform(-corners.min(axis=0), CANVAS - corners.max(axis=0))
        sheet = Image.new("L", (CANVAS, CANVAS))
        ImageDraw.Draw(sheet).polygon([tuple(point) for point in corners + middle], fill=255)
        image = to_mnist(np.asarray(sheet))
        if image is not None:
            yield image


def outline(shape: str, rng: np.random.Generator) -> Array:
    """Return the corners (n, 2) of a shape around (0, 0), about 1 from it."""
    if shape == "triangle":
        angles, radii = 2 * np.pi * (np.arange(3) + rng.uniform(-0.3, 0.3, 3)) / 3, rng.uniform(0.6, 1.2, 3)
    elif shape == "box":
        half = np.arctan(rng.uniform(0.4, 1))  # of the angle in which the shorter side is seen
        angles, radii = np.array([half, np.pi - half, np.pi + half, -half]), np.ones(4)
    elif shape == "disc":
        angles, narrow = np.linspace(0, 2 * np.pi, 90, endpoint=False), rng.uniform(0.5, 1)
        radii = 1 / np.hypot(np.cos(angles), np.sin(angles) / narrow)
    else:
        angles, waves = np.linspace(0, 2 * np.pi, 90, endpoint=False), np.arange(2, 6)[:, None]
        heights = rng.normal(0, 0.4, (4, 1)) / waves
        radii = 1 + (heights * np.cos(waves * angles + rng.uniform(0, 2 * np.pi, (4, 1)))).sum(axis=0)
        radii = np.maximum(radii, 0.2)
    angles = angles + rng.uniform(0, 2 * np.pi)
    return np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)


def table(results: dict[str, Any]) -> str:
    """Return Markdown: what each model refuses of each set, what it calls sure; and AUROC, and what passes at 95 %."""
    rows = results["rows"]
    names = list(dict.fromkeys(row["model"] for row in rows))
    sets = {row["set"]: row["n"] for row in rows}
    of = {(row["set"], row["model"]): row for row in rows}

    def percent(share: float) -> str:
        return f"{100 * share:.1f} %"

    lines = [
        [f"{n:,} {called}", *(percent(of[called, name][what]) for what in ("refused", "sure") for name in names)]
        for called, n in sets.items()
    ]
    header = ["", *(f"{name} {what}" for what in ("refuses", "is sure") for name in names)]
    parts = [harness.markdown(header, lines)]
    measured = [called for called in sets if "auroc" in of[called, names[0]]]
    for digits in of[measured[0], names[0]]["auroc"] if measured else ():
        if "writers" in digits:
            continue  # these are in the results only
        header = [f"beside {digits}", *(f"{name} {what}" for what in ("AUROC", "pass") for name in names)]
        lines = [
            [
                called,
                *(f"{of[called, name]['auroc'][digits]:.3f}" for name in names),
                *(percent(of[called, name]["fpr_at_95"][digits]) for name in names),
            ]
            for called in measured
        ]
        parts.append(harness.markdown(header, lines))
    return "\n\n".join(parts)


if __name__ == "__main__":
    main()
