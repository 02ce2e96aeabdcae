"""``nn.Classifier`` beside scikit-learn's own tests of an estimator, and beside the library's own training."""

import pickle
import subprocess
import sys

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.files import npz
from tests.tools.commands import run_inside

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from nnscratch.models import estimator
from nnscratch.models.parameters import split_off

pytestmark = pytest.mark.usefixtures("readable_ops")

MNIST = nn.load_mnist()
DIGITS, NAMES = MNIST.train_images[:600], MNIST.train_labels[:600]


def expected_failures(classifier):
    """Which examples are held out is drawn at random, so that with repeated ones in it others are."""
    held_out = {
        "check_sample_weight_equivalence_on_dense_data": "other examples are held out",
        "check_class_weight_classifiers": "the best epoch is that of the highest plain accuracy",
    }
    return held_out if classifier.validation_fraction else {}


CHECKS = parametrize_with_checks(
    [nn.Classifier(), nn.Classifier("logistic", epochs=60), nn.Classifier(validation_fraction=0.2, patience=20)],
    expected_failed_checks=expected_failures,
).mark


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the checks provoke warnings, and catch those that they are about
@pytest.mark.parametrize(CHECKS.args[0], list(CHECKS.args[1]), **CHECKS.kwargs)  # pytest 9 wants no generator
def test_scikit_learn_accepts_it(estimator, check):
    check(estimator)


def test_it_learns_iris_and_breast_cancer():
    for load, least in ((load_iris, 0.92), (load_breast_cancer, 0.95)):
        assert cross_val_score(nn.Classifier(random_state=0), *load(return_X_y=True), cv=3).mean() >= least


def test_a_search_in_a_pipeline():
    X, y = load_iris(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), nn.Classifier(epochs=20, random_state=0))
    grid = {"classifier__hidden": [(5,), (30, 10)], "classifier__activation": ["relu", "tanh"]}
    search = GridSearchCV(pipeline, grid, cv=3).fit(X, y)
    best = search.best_estimator_[-1]
    assert search.best_score_ > 0.9 and len(search.cv_results_["params"]) == 4
    assert [layer.units for layer in best.network_.layers if isinstance(layer, nn.Dense)] == [*best.hidden, 3]


def test_the_scaling_is_that_of_a_standard_scaler():
    X, y = load_breast_cancer(return_X_y=True)
    X[:, 3] = 0.1  # a constant, which is no number of the binary system
    inside = nn.Classifier(epochs=3, random_state=0).fit(X, y)
    outside = make_pipeline(StandardScaler(), nn.Classifier(epochs=3, random_state=0, scaling="none")).fit(X, y)
    np.testing.assert_allclose(inside.mean_, outside[0].mean_, rtol=1e-12)
    np.testing.assert_allclose(inside.scale_, outside[0].scale_, rtol=1e-9)
    np.testing.assert_allclose(inside.predict_proba(X), outside.predict_proba(X), atol=1e-9)


@pytest.mark.parametrize("model", ["mlp", "lenet5", "lenet5-classic", "logistic"])
def test_on_images_it_is_the_librarys_own_training(model):
    given = {"epochs": 2, "batch_size": 50, "learning_rate": 0.002, "optimizer": "nesterov", "schedule": "cosine"}
    classifier = nn.Classifier(model, **given, random_state=5).fit(DIGITS, NAMES)
    seed = np.random.RandomState(5).randint(np.iinfo(np.int32).max)
    own = nn.build(model, seed=seed, **({"hidden": (100,)} if model == "mlp" else {}))
    optimizer = nn.Nesterov(0.002)
    history = own.fit(DIGITS, NAMES, epochs=2, batch_size=50, optimizer=optimizer, schedule=nn.Cosine(), seed=seed)
    assert classifier.network_.theta.tobytes() == own.theta.tobytes()
    assert [row["loss"] for row in classifier.history_] == [row["loss"] for row in history]
    images = MNIST.test_images[:50]
    np.testing.assert_allclose(classifier.predict_proba(images), own.predict_proba(images), atol=1e-6)
    assert (classifier.predict(images) == own.predict(images)).all()


