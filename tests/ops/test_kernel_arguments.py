"""What compiled functions do with arguments that do not fit: they raise, or agree with the readable functions."""

import contextlib
import copy
import json
import subprocess
import sys

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.ops import backend as backends
from nnscratch.training.trainer import Plan, Trainer
from tests.tools.checks import needs_compiler
from tests.tools.commands import ROOT

pytest.importorskip("numba")

from nnscratch.ops.compiled import product
from nnscratch.ops.compiled.pieces import read_pieces

TWINS = backends.compiled_ops()
CASES = 120
NONE, TWO = ((0, 0), (0, 0)), (2, 2)
CHECKS = ("same_floats", "alike", "vectors", "fillable", "real", "whole", "within")
linux = pytest.mark.skipif(sys.platform != "linux", reason="it guards memory, and forks")


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)


def test_a_short_vector_in_an_update():
    """In a process of its own, which ended with SIGSEGV."""
    ended = run(
        "import numpy as np; from nnscratch.ops import backend\n"
        "theta, g, v = (np.ones(10**6) for _ in range(3))\n"
        "update = backend.compiled_ops()['adam_update']\n"
        "try: update(theta, g, np.ones(3), v, 1, lr=0.1, beta1=0.9, beta2=0.9, eps=1e-8)\n"
        "except ValueError as error: print(error)"
    )
    assert ended.returncode == 0 and "broadcast" in ended.stdout, ended


NAMED = {
    "a label out of range": ("label_cross_entropy", (np.zeros((10, 4)), np.array([1, 10**6, 2, 3]), 0.0, 1.0)),
    "more labels than images": ("label_cross_entropy", (np.zeros((10, 4)), np.arange(5), 0.0, 1.0)),
    "labels that are floats": ("label_cross_entropy", (np.zeros((10, 4)), np.ones(4), 0.0, 1.0)),
    "a gradient of another shape": ("relu_backward", (np.ones((3, 4)), np.ones((3, 5)))),
    "a short bias": ("dense_forward", (np.ones((6, 8)), np.ones((5, 6)), np.ones(4))),
    "a short db": ("dense_backward_weights", (np.ones((5, 8)), np.ones((6, 8)), None, np.ones(4))),
    "a small dW": ("dense_backward_weights", (np.ones((5, 8)), np.ones((6, 8)), np.ones((5, 5)), None)),
    "a dW that is read-only": (
        "dense_backward_weights",
        (np.ones((5, 8)), np.ones((6, 8)), np.broadcast_to(1.0, (5, 6)), None),
    ),
    "no filters": ("conv2d_backward_input", (np.ones((0, 4, 6, 8)), np.ones((0, 2, 3, 2)), (6, 7))),
    "no room to pool": ("conv2d_relu_pool_forward", (np.ones((2, 3, 7, 8)), np.ones((3, 2, 3, 2)), np.ones(3), NONE)),
    "no room for the largest": ("maxpool2d_forward", (np.ones((2, 1, 6, 8)), TWO, TWO)),
    "no room for the mean": ("avgpool2d_forward", (np.ones((2, 6, 1, 8)), TWO, TWO)),
    "no windows": ("avgpool2d_backward", (np.ones((2, 0, 3, 8)), (1, 6), TWO, TWO)),
}


@pytest.mark.parametrize("name", NAMED)
def test_raises_as_the_readable_function_does(name):
    function, arguments = NAMED[name]
    how = {"mean": False} if "pool_forward" in function else {}
    with pytest.raises((ValueError, IndexError)) as expected:
        backends._reference[function](*arguments, **how)
    with pytest.raises(expected.type):
        TWINS[function](*arguments, **how)


