"""Optimisers: a learning rate, settings, and the vectors that they carry from step to step.

The formulas are in ``ops/optimizers.py``; a class here holds the state around one of them. All of a network's
parameters are one flat vector, so an optimiser never sees layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from nnscratch import ops
from nnscratch.arrays import Array, zeros
from nnscratch.training.bounds import BOUNDS, Interval


@dataclass
class Optimizer:
    """learning_rate > 0; weight_decay >= 0 is L2 regularisation: weight_decay * W is added to the gradient of W.

    Biases and the scale and shift of batch normalisation are not decayed.

    Raises UsageError for settings out of range.
    """

    vectors: ClassVar[tuple[str, ...]] = ()  # names of the state's vectors, each of the size of theta

    learning_rate: float
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
        self._decay = self.weight_decay * decay_mask

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
            gradient = gradient + self._decay[part] * theta  # the gradient of 1/2 weight_decay |W|^2
        self.update(theta, gradient, learning_rate, **{name: value[part] for name, value in self.state.items()})

    def update(self, theta: Array, gradient: Array, learning_rate: float, **vectors: Array) -> None:
        """Apply the formula, number by number, with the state's ``vectors`` for the same parameters."""
        raise NotImplementedError(f"{type(self).__name__} has no update method")

    def settings(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass
class SGD(Optimizer):
    """Plain stochastic gradient descent."""

    def update(self, theta: Array, gradient: Array, learning_rate: float, **vectors: Array) -> None:
        ops.sgd_update(theta, gradient, lr=learning_rate)


@dataclass
class Momentum(Optimizer):
    """SGD with a velocity (Polyak 1964)."""

    vectors: ClassVar[tuple[str, ...]] = ("m",)

    momentum: float = 0.9

    def update(self, theta: Array, gradient: Array, learning_rate: float, **vectors: Array) -> None:
        ops.momentum_update(theta, gradient, **vectors, lr=learning_rate, momentum=self.momentum)


@dataclass
class Nesterov(Momentum):
    """Momentum that looks ahead (Nesterov 1983; Sutskever et al. 2013)."""

    def update(self, theta: Array, gradient: Array, learning_rate: float, **vectors: Array) -> None:
        ops.nesterov_update(theta, gradient, **vectors, lr=learning_rate, momentum=self.momentum)


@dataclass
class RMSProp(Optimizer):
    """Steps divided by a running root mean square of the gradient (Tieleman & Hinton 2012)."""

    vectors: ClassVar[tuple[str, ...]] = ("v",)

    decay: float = 0.9
    eps: float = 1e-8

    def update(self, theta: Array, gradient: Array, learning_rate: float, **vectors: Array) -> None:
        ops.rmsprop_update(theta, gradient, **vectors, lr=learning_rate, decay=self.decay, eps=self.eps)


@dataclass
class Adam(Optimizer):
    """Adam (Kingma & Ba 2015, algorithm 1); weight decay as L2 in the gradient."""

    vectors: ClassVar[tuple[str, ...]] = ("m", "v")

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
    """Adam with decoupled weight decay: W shrinks by learning_rate * weight_decay * W (Loshchilov & Hutter 2019)."""

    def step_part(self, part: slice, theta: Array, gradient: Array, learning_rate: float) -> None:
        if self.weight_decay:
            ops.weight_decay_update(theta[part], self._decay[part], lr=learning_rate)
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
