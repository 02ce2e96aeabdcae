"""The gradient checker: does ``backward`` return the derivative of ``forward``, for a network, or a layer?

How one array is compared with its numerical gradient is in ``numerical_gradient.py``.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.batches import Batches
from nnscratch.data.scaling import as_array
from nnscratch.errors import UsageError, short_repr
from nnscratch.layers import Layer
from nnscratch.layers.network import Network
from nnscratch.training.bounds import check_all
from nnscratch.training.losses import Loss, pair_of, softmax_cross_entropy, training_targets
from nnscratch.training.numerical_gradient import Row, check_array
from nnscratch.training.plan import as_loss

TOLERANCE = 1e-6
JITTER = 1e-2
POINTS = 5  # that are tried: a kink too near for any step is bad luck of a point, a wrong formula is wrong at all


@dataclass
class GradcheckReport:
    """The rows of a check; ``ok`` when every error is at most ``tolerance``. ``str(report)`` is a table."""

    tolerance: float
    rows: list[Row] = field(default_factory=list)

    @property
    def error(self) -> float:
        """The largest relative error of all; NaN counts as infinite."""
        return max((row.worst for row in self.rows), default=0.0)

    @property
    def ok(self) -> bool:
        """True when every gradient passes."""
        return self.error <= self.tolerance

    def __str__(self) -> str:
        form = "{:<14}{!s:<18}{:>8}{:>13}{:>13}{:>10}{:>11}"
        lines = [form.format("array", "shape", "checked", "analytic", "numeric", "error", "direction")]
        for row in self.rows:
            values = [f"{value:.3e}" for value in row.pair]
            values += [f"{error:.1e}" for error in (row.error, row.direction_error)]
            lines.append(form.format(row.name, row.shape, row.checked, *values))
        verdict = f"largest error {self.error:.1e}, tolerance {self.tolerance:.0e}: {'pass' if self.ok else 'FAIL'}"
        return "\n".join([*lines, verdict])


def gradcheck(
    network: Network,
    images: Array,
    labels: Array,
    *,
    loss: Loss | str = softmax_cross_entropy,
    training: bool = False,
    samples: int = 20,
    tolerance: float = TOLERANCE,
    seed: int = 0,
    layer: str | None = None,
) -> GradcheckReport:
    """Compare backpropagation with numerical gradients: of the loss by the input and every parameter, or one layer's.

    images, labels: a few, as for ``fit``: images (N, ...) that fit the input, and N integers or targets (N, K).
    ``loss``: a function that returns (loss, dout), or a name such as "mse". ``training``: the network as it is in
    training (batch statistics; dropout with one fixed mask). ``samples`` entries of each array are compared one by one,
    and all together along a random direction. ``tolerance``: the largest relative error that passes. ``seed``: of all
    that is drawn. ``layer``: the name of the only one to check, such as "conv1".

    Works on a float64 copy; the network is left as it is. In the copy all parameters and pixels are moved by about 0.01
    at random: a fresh network stands on kinks, where there is no derivative (a blank pixel times any weight plus a zero
    bias is just where ReLU bends, and all windows of a blank corner tie for the maximum); a point nearby does not.

    Returns a report: ``report.ok``, ``report.error``, and ``print(report)`` shows a table. Raises UsageError for images
    or labels that do not fit, numbers out of range, or a layer that there is not.
    """
    if not isinstance(network, Network):
        raise UsageError(f"the network is {short_repr(network)}: give a network, or a layer to nn.check_layer")
    images, loss = as_array(images, "images"), as_loss(loss)
    known = [each.name for each in network.layers]
    if layer is not None and layer not in known:
        raise UsageError(f"there is no layer {layer!r}: the layers are {', '.join(known)}")
    if len(images) == 0:
        raise UsageError("0 images came: give at least 1")
    check_all({"samples": samples, "tolerance": tolerance, "seed": seed})
    for point in range(POINTS):
        exact, x = _near(network, images, rng := np.random.default_rng((seed, point)))
        targets = training_targets(as_array(labels, "labels"), len(images), exact.shapes[-1], loss)
        value_and_gradient = partial(_loss_of, exact, x, targets.T, loss, training, (seed, point))
        report = _check_all(exact, x, value_and_gradient, samples, tolerance, rng, layer)
        if report.ok:
            break
    return report


def _loss_of(
    network: Network, x: Array, labels: Array, loss: Loss, training: bool, stream: tuple[int, int]
) -> tuple[float, Array]:
    """Return the loss and its gradient with respect to the network's output; dropout has the same mask each time."""
    network.reseed(stream)
    return pair_of(loss(network.forward(x, training), labels))


