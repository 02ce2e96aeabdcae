"""First weights: variance by the formula, fans of filters, limits, reproducibility."""

import numpy as np
import pytest

from nnscratch.errors import UsageError
from nnscratch.layers.initializers import initialize

# rule -> variance for fan_in, fan_out; kurtosis (fourth moment / variance^2) of the distribution
RULES = {
    "he": (lambda fan_in, fan_out: 2 / fan_in, 3.0),
    "glorot": (lambda fan_in, fan_out: 2 / (fan_in + fan_out), 1.8),  # uniform
    "lecun": (lambda fan_in, fan_out: 1 / fan_in, 3.0),
}
SHAPES = [
    ((200, 400), 400, 200),  # dense (D, K)
    ((64, 32, 5, 3), 32 * 15, 64 * 15),  # filters (F, C, KH, KW)
    ((30, 500, 1, 1), 500, 30),
]
every_rule = pytest.mark.parametrize("rule", RULES)


@every_rule
@pytest.mark.parametrize(("shape", "fan_in", "fan_out"), SHAPES)
def test_mean_and_variance(rule, shape, fan_in, fan_out):
    weights = initialize(rule, shape, rng=np.random.default_rng(0))
    formula, kurtosis = RULES[rule]
    variance, n = formula(fan_in, fan_out), weights.size
    assert weights.shape == shape
    assert weights.dtype == "float64"
    assert abs(weights.mean()) < 4 * np.sqrt(variance / n)  # four standard errors of a mean
    assert abs(weights.var() / variance - 1) < 4 * np.sqrt((kurtosis - 1) / n)  # and of a variance
    assert abs((weights**4).mean() / variance**2 / kurtosis - 1) < 0.2  # normal or uniform


def test_glorot_fills_its_limits():
    weights = initialize("glorot", (200, 400), rng=np.random.default_rng(0))
    assert 0.999 < np.abs(weights).max() / np.sqrt(6 / 600) <= 1


@every_rule
def test_the_generator_decides(rule):
    first, again, other = (initialize(rule, (4, 5), rng=np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_unknown_rule_is_refused():
    with pytest.raises(UsageError, match="'xavier' is unknown: choose from he, glorot, lecun"):
        initialize("xavier", (2, 2), rng=np.random.default_rng(0))
