"""The parts of the network's page about images: feature maps, and what excites each unit."""

from __future__ import annotations

import numpy as np

from nnscratch.arrays import Array
from nnscratch.layers import Conv2D, Dense, Flatten
from nnscratch.models.sequential import Sequential
from nnscratch.pages.html import colored
from nnscratch.study.network.activation_maximisation import Group
from nnscratch.study.network.filters import full_color
from nnscratch.study.network.findings import SHOWN, TOP, Findings
from nnscratch.study.network.image_grid import enlarged, figure, img, mosaic
from nnscratch.study.network.receptive_field import Box
from nnscratch.study.network.weights import scale_bar

MAPS = 32  # of a block, at most
MAP = 48  # pixels, about: side of a feature map
TWICE = 2  # pixels for each of an image's, where a box is drawn
BOX = np.array([255, 150, 40], np.uint8)
AROUND = 70  # grey of the zeros around an image


def blocks(model: Sequential) -> list[tuple[str, str]]:
    """Return for each convolution its name and that of the last layer before the next one with weights, or Flatten."""
    found = []
    for place, layer in enumerate(model.layers):
        if isinstance(layer, Conv2D):
            rest = model.layers[place + 1 :]
            length = next((i for i, other in enumerate(rest) if isinstance(other, (Conv2D, Dense, Flatten))), len(rest))
            found.append((layer.name, model.layers[place + length].name))
    return found


def maps_section(findings: Findings) -> str:
    """Return for each chosen digit the feature maps after every block of a convolution."""
    model, ends = findings.model, blocks(findings.model)
    model.forward(model.batches(findings.images[findings.digits]).x(np.arange(len(findings.digits))), record=True)
    tops = {end: full_color(model.activations[end]) for _, end in ends}
    told = "".join(f"<div><b>after {name}</b> (the output of {end}){scale_bar(tops[end])}</div>" for name, end in ends)
    many = any(len(model.activations[end]) > MAPS for _, end in ends)
    rows = []
    for column, number in enumerate(findings.digits):
        digit = f"test image {number}, a {findings.labels[number]}"
        pictures = [figure(img(enlarged(findings.images[number], 2), digit), digit)]
        for name, end in ends:
            maps = model.activations[end][:MAPS, ..., column]
            pictures.append(figure(img(_maps(maps, tops[end]), f"maps after {name} of {digit}"), f"after {name}"))
        rows.append(f'<div class="pictures digit">{"".join(pictures)}</div>')
    return (
        "<p>What is handed on by each convolution with its activation and pooling: a map for each filter. All maps of "
        f"a block have one scale.{f' Shown are the first {MAPS} of each block.' if many else ''}</p>"
        f"<div class='scales'>{told}</div>{''.join(rows)}"
    )