def _near(network: Network, images: Array, rng: np.random.Generator) -> tuple[Network, Array]:
    """Return a float64 copy at a random point near the network's parameters, and images near these."""
    exact = float64_copy(network)
    normalisation = getattr(network, "normalisation", (0.0, 1.0))
    how: dict[str, Any] = {"scaling": getattr(network, "scaling", None), "deskew": getattr(network, "deskew", False)}
    batches = Batches(images, network.input_shape, normalisation, np.dtype("float64"), **how)
    x = batches.x(np.arange(len(batches)))
    exact.theta += JITTER * rng.standard_normal(exact.theta.shape)
    x += JITTER * rng.standard_normal(x.shape)
    return exact, x


def _check_all(
    network: Network,
    x: Array,
    value_and_gradient: Callable[[], tuple[float, Array]],
    samples: int,
    tolerance: float,
    rng: np.random.Generator,
    layer: str | None = None,
) -> GradcheckReport:
    """Check the gradient with respect to every parameter, and to the input.

    ``value_and_gradient()`` does a forward pass, and returns a value and its gradient with respect to the output.
    ``backward_parameters``, which training calls, must leave the gradients that ``backward`` leaves; where it does not,
    its own are checked too.
    """
    report = GradcheckReport(tolerance)
    network.gradient[:] = np.nan  # what no pass fills is wrong, and so is what adds to it
    network.backward_parameters(value_and_gradient()[1])
    of_training = {name: value.copy() for name, value in network.gradients.items()}
    network.gradient[:] = np.nan
    dx = network.backward(value_and_gradient()[1])
    arrays = {name: (network.parameters[name], network.gradients[name].copy()) for name in network.parameters}
    for name, (array, analytic) in list(arrays.items()):
        if not np.allclose(of_training[name], analytic, rtol=1e-9, atol=0, equal_nan=True):
            arrays[f"{name}, in training"] = (array, of_training[name])
    arrays["input"] = (x, dx)
    for name, (array, analytic) in arrays.items():
        if layer in (None, name.split(".")[0]):
            row = check_array(name, array, analytic, lambda: value_and_gradient()[0], samples=samples, rng=rng)
            report.rows.append(row)
    return report


def float64_copy(network: Network) -> Network:
    """Return the network in float64, sharing nothing with the original."""
    exact = copy.deepcopy(network)
    exact.dtype = np.dtype("float64")
    exact._pack()
    return exact


def check_layer(
    layer: Layer,
    input_shape: tuple[int, ...],
    *,
    n: int = 3,
    x: Array | None = None,
    training: bool = True,
    samples: int = 50,
    tolerance: float = 1e-7,
    seed: int = 0,
) -> GradcheckReport:
    """Compare a layer's ``backward`` with numerical gradients of f = sum(dout * forward(x)), for a random dout.

    ``layer`` is a new one, built-in or one's own, such as ``nn.Dense(3)``; ``input_shape`` leaves the batch out.
    ``x`` (*input_shape, n), the batch last, is standard normal unless given. ``training`` checks the layer as it is in
    training (batch statistics; dropout with one fixed mask). ``samples`` entries of the input and of each parameter
    are compared one by one, and all together along a random direction; ``tolerance`` is the largest relative error
    that passes. Returns a report: ``report.ok``, ``report.error``, and ``print(report)`` shows a table.

    Raises UsageError when the layer does not accept the shape, and for numbers out of range.
    """
    if not isinstance(layer, Layer):
        raise UsageError(f"the layer is {short_repr(layer)}: give a new one, such as nn.Dense(3)")
    check_all({"n": n, "samples": samples, "tolerance": tolerance, "seed": seed})
    rng = np.random.default_rng(seed)
    network = Network([layer], input_shape, seed, "float64")
    x = rng.standard_normal((*input_shape, n)) if x is None else as_array(x, "the inputs")
    if x.dtype.kind not in "biuf" or x.size == 0:
        raise UsageError(f"the inputs are {x.dtype} of shape {x.shape}: give numbers, at least one")
    x = x.astype(np.float64)
    dout = rng.standard_normal((*network.shapes[-1], x.shape[-1]))

    def value_and_gradient() -> tuple[float, Array]:
        network.reseed((seed,))
        return float((dout * network.forward(x, training)).sum()), dout

    return _check_all(network, x, value_and_gradient, samples, tolerance, rng)
