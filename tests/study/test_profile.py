"""Where the time of a step goes: all of it is somewhere, by layer, whatever is recorded of the step."""

import html
import re

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.models.zoo import MODELS
from nnscratch.study.profile import text
from nnscratch.study.profile.page import bars, kernels, profile_page
from nnscratch.study.profile.profile import flop_of, profile
from nnscratch.study.profile.timeline import LEFT, WIDTH, colors, ticks, timeline
from nnscratch.study.profile.trace import IMAGES, LOSS, UPDATE, name_of
from nnscratch.training.plan import Plan
from tests.tools.checks import needs_compiler

EVIL = "<script>alert(1)</script>"


class Doubled(nn.Layer):
    """A layer of somebody's own, which is never recorded."""

    kind = f"own{EVIL}"

    def forward(self, x, training=False):
        return 2 * x

    def backward(self, dout):
        return 2 * dout


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr("nnscratch.study.profile.profile.ROUNDS", 2)


@pytest.fixture(scope="module")
def data():
    mnist = nn.load_mnist()
    return mnist.train_images[:300], mnist.train_labels[:300]


def profiled(network, data, backend="numba", threads=2, **plan):
    nn.set_backend(backend)
    nn.set_threads(threads)
    images, labels = data
    plan = Plan(**{"batch_size": 64} | plan)
    return profile(network, network.batches(images), labels, plan)


def own():
    return nn.Sequential([nn.Flatten(), nn.Dense(20), Doubled(), nn.ReLU(), nn.Dense(10)], (1, 28, 28))


CASES = {
    **{name: (lambda name=name: nn.build(name), {}) for name in MODELS},
    "clipped": (lambda: nn.build("mlp", hidden=(30,)), {"clip": 1.0}),
    "dropout": (lambda: nn.build("mlp", hidden=(30,), dropout=0.5), {}),
    "distorted": (lambda: nn.build("logistic"), {"distortion": nn.Distortion(rotation=10)}),
    "own layer": (own, {}),
    "float64": (lambda: nn.build("logistic", dtype="float64"), {}),
    "more threads than shards": (lambda: nn.build("lenet5"), {"threads": 3}),
    "all images in a batch": (lambda: nn.build("logistic"), {"batch_size": 1000}),
    "smoothed labels": (lambda: nn.build("logistic"), {"label_smoothing": 0.1, "optimizer": "momentum", "ema": 0.9}),
    "normalised": (lambda: nn.Sequential([nn.Conv2D(4, 5), nn.BatchNorm(), nn.Flatten(), nn.Dense(10)]), {}),
    "normalised, fused": (
        lambda: nn.Sequential([nn.BatchNorm(), nn.ReLU(), nn.MaxPool2D(2), nn.Flatten(), nn.Dense(10)]),
        {},
    ),
    "NumPy": (lambda: nn.build("lenet5"), {"backend": "numpy"}),
}


@needs_compiler
@pytest.mark.parametrize("case", CASES)
def test_all_of_the_step_is_somewhere(case, data):
    make, options = CASES[case]
    network = make()
    before = network.theta.copy()
    found = profiled(network, data, **options)
    assert np.array_equal(network.theta, before)  # a copy was trained
    assert [timing.threads for timing in found.timings] == [1, options.get("threads", 2)]
    for timing in found.timings:
        rows = found.rows(timing)
        assert [row.name for row in rows] == ["images", *found.layers, "loss", "update", found.idle]
        assert sum(row.seconds for row in rows) == pytest.approx(timing.seconds)
        assert all(row.seconds >= 0 for row in rows[:-1]) and rows[0].seconds > 0 < rows[-2].seconds
        assert all(row.forward > 0 < row.backward for row in rows if row.flop)
        labels = {piece.label for piece in timing.median.pieces}
        ways = {(name, way) for name in found.layers for way in ("forward", "backward")}
        assert labels <= ways | {IMAGES, LOSS, UPDATE}
        assert set(timing.median.threads.ravel().tolist()) <= set(range(timing.threads))
        spans, bounds = timing.median.spans, timing.median.bounds
        assert (spans[..., 1] >= spans[..., 0]).all() and (bounds[:, 1] > bounds[:, 0]).all()
    assert " + ".join(found.layers).split(" + ") == [layer.name for layer in network.layers]
    assert found.recorded == (found.idle == "waiting")


