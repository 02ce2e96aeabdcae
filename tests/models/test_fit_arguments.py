"""What fit and its neighbours may be given: names, classes, functions, lists; and what else is told in one sentence."""

import json
import math
import pickle
import warnings

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.training.plan import Plan
from nnscratch.training.state import TrainingState

RNG = np.random.default_rng(0)
IMAGES, LABELS = RNG.random((40, 28, 28)), np.arange(40) % 10


def fit(**arguments):
    model = nn.build("logistic")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        history = model.fit(IMAGES, LABELS, batch_size=10, **arguments)
    return model.theta.tobytes(), history


class Arrayish:
    """What pandas and PyTorch have of an array: no more is asked for."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return self.array

    def __len__(self):
        return len(self.array)


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ({"optimizer": "adam"}, {"optimizer": nn.Adam(1e-3)}),
        ({"optimizer": "Adam"}, {}),
        ({"optimizer": "sgd"}, {"optimizer": nn.SGD(0.01)}),
        ({"optimizer": "momentum"}, {"optimizer": nn.Momentum(0.01)}),
        ({"optimizer": "nesterov"}, {"optimizer": nn.Nesterov(0.01)}),
        ({"optimizer": "rmsprop"}, {"optimizer": nn.RMSProp(1e-3)}),
        ({"optimizer": "adamw"}, {"optimizer": nn.AdamW(1e-3)}),
        ({"optimizer": nn.Adam}, {"optimizer": nn.Adam(1e-3)}),
        ({"schedule": "cosine"}, {"schedule": nn.Cosine()}),
        ({"schedule": nn.OneCycle}, {"schedule": nn.OneCycle()}),
        ({"schedule": lambda p: 0.5 * (1 + math.cos(math.pi * p))}, {"schedule": nn.Cosine()}),
        ({"loss": "mse"}, {"loss": nn.mean_squared_error}),
        ({"loss": "mean_squared_error"}, {"loss": nn.mean_squared_error}),
        ({"loss": "cross_entropy"}, {}),
        ({"loss": "cross_entropy", "label_smoothing": 0.1}, {"label_smoothing": 0.1}),
        ({"callbacks": None}, {}),
        ({"callbacks": nn.Callback()}, {}),
        ({"distortion": False}, {}),
        ({"validation": [IMAGES.tolist(), LABELS.tolist()]}, {"validation": (IMAGES, LABELS)}),
    ],
)
def test_what_is_meant_is_done(short, long):
    assert fit(epochs=2, **short)[0] == fit(epochs=2, **long)[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"optimizer": "adagrad"}, "the optimiser 'adagrad' is unknown: choose from sgd"),
        ({"optimizer": 0.01}, r"the optimiser is 0\.01: give a name such as 'adam', or nn\.Adam"),
        ({"schedule": "cosin"}, "did you mean cosine"),
        ({"schedule": 0.5}, r"the schedule is 0\.5: give a name"),
        ({"schedule": lambda: 1}, "does not take one argument"),
        ({"schedule": lambda step, steps: 1}, "does not take one argument"),
        ({"schedule": lambda p: math.nan}, "the schedule returned nan at progress 0"),
        ({"schedule": lambda p: None}, "the schedule returned None"),
        ({"schedule": lambda p: 0.2 - p}, "the schedule returned -0"),
        ({"loss": "hinge"}, "the loss 'hinge' is unknown"),
        ({"loss": lambda out: 1.0}, "give a name such as 'mse', or a function of outputs and labels"),
        ({"loss": nn.Softmax}, "give a name such as 'mse'"),
        ({"schedule": nn.Adam}, "give a name such as 'cosine'"),
        ({"optimizer": nn.Cosine}, "give a name such as 'adam'"),
        ({"optimizer": nn.SGD, "clip": 10**400}, "clip is 1000"),
        ({"loss": None}, "the loss is None: give a name"),
        ({"loss": lambda out, labels: 1.0}, r"the loss returned 1\.0: a loss returns \(loss, dout\)"),
        ({"loss": lambda out, labels: out}, r"a loss returns \(loss, dout\)"),
        ({"loss": lambda out, labels: (np.ones(2), out)}, r"a loss returns \(loss, dout\)"),
        ({"loss": lambda out, labels: (None, out)}, r"a loss returns \(loss, dout\)"),
        ({"validation": 0.1}, r"validation is 0\.1: give a pair \(images, labels\), or validation_split=0\.1"),
        ({"validation": True}, "validation is True: give a pair"),
        ({"validation": IMAGES}, "give a pair"),
        ({"validation": (IMAGES,)}, "give a pair"),
        ({"validation": (None, None)}, "the validation's labels are None"),
        ({"validation": (LABELS, IMAGES)}, "images have the shape"),
        ({"validation_split": 1}, "validation_split is 1: give a number of at least 0 and below 1"),
        ({"validation_split": "0.1"}, "validation_split is '0.1'"),
        ({"validation_split": 0.99}, "leaves none of 40 images"),
        ({"validation_split": 0.5, "validation": (IMAGES, LABELS)}, "came both"),
        ({"min_delta": -1}, "min_delta is -1"),
        ({"min_delta": math.nan}, "min_delta is nan"),
        ({"callbacks": [nn.Callback]}, r"is a class: give an instance, Callback\(\)"),
        ({"callbacks": "print"}, "a callback is 'print'"),
        ({"callbacks": [3]}, "a callback is 3"),
        ({"callbacks": lambda: None}, "does not take one argument"),
        ({"distortion": 10}, r"the distortion is 10: give nn\.Distortion"),
        ({"distortion": nn.Distortion}, r"give nn\.Distortion"),
        ({"distortion": {"rotation": 10}}, r"give nn\.Distortion"),
        ({"progress": "yes"}, "progress is 'yes'"),
    ],
)
def test_what_is_not_meant_is_told(arguments, words):
    with pytest.raises(nn.UsageError, match=words):
        fit(**arguments)


RAGGED = [np.zeros((28, 28)), np.zeros((30, 30))]


@pytest.mark.parametrize(
    ("images", "labels", "words"),
    [
        (IMAGES, None, "labels are None"),
        (IMAGES, 3, "labels are 3"),
        (IMAGES, "abc", "labels are 'abc'"),
        (IMAGES, (label for label in LABELS), "labels are <generator"),
        (IMAGES, [[1], [1, 2]] * 20, "labels are of different shapes"),
        (None, LABELS, "images are None"),
        ("train.csv", LABELS, r"images are 'train\.csv'"),
        ((image for image in IMAGES), LABELS, "images are <generator"),
        ({"a": 1}, LABELS, "images are {'a': 1}"),
        (np.ma.masked_less(IMAGES, 0.5), LABELS, "images have values that are masked"),
        (RAGGED, [0, 1], r"images are of different shapes, such as \(28, 28\) and \(30, 30\)"),
    ],
)
def test_images_and_labels_that_are_none(images, labels, words):
    model = nn.build("logistic")
    for judge in (model.fit, model.score, model.evaluate, model.calibrate):
        with pytest.raises(nn.UsageError, match=words):
            judge(images, labels)


def test_predict_refuses_images_of_different_sizes():
    with pytest.raises(nn.UsageError, match="images are of different shapes"):
        nn.build("logistic").predict(RAGGED)


def test_a_gradient_may_be_a_list():
    def loss(out, labels):
        value, dout = nn.mean_squared_error(out, labels)
        return value, dout.tolist()

    assert fit(loss=loss)[1][0]["loss"] == pytest.approx(fit(loss="mse")[1][0]["loss"], rel=1e-6)


@pytest.mark.parametrize("form", [np.asarray, np.ndarray.tolist, Arrayish, list, tuple])
def test_every_form_of_the_same_numbers(form):
    model = nn.build("logistic")
    model.fit(form(IMAGES), form(LABELS), batch_size=10, validation_split=0.25)
    expected, score = fit(validation_split=0.25)[0], model.score(IMAGES, LABELS)
    assert model.theta.tobytes() == expected
    assert model.score(form(IMAGES), form(LABELS)) == score
    assert model.evaluate(form(IMAGES), form(LABELS))["accuracy"] == score
    assert (model.predict(form(IMAGES)) == model.predict(IMAGES)).all()


# ---- callbacks


def test_a_function_is_called_with_the_trainer_after_each_epoch():
    seen = []
    fit(epochs=3, callbacks=lambda trainer: seen.append(trainer.state.history[-1]["epoch"]))
    fit(epochs=2, callbacks=[seen.append, nn.Callback()])
    assert seen[:3] == [1, 2, 3]
    assert [trainer.state.epoch for trainer in seen[3:]] == [2, 2]


def test_an_error_of_a_callback_reaches_whoever_called():
    class Fails(nn.Callback):
        def on_begin(self, trainer):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fit(callbacks=[Fails()])


def test_callbacks_that_can_be_gone_through_once_are_called_throughout():
    calls = []

    class Count(nn.Callback):
        def on_begin(self, trainer):
            calls.append("begin")

        def on_epoch_end(self, trainer):
            calls.append("epoch")

        def close(self):
            calls.append("close")

    fit(epochs=2, callbacks=(one for one in [Count()]))
    assert calls == ["begin", "epoch", "epoch", "close"]


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_a_callback_sets_the_learning_rate_from_then_on(schedule):
    def slower(trainer):
        if trainer.state.epoch == 1:
            trainer.learning_rate = 0.125

    _, history = fit(epochs=3, optimizer=nn.SGD(0.5), schedule=schedule, callbacks=slower)
    assert [row["learning_rate"] for row in history[1:]] == [0.125, 0.125]
    constant = fit(epochs=3, optimizer=nn.SGD(0.5), schedule=schedule)[1]
    assert history[0]["loss"] == constant[0]["loss"]
    assert history[2]["loss"] != constant[2]["loss"]


@pytest.mark.parametrize("rate", [0, -1, "0.1", None, math.nan, True])
def test_a_learning_rate_that_is_none_is_refused(rate):
    with pytest.raises(nn.UsageError, match="the learning rate is"):
        fit(callbacks=lambda trainer: setattr(trainer, "learning_rate", rate))


# ---- validation


def test_validation_split_holds_out_each_class_in_proportion():
    seen = []
    _, history = fit(validation_split=0.25, callbacks=seen.append)
    (trainer,) = seen
    images, labels = trainer.validation
    assert np.bincount(labels).tolist() == [1] * 10
    assert np.bincount(trainer.labels).tolist() == [3] * 10
    assert len(images) == 10
    assert "validation_accuracy" in history[0]
    together = np.concatenate([trainer.images.images, images.images]).reshape(40, -1)
    assert np.array_equal(np.sort(together.sum(axis=1)), np.sort(IMAGES.reshape(40, -1).sum(axis=1)))


def test_validation_split_depends_on_the_seed_alone():
    parts = []
    for seed in (0, 0, 1):
        fit(validation_split=0.25, seed=seed, callbacks=lambda trainer: parts.append(trainer.validation[0].images))
    assert np.array_equal(parts[0], parts[1])
    assert not np.array_equal(parts[0], parts[2])


def test_validation_split_of_targets():
    model = nn.build("logistic")
    history = model.fit(IMAGES, np.eye(10)[LABELS], loss="mse", validation_split=0.3)
    assert history[0]["validation_loss"] > 0


def test_min_delta_is_what_a_better_epoch_gains():
    """The best epoch is the last that beat the best before it by more than min_delta, and patience counts from it."""
    how = {"epochs": 12, "validation": (IMAGES, LABELS), "optimizer": nn.Adam(3e-4)}
    _, history = fit(**how)
    accuracies = [row["validation_accuracy"] for row in history]
    assert len(set(accuracies)) > 4, "choose other settings: the accuracy must rise in steps"
    states = []
    fit(**how, min_delta=0.2, callbacks=states.append)
    best = 0
    for epoch, accuracy in enumerate(accuracies):
        if accuracy > accuracies[best] + 0.2:
            best = epoch
    assert states[-1].state.best_epoch == best + 1
    assert len(fit(**how, min_delta=0.99, patience=2)[1]) == 3


def test_patience_without_validation_is_warned_of():
    with pytest.warns(UserWarning, match="give validation or validation_split") as told:
        nn.build("logistic").fit(IMAGES, LABELS, patience=2)
    assert told[0].filename == __file__


def test_where_there_is_no_accuracy_the_loss_must_fall():
    state = TrainingState(nn.build("logistic"), nn.SGD())
    assert state.is_better(None, 5.0, min_delta=0.5)
    state.best_epoch, state.best_loss = 1, 5.0
    assert [state.is_better(None, loss, min_delta=0.5) for loss in (4.6, 4.5, 4.4)] == [False, False, True]
    assert state.is_better(None, 4.99)


def test_split_refuses_counts_that_differ():
    with pytest.raises(nn.UsageError, match="40 images and 39 labels came"):
        nn.build("logistic").fit(IMAGES, LABELS[1:], validation_split=0.1)


# ---- what is returned


def test_a_history_is_a_list_of_dicts_that_shows_a_table():
    history = fit(epochs=20, validation_split=0.25)[1]
    assert isinstance(history, list)
    assert history == list(history) == json.loads(json.dumps(history)) == pickle.loads(pickle.dumps(history))
    lines = repr(history).splitlines()
    assert lines[0].split()[:4] == ["epoch", "learning_rate", "loss", "accuracy"]
    assert [line.split()[0] for line in lines[1:]] == ["1", "2", "3", "4", "5", "...", "16", "17", "18", "19", "20"]
    assert len({len(line) for line in lines if "..." not in line}) == 1
    assert len(repr(fit(epochs=3)[1]).splitlines()) == 4


def test_a_plan_shows_what_is_not_usual():
    assert repr(Plan()) == "Plan()"
    assert repr(Plan(epochs=3, loss="mse", label_smoothing=0)) == "Plan(epochs=3, loss=mean_squared_error)"
    assert (
        repr(Plan(label_smoothing=0.1, schedule="cosine")) == "Plan(schedule=Cosine(warmup=0.0), label_smoothing=0.1)"
    )


# ---- divergence


def test_the_library_names_its_own_arguments():
    with pytest.raises(nn.DivergedError, match=r"try a learning rate of 1e\+36, or clip=1$") as caught:
        fit(epochs=5, optimizer=nn.SGD(1e37))
    copied = pickle.loads(pickle.dumps(caught.value))
    assert (str(copied), copied.what, copied.learning_rate) == (str(caught.value), caught.value.what, 1e37)


def test_before_any_step_it_is_not_the_learning_rate():
    with pytest.raises(nn.DivergedError, match=r"epoch 1, batch 1, before any step: look at the images"):
        fit(loss=lambda out, labels: (math.nan, out))


# ---- words of other libraries


@pytest.mark.parametrize(
    ("name", "words"), [("train", "fit trains"), ("eval", "switch dropout off"), ("compile", "to fit")]
)
def test_methods_of_other_libraries_are_told_what_to_write(name, words):
    model = nn.build("logistic")
    assert not hasattr(model, name)
    with pytest.raises(AttributeError, match=f"has no attribute '{name}': .*{words}"):
        getattr(model, name)
    with pytest.raises(AttributeError, match=r"has no attribute 'fitt'$"):
        model.fitt  # noqa: B018


def test_cross_validation_is_scikit_learns():
    cross_val_score = pytest.importorskip("sklearn.model_selection").cross_val_score
    scores = cross_val_score(nn.Classifier(epochs=2, random_state=0), IMAGES, LABELS, cv=4)
    assert scores.shape == (4,)
