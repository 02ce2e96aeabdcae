"""The gradient checker: does ``backward`` return the derivative of ``forward``? Compared with difference quotients.

    numeric = (f(x + h) - f(x - h)) / 2h,   error = |analytic - numeric| / max(|analytic|, |numeric|)

with the largest magnitude of the whole array below the line, since a quotient has an absolute precision of about
eps * f / h; an array whose gradient is too small to be seen so (a bias before batch normalisation has 0) is measured
by that precision. All of it in float64: in float32 nothing better than 1e-2 can be seen.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from nnscratch.arrays import Array
from nnscratch.data.batches import Batches
from nnscratch.errors import UsageError
from nnscratch.layers import Layer
from nnscratch.layers.network import Network
from nnscratch.training.losses import Loss, softmax_cross_entropy

STEPS = (1e-5, 1e-6, 1e-7)
ROUNDING = 1e3 * np.finfo(np.float64).eps  # the relative precision to which a value of a deep network is trusted
TOLERANCE = 1e-6
JITTER = 1e-2
POINTS = 5  # that are tried: a kink too near for any step is bad luck of a point, a wrong formula is wrong at all
PRECISION = 2e-4  # of f: eps * f / h / tolerance; smaller gradients than this drown in a quotient's rounding


@dataclass
class Row:
    """The check of one array. ``where`` is the index of the entry with the largest error."""

    name: str
    shape: tuple[int, ...]
    checked: int
    analytic: Array  # (checked,)
    numeric: Array  # (checked,)
    where: tuple[int, ...]
    error: float
    direction_error: float

    @property
    def worst(self) -> float:
        """The larger of the entries' error and that of the derivative along a random direction."""
        return max(self.error, self.direction_error)

    @property
    def pair(self) -> tuple[float, float]:
        """The analytic and the numeric value of the entry with the largest error."""
        k = int(np.argmax(np.nan_to_num(np.abs(self.analytic - self.numeric), nan=np.inf)))
        return float(self.analytic[k]), float(self.numeric[k])


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
        """True when every gradient is right."""
        return self.error <= self.tolerance

    def __str__(self) -> str:
        lines = [
            f"{'array':<14}{'shape':<18}{'checked':>8}{'analytic':>13}{'numeric':>13}{'error':>10}{'direction':>11}"
        ]
        for row in self.rows:
            analytic, numeric = row.pair
            lines.append(
                f"{row.name:<14}{row.shape!s:<18}{row.checked:>8}{analytic:>13.3e}{numeric:>13.3e}"
                f"{row.error:>10.1e}{row.direction_error:>11.1e}"
            )
        verdict = "right" if self.ok else "WRONG"
        return "\n".join([*lines, f"largest error {self.error:.1e}, tolerance {self.tolerance:.0e}: {verdict}"])


def numeric_derivative(function: Callable[[float], float]) -> float:
    """Return f'(0) by central differences.

    A large step is spoiled by curvature and kinks (ReLU, max-pooling), a small one by rounding. Where a step reaches a
    kink, the slopes to the right and to the left differ. So several steps are tried, and the one counts whose two
    slopes agree best, with an allowance for rounding: never the analytic value.
    """
    here = function(0.0)
    best, least = np.nan, np.inf
    for h in STEPS:
        right, left = (function(h) - here) / h, (here - function(-h)) / h
        doubt = abs(right - left) + ROUNDING * max(abs(here), 1.0) / h
        if doubt < least:  # never for NaN
            best, least = (right + left) / 2, doubt
    return float(best)


def check_array(
    name: str, array: Array, analytic: Array, function: Callable[[], float], *, samples: int, rng: np.random.Generator
) -> Row:
    """Compare ``analytic``, the gradient of ``function()`` by ``array``, with difference quotients.

    ``array`` float64 of any shape is changed in place for each quotient, and put back. ``samples`` entries are
    drawn (all, if there are fewer), and one random direction goes through every entry at once.
    """
    before = array.copy()

    def moved(direction: Array, h: float) -> float:
        array[...] = before + h * direction
        try:
            return function()
        finally:
            array[...] = before

    def unit(k: int) -> Array:
        direction = np.zeros(array.size)
        direction[k] = 1
        return direction.reshape(array.shape)

    chosen = rng.choice(array.size, min(samples, array.size), replace=False)
    numeric = np.array([numeric_derivative(lambda h, k=k: moved(unit(k), h)) for k in chosen])  # type: ignore[misc]
    random = rng.standard_normal(array.shape) / np.sqrt(array.size)
    along = numeric_derivative(lambda h: moved(random, h))
    floor = PRECISION * max(abs(function()), 1.0)
    scale = max(float(np.abs(analytic).max()), float(np.abs(numeric).max()), floor)
    length = max(float(np.linalg.norm(analytic)) / np.sqrt(array.size), abs(along), floor)
    errors = _relative(analytic.ravel()[chosen] - numeric, scale)
    direction = _relative(np.array([(analytic * random).sum() - along]), length)
    return Row(
        name,
        array.shape,
        len(chosen),
        analytic.ravel()[chosen].copy(),
        numeric,
        tuple(int(i) for i in np.unravel_index(chosen[int(np.argmax(errors))], array.shape)),
        float(errors.max()),
        float(direction[0]),
    )


