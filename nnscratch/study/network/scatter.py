"""A map of points that are drawn as the digits that they are: SVG, sharp at any size, light or dark as the page is."""

from __future__ import annotations

import numpy as np

from nnscratch.arrays import Array
from nnscratch.pages.html import escaped

WIDTH, LARGEST, MARGIN = 960, 900, 26  # units of the drawing


def scatter(coordinates: Array, labels: Array, read: Array, numbers: Array, axes: tuple[str, str]) -> str:
    """Return the points (n, 2) as text in an <svg>, both axes on one scale, with a legend that hides classes.

    Those that are read wrongly (``read`` is not the label) are ringed and lie on top. ``numbers`` (n,) are the images'
    own, shown when the mouse is on one. ``axes`` is what to call the two.
    """
    places, height = _places(coordinates)
    wrong = labels != read
    marks = [
        _mark(places[i], labels[i], read[i], numbers[i]) for i in [*np.flatnonzero(~wrong), *np.flatnonzero(wrong)]
    ]
    alt = f"map of {len(labels):,} images, each drawn as its digit; {int(wrong.sum())} read wrongly are ringed"
    svg = (
        f'<svg class="map" viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escaped(alt)}">'
        f'<text class="axis" x="{WIDTH / 2:.0f}" y="{height - 6:.0f}">{escaped(axes[0])} →</text>'
        f'<text class="axis" transform="translate(14 {height / 2:.0f}) rotate(-90)">{escaped(axes[1])} →</text>'
        f"{''.join(marks)}</svg>"
    )
    return (
        f"<div class='mapped'>{_legend(labels, wrong)}<div class='wide' tabindex='0' role='group' "
        f"aria-label='map'>{svg}</div></div>"
    )


def _places(coordinates: Array) -> tuple[Array, float]:
    """Return where the points (n, 2) lie in the drawing, upwards being up, and the drawing's height."""
    low, spread = coordinates.min(axis=0), np.ptp(coordinates, axis=0)
    room = (WIDTH - 2 * MARGIN, LARGEST - 2 * MARGIN)
    factor = min((r / s for r, s in zip(room, spread, strict=True) if s > 0), default=1.0)
    height = max(factor * float(spread[1]) + 2 * MARGIN, 200)
    x = MARGIN + (coordinates[:, 0] - low[0]) * factor + (room[0] - factor * spread[0]) / 2
    y = height - MARGIN - (coordinates[:, 1] - low[1]) * factor
    return np.stack([x, y], axis=1), height


def _mark(place: Array, label: int, read: int, number: int) -> str:
    x, y = place
    told = f"test image {number}: a {label}" + ("" if label == read else f", read as {read}")
    ring = "" if label == read else f'<circle cx="{x:.1f}" cy="{y:.1f}" r="8"/>'
    text = f'<text x="{x:.1f}" y="{y:.1f}">{label}<title>{told}</title></text>'
    return f'<g class="d{label} wrong">{ring}{text}</g>' if ring else text.replace("<text", f'<text class="d{label}"')


def _legend(labels: Array, wrong: Array) -> str:
    """Return a box to tick for each class, with how many images it has; a style sheet hides what is not ticked."""
    boxes = "".join(
        f'<label class="d{k}"><input type="checkbox" id="show{k}" checked> <b>{k}</b> '
        f"<span class='soft'>{int((labels == k).sum())}</span></label>"
        for k in np.unique(labels)
    )
    ringed = f"<span class='soft'>ringed: the {int(wrong.sum())} read wrongly</span>" if wrong.any() else ""
    return f"<fieldset class='legend'><legend>Digits shown</legend>{boxes}{ringed}</fieldset>"
