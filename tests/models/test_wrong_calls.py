"""Wrong and unusual arguments of the public functions: told in one sentence, and never from inside NumPy."""

import pathlib

import numpy as np
import pytest

import nnscratch as nn

RNG = np.random.default_rng(0)
IMAGES, LABELS = RNG.random((4, 28, 28)), np.arange(4)
PIXELS = np.zeros((2, 28, 28), np.uint8)


def model():
    return nn.build("logistic")


def check(**arguments):
    return nn.gradcheck(model(), IMAGES, LABELS, **{"samples": 2} | arguments)


def check_dense(**arguments):
    return nn.check_layer(nn.Dense(2), (3,), **arguments)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        # paths
        (lambda: nn.load(None), "the path is None: give a text, or a pathlib.Path"),
        (lambda: nn.load(3), "the path is 3"),
        (lambda: nn.load(""), "the path is ''"),
        (lambda: nn.load("a\0b"), r"the path is 'a\\x00b'"),
        (lambda: nn.load(["m.npz"]), r"the path is \['m.npz'\]"),
        (lambda: model().save(None), "the path is None"),
        (lambda: model().save(open), "the path is <built-in function open>"),
        (lambda: model().save("a\0b.npz"), "the path is"),
        (lambda: nn.load_dataset(None), "the path is None"),
        (lambda: nn.load_dataset(""), "the path is ''"),
        (lambda: nn.load_dataset("a\0b"), "the path is"),
        (lambda: nn.load_dataset(IMAGES), "the path is array"),
        # threads, backends
        (lambda: nn.set_threads("2"), "the number of threads is '2'"),
        (lambda: nn.set_threads(10**5000), "the number of threads is a very long"),
        (lambda: nn.set_backend(["numba"]), r"the backend \['numba'\] is not available"),
        (lambda: nn.set_backend(None), "the backend None is not available"),
        # gradient checks
        (lambda: nn.gradcheck(None, IMAGES, LABELS), "the network is None"),
        (lambda: nn.gradcheck(nn.Dense(2), IMAGES, LABELS), "give a network, or a layer to nn.check_layer"),
        (lambda: nn.gradcheck(model(), None, LABELS), "images are None"),
        (lambda: nn.gradcheck(model(), IMAGES, None), "labels are None"),
        (lambda: nn.gradcheck(model(), IMAGES[:0], LABELS[:0]), "0 images came"),
        (lambda: check(samples=None), "samples is None"),
        (lambda: check(samples=1.5), "samples is 1.5"),
        (lambda: check(tolerance=float("nan")), "tolerance is nan"),
        (lambda: check(tolerance="1e-6"), "tolerance is '1e-6'"),
        (lambda: check(seed=-1), "seed is -1"),
        (lambda: check(layer=3), "there is no layer 3"),
        (lambda: check(loss=lambda out, labels: 1.0), "the loss returned 1.0"),
        (lambda: check(loss="msee"), "the loss 'msee' is unknown"),
        (lambda: nn.check_layer(None, (3,)), "the layer is None"),
        (lambda: nn.check_layer(nn.Dense, (3,)), "give a new one, such as"),
        (lambda: nn.check_layer(model(), (3,)), "the layer is Sequential"),
        (lambda: check_dense(n=0), "n is 0"),
        (lambda: check_dense(n="3"), "n is '3'"),
        (lambda: check_dense(samples=0), "samples is 0"),
        (lambda: check_dense(seed=-1), "seed is -1"),
        (lambda: check_dense(x=[["a"], ["b"], ["c"]]), "the inputs are <U1"),
        (lambda: check_dense(x=np.zeros((3, 0))), "at least one"),
        # optimisers, schedules, distortions
        (lambda: nn.Adam(None), "the learning rate is None"),
        (lambda: nn.Adam(model().parameters), "the learning rate is {'dense1.W'"),
        (lambda: nn.SGD("0.1"), "the learning rate is '0.1'"),
        (lambda: nn.SGD(10**400), "the learning rate is 1000"),
        (lambda: nn.SGD(10**5000), "the learning rate is a very long"),
        (lambda: nn.Step(drops=10**400), "drops of Step is 1000"),
        (lambda: nn.Distortion(10**5000), "rotation is a very long"),
        (lambda: nn.softmax_cross_entropy(None, LABELS), "the outputs are None"),
        (lambda: nn.softmax_cross_entropy([[1.0], [3.0, 4.0]], [0, 1]), "the outputs are of different shapes"),
        (lambda: nn.mean_squared_error("a", LABELS), "the outputs are 'a'"),
        (lambda: nn.Cosine(None), "the warm-up is None"),
        (lambda: nn.Step(drops=1.5), "drops of Step is 1.5: give a whole number"),
        (lambda: nn.Step(drops="2"), "drops of Step is '2'"),
        (lambda: nn.Step(drops=float("inf")), "drops of Step is inf"),
        (lambda: nn.Step(gamma=True), "gamma of Step is True"),
        (lambda: nn.Step(gamma=0), "gamma of Step is 0: give a number above 0 and at most 1"),
        (lambda: nn.OneCycle(rise=None), "rise of OneCycle is None"),
        (lambda: nn.OneCycle(start="0"), "start of OneCycle is '0'"),
        (lambda: nn.Distortion(float("nan")), "rotation is nan"),
        (lambda: nn.Distortion(10).apply(None), "images are None"),
        (lambda: nn.Distortion(10).apply(PIXELS, seed="a"), "the seed is 'a'"),
        (lambda: nn.Distortion(10).apply(PIXELS, seed=-1), "the seed is -1"),
        (lambda: nn.Distortion(10).apply(PIXELS, epoch=None), "the epoch is None"),
        # networks by name
        (lambda: nn.build(None), "the model None is unknown"),
        (lambda: nn.build(["lenet5"]), r"the model \['lenet5'\] is unknown"),
        (lambda: nn.build("mlp", hidden=100), r"hidden is 100: give the sizes of the hidden layers, such as \(100,\)"),
        (lambda: nn.build("mlp", hidden="100"), "hidden is '100'"),
        (lambda: nn.build("mlp", activation=["relu"]), r"the activation \['relu'\] is unknown"),
        (lambda: nn.build("mlp", activation=nn.Tanh), "choose from relu"),
        (lambda: nn.build("mlp", seed=-1), "the seed is -1"),
        (lambda: nn.build("mlp", seed="a"), "the seed is 'a'"),
        (lambda: nn.build("mlp", seed=1.5), "the seed is 1.5"),
        (lambda: nn.load_pretrained("lenet"), "the model 'lenet' is unknown: .*lenet5"),
        (lambda: nn.load_pretrained(None), "the model None is unknown"),
        (lambda: nn.load_pretrained("../zoo"), "is unknown"),
    ],
)
def test_told_in_a_sentence(call, words):
    with pytest.raises(nn.UsageError, match=words) as told:
        call()
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("name", ["lenet5", "lenet5-classic"])
def test_a_models_name_is_no_file(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(nn.DataError, match=rf"nn.build\('{name}'\) makes a new network, and nn.load_pretrained"):
        nn.load(name)
    nn.build("logistic").save(name)  # which then is one
    assert nn.load(name).info == {"name": "logistic"}


def test_what_comes_with_the_library():
    assert nn.load_pretrained("logistic").info["name"] == "logistic"
    with pytest.raises(nn.DataError, match="no lenet5-classic comes with the library"):
        nn.load_pretrained("lenet5-classic")


@pytest.mark.parametrize("form", [str, pathlib.Path, lambda path: str(path).encode()])
def test_every_form_of_a_path(form, tmp_path):
    saved = model()
    saved.save(form(tmp_path / "m.npz"))
    assert nn.load(form(tmp_path / "m.npz")).theta.tobytes() == saved.theta.tobytes()
    with pytest.raises(nn.DataError, match="there is no such file or folder"):
        nn.load_dataset(form(tmp_path / "none"))


def test_every_form_of_a_few_numbers():
    assert check().error == nn.gradcheck(model(), IMAGES.tolist(), LABELS.tolist(), samples=2).error
    assert check(loss="mse").error == check(loss=nn.mean_squared_error).error
    assert check_dense(x=[[1, 2], [3, 4], [5, 6]]).ok
    pixels = np.zeros((2, 28, 28), np.uint8)
    assert np.array_equal(nn.Distortion(10).apply(list(pixels)), pixels)
    assert nn.build("mlp", hidden=np.array([30])).theta.tobytes() == nn.build("mlp", hidden=[30]).theta.tobytes()
    assert nn.build("logistic", seed=np.int64(3)).theta.tobytes() == nn.build("logistic", seed=3).theta.tobytes()


@pytest.mark.parametrize("seed", [2**64, 10**30])
def test_a_seed_of_any_size_distorts(seed):
    nn.build("logistic").fit(IMAGES, LABELS, seed=seed, distortion=nn.Distortion(rotation=10))


@pytest.mark.parametrize("name", ["SGD", "Momentum", "Nesterov", "RMSProp", "Adam", "AdamW"])
def test_optimisers_have_a_learning_rate_of_their_own(name):
    of_means = name in ("RMSProp", "Adam", "AdamW")
    assert getattr(nn, name)() == getattr(nn, name)(0.001 if of_means else 0.01)


def test_help_begins_with_one_screen():
    lines = nn.__doc__.splitlines()
    assert len(lines) <= 30
    assert max(map(len, lines)) <= 120
    for name in nn.__all__:
        assert name.startswith("__") or name in nn.__doc__, name