@needs_compiler
def test_what_is_recorded_of_a_step_is_traced(data):
    assert profiled(nn.build("logistic"), data).recorded
    clipped = profiled(nn.build("logistic"), data, clip=1.0)
    kernels_of = {piece.label: piece.kernel for piece in clipped.timings[0].median.pieces}
    assert not clipped.recorded and kernels_of["dense1", "forward"] and not kernels_of[UPDATE]
    by_clock = profiled(own(), data)
    kernels_of = {piece.label: piece.kernel for piece in by_clock.timings[0].median.pieces}
    assert not by_clock.recorded and not kernels_of["dense1", "forward"] and kernels_of[UPDATE]
    assert "The update is not: it clips" in text.how(clipped) and "The gradient is not" not in text.how(clipped)
    assert "a layer or the loss is not the library's" in text.how(by_clock) and "The update" not in text.how(by_clock)


def test_without_kernels_the_clock_is_read(data):
    found = profiled(nn.build("logistic"), data, "numpy", threads=1)
    assert not found.recorded and len(found.timings) == 1 and "NumPy's functions serve" in text.how(found)
    assert not any(piece.kernel for piece in found.timings[0].median.pieces)


def test_flop_are_those_of_the_products():
    network = nn.build("lenet5")
    nn.set_backend("numpy")
    flop = flop_of(network, 64)
    assert sum(flop[name.name, "forward"] for name in network.layers) == 2 * 64 * 271_920
    assert flop["conv1", "backward"] == flop["conv1", "forward"] == 2 * 64 * 86_400  # nobody asks for dx
    assert flop["dense1", "backward"] == 2 * flop["dense1", "forward"] == 4 * 64 * 30_720
    assert flop["relu1", "forward"] == flop["relu1", "backward"] == 0


def test_kernels_have_the_names_of_their_factories():
    def _factory():
        def kernel():
            pass

        return kernel

    outer = type("Kernel", (), {"function": staticmethod(_factory())})
    assert name_of(outer) == "test_kernels_have_the_names_of_their_factories"
    assert name_of(type("Kernel", (), {"function": staticmethod(text.gain)})) == "gain"


def test_text_and_json(data):
    found = profiled(nn.build("mlp", hidden=(20,)), data, "numpy")
    for timing, told in zip(found.timings, text.as_dict(found)["timings"], strict=True):
        table = text.table(found, timing)
        assert [row[0] for row in table.rows][-1] == "total" and table.rows[-1][4] == "100.0 %"
        assert all(len(row) == len(table.header) for row in table.rows)
        assert sum(row["share"] for row in told["rows"]) == pytest.approx(1)
        assert {row["name"] for row in told["rows"] if row["gflops"]} == {"dense1", "dense2"}
    assert re.fullmatch(r"2 threads are [\d.]+ times as fast .* on one thread", text.gain(*found.timings))


@pytest.mark.parametrize("backend", ["numpy", pytest.param("numba", marks=needs_compiler)])
def test_the_page_shows_every_part(backend, data):
    found = profiled(own(), data, backend)
    page = profile_page(found, EVIL, {"Data": EVIL})
    assert EVIL not in page and html.unescape(page).count(EVIL) > 4
    assert "default-src 'none'" in page and not re.search(r"""(?:src|href)=["'](?!data:)|@import""", page)
    assert page.count("<svg") == 2 and ("Kernels" in page) == (backend == "numba")
    for timing in found.timings:
        assert max(sum(width for _, width in bar.parts) for bar in bars(found, timing)) == pytest.approx(100)
        drawn = timeline(timing, colors(found))
        assert len(drawn.blocks) == len(timing.median.pieces) and len(drawn.lanes) == timing.threads
        assert all(block.x >= LEFT and block.x + block.width <= WIDTH + 1e-6 for block in drawn.blocks)


@needs_compiler
def test_the_kernels_add_up(data):
    found = profiled(nn.build("lenet5"), data)
    rows = kernels(found).rows
    assert sum(int(row[1]) for row in rows) == len(found.timings[0].median.pieces)
    assert sum(float(row[3].split()[0]) for row in rows) == pytest.approx(100, abs=0.05 * len(rows))


@pytest.mark.parametrize("seconds", [3e-7, 4e-5, 1e-3, 0.4, 70.0])
def test_the_axis_has_round_times(seconds):
    found = ticks(seconds)
    assert 2 <= len(found) <= 9 and found[0] == (LEFT, "0") and found[-1][0] <= WIDTH


@pytest.mark.slow
@needs_compiler
def test_the_page_fits_and_is_accessible(browser, data, tmp_path):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    (tmp_path / "page.html").write_text(profile_page(profiled(nn.build("lenet5"), data), "lenet5", {}), "utf-8")
    wrong = []
    for width in (390, 1280):
        page = browser.new_page(viewport={"width": width, "height": 800})
        page.on("console", lambda message: wrong.append(message.text))
        page.goto((tmp_path / "page.html").as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") == width
        results = axe.Axe().run(page)
        assert results.violations_count == 0, results.generate_report()
    assert wrong == []
