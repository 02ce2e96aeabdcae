"""Layers that are not the library's: what they return, and where they put their gradients, is looked at in every pass.

A dx of another shape would be worked on as if it were whole, and a gradient that is put into a new array would never
reach the optimiser: both train "without an error".
"""

from __future__ import annotations

from typing import Self

import numpy as np

from nnscratch.arrays import Array
from nnscratch.errors import DataError, UsageError, accepts
from nnscratch.layers.base import Layer, Shape

METHODS = ("forward", "backward", "backward_parameters")


def same(found: object, array: Array) -> bool:
    """Return whether ``found`` is this array, or another view of its numbers."""
    if found is array:
        return True
    return isinstance(found, np.ndarray) and found.shape == array.shape and np.may_share_memory(found, array)


class Checked(Layer):
    """Somebody's layer, which a network has built. Raises DataError, naming it, when it does not do what it has to."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        assert layer._built_for is not None
        self.layer = layer
        self.before, self.after = layer._built_for
        self.forwards = self.backwards = 0
        self.name, self.parameters = layer.name, layer.parameters
        self.takes_training = accepts(layer.forward, 2)
        self.bound = {key: getattr(layer, key) for name in layer.parameters for key in (name, "d" + name)}

    def copy(self) -> Self:
        copied = super().copy()
        copied.layer = self.layer.copy()
        return copied

    def forward(self, x: Array, training: bool = False) -> Array:
        if training and not self.takes_training:
            raise UsageError(f"{self._title}: forward is to be told of training: def forward(self, x, training=False)")
        known = set(vars(self.layer)) if self.forwards == 0 else None
        out = self.layer.forward(x, training) if training else self.layer.forward(x)
        if known is not None:
            made = self.layer._made_by_passes | (vars(self.layer).keys() - known)
            vars(self.layer)["_made_by_passes"] = made
        self.forwards += 1
        self._check_shape(out, (*self.after, x.shape[-1]), "forward", "build promised")
        self._check_arrays("forward")
        return out

    def backward(self, dout: Array) -> Array:
        self._poison()
        dx = self.layer.backward(dout)
        self._check_shape(dx, (*self.before, dout.shape[-1]), "backward", "dx must have, as the input,")
        self._check_arrays("backward")
        self._check_filled(dout, "backward")
        return dx

    def backward_parameters(self, dout: Array) -> None:
        if getattr(self.layer.backward_parameters, "__func__", None) is Layer.backward_parameters:
            self.backward(dout)
            return
        self._poison()
        self.layer.backward_parameters(dout)
        self._check_arrays("backward_parameters")
        self._check_filled(dout, "backward_parameters")

    def _check_shape(self, came: object, wanted: Shape, method: str, who: str) -> None:
        if isinstance(came, np.ndarray) and came.shape == wanted:
            return
        found = f"an array of shape {came.shape}" if isinstance(came, np.ndarray) else f"a {type(came).__name__}"
        raise DataError(f"{self._title}: {method} returned {found}, but {who} the shape {wanted}")

    def _check_arrays(self, method: str) -> None:
        """Check that the parameters and their gradients are still the network's own arrays."""
        for key, array in self.bound.items():
            if not same(getattr(self.layer, key), array):
                raise DataError(
                    f"{self._title}: {method} put another array in the place of self.{key}, which the optimiser never "
                    f"sees: write into the one that is there, self.{key}[...] = ..."
                )

    def _poison(self) -> None:
        """Before the first backward pass, make gradients that it does not fill, or adds to, show."""
        if self.backwards == 0:
            for name in self.parameters:
                self.bound["d" + name][...] = np.nan

    def _check_filled(self, dout: Array, method: str) -> None:
        self.backwards += 1
        if self.backwards > 1 or not np.isfinite(dout).all():
            return
        for name in self.parameters:
            if np.isnan(self.bound["d" + name]).any():
                raise DataError(
                    f"{self._title}: {method} does not fill self.d{name}, the gradient of {name}, which would not be "
                    f"trained, or adds to what it was: write all of it, self.d{name}[...] = ..."
                )

    @property
    def _title(self) -> str:
        return f"{self.name} ({type(self.layer).__name__})"
