"""LeNet-5 from scratch, whole, in one file of plain NumPy: MNIST, every layer, backpropagation, Adam, the loop.

    python -m nnscratch.lenet5_from_scratch

trains it on 60,000 handwritten digits, shows how it goes, and then reads 10,000 others. Nothing of the package is
imported: the rest of it adds generality, speed and tools, but not one idea of how a network learns.

A layer is two functions, one below the other. Forward computes its output from its input. Backward is given ``dout``,
the gradient of the loss with respect to that output, and returns the gradient with respect to everything that went in.
The gradient with respect to a layer's input is the ``dout`` of the layer before it: going so from the last layer to the
first is backpropagation.

``dX`` always means "the gradient of the loss with respect to X", and has the shape of X. The batch is the last axis:
N images with C channels of H x W pixels are (C, H, W, N), and N vectors of D numbers are (D, N), one column each.
"""

import gzip
import time
from pathlib import Path

import numpy as np

Array = np.ndarray
Named = dict[str, Array]  # {"conv1.W": array, ...}: the parameters, their gradients, their means
MNIST = Path(__file__).parent / "data" / "mnist"

# ---- Data ------------------------------------------------------------------------------------------------------------


def read_images(name: str) -> Array:
    """Return the images of an IDX file: (28, 28, N) in 0..1, light ink on a dark ground."""
    data = gzip.decompress((MNIST / f"{name}-images-idx3-ubyte.gz").read_bytes())
    pixels = np.frombuffer(data, np.uint8, offset=16)  # after 4 numbers of 4 bytes: kind, N, rows, columns
    return pixels.reshape(-1, 28, 28).transpose(1, 2, 0).astype(np.float32) / 255


def read_labels(name: str) -> Array:
    """Return the labels of an IDX file: (N,) whole numbers 0..9."""
    data = gzip.decompress((MNIST / f"{name}-labels-idx1-ubyte.gz").read_bytes())
    return np.frombuffer(data, np.uint8, offset=8).astype(np.int64)  # after kind and N


# ---- Dense: out = W x + b --------------------------------------------------------------------------------------------


def dense_forward(x: Array, W: Array, b: Array) -> Array:
    """x (K, N), W (D, K), b (D,) -> out (D, N): each output is a weighted sum of all inputs."""
    return W @ x + b[:, None]


def dense_backward(dout: Array, x: Array, W: Array) -> tuple[Array, Array, Array]:
    """dout (D, N) -> dx (K, N), dW (D, K), db (D,).

    In each product W[d, k] x[k, n] the gradient of one factor is the other factor times dout[d, n]. A weight is used
    by every image, an input by every output: what is used often adds up the gradients of all its uses.
    """
    return W.T @ dout, dout @ x.T, dout.sum(axis=1)


# ---- Convolution: out[f, oh, ow, n] = b[f] + sum over c, i, j of W[f, c, i, j] x[c, oh + i, ow + j, n] ---------------
#
# A window of KH x KW pixels slides over the image, and at each place a dense layer, always the same one, looks through
# it. So write what the window shows at each place as a column, and a convolution is a dense layer of these columns.


def windows(x: Array, KH: int, KW: int) -> Array:
    """x (C, H, W, N) -> columns (C KH KW, OH OW N): what the window shows, at OH x OW places in N images."""
    C, H, W, N = x.shape
    OH, OW = H - KH + 1, W - KW + 1
    columns = np.empty((C, KH, KW, OH, OW, N), x.dtype)
    for i in range(KH):
        for j in range(KW):  # the window's pixel (i, j), at all places: the image, moved by (i, j)
            columns[:, i, j] = x[:, i : i + OH, j : j + OW]
    return columns.reshape(C * KH * KW, OH * OW * N)


def windows_backward(dcolumns: Array, x_shape: tuple[int, ...], KH: int, KW: int) -> Array:
    """dcolumns (C KH KW, OH OW N) -> dx (C, H, W, N): a pixel adds up the gradients of all its windows."""
    C, H, W, N = x_shape
    OH, OW = H - KH + 1, W - KW + 1
    dcolumns = dcolumns.reshape(C, KH, KW, OH, OW, N)
    dx = np.zeros(x_shape, dcolumns.dtype)
    for i in range(KH):
        for j in range(KW):
            dx[:, i : i + OH, j : j + OW] += dcolumns[:, i, j]
    return dx


