"""The page of ``nnscratch study network``: what a trained network has learnt."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nnscratch.data.classes import noun
from nnscratch.errors import printable
from nnscratch.pages.blocks import Table
from nnscratch.pages.html import page
from nnscratch.study.network.findings import Findings
from nnscratch.study.network.mistakes_page import mistakes_section
from nnscratch.study.network.scatter import scatter
from nnscratch.study.network.units import maps_section, units_section
from nnscratch.study.network.weights import dense_section, weights_section

LONGEST, MOST = 200, 100  # characters of a value, values: of what a file says of its model


def network_page(findings: Findings, origin: str) -> str:
    """Return the page as HTML; ``origin`` says in a sentence where the network came from."""
    spatial = [group.spatial for group in findings.groups]
    sections = [("summary", "What it is", summary_section(findings, origin))]
    sections.append(("weights", "How training changed the weights", weights_section(findings)))
    what = "digits" if findings.model.is_digits else "images"
    if any(spatial):
        sections.append(
            (
                "maps",
                f"What the convolutions make of {what}",
                maps_section(findings),
            )
        )
    if not all(spatial):
        sections.append(("dense", "Dense layers", dense_section(findings)))
    sections.append(("units", "What excites each unit", units_section(findings)))
    sections.append(("map", "A map of the last hidden layer", map_section(findings)))
    sections.append(("mistakes", "What it reads wrongly", mistakes_section(findings)))
    return page("network.html", f"What {printable(findings.name)} has learnt", sections=sections)


def summary_section(findings: Findings, origin: str) -> dict[str, Any]:
    """Return what the network is, how well it reads, and what its file says."""
    model, figures = findings.model, findings.figures
    rows = [[what, str(shape), f"{size:,}", f"{work:,}"] for what, shape, size, work in model.table()]
    rows.append(["total", "", f"{model.theta.size:,}", f"{model.multiply_adds():,}"])
    info = [[key, value] for key, value in flattened(model.info)]
    return {
        "figures": figures,
        "data": printable(findings.data),
        "origin": printable(origin),
        "layers": Table(["layer", "output shape", "parameters", "multiply-adds"], rows),
        "info": Table(["entry", "value"], info[:MOST]),
        "entries": len(info),
    }


def flattened(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield ("settings.lr", "0.004") and the like for a dictionary of dictionaries; long text is cut."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from flattened(part, f"{name}.{key}" if name else str(key))
    else:
        yield _cut(name), _cut(str(value))


def _cut(text: str) -> str:
    text = printable(text)
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"


def map_section(findings: Findings) -> dict[str, Any]:
    """Return the map of what enters the last layer."""
    plane = findings.plane
    first, second = (100 * float(share) for share in plane.shares)
    drawn = scatter(
        plane.coordinates,
        findings.labels[plane.images],
        findings.read[plane.images],
        plane.images,
        (f"first component, {first:.1f} % of the variance", f"second component, {second:.1f} %"),
    )
    names = findings.model.classes
    return {
        "what": plane.what,
        "n": len(plane.images),
        "first": first,
        "second": second,
        "drawn": drawn,
        "names": names,
        "described": [findings.described(k) for k in range(len(names))],
        "noun": noun(names),
    }