@pytest.mark.parametrize("kind", ["?", "f2", ">f4", ">i4", "O", "empty"])
@pytest.mark.parametrize("by_image", [False, True])
def test_images_that_no_kernel_reads(kind, by_image, monkeypatch):
    """Images without pixels neither: a kernel would write where there is no number."""
    for name in ("_gather", "_gather_by_image"):
        monkeypatch.setattr(sys.modules[TWINS["gather_batch"].__module__], name, None)
    images = np.ones((3, 0, 4)) if kind == "empty" else np.arange(12).reshape(3, 4).astype(kind)
    how = {"scale": 0.5, "shift": 0.1, "dtype": "float32", "by_image": by_image}
    expected, got = (one["gather_batch"](images, np.array([2, 0]), **how) for one in (backends._reference, TWINS))
    assert got.dtype == expected.dtype and np.array_equal(got, expected)


@pytest.mark.parametrize("strength", [np.nan, np.inf, 1e300, -2.0])
@pytest.mark.parametrize("place", range(6))
def test_strengths_that_make_no_places(strength, place):
    """A place that is no number would be read far outside the image: NumPy raises, or it was none."""
    strengths = np.zeros(6)
    strengths[place] = strength
    results = []
    for functions in (backends._reference, TWINS):
        with contextlib.suppress(IndexError), np.errstate(all="ignore"):
            form = {"scale": 1.0, "shift": 0.0, "dtype": np.float64}
            args = np.ones((2, 1, 7, 7), np.uint8), np.arange(2), np.arange(2, dtype=np.uint64), strengths
            results.append(functions["distort_batch"](*args, **form))
    assert len(results) != 1 and np.allclose(*(results or ([0], [0])), equal_nan=True)


WRONG_PIECES = {
    "sizes below 0": ([0, 0], [12, -4], 8),
    "a size below 0, none too large": ([0, 0, 0], [8, 4, -4], 8),
    "sizes whose sum overflows": ([0] * 5, [2**62] * 4 + [8], 8),
    "more sizes than places": ([0], [4, 4], 8),
    "sizes of another type": ([0, 0], [4.0, 4.0], 8),
    "places in two rows": ([[0, 0]], [[4, 4]], 8),
}


@pytest.mark.parametrize("name", WRONG_PIECES)
def test_pieces_that_do_not_fit(name, tmp_path):
    places, sizes, size = WRONG_PIECES[name]
    memory = np.zeros(64, np.uint8)
    (tmp_path / "file").write_bytes(b"x" * 64)
    with (tmp_path / "file").open("rb") as file, pytest.raises(ValueError, match=r"pieces|places|sizes"):
        read_pieces(file.fileno(), np.array(places), np.array(sizes), memory[:size])
    assert not memory.any()


@pytest.mark.parametrize("what", ["out", "strided", "descriptor"])
def test_what_pieces_are_not_read_into(what, tmp_path):
    out = {"out": np.broadcast_to(np.uint8(0), 8), "strided": np.zeros(16, np.uint8)[::2]}.get(what, np.zeros(8, "u1"))
    (tmp_path / "file").write_bytes(b"x" * 64)
    with (tmp_path / "file").open("rb") as file, pytest.raises((ValueError, TypeError)):
        descriptor = float(file.fileno()) if what == "descriptor" else file.fileno()
        read_pieces(descriptor, np.array([0, 4]), np.array([4, 4]), out)


@needs_compiler
def test_a_replay_asks_nothing(monkeypatch):
    """Once all shards are replayed, a check of arguments would raise."""
    before = nn.backend(), nn.threads()
    nn.set_backend("numba")
    nn.set_threads(2)
    steps = []

    def closed(*arguments):
        raise AssertionError("arguments were checked")

    class Close(nn.Callback):
        def on_batch_end(self, trainer):
            if trainer.shards.updates.replay.trusted:
                for module in {sys.modules[one.__module__] for one in TWINS.values()} | {product}:
                    for check in CHECKS:
                        monkeypatch.setattr(module, check, closed, raising=False)
                steps.append(trainer.state.step)

    mnist = nn.load_mnist()
    model = nn.build("lenet5", seed=1)
    images, labels = model.batches(mnist.train_images[:512]), mnist.train_labels[:512]
    try:
        Trainer(model, images, labels, Plan(epochs=2, batch_size=64), callbacks=[Close()]).run()
        assert len(steps) > 10
        with pytest.raises(AssertionError, match="arguments were checked"):  # as it is wherever nothing is replayed
            TWINS["relu_backward"](np.ones(3), np.ones(3))
    finally:
        nn.set_backend(before[0])
        nn.set_threads(before[1])