def test_images_may_come_in_many_forms():
    classifier = nn.Classifier("lenet5", epochs=1, random_state=0).fit(DIGITS, NAMES)
    expected = classifier.predict_proba(DIGITS[:20])
    forms = [DIGITS[:20, None], DIGITS[:20].reshape(20, 784), DIGITS[:20].astype(float), DIGITS[:20].astype(int)]
    for form in forms:
        np.testing.assert_allclose(classifier.predict_proba(form), expected, atol=1e-5)
    for form in (DIGITS.reshape(600, 784), DIGITS[:, None]):
        other = nn.Classifier("lenet5", epochs=1, random_state=0).fit(form, NAMES)
        assert other.network_.theta.tobytes() == classifier.network_.theta.tobytes()
    floats = nn.Classifier("lenet5", epochs=1, random_state=0).fit((DIGITS / 255).astype(np.float32), NAMES)
    assert (floats.mean_, floats.scale_) == (0, 1) and floats.network_.dtype == np.float32
    np.testing.assert_allclose(floats.predict_proba(DIGITS[:20] / 255), expected, atol=1e-4)


def test_colours_and_sizes_of_other_images():
    rng = np.random.default_rng(0)
    images, labels = rng.random((40, 3, 20, 17)), np.arange(40) % 2
    images[labels == 1, 0] += 1
    classifier = nn.Classifier("lenet5", epochs=10, random_state=0).fit(images, labels)
    assert classifier.network_.input_shape == (3, 20, 17) and classifier.n_features_in_ == 3 * 20 * 17
    assert classifier.scale_ == images.max() and classifier.score(images, labels) == 1


def test_a_network_of_digits_goes_to_predict(tmp_path):
    classifier = nn.Classifier(epochs=3, random_state=0).fit(DIGITS, NAMES)
    classifier.network_.save(tmp_path / "own.safetensors")
    code, out, err = run_inside("predict", "test:0", "--model", "own.safetensors", cwd=tmp_path)
    assert code == 0 and f" {classifier.predict(MNIST.test_images[:1])[0]} " in out, err


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize("scaling", ["auto", "images", "none"])
def test_the_scaling_belongs_to_the_file(tmp_path, scaling, suffix):
    """A network that was loaded used to take X for what was scaled already: 0.725 in place of 0.900."""
    X, y = load_iris(return_X_y=True)
    classifier = nn.Classifier(epochs=30, random_state=0, scaling=scaling).fit(X, y)
    classifier.network_.save(tmp_path / f"own{suffix}")
    loaded = nn.load(tmp_path / f"own{suffix}")
    for network in (classifier.network_, loaded, pickle.loads(pickle.dumps(classifier)).network_):
        assert network.score(X, y) == classifier.score(X, y) > 0.9
        np.testing.assert_allclose(network.predict_proba(X), classifier.predict_proba(X), rtol=1e-6)
    assert nn.gradcheck(loaded, X[:4], y[:4]).ok
    loaded.fit(X, y, epochs=2)  # trains on what it takes
    assert loaded.score(X, y) > 0.9


@pytest.mark.parametrize("scaling", ["auto", "features", "images", "none"])
def test_pixels_mean_the_same_in_bytes_and_in_0_to_1(tmp_path, scaling):
    """Trained on floats in 0..1: bytes, which predict.py gives, used to enter 255 times too large."""
    X = DIGITS.reshape(len(DIGITS), -1) / 255
    classifier = nn.Classifier(epochs=3, random_state=0, scaling=scaling).fit(X, NAMES)
    classifier.network_.save(tmp_path / "own.npz")
    loaded = nn.load(tmp_path / "own.npz")
    np.testing.assert_allclose(loaded.predict_proba(DIGITS.reshape(len(X), -1)), classifier.predict_proba(X), atol=1e-6)
    assert loaded.score(X, NAMES) == classifier.score(X, NAMES) > 0.8


