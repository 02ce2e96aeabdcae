"""Compare ways to tell what is no digit, for LeNet-5 trained without such images and with them.

    python -m benchmarks.quality.compare_scores --drawings drawings.json.gz
    python -m benchmarks.quality.compare_scores --epochs 60

Three networks have the recipe "best", but for the epochs: one is shown digits alone, one also what is no digit
(``--outliers``), and one all of that but letters and scribbles, which it must refuse all the same. Each score has a
limit that 99 of 100 validation digits pass. What is no digit is made from these with another seed than in training;
AUROC and "pass" are those of bench_rejection.py, the mean over all kinds. ``--drawings`` tells how many are refused of
the digits that people draw, at their own size in the middle: of the writers that choose, as this comparison does.
Results go to benchmarks/results/scores.json.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

import nnscratch as nn
from benchmarks import harness
from benchmarks.quality.bench_drawings import drawn
from benchmarks.quality.by_writer import groups
from benchmarks.quality.roc import auroc, fpr_at_95
from nnscratch.arrays import Array, Stream
from nnscratch.data.drawings import Drawing, read_drawings
from nnscratch.data.synthetic.outliers import SHARES, kinds
from nnscratch.data.synthetic.spoiled import Digits
from nnscratch.models.confidence import REFUSED, energy_score, logit_spread
from nnscratch.pictures.drawing import BRUSH
from nnscratch.runs.calibration import calibrate
from nnscratch.runs.experiment import Experiment, begin
from nnscratch.runs.settings import resolve

UNSEEN = ("letters", "scribbles")  # by the third network
NETWORKS: dict[str, list[str]] = {
    "with digits alone": [],
    "with outliers": list(SHARES),
    "without letters and scribbles": [kind for kind in SHARES if kind not in UNSEEN],
}
SEED = 1  # of what is judged; trainings have 0
PROTOTYPES = (10, 50)  # of each class
ROUNDS = 20  # of k-means


@dataclass(frozen=True)
class Seen:
    """Of N images: logits (K, N) at the network's temperature, and features (N, D), what its last layer sees."""

    logits: Array
    features: Array


Score = Callable[[Seen], Array]  # (N,): the higher, the more like a digit


def main() -> None:
    """Parse the arguments, train, measure, write, print."""
    parser = harness.parser(__doc__)
    parser.add_argument("--epochs", type=int, default=15, help="of each training")
    parser.add_argument("--outliers", type=float, default=0.05, help="as in train.py, of those that are shown some")
    parser.add_argument("--drawings", metavar="FILE", help="digits that people drew: JSON of strokes, packed or not")
    args = parser.parse_args()
    warnings.simplefilter("ignore", nn.BackgroundWarning)  # noise has no black ground
    try:
        drawings = read_drawings(args.drawings) if args.drawings else []
        results = measure(args, drawings)
    except nn.NNScratchError as error:
        parser.exit(error.exit_code, f"compare_scores.py: {error}\n")
    harness.finish(args, "scores", results, table)


def measure(args: argparse.Namespace, drawings: Sequence[Drawing]) -> dict[str, Any]:
    """Train the networks, and let each score judge digits and what is none."""
    told = harness.environment(nn.threads())
    people, rows = choosing(drawings[:: 10 if args.quick else 1]), []
    for name, shown in NETWORKS.items():
        experiment = trained(args, shown)
        data, held_out = experiment.dataset, experiment.held_out
        images, labels = data.train_images[held_out], data.train_labels[held_out]
        sets = {"validation digits": images} | ({"drawn digits": people} if len(people) else {})
        sets |= made(images, labels, 50 if args.quick else 500)
        seen = {called: see(experiment.model, some) for called, some in sets.items()}
        for called, score in scores(experiment, seen["validation digits"]).items():
            rows.append({"network": name, "score": called, **figures({one: score(seen[one]) for one in seen})})
    return {"rows": rows, "epochs": args.epochs, "outliers": args.outliers, "environment": told}


def trained(args: argparse.Namespace, shown: Sequence[str]) -> Experiment:
    """Return a calibrated LeNet-5 that was shown these kinds of what is no digit, in the shares of SHARES."""
    flags = {"epochs": args.epochs, "outliers": args.outliers if shown else 0.0, "seed": 0}
    settings = resolve("lenet5", recipe="best", flags=flags | ({"limit": 2000, "epochs": 1} if args.quick else {}))
    total = sum(SHARES[kind] for kind in shown) or 1
    shares = {kind: SHARES[kind] / total if kind in shown else 0.0 for kind in SHARES}
    with tempfile.TemporaryDirectory() as folder, patch.dict(SHARES, shares):
        experiment = begin("lenet5", settings, nn.load_mnist(), Path(folder))
        experiment.trainer.run()
    calibrate(experiment.model, experiment.dataset, experiment.held_out, seed=0, outliers=bool(shown))
    return experiment


def made(images: Array, labels: Array, count: int) -> dict[str, Array]:
    """Return ``count`` images of each kind that is no digit, some made from these digits."""
    digits = Digits(images, labels)
    seeds = {kind: (SEED, Stream.OUTLIERS, place) for place, kind in enumerate(kinds, start=1)}
    return {kind: make(digits, count, np.random.default_rng(seeds[kind])) for kind, make in kinds.items()}


