"""The gradient of a weighted loss beside a numerical one, whatever the loss, the backend and the shards."""

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.training.plan import Plan
from nnscratch.training.shards import Shards
from nnscratch.training.shards.update import add_up

N, K = 40, 3
rng = np.random.default_rng(1)
X, VALUES, LABELS = rng.standard_normal((N, 4)), rng.standard_normal((N, K)), rng.integers(0, K, N)
SHARES = rng.dirichlet(np.ones(K), N)
WEIGHTS = rng.random(N) * (np.arange(N) % 5 > 0)  # every fifth counts nothing


def fourth_powers(out, labels):
    """A loss of one's own, which knows nothing of weights."""
    return float((out**4).sum() / out.shape[1]), 4 * out**3 / out.shape[1]


def cross_entropies(out, rows, smoothing=0.0):
    rows = (1 - smoothing) * rows + smoothing / K
    return -(rows.T * (out - np.log(np.exp(out).sum(axis=0)))).sum(axis=0)


ONE_HOT = np.eye(K)[LABELS]
CASES = {
    "labels": (LABELS, {}, lambda out: cross_entropies(out, ONE_HOT)),
    "smoothed": (LABELS, {"label_smoothing": 0.1}, lambda out: cross_entropies(out, ONE_HOT, 0.1)),
    "one-hot, smoothed": (ONE_HOT, {"label_smoothing": 0.1}, lambda out: cross_entropies(out, ONE_HOT, 0.1)),
    "shares": (SHARES, {}, lambda out: cross_entropies(out, SHARES)),
    "regression": (VALUES, {"loss": "mse"}, lambda out: ((out - VALUES.T) ** 2).mean(axis=0)),
    "own": (LABELS, {"loss": fourth_powers}, lambda out: (out**4).sum(axis=0)),
}


@pytest.mark.parametrize("shard", [0, 8])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("backend", nn.available_backends())
def test_weighted_gradient(backend, case, shard):
    targets, how, losses = CASES[case]
    net = nn.Sequential([nn.Dense(5), nn.Tanh(), nn.Dense(K)], (4,), dtype="float64")
    before = nn.backend()
    nn.set_backend(backend)
    try:
        with Shards(net, Plan(batch_size=N, shard=shard, **how)) as shards:
            loss, _ = shards.gradient(net.batches(X), targets, np.arange(N), weights=WEIGHTS)
            add_up(shards.pending, slice(None))
        gradient = net.gradient.copy()

        def weighted_loss():
            return (WEIGHTS * losses(net.forward(X.T))).mean()

        assert loss == pytest.approx(weighted_loss())
        for place, value in enumerate(net.theta.tolist()):
            net.theta[place] = value + 1e-6
            above = weighted_loss()
            net.theta[place] = value - 1e-6
            assert gradient[place] == pytest.approx((above - weighted_loss()) / 2e-6, abs=1e-8)
            net.theta[place] = value
    finally:
        nn.set_backend(before)
