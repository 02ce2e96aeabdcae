"""The parts of the network's page about images: feature maps, and what excites each unit."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.classes import noun
from nnscratch.layers import Conv2D, Dense, Flatten
from nnscratch.models.sequential import Sequential
from nnscratch.pages.html import colored
from nnscratch.study.network.activation_maximisation import Group
from nnscratch.study.network.filters import full_color
from nnscratch.study.network.findings import SHOWN, TOP, Findings
from nnscratch.study.network.image_grid import enlarged, image_grid, img
from nnscratch.study.network.receptive_field import Box

MAPS = 32  # of a block, at most
MAP = 48  # pixels, about: side of a feature map
TWICE = 2  # pixels for each of an image's, where a box is drawn
BOX = (255, 150, 40)
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


def maps_section(findings: Findings) -> dict[str, Any]:
    """Return for each chosen digit the feature maps after every block of a convolution."""
    model, ends = findings.model, blocks(findings.model)
    model.forward(model.batches(findings.images[findings.digits]).x(np.arange(len(findings.digits))), record=True)
    tops = {end: full_color(model.activations[end]) for _, end in ends}
    rows = []
    for column, number in enumerate(findings.digits):
        digit = f"test image {number}, {findings.described(findings.labels[number])}"
        pictures = [(img(enlarged(findings.inputs[number], 2), digit), digit)]
        for name, end in ends:
            maps = model.activations[end][:MAPS, ..., column]
            pictures.append((img(_maps(maps, tops[end]), f"maps after {name} of {digit}"), f"after {name}"))
        rows.append(pictures)
    many = any(len(model.activations[end]) > MAPS for _, end in ends)
    return {"ends": [(name, end, tops[end]) for name, end in ends], "most": MAPS if many else None, "rows": rows}


def _maps(maps: Array, top: float) -> Array:
    factor = max(1, MAP // max(maps.shape[1:]))
    return image_grid([enlarged(colored(each, top), factor) for each in maps], 8)


# ---- what excites each unit


def units_section(findings: Findings) -> dict[str, Any]:
    """Return for every unit that is shown the test images that excite it most."""
    groups = []
    for group in findings.groups:
        shown = findings.shown[group.name]
        described = {"name": group.name, "units": group.units, "shown": len(shown), "spatial": group.spatial}
        described |= {"silent": int(findings.excitement[group.name].silent.sum()), "more": len(shown) == SHOWN}
        groups.append(described | {"cards": [_unit(findings, group, int(unit)) for unit in shown]})
    return {"top": TOP, "groups": groups, "noun": noun(findings.model.classes)}


def _unit(findings: Findings, group: Group, unit: int) -> dict[str, Any]:
    excitement = findings.excitement[group.name]
    images = excitement.top(unit, TOP)
    labels, names = findings.labels[images], findings.model.classes
    classes = [names[k] for k in labels]
    what = f"output for {noun(names)} {names[unit]}" if group is findings.groups[-1] else f"unit {unit}"
    alt = f"{group.name}, {what}: test images " + ", ".join(
        f"{i} ({findings.described(k)})" for i, k in zip(images, labels, strict=True)
    )
    strip = (
        _filter_strip(findings, group, unit, images)
        if group.spatial
        else image_grid(list(findings.inputs[images]), TOP)
    )
    return {
        "image": img(strip, alt),
        "classes": classes,
        "what": what,
        "most": float(excitement.values[unit, images[0]]),
        "silent": bool(excitement.silent[unit]),
        "positive": float(excitement.positive[unit]),
        "share": float(excitement.share[unit]),
    }


def _filter_strip(findings: Findings, group: Group, unit: int, images: Array) -> Array:
    boxes = [findings.box(group, unit, int(image)) for image in images]
    tiles = [boxed(findings.inputs[image], box) for image, box in zip(images, boxes, strict=True)]
    H, W = findings.images.shape[1:]
    if boxes[0].bottom - boxes[0].top < H and boxes[0].right - boxes[0].left < W:
        tiles += [closer(findings.inputs[image], box) for image, box in zip(images, boxes, strict=True)]
    return image_grid(tiles, len(images))


def boxed(image: Array, box: Box) -> Array:
    """Return a grey image (H, W) uint8 twice as large, (2 H, 2 W, 3), with a line just inside ``box``."""
    from PIL import Image, ImageDraw

    top, left, bottom, right = (TWICE * side for side in box.within(*image.shape))
    drawn = Image.fromarray(enlarged(np.repeat(image[..., None], 3, axis=2), TWICE))
    if left < right and top < bottom:  # some part of it is in the image
        ImageDraw.Draw(drawn).rectangle((left, top, right - 1, bottom - 1), outline=BOX)
    return np.asarray(drawn)


def closer(image: Array, box: Box) -> Array:
    """Return what is in ``box``, as large as :func:`boxed` is: grey where there is no image."""
    H, W = image.shape
    height, width = box.bottom - box.top, box.right - box.left
    padded = np.pad(image, ((height, height), (width, width)), constant_values=AROUND)
    patch = padded[box.top + height : box.bottom + height, box.left + width : box.right + width]
    patch = enlarged(patch, max(1, TWICE * min(H // height, W // width)))
    row, column = (TWICE * H - patch.shape[0]) // 2, (TWICE * W - patch.shape[1]) // 2
    tile = np.full((TWICE * H, TWICE * W), AROUND, np.uint8)
    tile[row : row + patch.shape[0], column : column + patch.shape[1]] = patch
    return np.repeat(tile[..., None], 3, axis=2)