def _maps(maps: Array, top: float) -> Array:
    factor = max(1, MAP // max(maps.shape[1:]))
    return mosaic([enlarged(colored(each, top), factor) for each in maps], 8)


# ---- what excites each unit


def units_section(findings: Findings) -> str:
    """Return for every unit that is shown the test images that excite it most."""
    filters = any(group.spatial for group in findings.groups)
    how = (
        " A filter is judged by its largest sum in the image; the box is what that place of its map sees, and stands "
        "enlarged below the image."
    )
    parts = [
        f"<p>The {TOP} test images by which the weighted sum of each unit is largest, from left to right, with their "
        f"classes below.{how if filters else ''} “Class explains” is the share of the variance of a unit’s sums that "
        "lies between the classes: 0 where the unit tells nothing of the digit.</p>"
    ]
    for group in findings.groups:
        shown = findings.shown[group.name]
        rule = _rule(group, len(shown), int(findings.excitement[group.name].silent.sum()))
        cards = "".join(_unit(findings, group, int(unit)) for unit in shown)
        parts.append(f"<h3>Units of {group.name}</h3>{rule}<div class='pictures units'>{cards}</div>")
    return "".join(parts)


def _rule(group: Group, shown: int, silent: int) -> str:
    """Return which units are shown, and how many are silent, as a paragraph."""
    parts = []
    if silent:
        count = f"{silent} of its {group.units} units {'is' if silent == 1 else 'are'}"
        parts.append(f"{count} silent: the activation is 0 for every test image.")
    if shown < group.units:
        parts.append(f"Shown are {shown} of {group.units}: those of which the class explains most.")
        parts += [f"<code>--layer {group.name}</code> shows all."] if shown == SHOWN else []
    return f"<p>{' '.join(parts)}</p>" if parts else ""


def _unit(findings: Findings, group: Group, unit: int) -> str:
    excitement = findings.excitement[group.name]
    images = excitement.top(unit, TOP)
    classes = [int(k) for k in findings.labels[images]]
    what = f"output for digit {unit}" if group is findings.groups[-1] else f"unit {unit}"
    alt = f"{group.name}, {what}: test images " + ", ".join(
        f"{i} (a {k})" for i, k in zip(images, classes, strict=True)
    )
    strip = (
        _filter_strip(findings, group, unit, images) if group.spatial else mosaic(list(findings.images[images]), TOP)
    )
    often = "" if group.spatial else f"above 0 for {100 * excitement.positive[unit]:.0f} %, "
    often = "silent, " if excitement.silent[unit] else often
    caption = (
        f"<span class='classes'>{''.join(f'<i>{k}</i>' for k in classes)}</span>"
        f"<b>{what}</b>: up to {excitement.values[unit, images[0]]:.2f}, "
        f"{often}class explains {100 * excitement.share[unit]:.0f} %"
    )
    return figure(img(strip, alt), caption, "unit spatial" if group.spatial else "unit")


def _filter_strip(findings: Findings, group: Group, unit: int, images: Array) -> Array:
    boxes = [findings.box(group, unit, int(image)) for image in images]
    tiles = [boxed(findings.images[image], box) for image, box in zip(images, boxes, strict=True)]
    H, W = findings.images.shape[1:]
    if boxes[0].bottom - boxes[0].top < H and boxes[0].right - boxes[0].left < W:
        tiles += [closer(findings.images[image], box) for image, box in zip(images, boxes, strict=True)]
    return mosaic(tiles, len(images))


def boxed(image: Array, box: Box) -> Array:
    """Return a grey image (H, W) uint8 twice as large, (2 H, 2 W, 3), with a line just inside ``box``."""
    pixels = enlarged(np.repeat(image[..., None], 3, axis=2), TWICE)
    top, left, bottom, right = (TWICE * side for side in box.within(*image.shape))
    for rows, columns in (
        (slice(top, top + 1), slice(left, right)),
        (slice(bottom - 1, bottom), slice(left, right)),
        (slice(top, bottom), slice(left, left + 1)),
        (slice(top, bottom), slice(right - 1, right)),
    ):
        pixels[rows, columns] = BOX
    return pixels


def closer(image: Array, box: Box) -> Array:
    """Return what is in ``box``, as large as :func:`boxed` is: grey where there is no image."""
    H, W = image.shape
    height, width = box.bottom - box.top, box.right - box.left
    patch = np.full((height, width), AROUND, np.uint8)
    inside = box.within(H, W)
    patch[inside.top - box.top : inside.bottom - box.top, inside.left - box.left : inside.right - box.left] = image[
        inside.top : inside.bottom, inside.left : inside.right
    ]
    patch = enlarged(patch, max(1, TWICE * min(H // height, W // width)))
    tile = np.full((TWICE * H, TWICE * W), AROUND, np.uint8)
    row, column = (TWICE * H - patch.shape[0]) // 2, (TWICE * W - patch.shape[1]) // 2
    tile[row : row + patch.shape[0], column : column + patch.shape[1]] = patch
    return np.repeat(tile[..., None], 3, axis=2)
