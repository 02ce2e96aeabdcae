"""Softmax, cross-entropy and mean squared error, over the first axis: one column of K scores (logits) per image.

    p[k, n] = exp(z[k, n]) / (sum over j of exp(z[j, n]))
    loss = -1/N sum over k, n of y[k, n] log p[k, n]

Shapes: z, p and the targets y (K, N); every column of y sums to 1 (one-hot, or smoothed).
log p = z - log sum exp z is computed from logits shifted by their maximum, so exp never overflows and log never
meets 0. Infinite logits have the p of their limit: that of -inf is 0, and those of +inf share 1 among them; a column of
nothing but -inf has none, and gives NaN. A class of p = 0 costs nothing where y = 0, and else infinitely much.
Source: C. Bishop, "Pattern Recognition and Machine Learning", 2006, equations 4.104 to 4.109.
"""

import numpy as np

from nnscratch.arrays import Array


def shifted(z: Array) -> Array:
    """Return logits z (K, ...) minus the largest of their column, which becomes 0 even where it is infinite."""
    with np.errstate(invalid="ignore"):
        less = np.asarray(z - z.max(axis=0))
    less[z == np.inf] = 0  # inf - inf
    return less


def log_softmax(z: Array) -> Array:
    """Return log p (K, N) for logits z (K, N)."""
    z = shifted(z)
    log_p: Array = z - np.log(np.exp(z).sum(axis=0))
    return log_p


def softmax_forward(z: Array) -> Array:
    """Return p (K, ...) for logits z (K, ...): positive, and summing to 1 along the first axis."""
    e = np.exp(shifted(z))
    p: Array = e / e.sum(axis=0)
    return p


def softmax_backward(dout: Array, p: Array) -> Array:
    """Return dz (K, ...) for dout and p (K, ...).

    d p[j] / d z[k] = p[j] (1{j = k} - p[k]), so
    dz[k] = sum over j of dout[j] d p[j] / d z[k] = p[k] (dout[k] - sum over j of dout[j] p[j]).
    """
    dz: Array = p * (dout - (dout * p).sum(axis=0))
    return dz


def smoothed(y: Array, smoothing: float) -> Array:
    """Return (1 - smoothing) y + smoothing / K for targets y (K, N). C. Szegedy et al., CVPR 2016, section 7."""
    return np.asarray((1 - smoothing) * y + smoothing / len(y))


def label_cross_entropy(z: Array, labels: Array, smoothing: float, fraction: float) -> tuple[Array, Array]:
    """Return what training needs of a part of a batch, which is ``fraction`` of its images, in one go.

    For logits z (K, N) and integer labels (n,) of the first n <= N columns: [fraction * mean loss, correct ones] (2,)
    float64, and dz (K, N), ``fraction`` times the gradient of the mean loss; 0 in the other columns. The targets are
    the labels' one-hot columns, smoothed.
    """
    K, n = len(z), len(labels)
    y = np.zeros((K, n), z.dtype)
    y[labels, np.arange(n)] = 1
    loss, dz = softmax_cross_entropy(z[:, :n], smoothed(y, smoothing))
    whole = np.zeros_like(z)
    whole[:, :n] = fraction * dz
    return np.array([fraction * loss, (z[:, :n].argmax(axis=0) == labels).sum()], np.float64), whole


def softmax_cross_entropy(z: Array, y: Array) -> tuple[float, Array]:
    """Return the mean loss and dz (K, N) for logits z (K, N) and targets y (K, N).

    d(-sum_j y[j] log p[j])/dz[k] = -sum_j y[j] (1{j = k} - p[k]) = p[k] - y[k], since the y[j] sum to 1.
    """
    N = z.shape[1]
    log_p = log_softmax(z)
    with np.errstate(invalid="ignore"):
        terms = y * log_p
    if np.isinf(log_p).any():
        terms[y == 0] = 0  # 0 times minus infinity, which is the limit 0
    loss = -float(terms.sum()) / N
    dz = (np.exp(log_p) - y) / N
    return loss, dz


def target_cross_entropy(z: Array, y: Array, smoothing: float, fraction: float) -> tuple[Array, Array]:
    """Return the same as :func:`label_cross_entropy` for targets y (n, K), shares of the classes.

    Right is an answer with the largest share; where all shares are alike, as of what is no class at all, any is.
    """
    n = len(y)
    targets = y.T.astype(z.dtype)
    loss, dz = softmax_cross_entropy(z[:, :n], smoothed(targets, smoothing))
    whole = np.zeros_like(z)
    whole[:, :n] = fraction * dz
    answered = targets[z[:, :n].argmax(axis=0), np.arange(n)]
    return np.array([fraction * loss, (answered == targets.max(axis=0)).sum()], np.float64), whole


def mean_squared_error(out: Array, y: Array) -> tuple[float, Array]:
    """Return the loss and its gradient (K, N) for outputs and targets (K, N).

    loss = 1/(K N) sum over k, n of (out[k, n] - y[k, n])², as PyTorch and Keras define it.
    Source: Bishop 2006, equation 5.14.
    """
    difference = out - y
    loss = float((difference * difference).mean())
    return loss, 2 * difference / out.size


def target_squared_error(out: Array, y: Array, fraction: float) -> tuple[Array, Array]:
    """Return what training needs of a part of a batch, as :func:`label_cross_entropy` does, for targets y (n, K)."""
    n = len(y)
    loss, dout = mean_squared_error(out[:, :n], y.T.astype(out.dtype))
    whole = np.zeros_like(out)
    whole[:, :n] = fraction * dout
    return np.array([fraction * loss, (out[:, :n].argmax(axis=0) == y.argmax(axis=1)).sum()], np.float64), whole