def _relative(difference: Array, scale: float) -> Array:
    """Return |difference| / scale, and infinity where either is not finite: such a gradient is wrong."""
    finite = np.isfinite(difference) & np.isfinite(scale)
    return np.where(finite, np.abs(np.where(finite, difference, 0)) / (scale if np.isfinite(scale) else 1), np.inf)


def gradcheck(
    network: Network,
    images: Array,
    labels: Array,
    *,
    loss: Loss = softmax_cross_entropy,
    training: bool = False,
    samples: int = 20,
    tolerance: float = TOLERANCE,
    seed: int = 0,
    layer: str | None = None,
) -> GradcheckReport:
    """Check the gradients of the loss by every parameter of ``network`` and by its input; or by those of one ``layer``.

    images, labels: a few, as for ``fit``. Works on a float64 copy; the network is left as it is. In the copy all
    parameters and pixels are moved by about 0.01 at random: a fresh network stands on kinks, where there is no
    derivative (a blank pixel times any weight plus a zero bias is just where ReLU bends, and all windows of a blank
    corner tie for the maximum), while a point nearby does not. ``training`` checks
    the network as it is in training (batch statistics; dropout with one fixed mask). ``samples`` entries of each
    array are compared one by one, and all together along a random direction.

    Raises UsageError for images or labels that do not fit, samples below 1, or a layer that there is not.
    """
    known = [each.name for each in network.layers]
    if layer is not None and layer not in known:
        raise UsageError(f"there is no layer {layer!r}: the layers are {', '.join(known)}")
    if samples < 1 or len(images) == 0:
        raise UsageError(f"{len(images)} images and {samples} samples came: give at least 1 of each")
    for point in range(POINTS):
        report = _check_at(network, images, labels, loss, training, samples, tolerance, (seed, point), layer)
        if report.ok:
            break
    return report


def _check_at(
    network: Network,
    images: Array,
    labels: Array,
    loss: Loss,
    training: bool,
    samples: int,
    tolerance: float,
    stream: tuple[int, int],
    layer: str | None,
) -> GradcheckReport:
    """Check a float64 copy at a random point near the network's parameters and the images' pixels."""
    twin = float64_copy(network)
    normalisation, scaling = getattr(network, "normalisation", (0.0, 1.0)), getattr(network, "scaling", None)
    batches = Batches(images, network.input_shape, normalisation, np.dtype("float64"), scaling=scaling)
    x = batches.x(np.arange(len(batches)))
    labels = np.asarray(labels).T
    rng = np.random.default_rng(stream)
    twin.theta += JITTER * rng.standard_normal(twin.theta.shape)
    x += JITTER * rng.standard_normal(x.shape)

    def value() -> float:
        twin.reseed(stream)
        return loss(twin.forward(x, training), labels)[0]

    def gradient() -> Array:
        twin.reseed(stream)
        return loss(twin.forward(x, training), labels)[1]

    return _check_all(twin, x, gradient, value, samples, tolerance, rng, layer)


def _check_all(
    network: Network,
    x: Array,
    gradient: Callable[[], Array],
    value: Callable[[], float],
    samples: int,
    tolerance: float,
    rng: np.random.Generator,
    layer: str | None = None,
) -> GradcheckReport:
    """Check the gradient of ``value()`` by every parameter and by the input.

    ``gradient()`` does a forward pass, and returns the gradient by its output. ``backward_parameters``, which training
    calls, must leave the gradients that ``backward`` leaves; where it does not, its own are checked too.
    """
    report = GradcheckReport(tolerance)
    network.gradient[:] = np.nan  # what no pass fills is wrong, and so is what adds to it
    network.backward_parameters(gradient())
    of_training = {name: value.copy() for name, value in network.gradients.items()}
    network.gradient[:] = np.nan
    dx = network.backward(gradient())
    arrays = {name: (network.parameters[name], network.gradients[name].copy()) for name in network.parameters}
    for name, (array, analytic) in list(arrays.items()):
        if not np.allclose(of_training[name], analytic, rtol=1e-9, atol=0, equal_nan=True):
            arrays[f"{name}, in training"] = (array, of_training[name])
    arrays["input"] = (x, dx)
    for name, (array, analytic) in arrays.items():
        if layer is not None and name.split(".")[0] != layer:
            continue
        report.rows.append(check_array(name, array, analytic, value, samples=samples, rng=rng))
    return report


def float64_copy(network: Network) -> Network:
    """Return the network in float64, sharing nothing with the original."""
    twin = copy.deepcopy(network)
    twin.dtype = np.dtype("float64")
    twin._pack()
    return twin


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
    """Check one layer, built-in or one's own, with a random upstream gradient: of f = sum(dout * forward(x)).

    ``layer`` is a new one, ``input_shape`` leaves the batch out, ``x`` (*input_shape, n) is standard normal unless
    given. Raises UsageError when the layer does not accept the shape.
    """
    rng = np.random.default_rng(seed)
    network = Network([layer], input_shape, seed, "float64")
    x = rng.standard_normal((*input_shape, n)) if x is None else x.astype(np.float64)
    dout = rng.standard_normal((*network.shapes[-1], x.shape[-1]))

    def value() -> float:
        network.reseed((seed,))
        return float((dout * network.forward(x, training)).sum())

    def gradient() -> Array:
        network.reseed((seed,))
        network.forward(x, training)
        return dout

    return _check_all(network, x, gradient, value, samples, tolerance, rng)