def conv_forward(x: Array, W: Array, b: Array) -> tuple[Array, Array]:
    """x (C, H, W, N), W (F, C, KH, KW), b (F,) -> out (F, OH, OW, N), and the columns."""
    (F, _, KH, KW), (_, H, width, N) = W.shape, x.shape
    columns = windows(x, KH, KW)
    out = dense_forward(columns, W.reshape(F, -1), b)  # (F, C KH KW) (C KH KW, OH OW N) -> (F, OH OW N)
    return out.reshape(F, H - KH + 1, width - KW + 1, N), columns


def conv_backward(dout: Array, columns: Array, x_shape: tuple[int, ...], W: Array) -> tuple[Array, Array, Array]:
    """dout (F, OH, OW, N) -> dx (C, H, W, N), dW (F, C, KH, KW), db (F,)."""
    F, _, KH, KW = W.shape
    dcolumns, dW, db = dense_backward(dout.reshape(F, -1), columns, W.reshape(F, -1))
    return windows_backward(dcolumns, x_shape, KH, KW), dW.reshape(W.shape), db


# ---- ReLU: out = max(x, 0) -------------------------------------------------------------------------------------------


def relu_forward(x: Array) -> Array:
    """x -> out, of any shape."""
    return np.maximum(x, 0)


def relu_backward(dout: Array, x: Array) -> Array:
    """dout -> dx: the slope is 1 where x > 0, and 0 elsewhere."""
    return dout * (x > 0)


# ---- Max-pooling: of each square of 2 x 2 pixels, the largest --------------------------------------------------------

CORNERS = [(0, 0), (0, 1), (1, 0), (1, 1)]  # of a square: x[:, i::2, j::2] is the pixel (i, j) of every square


def pool_forward(x: Array) -> tuple[Array, Array]:
    """x (C, H, W, N) -> out (C, H/2, W/2, N), and argmax, like out: which of the four corners was the largest."""
    four = np.stack([x[:, i::2, j::2] for i, j in CORNERS])  # (4, C, H/2, W/2, N)
    return four.max(axis=0), four.argmax(axis=0)


def pool_backward(dout: Array, argmax: Array) -> Array:
    """dout (C, H/2, W/2, N) -> dx (C, H, W, N): only the largest pixel counted, so it gets all of the gradient."""
    C, OH, OW, N = dout.shape
    dx = np.empty((C, 2 * OH, 2 * OW, N), dout.dtype)
    for corner, (i, j) in enumerate(CORNERS):
        dx[:, i::2, j::2] = dout * (argmax == corner)
    return dx


# ---- Softmax and cross-entropy: p = exp(z) / sum of exp(z),  loss = mean of -log p[label] ----------------------------


def softmax_cross_entropy(z: Array, labels: Array) -> tuple[float, Array]:
    """Scores z (10, N), labels (N,) -> the loss, a number, and dz (10, N).

    log p[label] = z[label] - log sum of exp(z). Its slope with respect to z[k] is 1{k = label} - p[k]: hence
    dz = (p - y) / N, where y is 1 in the row of the label and 0 elsewhere.
    """
    N = len(labels)
    z = z - z.max(axis=0)  # leaves p as it is, and keeps exp from overflowing
    log_p = z - np.log(np.exp(z).sum(axis=0))
    y = np.arange(len(z))[:, None] == labels
    return float(-log_p[labels, np.arange(N)].mean()), (np.exp(log_p) - y) / N


# ---- The network -----------------------------------------------------------------------------------------------------

SHAPES = {
    "conv1.W": (6, 1, 5, 5), "conv1.b": (6,),  # (1, 28, 28) -> (6, 24, 24), pooled to (6, 12, 12)
    "conv2.W": (16, 6, 5, 5), "conv2.b": (16,),  # (6, 12, 12) -> (16, 8, 8), pooled to (16, 4, 4) = 256 numbers
    "dense1.W": (120, 256), "dense1.b": (120,),
    "dense2.W": (10, 120), "dense2.b": (10,),
}  # fmt: skip


def initial_parameters(rng: np.random.Generator) -> Named:
    """Return {name: array}: biases 0, weights random, and the smaller the more there are (Glorot & Bengio, 2010)."""
    p = {name: np.zeros(shape, np.float32) for name, shape in SHAPES.items()}
    for name in ("conv1.W", "conv2.W", "dense1.W", "dense2.W"):
        units, inputs, *kernel = SHAPES[name]
        bound = np.sqrt(6 / ((units + inputs) * np.prod(kernel)))
        p[name] += rng.uniform(-bound, bound, SHAPES[name])
    return p


