"""Predictions from recordings: the numbers of the work itself, whatever happened to the network meanwhile."""

import copy
import gc
import pickle
import subprocess
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.layers import Layer
from nnscratch.training.inference import recordings
from nnscratch.training.inference.recordings import MOST_KINDS, recordings_of
from tests.tools.checks import needs_compiler

pytest.importorskip("numba")

pytestmark = needs_compiler


@pytest.fixture(autouse=True)
def numba_backend():
    before = nn.backend(), nn.threads()
    nn.set_backend("numba")
    nn.set_threads(2)
    yield
    nn.set_backend(before[0])
    nn.set_threads(before[1])


@pytest.fixture(scope="module")
def images():
    return nn.load_mnist().test_images[:300]


def small(seed=0, **how):
    layers = [nn.Conv2D(3, 5), nn.ReLU(), nn.MaxPool2D(2), nn.Flatten(), nn.Dense(10)]
    return nn.Sequential(layers, seed=seed, **how)


def worked(model, images):
    """What NumPy makes of the images, without recordings."""
    nn.set_backend("numpy")
    try:
        return model.predict_proba(images)
    finally:
        nn.set_backend("numba")


def played(model, images):
    """The answer of a call that plays a recording."""
    for _ in range(3):
        answer = model.predict_proba(images)
    assert trusted(model)
    return answer


def trusted(model):
    return [each for free in recordings_of(model).free.values() for each in free if each.replay.trusted]


def assert_right(model, images):
    np.testing.assert_allclose(played(model, images), worked(model, images), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["lenet5", "mlp", "logistic"])
@pytest.mark.parametrize("n", [1, 3, 4, 5, 16, 17, 32, 33, 80])
def test_a_recording_gives_the_bits_of_the_work(name, n, images):
    model = nn.build(name, seed=1)
    first = model.predict_proba(images[:n])
    assert played(model, images[:n]).tobytes() == first.tobytes()
    assert_right(model, images[:n])
    assert_right(model, images[n : 2 * n])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", ["uint8", "float32", "float64"])
def test_of_all_types(dtype, kind, images):
    model = small(dtype=dtype)
    given = images[:1] if kind == "uint8" else (images[:1] / 255).astype(kind)
    assert_right(model, given)


def test_answers_are_not_overwritten_by_the_next(images):
    model = small()
    played(model, images[:1])
    out = model.logits(images[:1])
    before = out.copy()
    model.logits(images[1:2])
    assert (out == before).all()


def swap_layer(model):
    layer = nn.Dense(10)
    model.layers[-1] = nn.Sequential([nn.Flatten(), layer], input_shape=(3, 12, 12), seed=9).layers[-1]


def new_weights(model):
    model.layers[0].W = model.layers[0].W * 2


