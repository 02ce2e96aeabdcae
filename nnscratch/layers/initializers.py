"""Initial weights: random, with a variance that keeps signals from fading or exploding through the layers.

fan_in is how many inputs a unit sums up, fan_out how many units an input feeds: K and D for weights (D, K), and
C*KH*KW and F*KH*KW for filters (F, C, KH, KW).
"""

from collections.abc import Callable

import numpy as np

from nnscratch.arrays import Array
from nnscratch.errors import unknown


def _he(fan_in: int, fan_out: int, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Normal with variance 2 / fan_in, for ReLU. K. He et al., ICCV 2015, equation 10."""
    return rng.normal(0, np.sqrt(2 / fan_in), shape)


def _glorot(fan_in: int, fan_out: int, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Uniform with variance 2 / (fan_in + fan_out). X. Glorot & Y. Bengio, AISTATS 2010, equation 16."""
    limit = np.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(-limit, limit, shape)


def _lecun(fan_in: int, fan_out: int, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Normal with variance 1 / fan_in. Y. LeCun et al., "Efficient BackProp", 1998, equation 16."""
    return rng.normal(0, np.sqrt(1 / fan_in), shape)


_RULES: dict[str, Callable[[int, int, tuple[int, ...], np.random.Generator], Array]] = {
    "he": _he,
    "glorot": _glorot,
    "lecun": _lecun,
}


def initialize(name: str, shape: tuple[int, ...], *, rng: np.random.Generator) -> Array:
    """Return float64 weights of ``shape`` (D, K) or (F, C, KH, KW) by the rule "he", "glorot" or "lecun".

    Raises UsageError for another name.
    """
    if name not in _RULES:
        raise unknown("the initialiser", name, _RULES)
    window = int(np.prod(shape[2:]))  # 1 for weights (D, K)
    return _RULES[name](shape[1] * window, shape[0] * window, shape, rng)
