"""The parts of the network's page about weights: how training changed them, filters, templates, heat maps."""

from __future__ import annotations

import numpy as np

from nnscratch.arrays import Array
from nnscratch.layers import BatchNorm, Dropout, Flatten
from nnscratch.pages.html import colored, table
from nnscratch.study.network.activation_maximisation import Group
from nnscratch.study.network.filters import Change, full_color, norm
from nnscratch.study.network.findings import Findings
from nnscratch.study.network.image_grid import enlarged, figure, img, mosaic

FILTERS, CHANNELS = 64, 16  # drawn of a convolution, at most
TEMPLATES = 64
TILE, SMALL_TILE = 48, 24  # pixels, about: side of a filter's picture, and where it has many channels
TEMPLATE = 3  # pixels for each of a template's
HEAT = 1000  # pixels, about: width of a heat map
HEAT_ROWS, HEAT_CELLS = 256, 150_000  # of a heat map, at most


def weights_section(findings: Findings) -> str:
    """Return the norms of all parameters before and after training, and every filter."""
    seed = findings.model.seed
    parts = [
        f"<p>The first weights are made again from the architecture and its seed, {seed}: exact, if the training began "
        "with them. Norms are Euclidean; the cosine is 1 where the direction is still the first one, and about 0 "
        "where nothing of it is left.</p>",
        table(["parameter", "shape", "first norm", "last norm", "change", "cosine"], norm_rows(findings.changes)),
    ]
    convolutions = {group.name: group for group in findings.groups if group.spatial}
    for change in findings.changes:
        layer, _, kind = change.name.partition(".")
        if layer in convolutions and kind == "W":
            parts.append(_filters(layer, change))
    return "".join(parts)


def norm_rows(changes: list[Change]) -> list[list[str]]:
    """Return a row for each parameter: name, shape, norms of first, last and difference, cosine."""
    rows = []
    for change in changes:
        shape = " × ".join(map(str, change.last.shape))
        cosine = "" if change.cosine is None else f"{change.cosine:.3f}"
        rows.append([change.name, shape, *(f"{value:.3f}" for value in change.norms), cosine])
    return rows


def _filters(layer: str, change: Change) -> str:
    """Return a card for each filter: first, last, difference side by side, a row for each channel of the input."""
    count, channels = change.last.shape[:2]
    rows = "" if channels == 1 else f"; a row for each of the {channels} maps that come in"
    left_out = [f"the first {FILTERS} of {count} filters"] if count > FILTERS else []
    left_out += [f"the first {CHANNELS} rows"] if channels > CHANNELS else []
    cards = [_filter(layer, change, unit) for unit in range(min(count, FILTERS))]
    return (
        f"<h3>Filters of {layer}</h3><p>Each from left to right: the first weights, the last ones, what training "
        f"added{rows}. Below it their norms.{' Shown are ' + ' and '.join(left_out) + '.' if left_out else ''}</p>"
        f"{scale_bar(change.top)}<div class='pictures filters'>{''.join(cards)}</div>"
    )


def _filter(layer: str, change: Change, unit: int) -> str:
    states = [values[unit] for values in (change.first, change.last, change.difference)]
    side = TILE if len(states[0]) <= 2 else SMALL_TILE
    factor = max(1, side // max(states[0].shape[1:]))
    tiles = [
        enlarged(colored(state[channel], change.top), factor)
        for channel in range(min(len(states[0]), CHANNELS))
        for state in states
    ]
    first, last, moved = map(norm, states)
    alt = f"filter {unit} of {layer}: first weights, last weights, difference"
    caption = f"<b>{unit}</b> {first:.2f} → {last:.2f}<br>moved {moved:.2f}"
    return figure(img(mosaic(tiles, 3), alt), caption, "filter")


def scale_bar(top: float) -> str:
    """Return the key to the colours."""
    return (
        f'<p class="scale soft"><span>−{top:.2g}</span><span class="ramp" role="img" '
        f'aria-label="from blue, below 0, through black to orange, above 0"></span><span>+{top:.2g}</span> '
        "and beyond (1 in 100)</p>"
    )


# ---- dense layers


def dense_section(findings: Findings) -> str:
    """Return templates for a dense layer that lies on pixels, and a heat map for every other."""
    parts = []
    for group in findings.groups:
        if not group.spatial:
            parts.append(_templates(findings, group) if on_pixels(findings, group) else _heat_map(findings, group))
    return "".join(parts)


def on_pixels(findings: Findings, group: Group) -> bool:
    """Return whether each input of a dense layer is a pixel of the image."""
    before = findings.model.layers[: group.place]
    return all(isinstance(layer, (Flatten, Dropout, BatchNorm)) for layer in before)


def template_units(findings: Findings, group: Group) -> Array:
    """Return the numbers of the units whose templates are drawn: all, or the most active, the most active first."""
    if group.units <= TEMPLATES:
        return np.arange(group.units)
    return np.argsort(-findings.excitement[group.name].activity, kind="stable")[:TEMPLATES]


def _templates(findings: Findings, group: Group) -> str:
    W = findings.model.parameters[f"{group.name}.W"]
    units, top = template_units(findings, group), full_color(W)
    last = group is findings.groups[-1]
    which = "" if len(units) == group.units else (
        f" Shown are the {len(units)} of {group.units} units that are most active (by the mean magnitude of their "
        "activation over the test images), the most active first."
    )  # fmt: skip
    cards = []
    for unit in units:
        tile = enlarged(colored(W[unit].reshape(findings.model.input_shape[1:]), top), TEMPLATE)
        what = f"digit {unit}" if last else f"unit {unit}"
        cards.append(figure(img(tile, f"template of {group.name}, {what}"), f"<b>{what}</b>", "template"))
    return (
        f"<h3>Templates of {group.name}</h3><p>The weights of each unit, laid out as the image that they are "
        f"multiplied with: ink on orange speaks for the unit, ink on blue against it.{which}</p>{scale_bar(top)}"
        f"<div class='pictures'>{''.join(cards)}</div>"
    )


def _heat_map(findings: Findings, group: Group) -> str:
    W = findings.model.parameters[f"{group.name}.W"]
    top, last = full_color(W), group is findings.groups[-1]
    order = np.argsort(W.argmax(axis=0), kind="stable") if last else np.arange(W.shape[1])
    cells = W[:HEAT_ROWS, order]
    cells = cells[:, : HEAT_CELLS // len(cells)]
    width = max(1, HEAT // cells.shape[1])
    height = max(width, 14) if last else width
    how = (
        "The columns are sorted by the digit that each input speaks for most."
        if last
        else "Rows and columns stand in the order of the units."
    )
    if cells.size < W.size:
        how += f" Shown are the first {cells.shape[0]} rows and {cells.shape[1]} columns."
    names = "".join(f"<span style='height:{height}px'>{k}</span>" for k in range(len(W))) if last else ""
    side = f"<div class='rows' aria-hidden='true'>{names}</div>" if last else ""
    pixels = colored(cells, top).repeat(height, axis=0).repeat(width, axis=1)
    alt = f"heat map of the weights of {group.name}: {W.shape[0]} units by {W.shape[1]} inputs"
    return (
        f"<h3>Weights of {group.name}</h3><p>A row for each of its {W.shape[0]} units, a column for each of its "
        f"{W.shape[1]} inputs. {how}</p>{scale_bar(top)}<div class='wide' tabindex='0' role='group' "
        f"aria-label='weights of {group.name}'><div class='heat'>{side}{img(pixels, alt)}</div></div>"
    )
