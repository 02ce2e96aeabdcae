"""Measure how well drawings are read: strokes of a pen, drawn as the page draws them, at many sizes and places.

    python -m benchmarks.quality.bench_drawings drawings.json.gz
    python -m benchmarks.quality.bench_drawings drawings.json --models lenet5 runs/mine/lenet5/model.npz
    python -m benchmarks.quality.bench_drawings drawings.json --page    # as the page's server draws them

The file is a list of {"label": 7, "strokes": [[[x, y], ...], ...], "box": [500, 500]}, packed or not. Each digit is
drawn with a round brush at five sizes and five places, and at the centre with three brushes, brought into MNIST's form
by the library, and read. Digits that would not fit into their box are made as large as they may be. Results go to
benchmarks/results/drawings.json.
"""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

import nnscratch as nn
from benchmarks import harness
from nnscratch.arrays import Array
from nnscratch.cli.commands.predict import find_model
from nnscratch.data.drawings import Drawing, read_drawings
from nnscratch.errors import DataError
from nnscratch.pictures.drawing import BRUSH, Strokes, render, render_cropped
from nnscratch.pictures.preprocess import to_mnist

SIZES = (0.6, 1.0, 1.5, 2.0, 2.5)  # times as large as they were drawn
PLACES = {"centre": (0.5, 0.5), "top left": (0, 0), "top right": (1, 0), "bottom left": (0, 1), "bottom right": (1, 1)}
BRUSHES = (14.0, BRUSH, 36.0)  # pixels

Condition = tuple[float, str, float]  # size, place, brush


def placed(strokes: Sequence[Array], box: tuple[int, int], size: float, place: tuple[float, float]) -> Strokes:
    """Return the strokes ``size`` times as large, and moved: (0, 0) is the box's top left, (1, 1) its bottom right.

    Where they would not fit into the box with a brush's width around them, they become as large as they may. Raises
    DataError for a box of four brushes' width or less.
    """
    if min(box) <= 4 * BRUSH:
        raise DataError(
            f"the box {box[0]} x {box[1]} is too small to draw in: give one of more than {4 * BRUSH:g} pixels"
        )
    points = np.concatenate(list(strokes))
    low, high = points.min(axis=0), points.max(axis=0)
    room = np.array(box, np.float64) - 2 * BRUSH
    extent = np.maximum(high - low, 1e-9)
    factor = min(size, float((room / extent).min()))
    corner = BRUSH + (room - factor * extent) * np.array(place)
    return [(stroke - low) * factor + corner for stroke in strokes]


def main() -> None:
    """Parse the arguments, measure, write, print."""
    parser = harness.parser(__doc__)
    parser.add_argument("drawings", metavar="FILE", help="JSON of strokes, packed (.gz) or not")
    parser.add_argument("--models", nargs="+", default=["lenet5", "mlp", "logistic"], metavar="NAME|FILE")
    parser.add_argument("--page", action="store_true", help="draw as the page's server does: only where strokes are")
    args = parser.parse_args()
    try:
        drawings = read_drawings(args.drawings)
        models = [find_model(name) for name in args.models]
    except nn.NNScratchError as error:
        parser.exit(error.exit_code, f"bench_drawings.py: {error}\n")
    if any(drawing.label is None or not drawing.strokes for drawing in drawings):
        parser.exit(1, f"bench_drawings.py: {args.drawings} has drawings without label or strokes: give both\n")
    results = measure(drawings[:: 10 if args.quick else 1], models, args.page)
    args.quick |= args.page
    harness.finish(args, "drawings", results, table)


def conditions() -> list[Condition]:
    """Return every size at every place with the page's brush, and every size at the centre with the others."""
    at_places = [(size, place, BRUSH) for size in SIZES for place in PLACES]
    return at_places + [(size, "centre", brush) for brush in BRUSHES if brush != BRUSH for size in SIZES]


