"""Exercise: LeNet-5, made of the reader's own functions, trained."""

from __future__ import annotations

import numpy as np

from nnscratch.arrays import Array
from nnscratch.ops.activations import relu_backward
from nnscratch.ops.conv import conv2d_forward
from nnscratch.ops.dense import dense_forward
from nnscratch.ops.losses import softmax_cross_entropy
from nnscratch.study.exercises.exercise import Case, Exercise, Seed, drawn_orders, numbers
from nnscratch.study.exercises.tasks.training.initialize import initialize
from nnscratch.study.exercises.tasks.training.lenet5_functions import (
    conv2d_backward,
    dense_backward,
    maxpool2d_backward,
    maxpool2d_forward,
)
from nnscratch.study.exercises.tasks.training.training_loop import training_loop

PARAMETERS = ("W1", "b1", "W2", "b2", "W3", "b3", "W4", "b4")
SHAPES = ((6, 1, 5, 5), (16, 6, 5, 5), (120, 256), (10, 120))  # of the weights
NEEDED = (  # the exercises whose functions are used
    "dense_forward",
    "dense_backward",
    "relu_backward",
    "softmax_cross_entropy",
    "conv2d_forward",
    "conv2d_backward",
    "maxpool2d_forward",
    "maxpool2d_backward",
    "training_loop",
)


def lenet5(
    x: Array, y: Array, W1: Array, b1: Array, W2: Array, b2: Array, W3: Array, b3: Array, W4: Array, b4: Array,
    orders: Array, batch_size: int, lr: float, momentum: float
) -> tuple[Array, ...]:  # fmt: skip
    """Return the losses of all steps, and the parameters after the last."""
    start = [W1, b1, W2, b2, W3, b3, W4, b4]
    ends = np.cumsum([p.size for p in start])[:-1]
    one, none, two = (1, 1), ((0, 0), (0, 0)), (2, 2)
    losses = []

    def parts(theta: Array) -> list[Array]:
        return [part.reshape(p.shape) for part, p in zip(np.split(theta, ends), start, strict=True)]

    def gradient(theta: Array, x: Array, y: Array) -> Array:
        W1, b1, W2, b2, W3, b3, W4, b4 = parts(theta)
        N = x.shape[-1]
        c1 = conv2d_forward(x, W1, b1, one, none)  # (6, 24, 24, N)
        r1 = np.maximum(c1, 0)
        p1 = maxpool2d_forward(r1, two, two)  # (6, 12, 12, N)
        c2 = conv2d_forward(p1, W2, b2, one, none)  # (16, 8, 8, N)
        r2 = np.maximum(c2, 0)
        p2 = maxpool2d_forward(r2, two, two)  # (16, 4, 4, N)
        v = p2.reshape(-1, N)  # (256, N)
        d = dense_forward(v, W3, b3)  # (120, N)
        r3 = np.maximum(d, 0)
        z = dense_forward(r3, W4, b4)  # (10, N)
        loss, dz = softmax_cross_entropy(z, y)
        losses.append(loss)

        dr3, dW4, db4 = dense_backward(dz, r3, W4)
        dd = relu_backward(dr3, d)
        dv, dW3, db3 = dense_backward(dd, v, W3)
        dp2 = dv.reshape(p2.shape)
        dr2 = maxpool2d_backward(dp2, r2, two, two)
        dc2 = relu_backward(dr2, c2)
        dp1, dW2, db2 = conv2d_backward(dc2, p1, W2, one, none)
        dr1 = maxpool2d_backward(dp1, r1, two, two)
        dc1 = relu_backward(dr1, c1)
        _, dW1, db1 = conv2d_backward(dc1, x, W1, one, none)
        mean = np.concatenate([g.ravel() for g in (dW1, db1, dW2, db2, dW3, db3, dW4, db4)])
        return np.asarray(N * mean)  # training_loop divides by N

    theta = training_loop(np.concatenate([p.ravel() for p in start]), x, y, gradient, orders, batch_size, lr, momentum)
    return np.array(losses), *parts(theta)


