"""Chapter 2: a computation as a graph of numbers, its derivatives in three ways, and their multiplications, counted.

A number is added to the graph by computing with others: ``p = w * x`` knows its value, that it came from w and x, and
its derivatives with respect to them, which are x and w. Everything else needs only that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

Derivatives = tuple[float, ...]


@dataclass(frozen=True)
class Operation:
    """What makes a number of others: its value, its derivative with respect to each, and what they cost.

    ``forward_cost`` and ``local_cost`` are multiplications (a division and an exponential count as one together); a
    derivative that is always 1 or -1 is not multiplied by, so ``weighed`` is False.
    """

    sign: str
    forward: Callable[..., float]
    derivatives: Callable[..., Derivatives]  # of the inputs' values and the output
    forward_cost: int
    local_cost: int
    weighed: bool


ADD = Operation("+", lambda a, b: a + b, lambda a, b, out: (1.0, 1.0), 0, 0, False)
SUBTRACT = Operation("−", lambda a, b: a - b, lambda a, b, out: (1.0, -1.0), 0, 0, False)
MULTIPLY = Operation("×", lambda a, b: a * b, lambda a, b, out: (b, a), 1, 0, True)
SIGMOID = Operation("s", lambda a: 0.5 * (1 + math.tanh(a / 2)), lambda a, out: (out * (1 - out),), 1, 1, True)


class Number:
    """A node of the graph.

    After a pass it has its gradient (the derivative of the last number with respect to it), or its tangent (its own
    derivative with respect to a first one).
    """

    def __init__(
        self, value: float, name: str = "", inputs: Sequence[Number] = (), by: Operation | None = None
    ) -> None:
        self.value = float(value)
        self.name = name
        self.inputs = tuple(inputs)
        self.by = by
        self.gradient = 0.0
        self.tangent = 0.0

    def __add__(self, other: Number) -> Number:
        return _made(ADD, self, other)

    def __sub__(self, other: Number) -> Number:
        return _made(SUBTRACT, self, other)

    def __mul__(self, other: Number) -> Number:
        return _made(MULTIPLY, self, other)

    def named(self, name: str) -> Number:
        """Give it a name, and return it."""
        self.name = name
        return self

    def __repr__(self) -> str:
        return f"{self.name or 'number'} = {self.value:.4g}, gradient {self.gradient:.4g}"


def sigmoid(a: Number) -> Number:
    """Return s(a) as a number of the graph."""
    return _made(SIGMOID, a)


def _made(by: Operation, *inputs: Number) -> Number:
    return Number(by.forward(*(a.value for a in inputs)), inputs=inputs, by=by)


def derivatives(node: Number) -> Derivatives:
    """Return the derivative of a number with respect to each of its inputs: what stands on its edges."""
    return node.by.derivatives(*(a.value for a in node.inputs), node.value) if node.by else ()


def order(last: Number) -> list[Number]:
    """Return all numbers that ``last`` depends on, each after its inputs."""
    found: dict[Number, None] = {}
    waiting = [(last, False)]
    while waiting:  # a loop, since a long computation is deeper than Python's stack
        node, inputs_done = waiting.pop()
        if node in found:
            continue
        if inputs_done:
            found[node] = None
        else:
            waiting += [(node, True), *((a, False) for a in node.inputs)]
    return list(found)


def forward(nodes: Sequence[Number]) -> int:
    """Compute the value of each number from those of its inputs. Return the multiplications."""
    count = 0
    for node in nodes:
        if node.by:
            node.value = node.by.forward(*(a.value for a in node.inputs))
            count += node.by.forward_cost
    return count


def backward(nodes: Sequence[Number]) -> int:
    """Set the gradient of the last number with respect to every number. Return the multiplications."""
    for node in nodes:
        node.gradient = 0.0
    nodes[-1].gradient = 1.0
    count = 0
    for node in reversed(nodes):
        for a, derivative in zip(node.inputs, derivatives(node), strict=True):
            a.gradient += node.gradient * derivative
        count += _cost(node)
    return count


def tangents(nodes: Sequence[Number], first: Number) -> int:
    """Set the derivative of every number with respect to ``first``. Return the multiplications."""
    for node in nodes:
        node.tangent = 1.0 if node is first else 0.0
    count = 0
    for node in nodes:
        for a, derivative in zip(node.inputs, derivatives(node), strict=True):
            node.tangent += derivative * a.tangent
        count += _cost(node)
    return count


def _cost(node: Number) -> int:
    """Return the multiplications by a number's derivatives, and of making them."""
    if node.by is None:
        return 0
    return node.by.local_cost + (len(node.inputs) if node.by.weighed else 0)


def difference(nodes: Sequence[Number], first: Number, h: float = 1e-5) -> tuple[float, int]:
    """Return (L(first + h) - L(first - h)) / 2h, from two forward passes, and the multiplications."""
    here, losses, count = first.value, [], 1  # the division by 2h
    for moved in (here + h, here - h):
        first.value = moved
        count += forward(nodes)
        losses.append(nodes[-1].value)
    first.value = here
    forward(nodes)  # as it was
    return (losses[0] - losses[1]) / (2 * h), count


def network(units: int, seed: int = 0) -> tuple[Number, list[Number]]:
    """Return the loss of a network on one input, number by number, and its parameters.

    ``units`` inputs, as many sigmoid units, one output: ``units (units + 2) + 1`` parameters.
    """
    rng = np.random.default_rng(seed)
    x = [Number(value, f"x{k}") for k, value in enumerate(rng.normal(size=units))]
    parameters: list[Number] = []

    def unit(inputs: Sequence[Number]) -> Number:
        total = Number(0.0, "b")
        parameters.append(total)
        for a in inputs:
            weight = Number(rng.normal() / np.sqrt(len(inputs)), "w")
            parameters.append(weight)
            total = total + weight * a
        return total

    hidden = [sigmoid(unit(x)) for _ in range(units)]
    error = unit(hidden) - Number(1.0, "y")
    return error * error, parameters


def count_multiplications(units: int) -> dict[str, int]:
    """Return the multiplications for all derivatives of such a network, by each way, and those of a forward pass.

    Each way is run, and AssertionError is raised if it does not give the gradient of the others.
    """
    loss, parameters = network(units)
    nodes = order(loss)
    counts = {"parameters": len(parameters), "forward": forward(nodes), "reverse": backward(nodes)}
    counts["forward mode"] = counts["numerical"] = 0
    gradients = []
    for parameter in parameters:
        counts["forward mode"] += tangents(nodes, parameter)
        slope, count = difference(nodes, parameter)
        counts["numerical"] += count
        gradients.append((parameter.gradient, loss.tangent, slope))
    reverse, by_tangents, by_differences = np.array(gradients).T
    np.testing.assert_allclose(by_tangents, reverse, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(by_differences, reverse, rtol=1e-5, atol=1e-8)
    return counts


def count_paths(last: Number, first: Number) -> int:
    """Return in how many ways ``last`` depends on ``first``: by a backward pass in which every derivative is 1."""
    nodes = order(last)
    ways = dict.fromkeys(nodes, 0)
    ways[last] = 1
    for node in reversed(nodes):
        for a in node.inputs:
            ways[a] += ways[node]
    return ways[first]
