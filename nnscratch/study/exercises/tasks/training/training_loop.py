"""Exercise: the loop that trains: epochs, batches, steps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nnscratch.arrays import Array
from nnscratch.study.exercises.exercise import Case, Exercise, Given, Seed, drawn_orders, numbers, sizes


def training_loop(
    theta: Array,
    x: Array,
    y: Array,
    gradient: Callable[[Array, Array, Array], Array],
    orders: Array,
    batch_size: int,
    lr: float,
    momentum: float,
) -> Array:
    """Return the new theta."""
    m = np.zeros_like(theta)
    for order in orders:
        for first in range(0, len(order), batch_size):
            batch = order[first : first + batch_size]
            g = gradient(theta, x[..., batch], y[..., batch]) / len(batch)
            m = momentum * m + g
            theta = theta - lr * m
    return theta


def network_gradient(theta: Array, x: Array, y: Array) -> Array:
    """Return the gradient of the sum over n of 1/2 |W2 max(W1 x[n], 0) - y[n]|², theta being W1 and W2 in a row."""
    x = x.reshape(-1, x.shape[-1])
    D, K = len(y), len(x)
    units = len(theta) // (D + K)
    W1, W2 = theta[: units * K].reshape(units, K), theta[units * K :].reshape(D, units)
    z = W1 @ x
    error = W2 @ np.maximum(z, 0) - y
    dW1, dW2 = (W2.T @ error * (z > 0)) @ x.T, error @ np.maximum(z, 0).T
    return np.concatenate([dW1.ravel(), dW2.ravel()])


def _case(what: str, seed: Seed, x: tuple[int, ...], D: int, epochs: int, batch_size: int, hint: str = "") -> Case:
    rng, N, units = np.random.default_rng(seed), x[-1], 2
    theta = numbers(rng, units * (D + int(np.prod(x[:-1])))) / 2
    orders = drawn_orders(rng, epochs, N, batch_size)
    return Case(
        what,
        (theta, numbers(rng, *x), numbers(rng, D, N), Given(network_gradient), orders, batch_size, 0.05, 0.8),
        hint,
    )


SMALLER = "the last batch of an epoch may be smaller: the mean is that of its own images"


def _draw(rng: np.random.Generator) -> tuple[Case, ...]:
    K, D, more = *sizes(rng, 2), int(rng.integers(2))
    return (
        _case("one epoch, batches of 4", rng, (K, 8 + 4 * more), D, 1, 4),
        _case("3 epochs, batches of 4, the last of an epoch smaller", rng, (K, 10 + more), D, 3, 4, SMALLER),
        _case("as many images as inputs and outputs", rng, (6, 6), 6, 2, 3),
        _case("images", rng, (2, 3, 2 + more, 6), D, 2, 4, "x may have any number of axes; the last is the batch"),
    )


EXERCISE = Exercise(
    name="training_loop",
    line="epochs, batches, steps",
    parameters=("theta", "x", "y", "gradient", "orders", "batch_size", "lr", "momentum"),
    returns=("theta",),
    shapes="theta (P,) the parameters of a small network, in a row\n"
    "x (..., N) inputs, y (D, N) targets: the batch is the last axis, whatever comes before\n"
    "gradient a function: (theta, x, y) -> g (P,), added up over the images that it is given\n"
    "orders (epochs, N): the order of the images in each epoch; batch_size, lr, momentum\n"
    "-> new theta (P,); the arguments themselves are not changed",
    forward="In each epoch go through the images in its order, batch_size at a time; the last batch may be smaller. "
    "With the mean gradient over a batch's images, g:\n"
    "m <- momentum m + g;  theta <- theta - lr m\n"
    "m is 0 before the first step, and lasts through all epochs.",
    hints=(
        "Two loops: over the epochs, and in each over the batches. What must outlive the inner loop, and what the "
        "outer?",
        "theta and m outlive both. order[first : first + batch_size] are the numbers of a batch's images, with first = "
        "0, batch_size, 2 batch_size, ...; an array of such numbers picks images along an axis. gradient adds up: "
        "divide by how many images the batch has.",
        "x[..., batch] and y[..., batch] are the batch. In the inner loop:\n"
        "    g = gradient(theta, x[..., batch], y[..., batch]) / len(batch)\n"
        "    m = momentum * m + g\n"
        "    theta = theta - lr * m\n"
        "with m = np.zeros_like(theta) before both loops.",
    ),
    read="Gradients of parts, and of the weights' size",
    library="nnscratch/training/simple.py",
    solution=training_loop,
    batch=False,
    cases=(
        _case("one epoch, batches of 2", 1, (3, 6), 2, 1, 2),
        _case("2 epochs, batches of 3, the last of an epoch smaller", 2, (3, 7), 2, 2, 3, SMALLER),
        _case("as many images as inputs and outputs", 3, (4, 4), 4, 2, 2),
        _case("images", 4, (1, 2, 3, 5), 2, 2, 2, "x may have any number of axes; the last is the batch"),
    ),
    draw=_draw,
    slips={
        "the images come as they are stored: each epoch has an order, order[first : first + batch_size]": (
            "in orders",
            "in np.sort(orders)",
        ),
        "every epoch takes the order of the first": ("in orders", "in [orders[0]] * len(orders)"),
        "only the first epoch is done": ("in orders", "in orders[:1]"),
        "only the last epoch is done: theta begins anew in each": ("in orders", "in orders[-1:]"),
        "the last, smaller batch of an epoch is left out": (
            "len(order), batch_size)",
            "len(order) - batch_size + 1, batch_size)",
        ),
        "a smaller batch is divided by batch_size: divide by how many images it has": ("/ len(batch)", "/ batch_size"),
        "the sum of the gradients is taken: divide by how many images the batch has": (" / len(batch)", ""),
        "divided by all N images: divide by how many the batch has": ("/ len(batch)", "/ len(order)"),
        "m begins anew in each epoch: it lasts through all": (
            "    m = np.zeros_like(theta)\n",
            "",
            "in orders:\n",
            "in orders:\n        m = np.zeros_like(theta)\n",
        ),
        "momentum is missing, or m begins anew at each step: this is plain gradient descent": ("momentum * m + g", "g"),
        "g has the factor 1 - momentum: that is an average; here m <- momentum m + g": ("+ g", "+ (1 - momentum) * g"),
        "sign is wrong: theta goes against the gradient, theta - lr m": ("theta - lr", "theta + lr"),
        "the learning rate is missing": ("lr * m", "m"),
        "the targets are not taken in the order of the images: y[..., batch]": (
            "y[..., batch]",
            "y[..., first : first + batch_size]",
        ),
        "the images are not taken in the order of the targets: x[..., batch]": (
            "x[..., batch]",
            "x[..., first : first + batch_size]",
        ),
        "all gradients are taken at the first theta: take each at the newest": (
            "m = np.zeros_like(theta)",
            "m, start = np.zeros_like(theta), theta",
            "gradient(theta",
            "gradient(start",
        ),
        "every step sees all images: give gradient the batch alone": (
            "gradient(theta, x[..., batch], y[..., batch]) / len(batch)",
            "gradient(theta, x, y) / len(order)",
        ),
        "only one step is taken in an epoch, with all images: take one after each batch": (
            "range(0, len(order), batch_size)",
            "[0]",
            "order[first : first + batch_size]",
            "order",
        ),
        "only the first batch of each epoch is seen": ("range(0, len(order), batch_size)", "[0]"),
        "only the last image of each batch counts: add all up (= where += must stand?)": (
            "x[..., batch], y[..., batch]",
            "x[..., batch[-1:]], y[..., batch[-1:]]",
        ),
        "batches overlap: the next begins batch_size further on": (
            "range(0, len(order), batch_size)",
            "range(len(order))",
        ),
        "each batch lacks its last image: a slice ends before its end": (
            "first : first + batch_size]",
            "first : first + batch_size - 1]",
        ),
        "the arrays are taken batch-first: here the batch is the last axis, x[..., batch]": (
            "x[..., batch], y[..., batch]",
            "x[batch], y[batch]",
        ),
        "one step is taken for an epoch, after its last batch: take one after each": (
            "            m = momentum * m + g\n            theta = theta - lr * m\n",
            "        m = momentum * m + g\n        theta = theta - lr * m\n",
        ),
        "all images come with each batch, divided by how many the batch has: give gradient the batch alone": (
            "x[..., batch], y[..., batch]",
            "x, y",
        ),
    },
)
