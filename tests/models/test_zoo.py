"""The four models: sizes, learning, reproducibility, images and labels that are taken."""

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.models.zoo import MODELS, known_models

SIZES = {"lenet5": 34_622, "mlp": 399_210, "logistic": 7_850, "lenet5-classic": 61_706}


@pytest.fixture(scope="module")
def mnist():
    return nn.load_mnist()


def few(mnist, n=20):
    """The first n / 10 images of each digit."""
    chosen = np.concatenate([np.flatnonzero(mnist.train_labels == digit)[: n // 10] for digit in range(10)])
    return mnist.train_images[chosen], mnist.train_labels[chosen]


@pytest.mark.parametrize("name", MODELS)
def test_parameters(name):
    model = nn.build(name)
    assert model.theta.size == SIZES[name]
    assert sum(value.size for value in model.parameters.values()) == SIZES[name]
    assert f"{SIZES[name]:,}" in model.summary().splitlines()[-1]


LAYERS = {
    "lenet5": "Conv2D ReLU MaxPool2D Conv2D ReLU MaxPool2D Flatten Dense ReLU Dense",
    "mlp": "Flatten Dense ReLU Dense ReLU Dense",
    "logistic": "Flatten Dense",
    "lenet5-classic": "Conv2D Tanh AvgPool2D Conv2D Tanh AvgPool2D Flatten Dense Tanh Dense Tanh Dense",
}


@pytest.mark.parametrize("name", MODELS)
def test_layers(name):
    """As in their sources: parameters alone do not tell a mean from a maximum, nor Tanh from ReLU."""
    model = nn.build(name)
    assert " ".join(type(layer).__name__ for layer in model.layers) == LAYERS[name]
    init = "lecun" if name == "lenet5-classic" else "glorot"
    assert {layer.init for layer in model.layers if isinstance(layer, nn.Conv2D | nn.Dense)} == {init}


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_overfits_twenty_images(name, mnist):
    images, labels = few(mnist)
    model = nn.build(name, seed=1)
    history = model.fit(images, labels, epochs=60, batch_size=10, optimizer=nn.Adam(2e-3), seed=1)
    assert model.score(images, labels) == 1.0
    assert history[-1]["loss"] < 0.2 * history[0]["loss"]


@pytest.mark.parametrize("name", MODELS)
def test_same_seed_same_bits(name, mnist):
    images, labels = few(mnist, 100)

    def weights(seed):
        model = nn.build(name, seed=seed)
        model.fit(images, labels, epochs=2, batch_size=32, seed=seed)
        return model.theta.tobytes()

    assert weights(3) == weights(3)
    assert weights(3) != weights(4)


def test_mlp_options():
    model = nn.build("mlp", hidden=[50], activation="tanh", dropout=0.5)
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds == ["Flatten", "Dense", "Tanh", "Dropout", "Dense"]
    assert model.theta.size == 784 * 50 + 50 + 50 * 10 + 10


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"name": "lenet"}, "unknown"),
        ({"name": "lenet5", "hidden": [3]}, "only mlp"),
        ({"name": "logistic", "dropout": 0.1}, "only mlp"),
        ({"name": "mlp", "activation": "selu"}, "choose from"),
        ({"name": "mlp", "dropout": 1.0}, "below 1"),
        ({"name": "mlp", "hidden": [0]}, "at least 1"),
        ({"name": "mlp", "dtype": "float16"}, "dtype"),
    ],
)
def test_build_refuses(arguments, words):
    with pytest.raises(nn.UsageError, match=words):
        nn.build(**arguments)


def test_the_door_takes_every_form_of_the_same_images(mnist):
    model = nn.build("lenet5", seed=0)
    images = mnist.test_images[:5]
    expected = model.predict_proba(images)
    assert expected.shape == (5, 10)
    assert expected.dtype == np.float32
    np.testing.assert_allclose(expected.sum(axis=1), 1, rtol=1e-6)
    for form in (images[:, None], images.reshape(5, 784), images / 255, (images / 255).astype(np.float32)):
        np.testing.assert_allclose(model.predict_proba(form), expected, rtol=1e-5, atol=1e-7)


