"""The benchmark of what is no digit: AUROC by ranks, what passes, the sets, and the table."""

import numpy as np
import pytest

import nnscratch as nn
from benchmarks.quality import bench_rejection as bench
from benchmarks.quality.roc import auroc, fpr_at_95
from nnscratch.data.drawings import Drawing
from nnscratch.models.pretrained import pretrained
from tests.tools.photos import DIGITS


def test_auroc_of_perfect_reversed_and_equal_scores():
    low, high = np.array([1.0, 2, 3]), np.array([4.0, 5])
    assert (auroc(high, low), auroc(low, high), auroc(low, low)) == (1, 0, 0.5)
    assert auroc(np.ones(5), np.ones(9)) == 0.5
    assert auroc(np.array([2.0, 3]), np.array([1.0, 2])) == 3.5 / 4  # of four pairs, one is a tie


def test_auroc_counts_pairs():
    rng = np.random.default_rng(0)
    known, unknown = rng.integers(0, 12, 300).astype(float), rng.integers(-4, 9, 170).astype(float)
    above, equal = known[:, None] > unknown, known[:, None] == unknown
    assert auroc(known, unknown) == pytest.approx(float((above + equal / 2).mean()), abs=1e-12)
    metrics = pytest.importorskip("sklearn.metrics")
    truth, scores = np.repeat([1, 0], [300, 170]), np.concatenate([known, unknown])
    assert auroc(known, unknown) == pytest.approx(metrics.roc_auc_score(truth, scores), abs=1e-12)


def test_what_passes_where_95_percent_of_digits_do():
    known = np.arange(100.0)
    assert fpr_at_95(known, np.array([4.9, 5.0, 5.1, -1])) == 0.5  # 5 to 99 are 95 of 100
    assert fpr_at_95(np.zeros(20), np.zeros(3)) == 1 and fpr_at_95(np.ones(20), np.zeros(3)) == 0


def test_shapes_are_filled_and_not_alike():
    shapes = np.stack(list(bench.filled_shapes(8)))
    assert shapes.shape == (8, 28, 28) and len({shape.tobytes() for shape in shapes}) == 8
    middles = shapes[[0, 1, 2, 4, 5, 6], 13:15, 13:15]
    assert (middles == 255).all()  # of blobs it may be outside
    assert ((shapes > 127).mean(axis=(1, 2)) > 0.08).all()
    assert np.array_equal(shapes, np.stack(list(bench.filled_shapes(8))))


def test_sets_and_table(monkeypatch):
    monkeypatch.setattr(bench, "FONTS", ("DejaVuSans",))
    monkeypatch.setattr(
        bench, "other_sets", lambda every: {"noise": np.eye(28, dtype=np.uint8)[None].repeat(4, axis=0)}
    )
    by = {2: "pendigits-train-w01", 3: "pendigits-train-w03", 5: "pendigits-train-w03"}
    drawings = [Drawing([stroke * 2 + 100 for stroke in DIGITS[k]], label=k, writer=by[k]) for k in by]
    monkeypatch.setattr(nn, "load_mnist", lambda: type("M", (), {"test_images": np.zeros((40, 28, 28), np.uint8)}))
    results = bench.measure([("mlp", nn.load(pretrained("mlp")))], 1, drawings)
    sizes = {row["set"]: row["n"] for row in results["rows"]}
    assert sizes == {
        "test digits": 40,
        "drawn digits": 3,
        "drawn digits, choosing writers": 1,
        "drawn digits, judging writers": 2,
        "noise": 4,
    }
    noise = results["rows"][-1]
    assert set(noise["auroc"]) == set(noise["fpr_at_95"]) == set(sizes) - {"noise"}
    told = bench.table(results)
    assert "| 4 noise |" in told and "beside drawn digits |" in told and "beside drawn digits, " not in told
    assert f"| noise | {noise['auroc']['drawn digits']:.3f} |" in told