def measure(drawings: list[Drawing], models: list[tuple[str, nn.Sequential]], page: bool = False) -> dict[str, Any]:
    """Draw all in every condition, and let the models read them."""
    told = harness.environment(nn.threads())
    labels = np.array([drawing.label for drawing in drawings])
    rows: list[harness.Row] = []
    confusions = {name: Counter[tuple[int, int]]() for name, _ in models}
    right = {name: np.zeros(10) for name, _ in models}
    with multiprocessing.get_context("spawn").Pool(harness.cores()) as pool:
        for condition in conditions():
            pictures = pool.map(partial(drawn, condition=condition, page=page), drawings, chunksize=25)
            images = np.stack([np.zeros((28, 28), np.uint8) if picture is None else picture for picture in pictures])
            for name, model in models:
                read = np.where([picture is None for picture in pictures], -1, model.predict(images))  # none: wrong
                size, place, brush = condition
                accuracy = float(np.mean(read == labels))
                rows.append({"model": name, "size": size, "place": place, "brush": brush, "accuracy": accuracy})
                if brush == BRUSH:
                    confusions[name].update(
                        zip(labels[read != labels].tolist(), read[read != labels].tolist(), strict=True)
                    )
                    right[name] += np.bincount(labels[read == labels], minlength=10)
    classes = np.bincount(labels, minlength=10) * len(SIZES) * len(PLACES)
    per_class = {name: [float(value) for value in right[name] / np.maximum(classes, 1)] for name in right}
    common = {name: [[*pair, n] for pair, n in counts.most_common(10)] for name, counts in confusions.items()}
    return {"rows": rows, "digits": len(drawings), "per_class": per_class, "confusions": common, "environment": told}


def drawn(drawing: Drawing, condition: Condition, page: bool = False) -> Any:
    """Return a drawing in this condition in MNIST's form, or None where no ink is found."""
    size, place, brush = condition
    if page:
        return to_mnist(render_cropped(placed(drawing.strokes, drawing.box, size, PLACES[place]), brush).picture)
    return to_mnist(render(placed(drawing.strokes, drawing.box, size, PLACES[place]), drawing.box, brush))


def table(results: dict[str, Any]) -> str:
    """Return Markdown: accuracy by size with the worst of the places, by brush, by class, and what is confused."""
    rows = results["rows"]
    names = list(dict.fromkeys(row["model"] for row in rows))

    def worst(name: str, **wanted: Any) -> str:
        found = [row["accuracy"] for row in rows if row["model"] == name and wanted.items() <= row.items()]
        return f"{100 * min(found):.1f} %"

    sizes, places, brushes = (list(dict.fromkeys(row[key] for row in rows)) for key in ("size", "place", "brush"))
    lines = [
        [name, worst(name, brush=BRUSH), *(worst(name, brush=BRUSH, size=size) for size in sizes)] for name in names
    ]
    parts = [harness.markdown(["the worst of the places", "all sizes", *(f"size {size:g}" for size in sizes)], lines)]
    lines = [[name, *(worst(name, brush=BRUSH, place=place) for place in places)] for name in names]
    parts.append(harness.markdown(["the worst of the sizes", *places], lines))
    lines = [[name, *(worst(name, place="centre", brush=brush) for brush in sorted(brushes))] for name in names]
    parts.append(
        harness.markdown(["the worst of the sizes", *(f"brush {brush:g}" for brush in sorted(brushes))], lines)
    )
    lines = [[name, *(f"{100 * value:.1f}" for value in results["per_class"][name])] for name in names]
    parts.append(harness.markdown(["% of each digit", *map(str, range(10))], lines))
    for name in names:
        told = ", ".join(
            f"{true} as {'nothing' if read < 0 else read} ({n})" for true, read, n in results["confusions"][name]
        )
        parts.append(f"{name} reads most often: {told}.")
    return "\n\n".join(parts)


if __name__ == "__main__":
    main()