def forward(p: Named, x: Array) -> tuple[Array, tuple[Array, ...]]:
    """Return the scores (10, N) of images x (1, 28, 28, N), and what backward needs."""
    c1, columns1 = conv_forward(x, p["conv1.W"], p["conv1.b"])  # (6, 24, 24, N)
    m1, argmax1 = pool_forward(relu_forward(c1))  # (6, 12, 12, N)
    c2, columns2 = conv_forward(m1, p["conv2.W"], p["conv2.b"])  # (16, 8, 8, N)
    m2, argmax2 = pool_forward(relu_forward(c2))  # (16, 4, 4, N)
    v = m2.reshape(256, -1)  # (256, N)
    d1 = dense_forward(v, p["dense1.W"], p["dense1.b"])  # (120, N)
    a1 = relu_forward(d1)  # (120, N)
    z = dense_forward(a1, p["dense2.W"], p["dense2.b"])  # (10, N)
    return z, (x, c1, columns1, argmax1, m1, c2, columns2, argmax2, m2, v, d1, a1)


def backward(p: Named, kept: tuple[Array, ...], dz: Array) -> Named:
    """Return the gradients {name: array} for dz (10, N): the lines of forward, from the last to the first."""
    x, c1, columns1, argmax1, m1, c2, columns2, argmax2, m2, v, d1, a1 = kept
    g: Named = {}
    da1, g["dense2.W"], g["dense2.b"] = dense_backward(dz, a1, p["dense2.W"])
    dd1 = relu_backward(da1, d1)
    dv, g["dense1.W"], g["dense1.b"] = dense_backward(dd1, v, p["dense1.W"])
    dm2 = dv.reshape(m2.shape)
    dc2 = relu_backward(pool_backward(dm2, argmax2), c2)
    dm1, g["conv2.W"], g["conv2.b"] = conv_backward(dc2, columns2, m1.shape, p["conv2.W"])
    dc1 = relu_backward(pool_backward(dm1, argmax1), c1)
    _, g["conv1.W"], g["conv1.b"] = conv_backward(dc1, columns1, x.shape, p["conv1.W"])
    return g


# ---- Adam (Kingma & Ba, 2015): steps along a running mean of the gradient, divided by its running size ---------------


def adam_step(p: Named, g: Named, m: Named, v: Named, t: int, lr: float = 1e-3) -> None:
    """Change the parameters p by their gradients g. m and v are running means of g and g^2; t counts from 1."""
    beta1, beta2, eps = 0.9, 0.999, 1e-8
    for name in p:
        m[name] = beta1 * m[name] + (1 - beta1) * g[name]
        v[name] = beta2 * v[name] + (1 - beta2) * g[name] ** 2
        m_hat = m[name] / (1 - beta1**t)  # the means began at 0: this takes that out
        v_hat = v[name] / (1 - beta2**t)
        p[name] -= lr * m_hat / (np.sqrt(v_hat) + eps)


# ---- Training --------------------------------------------------------------------------------------------------------


def train(images: Array, labels: Array, epochs: int = 3, batch_size: int = 64, seed: int = 0) -> Named:
    """Return the parameters after going ``epochs`` times through images (28, 28, N), each time in another order."""
    rng = np.random.default_rng(seed)
    p = initial_parameters(rng)
    m, v = ({name: np.zeros_like(value) for name, value in p.items()} for _ in range(2))
    t, start = 0, time.perf_counter()
    for epoch in range(epochs):
        order, right, seen = rng.permutation(len(labels)), 0, 0
        for first in range(0, len(labels), batch_size):
            batch = order[first : first + batch_size]
            z, kept = forward(p, images[None, :, :, batch])
            loss, dz = softmax_cross_entropy(z, labels[batch])
            t += 1
            adam_step(p, backward(p, kept, dz), m, v, t)
            right, seen = right + (z.argmax(axis=0) == labels[batch]).sum(), seen + len(batch)
            if t % 50 == 0 or seen == len(labels):
                done = f"epoch {epoch + 1} of {epochs}, image {seen:6,}"
                print(f"\r{done}: loss {loss:.3f}, accuracy so far {right / seen:.2%}", end=" ", flush=True)
        print(f" {time.perf_counter() - start:.0f} s")
    return p


def accuracy(p: Named, images: Array, labels: Array, batch_size: int = 500) -> float:
    """Return the share of images (28, 28, N) whose largest score is that of their label."""
    parts = [slice(first, first + batch_size) for first in range(0, len(labels), batch_size)]
    return float(np.mean([forward(p, images[None, :, :, part])[0].argmax(axis=0) == labels[part] for part in parts]))


if __name__ == "__main__":
    trained = train(read_images("train"), read_labels("train"))
    print(f"test images read right: {accuracy(trained, read_images('t10k'), read_labels('t10k')):.2%}")
