"""All that a trained network is asked by ``nnscratch study network``, as numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data import Dataset
from nnscratch.data.classes import described
from nnscratch.data.deskew import deskew
from nnscratch.errors import UsageError, unknown
from nnscratch.models.sequential import Sequential
from nnscratch.study.network.activation_maximisation import Excitement, Group, groups, hidden_name, most_telling, survey
from nnscratch.study.network.filters import Change, changes, norm
from nnscratch.study.network.mistakes import Confusion, confusions
from nnscratch.study.network.pca import principal_components
from nnscratch.study.network.receptive_field import Box, receptive_field
from nnscratch.training.metrics import classification_report

TOP = 9  # images for each unit
SHOWN = 32  # units of a layer
EVERY, EVERY_FILTER = 1_000, 250  # units, or filters, of the layer of which all are asked for, at most
ON_MAP = 1_500  # images
FOLLOWED = 10  # classes of which one image each is followed, by default


@dataclass(frozen=True)
class Plane:
    """Images as points in two dimensions.

    images (n,): their numbers; coordinates (n, 2); shares (2,) of the variance; what: the layer, "input" for pixels.
    """

    images: Array
    coordinates: Array
    shares: Array
    what: str


@dataclass(frozen=True)
class Findings:
    """A network, the test images that it was shown, and what came of it. ``digits``: numbers of test images to draw."""

    name: str
    model: Sequential
    images: Array
    inputs: Array  # the images as the network sees them, which are those that are shown
    labels: Array
    data: str
    digits: list[int]
    groups: list[Group]
    shown: dict[str, Array]  # numbers of the units to draw, by layer
    excitement: dict[str, Excitement]
    read: Array
    figures: dict[str, Any]
    changes: list[Change]
    plane: Plane
    confusions: list[Confusion]

    def described(self, label: int) -> str:
        """Return what an image with this label is: "a 7", or "class cat"."""
        return described(self.model.classes, int(label))

    def box(self, group: Group, unit: int, image: int) -> Box:
        """Return the pixels to which a filter of ``group`` answers most in a test image."""
        place = int(self.excitement[group.name].places[unit, image])
        row, column = divmod(place, self.model.shapes[group.place + 1][2])
        return receptive_field(self.model.layers[: group.place + 1], row, column)


def study_network(
    name: str, model: Sequential, data: Dataset, digits: list[int] | None = None, layer: str | None = None
) -> Findings:
    """Return what ``model`` has learnt, by the test images of ``data``.

    ``digits`` are numbers of test images, by default one of each class, or of ten; of ``layer`` all units are shown, of
    the other layers those that tell most of the class. Raises UsageError for a layer or an image that is not there,
    DataError for a network whose output is not finite.
    """
    images, labels = data.test_images, data.test_labels
    found = groups(model)
    _check_layer(layer, found)
    digits = one_of_each(labels) if digits is None else digits
    _check_digits(digits, len(images))
    sample = np.unique(np.linspace(0, len(images) - 1, ON_MAP).astype(np.int64))
    seen = survey(model, images, labels, sample)
    coordinates, _, shares = principal_components(seen.hidden)
    shown = {group.name: most_telling(seen.excitement[group.name], most(group, layer)) for group in found}
    return Findings(
        name=name,
        model=model,
        images=images,
        inputs=deskew(images) if model.deskew else images,
        labels=labels,
        data=data.name,
        digits=digits,
        groups=found,
        shown=shown,
        excitement=seen.excitement,
        read=seen.log_probabilities.argmax(axis=1),
        figures=classification_report(seen.log_probabilities, labels),
        changes=changes(model),
        plane=Plane(sample, coordinates, shares, hidden_name(model)),
        confusions=confusions(seen.log_probabilities, labels),
    )


def most(group: Group, layer: str | None) -> int:
    """Return how many units of ``group`` are drawn when all of ``layer`` are asked for."""
    if group.name != layer:
        return SHOWN
    return EVERY_FILTER if group.spatial else EVERY


def one_of_each(labels: Array) -> list[int]:
    """Return the number of the first image of each class that there is; of many, of some that are evenly chosen."""
    present = np.unique(labels)
    some = present[np.unique(np.linspace(0, len(present) - 1, FOLLOWED).astype(np.int64))]
    return [int(np.flatnonzero(labels == k)[0]) for k in some]


def _check_layer(layer: str | None, found: list[Group]) -> None:
    names = [group.name for group in found]
    if layer is not None and layer not in names:
        raise unknown("the layer", layer, names)


def _check_digits(digits: list[int], n: int) -> None:
    for digit in digits:
        if not 0 <= digit < n:
            raise UsageError(f"there is no test image {digit}: give numbers from 0 to {n - 1}")
    if not 1 <= len(digits) <= 50:
        raise UsageError(f"{len(digits)} test images were chosen: give 1 to 50 of them")


# ---- as plain numbers and lists


def to_dict(findings: Findings) -> dict[str, Any]:
    """Return everything as plain numbers and lists, fit for JSON."""
    plane, model = findings.plane, findings.model
    return {
        "model": findings.name,
        "data": findings.data,
        **({} if model.is_digits else {"classes": list(model.classes)}),
        "seed": findings.model.seed,
        "parameters": int(findings.model.theta.size),
        "layers": [
            {"layer": what, "output_shape": list(shape), "parameters": size, "multiply_adds": work}
            for what, shape, size, work in findings.model.table()
        ],
        "test": findings.figures,
        "weights": [_change_dict(change) for change in findings.changes],
        "units": {group.name: _units_dict(findings, group) for group in findings.groups},
        "map": {
            "layer": plane.what,
            "explained": plane.shares.tolist(),
            "images": plane.images.tolist(),
            "labels": findings.labels[plane.images].tolist(),
            "read": findings.read[plane.images].tolist(),
            "coordinates": plane.coordinates.tolist(),
        },
        "confusions": [
            {"true": c.true, "read": c.read, "images": c.images.tolist(), "confidence": c.confidence.tolist()}
            for c in findings.confusions
        ],
    }


def _change_dict(change: Change) -> dict[str, Any]:
    first, last, moved = change.norms
    row: dict[str, Any] = {"name": change.name, "first": first, "last": last, "change": moved, "cosine": change.cosine}
    if change.last.ndim == 4:
        row["filters"] = [
            {"first": norm(a), "last": norm(b), "change": norm(d)}
            for a, b, d in zip(change.first, change.last, change.difference, strict=True)
        ]
    return row


def _units_dict(findings: Findings, group: Group) -> dict[str, Any]:
    excitement = findings.excitement[group.name]
    top = [excitement.top(unit, TOP) for unit in range(group.units)]
    row: dict[str, Any] = {
        "measured_at": group.sums,
        "class_share": excitement.share.tolist(),
        "positive": excitement.positive.tolist(),
        "activity": excitement.activity.tolist(),
        "top": [images.tolist() for images in top],
        "values": [excitement.values[unit, images].tolist() for unit, images in enumerate(top)],
    }
    if group.spatial:
        row["boxes"] = [
            [list(findings.box(group, unit, int(image)).within(*findings.images.shape[1:])) for image in images]
            for unit, images in enumerate(top)
        ]
    return row
