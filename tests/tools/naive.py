"""Oracles: every operation once more, from its definition, in plain loops. Nothing here comes from the package.

Images are (C, H, W, N), vectors (D, N). A backward oracle adds up, for every output, what that output owes to every
input: dx[i] = sum over j of dout[j] * d out[j] / d x[i].
"""

import itertools
import math

import numpy as np


def everywhere(*sizes):
    """All index tuples of an array of these sizes."""
    return itertools.product(*(range(size) for size in sizes))


# ---- windows


def positions(size, kernel, stride):
    """How many windows of ``kernel`` fit, found by trying one after the other."""
    count = 0
    while count * stride + kernel <= size:
        count += 1
    return count


def same_padding(size, kernel, stride):
    """The fewest zeros that give ceil(size / stride) windows, as (before, after); the odd one goes after."""
    wanted = math.ceil(size / stride)
    zeros = 0
    while positions(size + zeros, kernel, stride) < wanted:
        zeros += 1
    return zeros // 2, zeros - zeros // 2


def padded(x, padding):
    """``x`` with ((top, bottom), (left, right)) zeros around its images."""
    (top, bottom), (left, right) = padding
    C, H, W, N = x.shape
    out = np.zeros((C, top + H + bottom, left + W + right, N))
    for c, h, w, n in everywhere(C, H, W, N):
        out[c, top + h, left + w, n] = x[c, h, w, n]
    return out


def cropped(x, padding):
    """The inverse of :func:`padded`."""
    (top, bottom), (left, right) = padding
    return x[:, top : x.shape[1] - bottom, left : x.shape[2] - right]


# ---- convolution


def conv2d_forward(x, W, b, stride, padding):
    x = padded(x, padding)
    F, C, KH, KW = W.shape
    OH, OW, N = positions(x.shape[1], KH, stride[0]), positions(x.shape[2], KW, stride[1]), x.shape[3]
    out = np.zeros((F, OH, OW, N))
    for f, oh, ow, n in everywhere(F, OH, OW, N):
        out[f, oh, ow, n] = b[f]
        for c, i, j in everywhere(C, KH, KW):
            out[f, oh, ow, n] += W[f, c, i, j] * x[c, oh * stride[0] + i, ow * stride[1] + j, n]
    return out


def conv2d_backward(dout, x, W, stride, padding):
    """dx, dW, db."""
    x = padded(x, padding)
    _, C, KH, KW = W.shape
    dx, dW, db = np.zeros(x.shape), np.zeros(W.shape), np.zeros(len(W))
    for f, oh, ow, n in everywhere(*dout.shape):
        db[f] += dout[f, oh, ow, n]
        for c, i, j in everywhere(C, KH, KW):
            h, w = oh * stride[0] + i, ow * stride[1] + j
            dW[f, c, i, j] += dout[f, oh, ow, n] * x[c, h, w, n]
            dx[c, h, w, n] += dout[f, oh, ow, n] * W[f, c, i, j]
    return cropped(dx, padding), dW, db


# ---- pooling


def window(x, c, oh, ow, n, size, stride):
    """The pixels (h, w) of one window, in reading order."""
    return [(oh * stride[0] + i, ow * stride[1] + j) for i, j in everywhere(*size)]


def pooled_shape(x, size, stride):
    C, H, W, N = x.shape
    return C, positions(H, size[0], stride[0]), positions(W, size[1], stride[1]), N


def largest(x, c, n, pixels):
    """The number, in ``pixels``, of the first that no other exceeds."""
    best = 0
    for k, (h, w) in enumerate(pixels):
        if x[c, h, w, n] > x[c, *pixels[best], n]:
            best = k
    return best


def maxpool2d_forward(x, size, stride):
    """out and winner."""
    out = np.zeros(pooled_shape(x, size, stride))
    argmax = np.zeros(out.shape, int)
    for c, oh, ow, n in everywhere(*out.shape):
        pixels = window(x, c, oh, ow, n, size, stride)
        argmax[c, oh, ow, n] = k = largest(x, c, n, pixels)
        out[c, oh, ow, n] = x[c, *pixels[k], n]
    return out, argmax


def maxpool2d_backward(dout, x, size, stride):
    dx = np.zeros(x.shape)
    for c, oh, ow, n in everywhere(*dout.shape):
        pixels = window(x, c, oh, ow, n, size, stride)
        dx[c, *pixels[largest(x, c, n, pixels)], n] += dout[c, oh, ow, n]
    return dx


def avgpool2d_forward(x, size, stride):
    out = np.zeros(pooled_shape(x, size, stride))
    for c, oh, ow, n in everywhere(*out.shape):
        pixels = window(x, c, oh, ow, n, size, stride)
        out[c, oh, ow, n] = sum(x[c, h, w, n] for h, w in pixels) / len(pixels)
    return out


def avgpool2d_backward(dout, x, size, stride):
    dx = np.zeros(x.shape)
    for c, oh, ow, n in everywhere(*dout.shape):
        pixels = window(x, c, oh, ow, n, size, stride)
        for h, w in pixels:
            dx[c, h, w, n] += dout[c, oh, ow, n] / len(pixels)
    return dx