def initial_parameters(seed: int) -> list[Array]:
    """Return W1, b1 ... W4, b4, as in the exercise initialize."""
    return [array for k, shape in enumerate(SHAPES) for array in initialize(shape, seed + k)]


def scores(x: Array, W1: Array, b1: Array, W2: Array, b2: Array, W3: Array, b3: Array, W4: Array, b4: Array) -> Array:
    """Return z (10, N) for images x (1, 28, 28, N)."""
    two = (2, 2)
    p1 = maxpool2d_forward(np.maximum(conv2d_forward(x, W1, b1), 0), two, two)
    p2 = maxpool2d_forward(np.maximum(conv2d_forward(p1, W2, b2), 0), two, two)
    return dense_forward(np.maximum(dense_forward(p2.reshape(-1, x.shape[-1]), W3, b3), 0), W4, b4)


def _case(what: str, seed: Seed, N: int, epochs: int, batch_size: int) -> Case:
    rng = np.random.default_rng(seed)
    x, y = rng.random((1, 28, 28, N)), np.eye(10)[:, rng.integers(10, size=N)]
    parameters = initial_parameters(int(rng.integers(1000)))
    parameters = [p if p.ndim > 1 else numbers(rng, *p.shape) / 10 for p in parameters]
    orders = drawn_orders(rng, epochs, N, batch_size)
    return Case(what, (x, y, *parameters, orders, batch_size, 0.05, 0.8))


def _draw(rng: np.random.Generator) -> tuple[Case, ...]:
    more = int(rng.integers(2))
    return _case("one step", rng, 4, 1, 4), _case("several steps", rng, 5 + more, 2, 3)