@pytest.mark.parametrize("scaling", [(0.0, 0.0), (np.zeros(3), 1.0), (np.inf, 1.0), (np.zeros((1, 2, 2)), -np.ones(4))])
def test_a_scaling_that_cannot_be_is_refused_when_it_is_set(scaling):
    model = nn.Sequential([nn.Flatten(), nn.Dense(3)], (1, 2, 2))
    with pytest.raises(nn.UsageError, match="the scaling"):
        model.scaling = scaling
    model.scaling = np.ones((1, 2, 2)), 2.0
    assert model.predict_proba(np.ones((1, 2, 2))).shape == (1, 3)


def test_a_file_without_a_scaling_has_none(tmp_path):
    classifier = nn.Classifier(epochs=1, random_state=0).fit(DIGITS, NAMES)  # uint8
    classifier.network_.save(tmp_path / "own.npz")
    assert nn.load(tmp_path / "own.npz").scaling is None
    with np.load(tmp_path / "own.npz") as file:
        assert not [name for name in file if "scaling" in name]


@pytest.mark.parametrize(
    ("mean", "scale"),
    [([0.0] * 3, [1.0]), ([0.0], [0.0]), ([np.nan] * 4, [1.0] * 4), (None, [1.0])],
)
def test_a_scaling_that_cannot_be_is_refused(tmp_path, mean, scale):
    model = nn.Sequential([nn.Dense(3)], (4,))
    arrays = {"scaling.mean": mean, "scaling.scale": scale} if mean else {"scaling.scale": scale}
    header = {"architecture": model.architecture(), "info": {}}
    arrays = model.parameters | {name: np.array(value) for name, value in arrays.items()}
    npz.write(tmp_path / "model.npz", "model", header, arrays)
    with pytest.raises(nn.DataError, match="scaling"):
        nn.load(tmp_path / "model.npz")


def test_steps_of_partial_fit_are_the_epochs_of_fit():
    X, y = load_iris(return_X_y=True)
    settings = {"dropout": 0.2, "optimizer": "adam", "random_state": 0}
    whole = nn.Classifier(epochs=4, **settings).fit(X, y)
    parts = nn.Classifier(**settings).partial_fit(X, y, classes=[2, 1, 0])
    parts = pickle.loads(pickle.dumps(parts)).partial_fit(X, y)
    half = nn.Classifier(epochs=2, **settings).fit(X, y)
    for classifier in (parts, half):
        classifier.partial_fit(X, y).partial_fit(X, y, classes=[0, 1, 2])
        assert classifier.network_.theta.tobytes() == whole.network_.theta.tobytes()
        assert [row["loss"] for row in classifier.history_] == [row["loss"] for row in whole.history_]


def test_partial_fit_with_labels_that_come_later():
    X, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])
    classifier = nn.Classifier(random_state=0, scaling="none", batch_size=10)
    rng = np.random.default_rng(0)
    for step in range(60):
        some = rng.choice(100 if step < 5 else 150, 50)
        classifier.partial_fit(X[some], names[y[some]], classes=names)
    assert classifier.predict_proba(X).shape == (150, 3) and classifier.score(X, names[y]) > 0.9


@pytest.mark.parametrize("again", [lambda c: pickle.loads(pickle.dumps(c)), __import__("copy").deepcopy])
def test_copies_predict_the_same_and_train_on_by_themselves(again):
    X, y = load_iris(return_X_y=True)
    classifier = nn.Classifier(epochs=5, random_state=0).fit(X, y)
    expected = classifier.predict_proba(X)
    copy = again(classifier)
    assert copy.predict_proba(X).tobytes() == expected.tobytes()
    copy.partial_fit(X, y)
    assert (copy.predict_proba(X) != expected).any()
    assert classifier.predict_proba(X).tobytes() == expected.tobytes()
    assert not hasattr(clone(classifier), "network_")