def choosing(drawings: Sequence[Drawing]) -> Array:
    """Return the digits (N, 28, 28) of the writers that choose; of all, where these are not known to writers.json."""
    if not drawings:
        return np.zeros((0, 28, 28), np.uint8)
    parts = groups([drawing.writer for drawing in drawings])
    some = compress(drawings, parts.get("choosing", parts["all"]))
    pictures = (drawn(drawing, (1.0, "centre", BRUSH)) for drawing in some)
    return np.stack([picture for picture in pictures if picture is not None])


# ---- scores


def see(model: nn.Sequential, images: Array) -> Seen:
    """Return what a network makes of images."""
    body = nn.Sequential(model.layers[:-1], model.input_shape)
    return Seen(model.logits(images).astype(np.float64), body.logits(images).T.astype(np.float64))


def scores(experiment: Experiment, known: Seen) -> dict[str, Score]:
    """Return the scores by name. Prototypes are of the training digits, z-scores by the validation digits ``known``."""
    data, train = experiment.dataset, experiment.train
    own, labels = see(experiment.model, data.train_images[train]).features, data.train_labels[train]
    found: dict[str, Score] = {
        "energy": lambda seen: energy_score(seen.logits),
        "largest probability": lambda seen: seen.logits.max(axis=0) - energy_score(seen.logits),  # its logarithm
        "largest logit": lambda seen: seen.logits.max(axis=0),
        "spread of logits": lambda seen: logit_spread(seen.logits),
    }
    for k in PROTOTYPES:
        centers = np.concatenate([k_means(own[labels == digit], k) for digit in range(10)])
        found[f"{k} prototypes"] = nearness(centers)
    found[f"energy and {k} prototypes"] = mean_z_score([found["energy"], nearness(centers)], known)
    return found


def nearness(centers: Array) -> Score:
    """Return how near features are to the nearest of the centers (k, D): the distance, negative."""
    return lambda seen: -distances(seen.features, centers).min(axis=1)


def mean_z_score(parts: Sequence[Score], known: Seen) -> Score:
    """Return the mean of scores, each less its mean and by its standard deviation over ``known`` digits."""
    values = [part(known) for part in parts]
    return lambda seen: np.mean([(f(seen) - v.mean()) / v.std() for f, v in zip(parts, values, strict=True)], axis=0)


def distances(points: Array, centers: Array) -> Array:
    """Return the Euclidean distances (N, k) of points (N, D) from centers (k, D)."""
    squares = (points**2).sum(axis=1)[:, None] - 2 * points @ centers.T + (centers**2).sum(axis=1)
    return np.asarray(np.sqrt(np.maximum(squares, 0)))


def k_means(points: Array, k: int, rounds: int = ROUNDS) -> Array:
    """Return k centers (k, D) of points (N, D), by Lloyd's algorithm from k random ones of them; k is at most N.

    S. Lloyd: Least squares quantization in PCM, IEEE Transactions on Information Theory 28, 1982. A center that is
    nobody's nearest stays where it is.
    """
    centers = points[np.random.default_rng(0).choice(len(points), k, replace=False)]
    for _ in range(rounds):
        member = np.eye(k)[distances(points, centers).argmin(axis=1)]  # (N, k)
        counts = member.sum(axis=0)[:, None]
        centers = np.where(counts > 0, member.T @ points / np.maximum(counts, 1), centers)
    return centers


# ---- figures


def figures(values: Mapping[str, Array]) -> dict[str, Any]:
    """Return the shares refused of each set, where 99 of 100 validation digits pass, and AUROC and FPR at 95 %.

    ``values`` are one score's (N,). AUROC and FPR are the means over all kinds, beside each set of digits.
    """
    limit = np.quantile(values["validation digits"], REFUSED)
    refused = {name: float((some < limit).mean()) for name, some in values.items()}
    digits = {name: some for name, some in values.items() if name not in kinds}

    def mean_over_kinds(measure: Callable[[Array, Array], float]) -> dict[str, float]:
        return {name: float(np.mean([measure(some, values[kind]) for kind in kinds])) for name, some in digits.items()}

    return {
        "refused": refused,
        "all_kinds": float(np.mean([refused[kind] for kind in kinds])),
        "unseen": float(np.mean([refused[kind] for kind in UNSEEN])),
        "auroc": mean_over_kinds(auroc),
        "fpr_at_95": mean_over_kinds(fpr_at_95),
    }


def table(results: dict[str, Any]) -> str:
    """Return Markdown for each network: a column a score, a row a set; shares in per cent."""
    parts = []
    for name in dict.fromkeys(row["network"] for row in results["rows"]):
        rows = [row for row in results["rows"] if row["network"] == name]
        shares = {f"{called} refused": [row["refused"][called] for row in rows] for called in rows[0]["refused"]}
        shares["all kinds refused"] = [row["all_kinds"] for row in rows]
        shares["letters and scribbles refused"] = [row["unseen"] for row in rows]
        beside = rows[0]["auroc"]
        shares |= {f"pass beside {which}": [row["fpr_at_95"][which] for row in rows] for which in beside}
        lines = [[called, *(f"{100 * share:.1f}" for share in some)] for called, some in shares.items()]
        lines += [[f"AUROC beside {which}", *(f"{row['auroc'][which]:.4f}" for row in rows)] for which in beside]
        parts.append(harness.markdown([f"trained {name}", *(row["score"] for row in rows)], lines))
    return "\n\n".join(parts)


if __name__ == "__main__":
    main()
