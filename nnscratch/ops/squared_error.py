"""The mean squared error: loss = 1/(K N) * sum over k, n of (out - y)^2, as PyTorch and Keras define it."""

from nnscratch.arrays import Array


def mean_squared_error(out: Array, y: Array) -> tuple[float, Array]:
    """Return the loss and its gradient (K, N) for outputs and targets (K, N). Source: Bishop 2006, equation 5.14."""
    difference = out - y
    loss = float((difference * difference).mean())
    return loss, 2 * difference / out.size
