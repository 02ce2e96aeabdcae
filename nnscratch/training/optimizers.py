"""Optimisers: a learning rate, settings, and the vectors that they carry from step to step.

The formulas are in ``ops/optimizers.py``; a class here holds the state around one of them. All of a network's
parameters are one flat vector, so an optimiser never sees layers. The default learning rates are Keras's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, cast

from nnscratch import ops
from nnscratch.arrays import Array, zeros
from nnscratch.errors import UsageError, short_repr, unknown
from nnscratch.training.bounds import BOUNDS, Interval


@dataclass
class Optimizer:
    """How a gradient becomes a step. The base of ``nn.SGD``, ``nn.Adam``, ...; an own one overrides :meth:`update`.

    learning_rate: above 0; a schedule multiplies it. weight_decay: at least 0, L2 regularisation: weight_decay * W is
    added to the gradient of W. Biases, and the scale and shift of batch normalisation, are not decayed.

    Raises UsageError for settings out of range.
    """

    vectors: ClassVar[tuple[str, ...]] = ()  # names of the state's vectors, each of the size of theta

    learning_rate: float = 0.01
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        BOUNDS["learning_rate"].check("the learning rate", self.learning_rate)
        for name, value in list(self.settings().items())[1:]:
            if not isinstance(value, bool) or name in BOUNDS:  # one of the reader's own may have a switch
                BOUNDS.get(name, Interval(least=0)).check(f"{name} of {type(self).__name__}", value)
        self.state: dict[str, Array] = {}
        self.t = 0

    def start(self, theta: Array, decay_mask: Array) -> None:
        """Begin anew for parameters theta (P,); decay_mask (P,) is 1 where weight decay applies and 0 elsewhere."""
        self.t = 0
        self.state = {name: zeros(theta.shape, theta.dtype) for name in self.vectors}
        self.parameter_decay = self.weight_decay * decay_mask

    def step(self, theta: Array, gradient: Array, learning_rate: float, parts: Sequence[slice] | None = None) -> None:
        """Update theta (P,) in place, given its gradient (P,), with the learning rate of this step.

        ``parts`` are those to update, such as ``Network.trainable_parts``; all unless given.
        """
        self.t += 1
        for part in [slice(0, theta.size)] if parts is None else parts:
            self.step_part(part, theta, gradient, learning_rate)

    def step_part(self, part: slice, theta: Array, gradient: Array, learning_rate: float) -> None:
        """Do step ``t`` for a part of the parameters. Threads may share the parts of a step."""
        theta, gradient = theta[part], gradient[part]
        if self.weight_decay:
            gradient = ops.decayed_gradient(gradient, theta, self.parameter_decay[part])
        self.update(theta, gradient, learning_rate, **{name: value[part] for name, value in self.state.items()})

    def update(self, theta: Array, gradient: Array, learning_rate: float, **vectors: Array) -> None:
        """Apply the formula, number by number, with the state's ``vectors`` for the same parameters."""
        raise NotImplementedError(f"{type(self).__name__} has no update method")

    def settings(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass
class SGD(Optimizer):
    """Plain stochastic gradient descent: W -= learning_rate * gradient (Robbins & Monro 1951).

    learning_rate: above 0; a schedule multiplies it. weight_decay: at least 0, L2 regularisation: weight_decay * W is
    added to the gradient of W, but not of biases. Raises UsageError for settings out of range.
    """

    def update(self, theta: Array, gradient: Array, learning_rate: float, **vectors: Array) -> None:
        ops.sgd_update(theta, gradient, lr=learning_rate)


@dataclass
class Momentum(Optimizer):
    """SGD with a velocity m = momentum * m + gradient, W -= learning_rate * m (Polyak 1964).

    learning_rate: above 0; a schedule multiplies it. weight_decay: at least 0, L2 regularisation: weight_decay * W is
    added to the gradient of W, but not of biases. momentum: at least 0 and below 1, the share of the velocity that
    stays. Raises UsageError for settings out of range.
    """

    vectors: ClassVar[tuple[str, ...]] = ("m",)

    momentum: float = 0.9

    def update(self, theta: Array, gradient: Array, learning_rate: float, **vectors: Array) -> None:
        ops.momentum_update(theta, gradient, **vectors, lr=learning_rate, momentum=self.momentum)


@dataclass
class Nesterov(Momentum):
    """Momentum that looks ahead: W -= learning_rate * (gradient + momentum * m) (Nesterov 1983; Sutskever et al. 2013).

    learning_rate: above 0; a schedule multiplies it. weight_decay: at least 0, L2 regularisation: weight_decay * W is
    added to the gradient of W, but not of biases. momentum: at least 0 and below 1, the share of the velocity that
    stays. Raises UsageError for settings out of range.
    """

    def update(self, theta: Array, gradient: Array, learning_rate: float, **vectors: Array) -> None:
        ops.nesterov_update(theta, gradient, **vectors, lr=learning_rate, momentum=self.momentum)


@dataclass
class RMSProp(Optimizer):
    """Steps divided by a running root mean square of the gradient (Tieleman & Hinton 2012).

    learning_rate: above 0; a schedule multiplies it. weight_decay: at least 0, L2 regularisation: weight_decay * W is
    added to the gradient of W, but not of biases. decay: at least 0 and below 1, of the running mean of squares.
    eps: at least 0, added to the root. Raises UsageError for settings out of range.
    """

    vectors: ClassVar[tuple[str, ...]] = ("v",)

    learning_rate: float = 0.001
    decay: float = 0.9
    eps: float = 1e-8

    def update(self, theta: Array, gradient: Array, learning_rate: float, **vectors: Array) -> None:
        ops.rmsprop_update(theta, gradient, **vectors, lr=learning_rate, decay=self.decay, eps=self.eps)


@dataclass
class Adam(Optimizer):
    """Adam (Kingma & Ba 2015, algorithm 1): running means of the gradient and of its square, corrected for their start.

    learning_rate: above 0; a schedule multiplies it. weight_decay: at least 0, L2 regularisation: weight_decay * W is
    added to the gradient of W, but not of biases. beta1, beta2: at least 0 and below 1, the decays of the two means.
    eps: at least 0, added to the root of the second. Raises UsageError for settings out of range.
    """

    vectors: ClassVar[tuple[str, ...]] = ("m", "v")

    learning_rate: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8

    def update(self, theta: Array, gradient: Array, learning_rate: float, **vectors: Array) -> None:
        ops.adam_update(
            theta,
            gradient,
            **vectors,
            t=self.t,
            lr=learning_rate,
            beta1=self.beta1,
            beta2=self.beta2,
            eps=self.eps,
        )


@dataclass
class AdamW(Adam):
    """Adam with decoupled weight decay: W shrinks by learning_rate * weight_decay * W (Loshchilov & Hutter 2019).

    learning_rate: above 0; a schedule multiplies it, and with it the decay. weight_decay: at least 0; biases are not
    decayed. beta1, beta2: at least 0 and below 1, the decays of the running means of the gradient and of its square.
    eps: at least 0, added to the root of the second. Raises UsageError for settings out of range.
    """

    def step_part(self, part: slice, theta: Array, gradient: Array, learning_rate: float) -> None:
        if self.weight_decay:
            ops.weight_decay_update(theta[part], self.parameter_decay[part], lr=learning_rate)
        vectors = {name: value[part] for name, value in self.state.items()}
        self.update(theta[part], gradient[part], learning_rate, **vectors)


OPTIMIZERS: dict[str, type[Optimizer]] = {
    "sgd": SGD,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "rmsprop": RMSProp,
    "adam": Adam,
    "adamw": AdamW,
}


def as_optimizer(given: Any) -> Optimizer:
    """Return the optimiser meant: ``nn.Adam(1e-3)`` as it is, "adam" and ``nn.Adam`` at their default learning rate.

    Raises UsageError for a name that is unknown, or for something else.
    """
    if isinstance(given, str):
        if given.lower() not in OPTIMIZERS:
            raise unknown("the optimiser", given, OPTIMIZERS)
        return OPTIMIZERS[given.lower()]()
    if isinstance(given, type) and issubclass(given, Optimizer):
        return given()
    if not hasattr(given, "step_part") or isinstance(given, type):
        raise UsageError(f"the optimiser is {short_repr(given)}: give a name such as 'adam', or nn.Adam(1e-3)")
    return cast(Optimizer, given)
