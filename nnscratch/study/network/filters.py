"""How training changed the weights: the first ones, made again from the architecture and its seed, and the last."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnscratch.arrays import Array
from nnscratch.models.saving import from_architecture
from nnscratch.models.sequential import Sequential

ALIKE = 99.0  # per cent of the magnitudes that a picture tells apart; the larger ones get the full colour


@dataclass(frozen=True)
class Change:
    """A parameter before and after training: its name, both values and their difference, all of one shape."""

    name: str
    first: Array
    last: Array

    @property
    def difference(self) -> Array:
        """What training added."""
        return np.asarray(self.last - self.first)

    @property
    def norms(self) -> tuple[float, float, float]:
        """The Euclidean norms of the first values, the last ones and their difference."""
        return norm(self.first), norm(self.last), norm(self.difference)

    @property
    def cosine(self) -> float | None:
        """The cosine of the angle between first and last values: 1 for the same direction; None where one is zero."""
        first, last, _ = self.norms
        if first == 0 or last == 0:
            return None
        return float(np.vdot(np.float64(self.first), np.float64(self.last)) / (first * last))

    @property
    def top(self) -> float:
        """The magnitude for the full colour in pictures of all three, so that they can be compared."""
        return full_color(self.first, self.last, self.difference)


def first_weights(model: Sequential) -> dict[str, Array]:
    """Return the parameters that ``model`` had when it was made: those of its architecture and its seed.

    Raises UsageError for a network with layers of one's own.
    """
    return from_architecture(model.architecture()).parameters


def changes(model: Sequential) -> list[Change]:
    """Return every parameter before and after training, in the order of the layers."""
    first = first_weights(model)
    return [Change(name, first[name], last) for name, last in model.parameters.items()]


def norm(values: Array) -> float:
    """Return the square root of the sum of squares."""
    return float(np.sqrt(np.square(values, dtype=np.float64).sum()))


def full_color(*arrays: Array) -> float:
    """Return a magnitude for the full colour: that which only one in a hundred numbers exceeds."""
    magnitudes = np.concatenate([np.abs(array).ravel() for array in arrays])
    return float(np.percentile(magnitudes, ALIKE)) or float(magnitudes.max(initial=0)) or 1.0
