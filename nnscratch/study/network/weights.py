"""The parts of the network's page about weights: how training changed them, filters, templates, heat maps."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.classes import noun
from nnscratch.layers import BatchNorm, Dropout, Flatten
from nnscratch.pages.blocks import Table
from nnscratch.pages.html import Image, colored
from nnscratch.study.network.activation_maximisation import Group
from nnscratch.study.network.filters import Change, full_color, norm
from nnscratch.study.network.findings import Findings
from nnscratch.study.network.image_grid import enlarged, image_grid, img

FILTERS, CHANNELS = 64, 16  # drawn of a convolution, at most
TEMPLATES = 64
TILE, SMALL_TILE = 48, 24  # pixels, about: side of a filter's picture, and where it has many channels
TEMPLATE = 3  # pixels for each of a template's
HEAT = 1000  # pixels, about: width of a heat map
HEAT_ROWS, HEAT_CELLS = 256, 150_000  # of a heat map, at most
HEAT_NAMED = 64  # rows of that of the last layer, which have names


def weights_section(findings: Findings) -> dict[str, Any]:
    """Return the norms of all parameters before and after training, and every filter."""
    convolutions = {group.name for group in findings.groups if group.spatial}
    filters = []
    for change in findings.changes:
        layer, _, kind = change.name.partition(".")
        if layer in convolutions and kind == "W":
            filters.append(_filters(layer, change))
    header = ["parameter", "shape", "first norm", "last norm", "change", "cosine"]
    return {"seed": findings.model.seed, "norms": Table(header, norm_rows(findings.changes)), "filters": filters}


def norm_rows(changes: list[Change]) -> list[list[str]]:
    """Return a row for each parameter: name, shape, norms of first, last and difference, cosine."""
    rows = []
    for change in changes:
        shape = " × ".join(map(str, change.last.shape))
        cosine = "" if change.cosine is None else f"{change.cosine:.3f}"
        rows.append([change.name, shape, *(f"{value:.3f}" for value in change.norms), cosine])
    return rows


def _filters(layer: str, change: Change) -> dict[str, Any]:
    """Return a picture of each filter: first, last, difference side by side, a row for each channel of the input."""
    count, channels = change.last.shape[:2]
    left_out = [f"the first {FILTERS} of {count} filters"] if count > FILTERS else []
    left_out += [f"the first {CHANNELS} rows"] if channels > CHANNELS else []
    cards = [_filter(layer, change, unit) for unit in range(min(count, FILTERS))]
    described = {"layer": layer, "channels": channels, "left_out": " and ".join(left_out)}
    return described | {"top": change.top, "cards": cards}


def _filter(layer: str, change: Change, unit: int) -> tuple[Image, int, float, float, float]:
    """Return a filter's picture, its number, and the norms of its initial weights, its last, and the difference."""
    states = [values[unit] for values in (change.first, change.last, change.difference)]
    side = TILE if len(states[0]) <= 2 else SMALL_TILE
    factor = max(1, side // max(states[0].shape[1:]))
    tiles = [
        enlarged(colored(state[channel], change.top), factor)
        for channel in range(min(len(states[0]), CHANNELS))
        for state in states
    ]
    first, last, moved = map(norm, states)
    alt = f"filter {unit} of {layer}: initial weights, last weights, difference"
    return img(image_grid(tiles, 3), alt), unit, first, last, moved


# ---- dense layers


def dense_section(findings: Findings) -> dict[str, Any]:
    """Return templates for a dense layer that lies on pixels, and a heat map for every other."""
    return {
        "groups": [
            _templates(findings, group) if on_pixels(findings, group) else _heat_map(findings, group)
            for group in findings.groups
            if not group.spatial
        ]
    }


def on_pixels(findings: Findings, group: Group) -> bool:
    """Return whether each input of a dense layer is a pixel of the image."""
    before = findings.model.layers[: group.place]
    return all(isinstance(layer, (Flatten, Dropout, BatchNorm)) for layer in before)


def template_units(findings: Findings, group: Group) -> Array:
    """Return the numbers of the units whose templates are drawn: all, or the most active, the most active first."""
    if group.units <= TEMPLATES:
        return np.arange(group.units)
    return np.argsort(-findings.excitement[group.name].activity, kind="stable")[:TEMPLATES]


def _templates(findings: Findings, group: Group) -> dict[str, Any]:
    W = findings.model.parameters[f"{group.name}.W"]
    units, top = template_units(findings, group), full_color(W)
    names = findings.model.classes
    cards = []
    for unit in units:
        tile = enlarged(colored(W[unit].reshape(findings.model.input_shape[1:]), top), TEMPLATE)
        what = f"{noun(names)} {names[unit]}" if group is findings.groups[-1] else f"unit {unit}"
        cards.append((img(tile, f"template of {group.name}, {what}"), what))
    return {"name": group.name, "top": top, "units": group.units, "templates": cards}


def _heat_map(findings: Findings, group: Group) -> dict[str, Any]:
    W = findings.model.parameters[f"{group.name}.W"]
    top, last = full_color(W), group is findings.groups[-1]
    order = np.argsort(W.argmax(axis=0), kind="stable") if last else np.arange(W.shape[1])
    cells = W[: HEAT_NAMED if last else HEAT_ROWS, order]
    cells = cells[:, : HEAT_CELLS // len(cells)]
    width = max(1, HEAT // cells.shape[1])
    height = max(width, 14) if last else width
    pixels = colored(cells, top).repeat(height, axis=0).repeat(width, axis=1)
    alt = f"heat map of the weights of {group.name}: {W.shape[0]} units by {W.shape[1]} inputs"
    described = {
        "name": group.name,
        "top": top,
        "last": last,
        "shape": W.shape,
        "height": height,
        "image": img(pixels, alt),
        "names": findings.model.classes[: len(cells)] if last else (),
        "noun": noun(findings.model.classes),
    }
    return described | {"cut": cells.shape if cells.size < W.size else None}