def test_many_images_are_as_few(mnist):
    model = nn.build("lenet5", seed=0)
    images = mnist.test_images[:300]
    together = model.predict_proba(images)
    apart = np.concatenate([model.predict_proba(images[i : i + 1]) for i in range(0, 300, 37)])
    np.testing.assert_allclose(together[::37], apart, rtol=1e-5, atol=1e-7)
    assert model.predict_proba(images[:0]).shape == (0, 10)


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (np.zeros((2, 28, 28), np.int64), "int64"),
        (np.full((2, 28, 28), 2.0), "0..1"),
        (np.full((2, 28, 28), np.nan), "example 0 has the number nan"),
        (np.full((2, 28, 28), -0.1), "0..1"),
        (np.zeros((2, 27, 28), np.uint8), "shape"),
        (np.zeros((28, 28), np.uint8), "shape"),
        (np.zeros((2, 28, 28, 1), np.uint8), "shape"),
        (np.array([["a" * 784]]), "shape"),
    ],
)
def test_images_that_do_not_fit_are_refused(images, words):
    with pytest.raises(nn.UsageError, match=words):
        nn.build("logistic").predict(images)


def test_score_and_evaluate_agree(mnist):
    model = nn.build("logistic", seed=0)
    images, labels = mnist.test_images[:500], mnist.test_labels[:500]
    report = model.evaluate(images, labels)
    assert report["accuracy"] == model.score(images, labels) == (model.predict(images) == labels).mean()
    p = model.predict_proba(images).astype(float)
    assert report["loss"] == pytest.approx(-np.log(p[np.arange(500), labels]).mean(), rel=1e-5)
    assert np.sum(report["confusion"]) == 500


def test_network_that_ends_in_softmax(mnist):
    layers = [nn.Flatten(), nn.Dense(10), nn.Softmax()]
    model = nn.Sequential(layers, seed=0)
    images, labels = few(mnist, 100)
    with pytest.raises(nn.UsageError, match="leave the layer out"):
        model.fit(images, labels)
    before = model.score(images, labels)
    history = model.fit(images, labels, epochs=40, batch_size=20, loss=nn.mean_squared_error, optimizer=nn.Adam(3e-3))
    assert history[-1]["loss"] < history[0]["loss"]
    assert model.score(images, labels) > max(before, 0.9)
    np.testing.assert_allclose(model.predict_proba(images).sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.array([0, 1, 10]), r"0\.\.9"),
        (np.array([0, 1, -1]), r"0\.\.9"),
        (np.array([0, 1]), "3 images and 2 labels came: give as many of both"),
        (np.array([0.0, 1.0, 2.0]), "float64"),
    ],
)
def test_judging_refuses_labels_that_do_not_fit(labels, words):
    model, images = nn.build("logistic"), np.zeros((3, 28, 28), np.uint8)
    for judge in (model.score, model.evaluate):
        with pytest.raises(nn.UsageError, match=words):
            judge(images, labels)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: nn.Adam("0.1"), "give a number"),
        (lambda: nn.Sequential([nn.Flatten(), nn.Dense((3, 4))]), "whole number"),
        (lambda: nn.Sequential([nn.Conv2D(True, 3)]), "whole number"),
        (lambda: nn.Sequential([nn.Dropout("0.5")]), "share of at least 0"),
        (lambda: nn.Sequential([5]), "made of at least one layer"),
        (lambda: nn.Sequential([nn.Flatten()], input_shape=(0,)), "size of the input"),
        (lambda: nn.Step(drops=-1), "drops of Step"),
        (lambda: nn.OneCycle(rise=2), "rise of OneCycle"),
    ],
)
def test_wrong_types_and_ranges_are_refused(make, words):
    with pytest.raises(nn.UsageError, match=words):
        make()


def test_layers_of_a_failed_network_can_be_used_again():
    dense = nn.Dense(10)
    with pytest.raises(nn.UsageError, match="put Flatten before"):
        nn.Sequential([dense])
    assert nn.Sequential([nn.Flatten(), dense]).theta.size == 7850


def test_numpy_scalars_as_settings_keep_the_network_float32():
    layers = [nn.Flatten(), nn.BatchNorm(eps=np.float64(1e-5)), nn.LeakyReLU(np.float64(0.1)), nn.Dense(10)]
    model = nn.Sequential(layers)
    x = np.random.default_rng(0).random((1, 28, 28, 4), np.float32)
    assert model.forward(x, training=True).dtype == np.float32


def test_a_model_that_is_named_twice_is_meant_once():
    assert known_models(["mlp", "lenet5", "mlp"]) == ["mlp", "lenet5"]
    with pytest.raises(nn.UsageError, match="resnet"):
        known_models(["mlp", "resnet"])


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_a_file_with_weights_that_are_no_numbers_is_refused(wrong, suffix, tmp_path):
    model = nn.build("logistic")
    next(iter(model.parameters.values())).flat[5] = wrong
    model.save(tmp_path / f"m{suffix}")
    with pytest.raises(nn.DataError, match="else than finite numbers"):
        nn.load(tmp_path / f"m{suffix}")
