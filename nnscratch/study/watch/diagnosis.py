"""What samples of a training tell in plain words: vanishing and exploding gradients, dead units, updates too large."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from nnscratch.study.watch.sample import LayerSample, Sample

VANISHING = 1 / 100  # of the gradient of the last layer that has one
EXPLODING = 100  # times that gradient, or
LONGER = 10  # times as long as the layer's own weights
DEAD, SATURATED = 0.4, 0.5  # shares
UPDATES = (1e-5, 1e-4, 1e-2, 1e-1)  # of the weights, between the words below; about 1e-3 is typical
WORDS = ("at rest", "slow", "healthy", "fast", "too fast")


@dataclass(frozen=True)
class Finding:
    """Something wrong: its kind, such as "vanishing", the layer, a sentence, and in which samples it was so."""

    kind: str
    layer: str
    text: str
    count: int = 1  # samples
    first: float = 0.0  # epochs
    last: float = 0.0

    def when(self, samples: int) -> str:
        """Return in which of so many samples it was found, in words."""
        if self.count == samples:
            return "in every sample"
        if self.count == 1:
            return f"in one of {samples} samples, at epoch {self.first:.2f}"
        return f"in {self.count} of {samples} samples, from epoch {self.first:.2f} to {self.last:.2f}"


def update_word(update: float | None) -> str:
    """Return what to call an update that moves weights by this share of their norm."""
    return "" if update is None else WORDS[sum(update >= limit for limit in UPDATES)]


class Seen(NamedTuple):
    """What is wrong in one sample; ``severity`` compares it with the same in others."""

    kind: str
    layer: str
    text: str
    severity: float


def findings(samples: Sequence[Sample]) -> list[Finding]:
    """Return what was found in the samples, each thing once, told as in the sample where it was worst."""
    merged: dict[tuple[str, str], list[tuple[float, Seen]]] = {}
    for sample in samples:
        for seen in look(sample):
            merged.setdefault((seen.kind, seen.layer), []).append((sample.epochs, seen))
    found = []
    for (kind, layer), times in merged.items():
        worst = max((seen for _, seen in times), key=lambda seen: seen.severity)
        found.append(Finding(kind, layer, worst.text, len(times), times[0][0], times[-1][0]))
    return found


def look(sample: Sample) -> list[Seen]:
    """Return all that is wrong in one sample."""
    found = gradients(sample)
    for name, layer in sample.layers.items():
        for kind, text, severity in (
            ("dead", dead(layer), layer.dead),
            ("saturated", saturated(layer), layer.saturated),
            ("too fast", too_fast(layer), layer.update),
        ):
            if text:
                found.append(Seen(kind, name, f"{name}{text}", severity or 0.0))
    return found


def gradients(sample: Sample) -> list[Seen]:
    """Return what is wrong with the norms of the layers' gradients; of several layers, that nearest to the input."""
    norms = {name: layer.gradient_norm for name, layer in sample.layers.items() if layer.gradient_norm is not None}
    if not norms:
        return []
    last = list(norms)[-1]
    if norms[last] == 0:
        return [Seen("vanishing", last, f"{last} gets no gradient: nothing is learnt", math.inf)]
    found: dict[str, Seen] = {}
    for name, norm in norms.items():
        weights, share = sample.layers[name].weight_norm or 0.0, norm / norms[last]
        if share < VANISHING:
            text = f"{name} gets {_part(share, last)}: vanishing"
            found.setdefault("vanishing", Seen("vanishing", name, text, 1 / share if share > 0 else math.inf))
        elif share > EXPLODING:
            text = f"{name} gets {_format_number(share)} times {last}'s gradient: exploding"
            found.setdefault("exploding", Seen("exploding", name, text, share))
        elif norm > LONGER * weights > 0:
            text = f"{name}'s gradient is {_format_number(norm / weights)} times as long as its weights: exploding"
            found.setdefault("exploding", Seen("exploding", name, text, norm / weights))
    return list(found.values())


def _part(share: float, of: str) -> str:
    return f"1/{_format_number(1 / share)} of {of}'s gradient" if share > 0 else "no gradient at all"


def dead(layer: LayerSample) -> str:
    """Return what to say of a ReLU's dead units: of its maps, if it has maps, since a blank border is 0 in all."""
    share = layer.dead_maps if layer.dead_maps is not None else layer.dead
    if share is None or share < DEAD:
        return ""
    what = "maps" if layer.dead_maps is not None else "units"
    return f": {100 * share:.0f} % of its {what} are 0 for every probe image, so they learn nothing: dead"


def saturated(layer: LayerSample) -> str:
    """Return what to say of a tanh or sigmoid whose outputs are mostly at their ends."""
    if layer.saturated is None or layer.saturated < SATURATED:
        return ""
    return (
        f": {100 * layer.saturated:.0f} % of its outputs are where it is flat, and pass hardly any gradient: saturated"
    )


def too_fast(layer: LayerSample) -> str:
    """Return what to say of weights that one batch moves too far."""
    if layer.update is None or layer.update < UPDATES[-1]:
        return ""
    return f" was moved by {100 * layer.update:.0f} % of its weights' norm in one batch: lower the learning rate"


def _format_number(value: float) -> str:
    """Return a number with two digits that count, such as 2,000."""
    return f"{float(f'{value:.2g}'):,.0f}" if value >= 10 else f"{value:.2g}"