# ---- dense


def dense_forward(x, W, b):
    out = np.zeros((W.shape[0], x.shape[1]))
    for d, n in everywhere(*out.shape):
        out[d, n] = b[d] + sum(W[d, k] * x[k, n] for k in range(len(x)))
    return out


def dense_backward(dout, x, W):
    """dx, dW, db."""
    dx, dW, db = np.zeros(x.shape), np.zeros(W.shape), np.zeros(len(W))
    for d, n in everywhere(*dout.shape):
        db[d] += dout[d, n]
        for k in range(len(x)):
            dW[d, k] += dout[d, n] * x[k, n]
            dx[k, n] += dout[d, n] * W[d, k]
    return dx, dW, db


# ---- activations: the function and its derivative, number by number


def sigmoid(x):
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


ACTIVATIONS = {
    "relu": (lambda x: x if x > 0 else 0.0, lambda x: 1.0 if x > 0 else 0.0),
    "leaky_relu": (lambda x: x if x > 0 else 0.25 * x, lambda x: 1.0 if x > 0 else 0.25),  # slope 0.25
    "tanh": (math.tanh, lambda x: 1 / math.cosh(x) ** 2),
    "sigmoid": (sigmoid, lambda x: sigmoid(x) * sigmoid(-x)),
}


def each(function, x):
    """``function`` of every number of ``x``."""
    return np.array([function(float(value)) for value in x.ravel()]).reshape(x.shape)


# ---- softmax and losses


def softmax(z):
    """One column of scores -> probabilities, as lists."""
    total = math.fsum(math.exp(value) for value in z)
    return [math.exp(value) / total for value in z]


def softmax_columns(z):
    return np.array([softmax(z[:, n]) for n in range(z.shape[1])]).T


def softmax_backward(dout, z):
    """With the whole Jacobian of each column: dp[j]/dz[k] = p[j] (1{j = k} - p[k])."""
    dz = np.zeros(z.shape)
    for n in range(z.shape[1]):
        p = softmax(z[:, n])
        for j, k in everywhere(len(p), len(p)):
            dz[k, n] += dout[j, n] * p[j] * ((j == k) - p[k])
    return dz


def cross_entropy(z, y):
    """-1/N sum of y log p."""
    K, N = z.shape
    return -math.fsum(y[k, n] * math.log(softmax(z[:, n])[k]) for k, n in everywhere(K, N)) / N


def cross_entropy_gradient(z, y):
    """By the chain rule through every probability: dL/dp = -y / (N p), then the Jacobian of softmax."""
    N = z.shape[1]
    return softmax_backward(-y / (N * softmax_columns(z)), z)


def mean_squared_error(out, y):
    return math.fsum((out[i] - y[i]) ** 2 for i in everywhere(*out.shape)) / out.size


# ---- batch normalisation, of x (C, M)


def statistics(x):
    """Mean and variance (divided by M) of every row."""
    mean = [math.fsum(row) / len(row) for row in x]
    var = [math.fsum((value - mean[c]) ** 2 for value in row) / len(row) for c, row in enumerate(x)]
    return np.array(mean), np.array(var)


def batchnorm_forward(x, gamma, beta, mean, var, eps):
    out = np.zeros(x.shape)
    for c, m in everywhere(*x.shape):
        out[c, m] = gamma[c] * (x[c, m] - mean[c]) / math.sqrt(var[c] + eps) + beta[c]
    return out


def batchnorm_backward(dout, x, gamma, eps):
    """dx, dgamma, dbeta with the statistics of the batch, through the whole Jacobian of each row.

    With d = x - mean and s = sqrt(var + eps): d xhat[j] / d x[i] = (1{i = j} - 1/M) / s - d[j] d[i] / (M s^3).
    """
    (C, M), (mean, var) = x.shape, statistics(x)
    dx, dgamma, dbeta = np.zeros(x.shape), np.zeros(C), np.zeros(C)
    for c, j in everywhere(C, M):
        s = math.sqrt(var[c] + eps)
        d = x[c] - mean[c]
        dgamma[c] += dout[c, j] * d[j] / s
        dbeta[c] += dout[c, j]
        for i in range(M):
            dx[c, i] += dout[c, j] * gamma[c] * (((i == j) - 1 / M) / s - d[j] * d[i] / (M * s**3))
    return dx, dgamma, dbeta


# ---- metrics


def confusion_matrix(labels, predicted, classes):
    counts = [[0] * classes for _ in range(classes)]
    for label, guess in zip(labels, predicted, strict=True):
        counts[label][guess] += 1
    return counts


def wilson_interval(right, n, z):
    """The shares q for which ``right`` of ``n`` lies within z standard deviations: where (p - q)^2 = z^2 q (1 - q) / n.

    The two ends are found by bisection.
    """
    p = right / n

    def outside(q):
        return (p - q) ** 2 > z * z * q * (1 - q) / n

    def end(far):
        inside = p
        if not outside(far) and far == p:
            return p
        for _ in range(200):
            middle = (far + inside) / 2
            far, inside = (middle, inside) if outside(middle) else (far, middle)
        return inside

    return end(0.0), end(1.0)
