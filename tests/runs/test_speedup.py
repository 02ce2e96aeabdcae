"""Ranks that make the steps slower than one process: told, and measured on copies."""

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.parallel.mpi import Ranks
from nnscratch.runs import speedup
from nnscratch.training.trainer import Plan, Trainer


class Two(Ranks):
    """Rank 0 of two, of whom the other has nothing to do."""

    size = 2


def trainer(ranks, optimizer):
    mnist = nn.load_mnist()
    layers = [nn.Conv2D(2, 5, stride=3), nn.BatchNorm(), nn.ReLU(), nn.Flatten(), nn.Dense(10)]
    network = nn.Sequential(layers if ranks.size == 1 else [*layers[:1], *layers[2:]], seed=1)
    plan = Plan(batch_size=32, shard=8, optimizer=optimizer, seed=3, label_smoothing=0.1)
    return Trainer(network, network.batches(mnist.train_images[:70]), mnist.train_labels[:70], plan, ranks=ranks)


@pytest.mark.parametrize("ranks", [Ranks(), Two()])
def test_measuring_changes_nothing(ranks):
    measured, other = trainer(ranks, nn.Adam(0.01)), trainer(ranks, nn.Adam(0.01))
    seconds, steps = speedup.step_seconds(measured, ranks)
    assert seconds > 0
    assert 1 <= steps <= speedup.STEPS
    assert speedup.step_seconds(measured, ranks, 2)[1] == 2
    assert measured.state.step == 0
    for run in (measured, other):
        run.run()
    for name, value in other.state.arrays().items():
        np.testing.assert_array_equal(measured.state.arrays()[name], value)


def test_a_slow_step_is_measured_at_least_once(monkeypatch):
    monkeypatch.setattr(speedup, "SECONDS", 0)
    assert speedup.step_seconds(trainer(Ranks(), nn.Adam(0.01)), Ranks())[1] == 1


@pytest.mark.parametrize(("alone", "together"), [(1.12e-3, 3.33e-3), (3.33e-3, 1.12e-3)])
def test_slower_ranks_are_told_with_what_to_change(alone, together, monkeypatch):
    run, asked = trainer(Two(), nn.Adam(0.01)), []

    def measured(trainer, ranks, steps=None):
        asked.append((ranks.size, steps))
        return (alone, 7) if ranks.size == 1 else (together, steps)

    monkeypatch.setattr(speedup, "step_seconds", measured)
    told = speedup.advice(run)
    assert asked == [(1, None), (2, 7)]
    assert bool(told) == (together > alone)
    if told:
        assert told == (
            "a step takes 3.33 ms on 2 ranks, and 1.12 ms in one process: give a larger --batch-size, start fewer "
            "ranks, or one process with --threads 2"
        )


def test_one_process_cuts_its_batches_as_suits_it(monkeypatch):
    sizes, plain = [], speedup.Shards

    def shards(*arguments):
        sizes.append(plain(*arguments).gradients.size)
        return plain(*arguments)

    monkeypatch.setattr(speedup, "Shards", shards)
    run = trainer(Two(), nn.Adam(0.01))
    for ranks in (Ranks(), Two()):
        speedup.step_seconds(run, ranks, 1)
    assert sizes == [32, 8]