def test_another_seed_holds_out_other_examples(monkeypatch):
    X, y = load_iris(return_X_y=True)
    held_out = []

    def split(*arguments):
        held_out.append(split_off(*arguments))
        return held_out[-1]

    monkeypatch.setattr(estimator, "split_off", split)
    for seed in (0, 1, 1):
        nn.Classifier(epochs=1, validation_fraction=0.2, random_state=seed).fit(X, y)
    zero, one, again = (set(other) for _, other in held_out)
    assert one == again != zero
    assert len(one) == len(zero) == 30


def test_validation_keeps_the_best_epoch_and_patience_ends():
    X, y = load_iris(return_X_y=True)
    settings = {"validation_fraction": 0.3, "random_state": 0, "learning_rate": 0.01}
    classifier = nn.Classifier(epochs=300, patience=5, **settings).fit(X, y)
    rows = [(row["validation_accuracy"], -row["validation_loss"]) for row in classifier.history_]
    best = rows.index(max(rows)) + 1
    assert len(rows) == best + 5 < 300
    assert (
        classifier.network_.theta.tobytes() == nn.Classifier(epochs=best, **settings).fit(X, y).network_.theta.tobytes()
    )


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"model": "resnet"}, "choose from lenet5, mlp, logistic, lenet5-classic"),
        ({"model": "lenet5"}, "10 features are no square"),
        ({"activation": "swish"}, "choose from relu"),
        ({"hidden": (0,)}, "number of units"),
        ({"optimizer": "lion"}, "choose from sgd"),
        ({"schedule": "sine"}, "choose from constant"),
        ({"scaling": "log"}, "choose from auto, features, images, none"),
        ({"epochs": 0}, "epochs is 0"),
        ({"batch_size": 0.5}, "batch_size is 0.5"),
        ({"learning_rate": -1}, "learning rate is -1"),
        ({"dropout": 1}, "dropout rate is 1"),
        ({"validation_fraction": 1.5}, "validation_fraction is 1.5"),
        ({"validation_fraction": 0.99}, "leaves none of n_samples=10"),
        ({"patience": 3}, "validation_fraction above 0"),
    ],
)
def test_bad_parameters(settings, told):
    with pytest.raises(nn.UsageError, match=told):
        nn.Classifier(**settings).fit(np.eye(10), np.arange(10))


def test_bad_calls_of_partial_fit():
    X, y = np.eye(4), np.array(["a", "b", "a", "b"])
    with pytest.raises(nn.UsageError, match="without classes"):
        nn.Classifier().partial_fit(X, y)
    with pytest.raises(nn.UsageError, match=r"not among the classes \['a', 'c'\]"):
        nn.Classifier().partial_fit(X, y, classes=["a", "c"])
    with pytest.raises(nn.UsageError, match="classes differ"):
        nn.Classifier().partial_fit(X, y, classes=["a", "b"]).partial_fit(X, y, classes=["a"])


def test_without_scikit_learn_it_says_what_is_missing():
    code = "import sys; sys.modules['sklearn'] = None; import nnscratch as nn; nn.Classifier"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    told = done.stderr.strip().splitlines()[-1]
    assert told.startswith('ImportError: nn.Classifier needs scikit-learn: pip install "nnscratch[sklearn]" (')
    with pytest.raises(AttributeError, match="no attribute 'Klassifier'"):
        _ = nn.Klassifier


def test_hidden_wants_sizes():
    with pytest.raises(nn.UsageError, match=r"hidden is 5: give the sizes of the hidden layers, such as \(100,\)"):
        nn.Classifier(hidden=5).fit(np.eye(4), [0, 1, 0, 1])
