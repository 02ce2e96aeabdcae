"""Measure how well drawings are read: strokes of a pen, drawn as the page draws them, at many sizes and places.

    python -m benchmarks.quality.bench_drawings drawings.json.gz
    python -m benchmarks.quality.bench_drawings drawings.json --models lenet5 runs/mine/lenet5/model.npz
    python -m benchmarks.quality.bench_drawings drawings.json --page    # as the page reads them: by strokes

The file is a list of {"label": 7, "strokes": [[[x, y], ...], ...], "box": [500, 500], "writer": "w01"}, packed or not.
Each digit is drawn with a round brush at five sizes and five places, and at the centre with three brushes, brought into
MNIST's form by the library, and read. Digits that would not fit into their box are made as large as they may be. Over
all sizes and places the verdicts are counted, and confidence is compared with what is right, with intervals over
writers (see ``by_writer.py``); where these are known to writers.json, apart for those that choose and that judge.
Results go to benchmarks/results/drawings.json, and beside it pictures of what the first model misreads: see
``confusion_sheets.py``.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from functools import partial
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np

import nnscratch as nn
from benchmarks import harness
from benchmarks.quality.by_writer import figures, groups, without_prefix, worst_first
from benchmarks.quality.confusion_sheets import Errors, write_sheets
from benchmarks.quality.readings import Readings, read_all, stacked
from nnscratch.arrays import Array
from nnscratch.cli.commands.predict import find_model
from nnscratch.data.drawings import Drawing, read_drawings
from nnscratch.errors import DataError
from nnscratch.pictures.drawing import BRUSH, Strokes, render
from nnscratch.pictures.preprocess import to_mnist
from nnscratch.pictures.several.strokes import digits_in_strokes

FIGURES = ("accuracy", "sure", "unsure", "refused", "wrong_of_sure", "calibration_error")
WORST = 5  # writers that the text names
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
    parser.add_argument("--sheets", type=Path, metavar="FOLDER", help="put the pictures of errors here")
    args = parser.parse_args()
    try:
        drawings = read_drawings(args.drawings)
        models = [find_model(name) for name in args.models]
    except nn.NNScratchError as error:
        parser.exit(error.exit_code, f"bench_drawings.py: {error}\n")
    if any(drawing.label is None or not drawing.strokes for drawing in drawings):
        parser.exit(1, f"bench_drawings.py: {args.drawings} has drawings without label or strokes: give both\n")
    drawings = drawings[:: 10 if args.quick else 1]
    results, readings = measure(drawings, models, args.page)
    args.quick |= args.page
    folder = args.sheets or (None if args.quick else harness.RESULTS)
    if folder is not None:
        name = models[0][0]
        write_sheets(folder, Errors(drawings, readings[name], at_places(), drawn), name, Path(args.drawings).name)
    harness.finish(args, "drawings", results, table)


def at_places() -> list[Condition]:
    """Return every size at every place with the page's brush."""
    return [(size, place, BRUSH) for size in SIZES for place in PLACES]


def conditions() -> list[Condition]:
    """Return the same, and every size at the centre with the other brushes."""
    return at_places() + [(size, "centre", brush) for brush in BRUSHES if brush != BRUSH for size in SIZES]


def measure(
    drawings: list[Drawing], models: list[tuple[str, nn.Sequential]], page: bool = False
) -> tuple[dict[str, Any], dict[str, Readings]]:
    """Draw all in every condition, and let the models read them.

    Returns the results, and what each model reads at all sizes and places with the page's brush.
    """
    told = harness.environment(nn.threads())
    labels = np.array([drawing.label for drawing in drawings])
    rows: list[harness.Row] = []
    found: dict[str, list[Readings]] = {name: [] for name, _ in models}
    with multiprocessing.get_context("spawn").Pool(harness.cores()) as pool:
        for condition in conditions():
            pictures = pool.map(partial(drawn, condition=condition, page=page), drawings, chunksize=25)
            size, place, brush = condition
            for name, model in models:
                readings = read_all(model, pictures, labels)
                accuracy = float(readings.right.mean())
                rows.append({"model": name, "size": size, "place": place, "brush": brush, "accuracy": accuracy})
                if brush == BRUSH:
                    found[name].append(readings)
    together = {name: stacked(parts) for name, parts in found.items()}
    results = {
        "rows": rows,
        "digits": len(drawings),
        "per_class": {name: all_read.by_class(labels) for name, all_read in together.items()},
        "confusions": {
            name: [[*pair, n] for pair, n in all_read.confusions(labels).most_common(10)]
            for name, all_read in together.items()
        },
        **by_group(drawings, together),
        "environment": told,
    }
    return results, together


def by_group(drawings: list[Drawing], found: dict[str, Readings]) -> dict[str, Any]:
    """Return the figures of each model for each group of writers, and its accuracy for each writer of all."""
    writers = [drawing.writer for drawing in drawings]
    units = [name or f"drawing {k}" for k, name in enumerate(writers)]  # each on its own where nobody is named
    rows = []
    for name, readings in found.items():
        for group, part in groups(writers).items():
            own = list(compress(units, part))
            counts = {"writers": len(set(compress(writers, part)) - {""}), "digits": len(own)}
            rows.append({"model": name, "group": group, **counts, **figures(readings.of(part), own)})
    return {"groups": rows, "writers": {name: worst_first(readings, writers) for name, readings in found.items()}}


def drawn(drawing: Drawing, condition: Condition, page: bool = False) -> Any:
    """Return a drawing in this condition in MNIST's form, or None where no ink is found."""
    size, place, brush = condition
    strokes = placed(drawing.strokes, drawing.box, size, PLACES[place])
    if page:
        found = digits_in_strokes(strokes, brush, single=True)
        return found[0].image if found else None
    return to_mnist(render(strokes, drawing.box, brush))


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
    parts += [groups_table(results["groups"])] if "groups" in results else []
    for name in names:
        told = ", ".join(
            f"{true} as {'nothing' if read < 0 else read} ({n})" for true, read, n in results["confusions"][name]
        )
        parts.append(f"{name} reads most often: {told}.{worst_writers(results.get('writers', {}).get(name, []))}")
    return "\n\n".join(parts)


def groups_table(rows: list[harness.Row]) -> str:
    """Return Markdown: the figures over all sizes and places, by model and group of writers, with their intervals."""
    header = ["all sizes and places", *(name.replace("_", " ") for name in FIGURES)]
    return harness.markdown(
        header, [[f"{row['model']}, {described(row)}", *(shown(row[name]) for name in FIGURES)] for row in rows]
    )


def described(row: harness.Row) -> str:
    """Return who drew the digits of a group: "20 choosing writers"."""
    if not row["writers"]:
        return f"{row['digits']:,} digits"
    which = "" if row["group"] == "all" else f"{row['group']} "
    return f"{row['writers']} {which}writer{'s' if row['writers'] > 1 else ''}"


def shown(interval: Sequence[float] | None) -> str:
    """Return a share and its interval in per cent."""
    if interval is None:
        return "–"
    value, low, high = (100 * each for each in interval)
    return f"{value:.1f} % ({low:.1f} to {high:.1f})"


def worst_writers(writers: list[dict[str, Any]]) -> str:
    """Return a sentence that names the writers that are read worst, or nothing where none is named."""
    if not writers:
        return ""
    names = without_prefix([one["writer"] for one in writers])
    told = ", ".join(
        f"{name} ({100 * one['accuracy']:.1f} %)" for name, one in zip(names[:WORST], writers, strict=False)
    )
    return f" The writers that it reads worst: {told}."


if __name__ == "__main__":
    main()
