"""The part of the network's page about what it reads wrongly."""

from __future__ import annotations

from typing import Any

from nnscratch.pages.html import Image
from nnscratch.study.network.findings import Findings
from nnscratch.study.network.image_grid import enlarged, img
from nnscratch.study.network.mistakes import Confusion

ALL = 1_500  # mistakes of which every one is drawn
DRAWN = 10  # of each pair, where there are more
TWICE = 2  # pixels for each of an image's


def mistakes_section(findings: Findings) -> dict[str, Any]:
    """Return the confusion matrix, and the wrongly read images of each pair, the most confident first."""
    pairs = findings.confusions
    count = sum(len(pair.images) for pair in pairs)
    most = None if count <= ALL else DRAWN
    often = sorted(pairs, key=lambda pair: -len(pair.images))[:3]
    return {
        "count": count,
        "n": len(findings.labels),
        "often": ", ".join(f"{pair.true} as {pair.read} ({len(pair.images)})" for pair in often),
        "most": most,
        "confusion": findings.figures["confusion"],
        "pairs": [
            {"true": pair.true, "read": pair.read, "count": len(pair.images)}
            | {"drawn": _drawn(findings, pair, most), "rest": [] if most is None else pair.images[most:].tolist()}
            for pair in pairs
        ],
    }


def _drawn(findings: Findings, pair: Confusion, most: int | None) -> list[tuple[Image, float, int]]:
    """Return pictures of a pair's images, with the confidence and the image's number."""
    found = []
    for image, confidence in list(zip(pair.images, pair.confidence, strict=True))[:most]:
        alt = f"test image {image}, a {pair.true} read as {pair.read} with confidence {100 * confidence:.1f} %"
        found.append((img(enlarged(findings.images[image], TWICE), alt), float(confidence), int(image)))
    return found
