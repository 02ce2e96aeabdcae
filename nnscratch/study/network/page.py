"""The page of ``nnscratch study network``: what a trained network has learnt."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nnscratch.errors import printable
from nnscratch.pages.html import escaped, page, table
from nnscratch.study.network.findings import Findings, Plane
from nnscratch.study.network.mistakes_page import mistakes_section
from nnscratch.study.network.scatter import scatter
from nnscratch.study.network.units import maps_section, units_section
from nnscratch.study.network.weights import dense_section, weights_section

LONGEST, MOST = 200, 100  # characters of a value, values: of what a file says of its model


def network_page(findings: Findings, origin: str) -> str:
    """Return the page as HTML; ``origin`` says in a sentence where the network came from."""
    sections = [("summary", "What it is", summary_section(findings, origin))]
    sections.append(("weights", "How training changed the weights", weights_section(findings)))
    if any(group.spatial for group in findings.groups):
        sections.append(("maps", "What the convolutions make of digits", maps_section(findings)))
    if not all(group.spatial for group in findings.groups):
        sections.append(("dense", "Dense layers", dense_section(findings)))
    sections.append(("units", "What excites each unit", units_section(findings)))
    sections.append(("map", "A map of the last hidden layer", map_section(findings)))
    sections.append(("mistakes", "What it reads wrongly", mistakes_section(findings)))
    contents = "".join(f"<li><a href='#{name}'>{title}</a></li>" for name, title, _ in sections)
    body = f"<nav aria-label='Contents'><ol>{contents}</ol></nav>" + "".join(
        f"<section class='card' id='{name}' aria-labelledby='{name}-title'><h2 id='{name}-title'>{title}</h2>"
        f"{content}</section>\n"
        for name, title, content in sections
    )
    body = body.replace(" %", "\u00a0%")  # not at the end of a line
    return page(f"What {printable(findings.name)} has learnt", body, styles=["network.css"])


def summary_section(findings: Findings, origin: str) -> str:
    """Return what the network is, how well it reads, and what its file says."""
    model, figures = findings.model, findings.figures
    low, high = figures["accuracy_interval"]
    rows = [[what, str(shape), f"{size:,}", f"{work:,}"] for what, shape, size, work in model.table()]
    rows.append(["total", "", f"{model.theta.size:,}", f"{model.multiply_adds():,}"])
    info = [[key, value] for key, value in flattened(model.info)]
    note = f"<p class='soft'>The first {MOST} of {len(info)} values.</p>" if len(info) > MOST else ""
    said = f"<div class='info'>{table(['entry', 'value'], info[:MOST])}</div>{note}"
    file = f"<details><summary>What its file says</summary>{said}</details>"
    return (
        f"<p><b>{100 * figures['accuracy']:.2f} %</b> of the {figures['n']:,} test images of "
        f"{escaped(printable(findings.data))} are read rightly (95 % interval {100 * low:.2f} to {100 * high:.2f} %). "
        f"The loss is {figures['loss']:.4f} nats, the calibration error {100 * figures['calibration_error']:.2f} %."
        f"</p><p>{escaped(printable(origin))}</p>"
        f"{table(['layer', 'output shape', 'parameters', 'multiply-adds'], rows)}{file if info else ''}"
    )


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


def map_section(findings: Findings) -> str:
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
    return (
        f"<p>{_what(plane)} of {len(plane.images):,} test images, evenly spread over them all, on the plane in which "
        f"they differ most: their first two principal components, which hold {first:.1f} % and {second:.1f} % of the "
        f"variance, {first + second:.1f} % together. What lies together here may still be far apart in the other "
        f"directions.</p>{drawn}"
    )


def _what(plane: Plane) -> str:
    return "The pixels" if plane.what == "input" else f"What enters the last layer (the output of {plane.what})"
