"""The comparison of scores: k-means, distances, z-scores, figures, what each network is shown, and the table."""

from argparse import Namespace
from types import SimpleNamespace

import numpy as np
import pytest

import nnscratch as nn
from benchmarks.quality import compare_scores as compare
from nnscratch.data.drawings import Drawing
from nnscratch.data.synthetic.outliers import SHARES, kinds
from tests.tools.photos import DIGITS


def test_distances():
    rng = np.random.default_rng(0)
    points, centers = rng.normal(size=(30, 4)), rng.normal(size=(5, 4))
    expected = np.linalg.norm(points[:, None] - centers, axis=2)
    assert compare.distances(points, centers) == pytest.approx(expected, abs=1e-12)
    assert np.isfinite(compare.distances(1e8 + points, 1e8 + points)).all()  # rounding goes below 0


def test_k_means_ends_with_the_means_of_those_that_are_nearest():
    points = np.random.default_rng(0).normal(size=(100, 2))
    centers = compare.k_means(points, 4, rounds=100)
    nearest = compare.distances(points, centers).argmin(axis=1)
    assert centers == pytest.approx(np.array([points[nearest == k].mean(axis=0) for k in range(4)]), abs=1e-12)


def test_k_means_of_a_point_for_each_center_and_of_points_that_are_alike():
    points = np.arange(8.0).reshape(4, 2)
    assert np.array_equal(np.unique(compare.k_means(points, 4), axis=0), points)
    assert compare.k_means(points, 1) == pytest.approx(points.mean(axis=0, keepdims=True))
    assert np.array_equal(compare.k_means(np.ones((5, 2)), 3), np.ones((3, 2)))  # two are nobody's nearest


def test_no_step_of_k_means_makes_the_distances_larger():
    points = np.random.default_rng(1).normal(size=(200, 6))
    losses = [
        (compare.distances(points, compare.k_means(points, 7, n)).min(axis=1) ** 2).sum() for n in (0, 1, 2, 5, 20)
    ]
    assert losses == sorted(losses, reverse=True) and losses[-1] < 0.9 * losses[0]


@pytest.fixture
def experiment():
    """A network of two inputs, and features in two clusters of each digit."""
    rng = np.random.default_rng(0)
    model = nn.Sequential([nn.Dense(3), nn.ReLU(), nn.Dense(10)], 2, seed=0)
    labels = np.arange(1000) % 10
    data = SimpleNamespace(train_images=rng.uniform(size=(1000, 2)).astype(np.float32), train_labels=labels)
    return SimpleNamespace(model=model, dataset=data, train=np.arange(800), held_out=np.arange(800, 1000))


def test_scores_of_a_small_network(experiment):
    model, images = experiment.model, experiment.dataset.train_images
    model.temperature = 2.0
    known = compare.see(model, images[800:])
    hidden = np.maximum(images[800:] @ model.layers[0].W.T + model.layers[0].b, 0)
    assert known.features == pytest.approx(hidden, abs=1e-5)
    logits = hidden @ model.layers[2].W.T + model.layers[2].b
    assert np.abs(known.logits.T - logits / 2).max() < 1e-5

    found = {name: score(known) for name, score in compare.scores(experiment, known).items()}
    assert all(values.shape == (200,) for values in found.values())
    assert np.exp(found["largest probability"]) == pytest.approx(
        model.predict_proba(images[800:]).max(axis=1), abs=1e-5
    )
    assert found["energy"] == pytest.approx(found["largest logit"] - found["largest probability"])
    assert found["spread of logits"] == pytest.approx(known.logits.std(axis=0))
    assert (found["50 prototypes"] <= 0).all() and found["50 prototypes"].mean() > found["10 prototypes"].mean()
    z = [(found[name] - found[name].mean()) / found[name].std() for name in ("energy", "50 prototypes")]
    assert found["energy and 50 prototypes"] == pytest.approx(sum(z) / 2)


def test_figures_by_the_limit_of_validation_digits():
    digits = np.arange(1.0, 201)
    others = {kind: np.zeros(4) for kind in kinds} | {"letters": np.array([0, 0, 0, 500.0])}
    found = compare.figures({"validation digits": digits, "drawn digits": digits - 50, **others})
    assert found["refused"] == dict.fromkeys(kinds, 1) | {
        "validation digits": 0.01,
        "drawn digits": 52 / 200,
        "letters": 0.75,
    }
    assert found["all_kinds"] == pytest.approx(0.975) and found["unseen"] == 0.875
    assert found["auroc"]["validation digits"] == pytest.approx(0.975)
    assert found["fpr_at_95"] == pytest.approx({"validation digits": 0.025, "drawn digits": 1})


@pytest.mark.parametrize("shown", compare.NETWORKS.values(), ids=compare.NETWORKS)
def test_each_network_is_shown_its_kinds(shown, monkeypatch):
    seen, before = [], dict(SHARES)

    def begin(name, settings, data, folder):
        seen.append((settings.outliers, dict(SHARES)))
        return SimpleNamespace(trainer=SimpleNamespace(run=list), model=None, dataset=data, held_out=None)

    monkeypatch.setattr(compare, "begin", begin)
    monkeypatch.setattr(compare, "calibrate", lambda *args, **kwargs: None)
    compare.trained(Namespace(epochs=1, outliers=0.2, quick=False), shown)
    [(outliers, shares)] = seen
    assert before == SHARES and outliers == (0.2 if shown else 0)
    assert [kind for kind in shares if shares[kind]] == shown and list(shares) == list(before)
    assert sum(shares.values()) == pytest.approx(1 if shown else 0)
    if len(shown) == 8:
        assert shares["letters"] == shares["scribbles"] == 0
        assert shares["noise"] / shares["cut"] == pytest.approx(before["noise"] / before["cut"])


def test_only_writers_that_choose_are_drawn():
    strokes = [stroke * 2 + 100 for stroke in DIGITS[2]]
    drawings = [Drawing(strokes, label=2, writer=f"pendigits-train-w0{k}") for k in (1, 2, 3)]
    assert compare.choosing(drawings).shape == (2, 28, 28)  # the third judges
    assert compare.choosing([Drawing(strokes, writer="anna")]).shape == (1, 28, 28)
    assert compare.choosing([]).shape == (0, 28, 28)


@pytest.mark.slow
def test_a_taste(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["compare_scores.py", "--quick"])
    monkeypatch.setattr(compare, "NETWORKS", {"with noise": ["noise"]})
    compare.main()
    told = capsys.readouterr().out
    assert "| trained with noise | energy | largest probability |" in told and "drawn" not in told
    assert told.count("\n") == 2 + len(compare.kinds) + 5
