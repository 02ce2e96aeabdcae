"""The part of the network's page about what it reads wrongly."""

from __future__ import annotations

from typing import Any

from nnscratch.data.classes import noun
from nnscratch.models.by_class import MOST_CLASSES, worst_confusions
from nnscratch.pages.html import Image
from nnscratch.study.network.findings import Findings
from nnscratch.study.network.image_grid import enlarged, img
from nnscratch.study.network.mistakes import Confusion

ALL = 1_500  # mistakes of which every one is drawn
DRAWN = 10  # of each pair, where there are more
PAIRS = 60  # of which images are drawn, where there are many classes: the most frequent
TWICE = 2  # pixels for each of an image's


def mistakes_section(findings: Findings) -> dict[str, Any]:
    """Return the confusion matrix, and the wrongly read images of each pair, the most confident first."""
    pairs = findings.confusions
    count = sum(len(pair.images) for pair in pairs)
    most = None if count <= ALL else DRAWN
    names, frequent = findings.model.classes, sorted(pairs, key=lambda pair: -len(pair.images))
    often, many = frequent[:3], len(names) > MOST_CLASSES
    return {
        "noun": noun(names),
        "names": names,
        "table": worst_confusions(findings.figures, names) if many else None,
        "left_out": max(0, len(pairs) - PAIRS) if many else 0,
        "count": count,
        "n": len(findings.labels),
        "often": ", ".join(f"{names[pair.true]} as {names[pair.read]} ({len(pair.images)})" for pair in often),
        "most": most,
        "confusion": findings.figures["confusion"],
        "pairs": [
            {"true": pair.true, "read": pair.read, "count": len(pair.images)}
            | {"drawn": _drawn(findings, pair, most), "rest": [] if most is None else pair.images[most:].tolist()}
            for pair in (frequent[:PAIRS] if many else pairs)
        ],
    }


def _drawn(findings: Findings, pair: Confusion, most: int | None) -> list[tuple[Image, float, int]]:
    """Return pictures of a pair's images, with the confidence and the image's number."""
    true, read = findings.described(pair.true), findings.model.classes[pair.read]
    found = []
    for image, confidence in list(zip(pair.images, pair.confidence, strict=True))[:most]:
        alt = f"test image {image}, {true} read as {read} with confidence {100 * confidence:.1f} %"
        found.append((img(enlarged(findings.inputs[image], TWICE), alt), float(confidence), int(image)))
    return found