CHANGES = {
    "theta in place": lambda model: model.theta.__imul__(1.5),
    "an array of a layer": new_weights,
    "another layer": swap_layer,
    "frozen": lambda model: setattr(model.layers[0], "trainable", False),
    "scaling": lambda model: setattr(model, "scaling", (0.4, 0.2)),
    "normalisation": lambda model: setattr(model, "normalisation", (0.1, 0.3)),
    "temperature": lambda model: setattr(model, "temperature", 3.0),
    "a training": lambda model: model.fit(np.full((8, 28, 28), 9, np.uint8), np.arange(8), epochs=2),
    "a copy is trained": lambda model: copy.copy(model).theta.__imul__(2),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("n", [1, 20])
def test_what_was_changed_shows(change, n, images):
    model = small()
    before = played(model, images[:n]).copy()
    CHANGES[change](model)
    assert_right(model, images[:n])
    assert (change == "frozen") == np.array_equal(model.predict_proba(images[:n]), before)


def test_a_setting_that_was_changed_shows(images):
    model = nn.Sequential([nn.Flatten(), nn.Dense(20), nn.LeakyReLU(), nn.Dense(10)])
    for slope in (0.01, 0.9):
        model.layers[2].slope = slope
        for _ in range(4):
            answer = model.predict_proba(images[:1])
        np.testing.assert_allclose(answer, worked(model, images[:1]), rtol=1e-4, atol=1e-6)


def test_batch_normalisation_and_dropout_are_those_of_inference(images):
    model = nn.Sequential([nn.Flatten(), nn.Dense(8), nn.BatchNorm(), nn.ReLU(), nn.Dropout(0.5), nn.Dense(10)])
    for scale in (1, 3):
        model.layers[2].running_mean[...] = np.arange(8) * scale
        for _ in range(4):
            answer = model.predict_proba(images[:20])
        np.testing.assert_allclose(answer, worked(model, images[:20]), rtol=1e-4, atol=1e-6)


class Counting(Layer):
    """A layer of one's own, whose output depends on what Python has counted."""

    def forward(self, x, training=False):
        self.calls = getattr(self, "calls", 0) + 1
        Counting.all_calls = getattr(Counting, "all_calls", 0) + 1
        return x

    def backward(self, dout):
        return dout


def test_layers_of_ones_own_run_each_time(images):
    model = nn.Sequential([nn.Flatten(), Counting(), nn.Dense(10)])
    Counting.all_calls = 0
    for _ in range(5):
        model.predict_proba(images[:1])
    assert Counting.all_calls == 5


def test_the_other_backend_serves_at_once(images):
    model = small()
    played(model, images[:1])
    alone = worked(model, images[:1])
    nn.set_backend("numpy")
    assert recordings_of(model) is None
    assert model.predict_proba(images[:1]).tobytes() == alone.tobytes()


def test_copies_and_pickles_have_no_recordings(images, tmp_path):
    model = small()
    size = len(pickle.dumps(model))
    played(model, images[:1])
    assert len(pickle.dumps(model)) == size
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), copy.copy(model)):
        assert not recordings_of(other).free
        assert other.predict_proba(images[:1]).tobytes() == model.predict_proba(images[:1]).tobytes()
    deep = copy.deepcopy(model)
    deep.theta *= 2
    assert_right(deep, images[:1])
    assert_right(model, images[:1])
    model.save(tmp_path / "model.npz")
    assert_right(nn.load(tmp_path / "model.npz"), images[:1])


def test_recordings_go_with_their_network(images):
    model = small()
    played(model, images[:1])
    kept, network = weakref.ref(trusted(model)[0]), weakref.ref(model)
    assert model in recordings._kept
    del model
    gc.collect()
    assert network() is None and kept() is None


def test_the_images_of_a_call_are_not_kept(images):
    model = small()
    given = images[:40].copy()
    shown = weakref.ref(given)
    played(model, given)
    del given
    gc.collect()
    assert shown() is None


@pytest.mark.parametrize("n", [1, 20])
def test_many_threads_ask_one_network(n, images):
    model = small()
    wanted = [worked(model, images[k : k + n]) for k in range(64)]

    def ask(k):
        return model.predict_proba(images[k : k + n])

    for _ in range(3):  # threads come and go
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(ask, range(64)))
        for answer, right in zip(answers, wanted, strict=True):
            np.testing.assert_allclose(answer, right, rtol=1e-4, atol=1e-6)
    own = recordings_of(model)
    assert all(len(free) <= min(8, own.most) for free in own.free.values())


def test_kinds_of_images_are_few(images):
    model = small()
    for k in range(3 * MOST_KINDS):
        model.normalisation = (0.1, 1.0 + k)
        model.predict_proba(images[:1])
    assert len(recordings_of(model).free) <= MOST_KINDS
    assert_right(model, images[:1])


def test_a_network_of_large_arrays_keeps_none():
    model = nn.Sequential(
        [nn.Conv2D(64, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Dense(2)], input_shape=(1, 256, 256)
    )
    assert recordings_of(model) is None


def test_fewer_than_a_hundred_images_import_no_numba():
    code = (
        "import sys, numpy as np, nnscratch as nn; model = nn.build('logistic');"
        "X = np.zeros((100, 28, 28), np.uint8);"
        "[model.predict_proba(X[:n]) for n in (0, 1, 2, 32, 33, 99)];"
        "print('numba' in sys.modules); model.predict_proba(X); print('numba' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["False", "True"]
