"""The loop of the textbook: the trainer's bits, the readable functions, and a sentence for what it has not."""

from pathlib import Path
from unittest import mock

import numpy as np
import pytest

import nnscratch as nn
from nnscratch import ops
from nnscratch.layers.conv import Conv2D
from nnscratch.ops import backend as backends
from nnscratch.parallel.threads import one_blas_thread
from nnscratch.training import simple
from nnscratch.training.plan import Plan
from nnscratch.training.trainer import Trainer
from tests.tools.commands import run_inside

MNIST = nn.load_mnist()
IMAGES, LABELS = MNIST.train_images[:320], MNIST.train_labels[:320]


@pytest.fixture(autouse=True)
def numpy_backend():
    before = nn.backend()
    nn.set_backend("numpy")
    yield
    nn.set_backend(before)


NETWORKS = {
    "logistic": lambda: nn.build("logistic", seed=2),
    "mlp": lambda: nn.build("mlp", seed=2, hidden=(20,)),
    "lenet5": lambda: nn.build("lenet5", seed=2),
    "batch normalisation": lambda: nn.Sequential(
        [nn.Conv2D(2, 5, stride=3), nn.BatchNorm(), nn.Tanh(), nn.Flatten(), nn.Dense(10)], seed=2
    ),
}
OPTIMIZERS = {"adam": lambda: nn.Adam(2e-3), "sgd": lambda: nn.SGD(0.1, weight_decay=0.01)}


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", NETWORKS)
def test_it_has_the_bits_of_the_trainer_where_a_batch_is_one_shard(name, optimizer):
    network, other = NETWORKS[name](), NETWORKS[name]()
    how = {"epochs": 2, "batch_size": 32, "seed": 7}
    with one_blas_thread():  # as in the trainer: two may add in another order
        steps = list(simple.train(network, network.batches(IMAGES), LABELS, OPTIMIZERS[optimizer](), **how))
    trainer = Trainer(other, other.batches(IMAGES), LABELS, Plan(**how, shard=32, optimizer=OPTIMIZERS[optimizer]()))
    trainer.run()
    assert network.theta.tobytes() == other.theta.tobytes()
    assert all(network.buffers[key].tobytes() == value.tobytes() for key, value in other.buffers.items())
    for epoch, row in enumerate(trainer.state.history):
        own = [(loss, accuracy) for which, loss, accuracy in steps if which == epoch]
        assert len(own) == 10
        np.testing.assert_allclose(np.mean(own, axis=0), [row["loss"], row["accuracy"]], rtol=1e-6)


def test_it_goes_through_the_readable_functions_of_every_layer():
    """A breakpoint in Conv2D.backward fires, also in the first layer's."""
    network = NETWORKS["lenet5"]()
    called = []
    watched = {name: getattr(Conv2D, name) for name in ("forward", "backward")}

    def noting(name):
        return lambda self, *given: (called.append(f"{self.name}.{name}"), watched[name](self, *given))[1]

    with mock.patch.multiple(Conv2D, **{name: noting(name) for name in watched}):
        next(simple.train(network, network.batches(IMAGES), LABELS, nn.Adam(1e-3)))
    assert called == ["conv1.forward", "conv2.forward", "conv2.backward", "conv1.backward"]
    assert all(getattr(ops, name) is backends._reference[name] for name in ops.__all__)


def test_the_command(tmp_path):
    arguments = ("logistic", "mlp", "--simple", "--limit", "600", "--epochs", "2", "--hidden", "12", "--seed", "3")
    code, out, err = run_inside(*arguments, cwd=tmp_path, script="train.py")
    assert (code, err) == (0, "")
    assert "epoch 2 of 2, batch 10 of 10: loss" in out and "(12,)" in out
    assert out.count("test accuracy") == 2 and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--rotation", "5"], "has no --rotation"),
        (["--ema", "0.9", "--clip", "1"], "has no --clip, --ema"),
        (["--resume", "runs/a"], "has no --resume"),
        (["--backend", "numba"], "has no --backend numba"),
        (["--recipe", "best", "--threads", "2"], "has no --recipe, --threads"),
    ],
)
def test_what_it_has_not_is_refused(tmp_path, arguments, told):
    code, out, err = run_inside("logistic", "--simple", *arguments, cwd=tmp_path, script="train.py")
    assert (code, out) == (2, "") and told in err and len(err.splitlines()) == 1


def test_it_is_a_page():
    source = simple.train.__code__.co_firstlineno
    lines = Path(simple.__file__).read_text("utf-8").splitlines()
    assert len(lines) <= 40 and len([line for line in lines[source - 1 :] if line.strip()]) <= 25


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--batch-size", "0"], 2, "batch_size is 0: give a whole number of at least 1"),
        (["--optimizer", "adm"], 2, "'adm' is unknown: choose from"),
        (["--seed", "-1"], 2, "seed is -1"),
        (["--epochs", "0"], 2, "epochs is 0"),
        (["--lr", "-1"], 2, "lr is -1"),
        (["--limit", "0"], 2, "limit is 0"),
        (["--hidden", "3"], 2, "--hidden changes the mlp"),
        (["--lr", "1e37", "--limit", "200", "--epochs", "1"], 1, "the learning rate 1e+37 is too high, try --lr 1e+36"),
    ],
)
def test_what_cannot_be_is_one_sentence(arguments, code, words, tmp_path):
    got, out, err = run_inside("train", "--simple", "logistic", *arguments, cwd=tmp_path)
    assert got == code and words in err and len(err.splitlines()) == 1, err
    assert code == 1 or out == ""
