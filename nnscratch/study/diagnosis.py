"""What samples of a training tell in plain words: vanishing and exploding gradients, dead units, updates too large."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nnscratch.study.sample import LayerSample, Sample

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
    """Return what to call an update that moves weights by this share of their length."""
    return "" if update is None else WORDS[sum(update >= limit for limit in UPDATES)]


def findings(samples: Sequence[Sample]) -> list[Finding]:
    """Return what was found in the samples, each thing once, told as in the last sample where it was so."""
    merged: dict[tuple[str, str], Finding] = {}
    for sample in samples:
        for kind, layer, text in look(sample):
            before = merged.get((kind, layer))
            first = sample.epochs if before is None else before.first
            count = 1 if before is None else before.count + 1
            merged[kind, layer] = Finding(kind, layer, text, count, first, sample.epochs)
    return list(merged.values())


def look(sample: Sample) -> list[tuple[str, str, str]]:
    """Return (kind, layer, sentence) for all that is wrong in one sample."""
    found = gradients(sample)
    for name, layer in sample.layers.items():
        for kind, text in (("dead", dead(layer)), ("saturated", saturated(layer)), ("too fast", too_fast(layer))):
            if text:
                found.append((kind, name, f"{name}{text}"))
    return found


def gradients(sample: Sample) -> list[tuple[str, str, str]]:
    """Return what is wrong with the lengths of the layers' gradients; of several layers, that nearest to the input."""
    norms = {name: layer.gradient_norm for name, layer in sample.layers.items() if layer.gradient_norm is not None}
    if not norms:
        return []
    last = list(norms)[-1]
    if norms[last] == 0:
        return [("vanishing", last, f"{last} gets no gradient: nothing is learnt")]
    found: dict[str, tuple[str, str]] = {}
    for name, norm in norms.items():
        weights = sample.layers[name].weight_norm or 0.0
        if norm < VANISHING * norms[last]:
            text = f"{name} gets {_part(norm / norms[last], last)}: vanishing"
            found.setdefault("vanishing", (name, text))
        elif norm > EXPLODING * norms[last]:
            text = f"{name} gets {number(norm / norms[last])} times {last}'s gradient: exploding"
            found.setdefault("exploding", (name, text))
        elif norm > LONGER * weights > 0:
            text = f"{name}'s gradient is {number(norm / weights)} times as long as its weights: exploding"
            found.setdefault("exploding", (name, text))
    return [(kind, name, text) for kind, (name, text) in found.items()]


def _part(share: float, of: str) -> str:
    return f"1/{number(1 / share)} of {of}'s gradient" if share > 0 else "no gradient at all"


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
    return f" was moved by {100 * layer.update:.0f} % of its weights' length in one batch: lower the learning rate"


def number(value: float) -> str:
    """Return a number with two digits that count, such as 2,000."""
    return f"{float(f'{value:.2g}'):,.0f}" if value >= 10 else f"{value:.2g}"
