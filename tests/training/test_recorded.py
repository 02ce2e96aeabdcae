"""Which trainings are recorded, and what their recordings say of themselves."""

from types import SimpleNamespace

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.parallel.threads import Team
from nnscratch.study.profile.trace import IMAGES, LOSS, UPDATE, gradient_pieces, update_pieces
from nnscratch.training.plan import Plan
from nnscratch.training.trainer import Trainer
from tests.tools.checks import needs_compiler

pytestmark = needs_compiler


@pytest.fixture(scope="module")
def data():
    mnist = nn.load_mnist()
    return mnist.train_images[:64], mnist.train_labels[:64]


def trained(network, images, labels, batch_size=32):
    nn.set_backend("numba")
    trainer = Trainer(network, network.batches(images), labels, Plan(batch_size=batch_size))
    with trainer.shards:
        for _ in range(3):
            trainer.shards.gradient(trainer.images, trainer.labels, np.arange(batch_size))
            trainer.shards.update(0.01, 1)
        yield trainer


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.uint16, np.int32, np.uint64, np.int64])
def test_labels_of_any_whole_type_are_recorded(kind, data):
    images, labels = data
    for trainer in trained(nn.build("logistic"), images, labels.astype(kind)):
        assert trainer.shards.gradients.replay.trusted


def test_each_recorded_kernel_belongs_to_a_layer_and_a_direction(data):
    for trainer in trained(nn.build("lenet5"), *data, batch_size=64):
        pieces = gradient_pieces(trainer.shards.gradients.replay) + update_pieces(trainer.shards.blocks.update.replay)
        layers = ["conv1", "conv2", "dense1", "dense2"]  # flatten has no kernel
        order = [IMAGES, *((name, "forward") for name in layers), LOSS]
        order += [*((name, "backward") for name in reversed(layers)), UPDATE]
        assert list(dict.fromkeys(piece.label for piece in pieces)) == order
        assert all(piece.kernel for piece in pieces)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_trace_does_what_play_does(threads, data):
    for trainer in trained(nn.build("lenet5"), *data, batch_size=64):
        trainer.shards.play(trainer.images, trainer.labels, np.arange(64)[None], trainer.state, [0.01])
        program, theta = trainer.shards.blocks.program, trainer.network.theta
        states = [theta, *trainer.plan.optimizer.state.values()]
        before = [state.copy() for state in states]
        program.play(Team(threads), 1)
        wanted = [state.copy() for state in states]
        for state, value in zip(states, before, strict=True):
            state[:] = value
        doers, spans = program.trace(Team(threads), 1)
        assert all(np.array_equal(*pair) for pair in zip(states, wanted, strict=True))
        assert doers.shape == spans.shape[:2] == (1, len(program.table)) and set(doers.ravel()) == set(range(threads))
        assert spans.min() == 0 and (np.diff(spans) >= 0).all() and 0 < spans.max() < 600
        for thread in range(threads):
            own = spans[doers == thread]
            assert (own[1:, 0] >= own[:-1, 1]).all()  # one after the other


def test_a_fused_step_has_the_name_of_its_first_layer():
    nn.set_backend("numba")
    network = nn.build("lenet5")
    assert [step.name for step in network.steps()] == ["conv1", "conv2", "flatten1", "dense1", "dense2"]
    assert list(network.parameters)[:2] == ["conv1.W", "conv1.b"]


def test_what_follows_a_meeting_belongs_to_the_layer_that_met():
    """Where shards meet, the tape of a shard ends, and another goes on in the middle of a layer."""

    def kernel():
        pass

    def tape(calls, *marks):
        return SimpleNamespace(calls=[(SimpleNamespace(function=kernel), ())] * calls, marks=marks)

    norm, dense = ("norm1", "forward"), ("dense1", "forward")
    phases = [[tape(2, (1, norm)), tape(1, (1, norm))], [tape(1), tape(2, (1, ("flatten1", "forward")), (1, dense))]]
    pieces = gradient_pieces(SimpleNamespace(phases=phases))
    assert [piece.label for piece in pieces] == [IMAGES, norm, IMAGES, norm, norm, dense]