# ---- the fuzz


@pytest.mark.slow
@linux
@needs_compiler
def test_misfits_raise_or_agree():
    script = [sys.executable, "-m", "benchmarks.robustness.fuzz_kernels", "--quick", "--cases", str(CASES), "--json"]
    ended = subprocess.run(script, capture_output=True, text=True, timeout=300, check=False, cwd=ROOT)
    assert ended.returncode == 0, ended.stderr
    results = json.loads(ended.stdout)
    assert results["findings"] == []
    assert sum(row["cases"] for row in results["rows"]) >= CASES
    for row in results["rows"]:
        assert row["agrees"] and (row["raises"] or row["cases"] < 10), row


@pytest.fixture
def fuzzing(monkeypatch):
    from benchmarks.robustness import fuzz_kernels

    return fuzz_kernels


def wrote_beside(theta, g, *, lr):
    np.ndarray(len(theta) + 1, theta.dtype, theta.base, theta.ctypes.data - theta.base.ctypes.data - 8)[:] = 0


def changed_g(theta, g, *, lr):
    theta -= lr * g
    g[0] = 0


def did_nothing(theta, g, *, lr):
    pass


def read_past(theta, g, *, lr):
    theta -= lr * g
    np.lib.stride_tricks.as_strided(g, (10**6,)).sum()


SINS = {wrote_beside: "beside theta", changed_g: "changed g", did_nothing: "instead of", read_past: "SIG"}


@pytest.mark.slow
@linux
@pytest.mark.parametrize("sin", SINS, ids=lambda sin: sin.__name__)
def test_the_fuzz_sees(sin, fuzzing, monkeypatch):
    import dataclasses

    monkeypatch.setitem(fuzzing.CALLS, "sgd_update", dataclasses.replace(fuzzing.CALLS["sgd_update"], compiled=sin))
    verdicts = list(fuzzing.all_tried([("sgd_update", number) for number in range(30)], 0))
    assert len(verdicts) == 30
    assert any(SINS[sin] in text for one in verdicts for text in one.wrong), verdicts


@linux
def test_what_hangs_is_ended(fuzzing, monkeypatch):
    import dataclasses
    import time

    slow = dataclasses.replace(fuzzing.CALLS["sgd_update"], compiled=lambda *_, **__: time.sleep(60))
    monkeypatch.setitem(fuzzing.CALLS, "sgd_update", slow)
    monkeypatch.setattr(fuzzing, "LONGEST", 1.5)
    verdicts = list(fuzzing.all_tried([("sgd_update", 0), ("momentum_update", 0)], 0))
    assert "SIGKILL" in verdicts[0].wrong[0] and not verdicts[1].wrong


@linux
def test_a_kernel_case_is_the_same_each_time(fuzzing):
    from benchmarks.robustness.fuzzing.kernels import tried

    assert all(tried(name, 5, 0) == tried(name, 5, 0) for name in fuzzing.CALLS)


def test_copies_of_types_are_the_same_types():
    """A copied or unpickled dtype is another object, and its arrays have kernels all the same."""
    pytest.importorskip("numba")
    from nnscratch.ops.compiled import jit

    kind = copy.deepcopy(np.dtype(np.float32))
    assert kind is not np.dtype(np.float32)
    one, other = np.ones(3, kind), np.ones(3, np.float32)
    for check in (jit.same_floats, jit.alike, jit.vectors):
        assert check(one, other) and check(other, one)
    assert jit.fillable(one, (3,), other)