EXERCISE = Exercise(
    name="lenet5",
    line="your functions read digits",
    parameters=("x", "y", *PARAMETERS, "orders", "batch_size", "lr", "momentum"),
    returns=("losses", *PARAMETERS),
    shapes="x (1, 28, 28, N) images, y (10, N) targets\n"
    "W1 (6, 1, 5, 5), W2 (16, 6, 5, 5), W3 (120, 256), W4 (10, 120)\n"
    "b1 (6,), b2 (16,), b3 (120,), b4 (10,)\n"
    "orders, batch_size, lr, momentum: as in training_loop\n"
    "-> losses (steps,), of each step's batch, before the step;\n"
    "   and the new W1, b1 ... W4, b4",
    forward="x  -> convolution W1, b1 -> ReLU -> pooling    (6, 12, 12, N)\n"
    "   -> convolution W2, b2 -> ReLU -> pooling    (16, 4, 4, N)\n"
    "   -> in a row                                 (256, N)\n"
    "   -> dense W3, b3 -> ReLU                     (120, N)\n"
    "   -> dense W4, b4                             (10, N)\n"
    "   -> softmax and cross-entropy\n"
    "The convolutions have stride (1, 1) and no padding; the pooling takes the largest of 2 x 2 pixels, with stride "
    "(2, 2). It is trained as in training_loop.\n"
    "Build it of your own functions: import them from files beside this one, each named after its function, or have "
    "all of them in this file. When it is checked, it also trains on 640 digits of MNIST, and its losses are shown "
    "beside the library's, which begins with the same weights and takes the images in the same order.",
    hints=(
        "First the forward pass alone, and its loss; ReLU forward is np.maximum(c1, 0). Keep what comes out of each "
        "layer under a name of its own: the backward pass needs it. Then the backward pass is the forward pass, line "
        "by line, from the last to the first. training_loop returns theta alone: the losses have to be kept by the "
        "function that you give it as gradient.",
        "Each backward function takes what came into its layer: relu_backward(dr1, c1), with c1 before the ReLU; "
        "maxpool2d_backward(dp1, r1, ...), with r1 before the pooling. p2.reshape(-1, N) writes images in a row, and "
        "dv.reshape(p2.shape) goes back. To use training_loop, put all parameters into one vector. Inside lenet5, "
        "define gradient(theta, x, y), which appends each batch's loss to a list, losses = [], made before it; "
        "np.array(losses) comes back. training_loop wants the sum over the batch, and divides it by N; but the "
        "gradient of softmax_cross_entropy is a mean already: return N times it.",
        "Forward: c1, r1, p1, c2, r2, p2, v, d, r3, z. Backward:\n"
        "    dr3, dW4, db4 = dense_backward(dz, r3, W4)\n"
        "    dv, dW3, db3 = dense_backward(relu_backward(dr3, d), v, W3)\n"
        "    dr2 = maxpool2d_backward(dv.reshape(p2.shape), r2, (2, 2), (2, 2))\n"
        "    dp1, dW2, db2 = conv2d_backward(relu_backward(dr2, c2), p1, W2, ...)\n"
        "and so on to dW1, db1. np.concatenate([g.ravel() for g in ...]) makes one vector of them, and np.split with "
        "the ends of the parts, then reshape, the parameters again.",
    ),
    read="A network",
    library="nnscratch/lenet5_from_scratch.py",
    solution=lenet5,
    batch=False,
    cases=(_case("one step", 1, 2, 1, 2), _case("several steps", 4, 3, 2, 2)),
    draw=_draw,
    uses=NEEDED,
    slips={
        **{
            f"the {place} ReLU is missing in the forward pass": (f"np.maximum({name}, 0)", name)
            for place, name in (("first", "c1"), ("second", "c2"), ("third", "d"))
        },
        **{
            f"the {place} ReLU is missing in the backward pass": (f"relu_backward({dout}, {name})", dout)
            for place, dout, name in (("first", "dr1", "c1"), ("second", "dr2", "c2"), ("third", "dr3", "d"))
        },
        "p2 is written in a row with the channels last: p2.reshape(-1, N) keeps (C, H, W) in order": (
            "p2.reshape(-1, N)",
            "p2.transpose(1, 2, 0, 3).reshape(-1, N)",
            "dv.reshape(p2.shape)",
            "dv.reshape(4, 4, 16, N).transpose(2, 0, 1, 3)",
        ),
        "p2.reshape(N, -1).T mixes the images up: the batch is the last axis, p2.reshape(-1, N)": (
            "p2.reshape(-1, N)",
            "p2.reshape(N, -1).T",
            "dv.reshape(p2.shape)",
            "dv.T.reshape(p2.shape)",
        ),
        "the gradient is divided by the batch twice: training_loop divides a sum, and yours is a mean": (
            "N * mean",
            "mean",
        ),
        "the sum of the gradients is taken over each batch, but the mean is wanted": ("N * mean", "N * N * mean"),
        "momentum is missing": ("lr, momentum)\n    return", "lr, 0.0)\n    return"),
        "m begins anew in each epoch: it lasts through all": (
            "    theta = training_loop(np.concatenate([p.ravel() for p in start]), x, y, gradient, orders,",
            "    theta = np.concatenate([p.ravel() for p in start])\n"
            "    for order in orders:\n"
            "        theta = training_loop(theta, x, y, gradient, [order],",
        ),
        "the images come as they are stored: each epoch has an order": (
            "gradient, orders",
            "gradient, np.sort(orders)",
        ),
        "every epoch takes the order of the first": ("gradient, orders", "gradient, [orders[0]] * len(orders)"),
        "sign is wrong: the step goes with the gradient": ("N * mean", "-N * mean"),
        "the biases do not learn: their gradients are 0": (
            "        mean =",
            "        db1, db2, db3, db4 = 0 * db1, 0 * db2, 0 * db3, 0 * db4\n        mean =",
        ),
        "the convolutions do not learn: their gradients are 0": (
            "        mean =",
            "        dW1, db1, dW2, db2 = 0 * dW1, 0 * db1, 0 * dW2, 0 * db2\n        mean =",
        ),
        "the first convolution does not learn: its gradient is 0": (
            "        mean =",
            "        dW1, db1 = 0 * dW1, 0 * db1\n        mean =",
        ),
        "one loss for each epoch came: one for each step is wanted": (
            "np.array(losses)",
            "np.array(losses).reshape(len(orders), -1).mean(axis=1)",
        ),
        "the losses are sums over the batches: the mean over a batch's images is wanted": (
            "losses.append(loss)",
            "losses.append(N * loss)",
        ),
        "the parameters came back as they were: return those after the last step": ("*parts(theta)", "*start"),
    },
)
