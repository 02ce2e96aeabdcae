"""Training on several processes: whoever works on the shards, the weights have the same bits.

The first part gives each rank a thread and a communicator of this file's own; the second starts real processes.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.data import stored_batches
from nnscratch.data.mapped import map_idx_images
from nnscratch.parallel import mpi as module
from nnscratch.parallel.mpi import MpiRanks, Ranks, join
from nnscratch.runs.settings import Settings, for_ranks
from nnscratch.training.trainer import Plan, Trainer
from tests.tools.checks import wait_until
from tests.tools.commands import ROOT, run_inside
from tests.tools.data_files import idx_bytes, write

WAIT = 30  # seconds, after which something hangs


class Lost(Exception):
    """What the communicator raises where mpi4py raises MPI.Exception."""


class Comm:
    """A communicator between threads: everybody puts something on the table, then takes what is theirs."""

    def __init__(self, rank, barrier, table):
        self.rank, self.barrier, self.table = rank, barrier, table

    def Get_rank(self):
        return self.rank

    def Get_size(self):
        return len(self.table)

    def allgather(self, value):
        self.table[self.rank] = value
        self.barrier.wait(WAIT)
        values = list(self.table)
        self.barrier.wait(WAIT)
        return values

    def bcast(self, value):
        return self.allgather(value)[0]

    def Allgather(self, sent, received):
        received[...] = np.reshape(self.allgather(sent.copy()), received.shape)

    def Allgatherv(self, sent, received):
        parts = self.allgather(sent.copy())
        assert [part.size for part in parts] == received[1]
        received[0][...] = np.concatenate(parts)

    def Alltoallv(self, sent, received):
        everything = self.allgather((sent[0].ravel().copy(), sent[1]))
        mine = [numbers[sum(counts[: self.rank]) :][: counts[self.rank]] for numbers, counts in everything]
        assert [len(numbers) for numbers in mine] == received[1]
        received[0].reshape(-1)[:] = np.concatenate(mine)

    def Iallgather(self, sent, received):
        self.Allgather(sent, received)
        return self

    def Test(self):
        return True


def shared_memory(comm):
    """What gives the threads memory of each other, in place of MPI's windows."""

    def allocate(size):
        return comm.allgather(bytearray(size)), lambda: comm.barrier.wait(WAIT)

    return allocate


def no_room(comm):
    return lambda size: None


WAYS = pytest.mark.parametrize("memory", [None, shared_memory, no_room])


def together(size, work, memory=None):
    """Return what ``work(ranks)`` returns on each of ``size`` ranks, with memory in common or without."""
    barrier, table = threading.Barrier(size), [None] * size
    results, errors = [None] * size, []

    def one(rank):
        try:
            comm = Comm(rank, barrier, table)
            results[rank] = work(MpiRanks(comm, Lost, memory and memory(comm)))
        except BaseException as error:
            errors.append(error)
            barrier.abort()

    threads = [threading.Thread(target=one, args=(rank,), daemon=True) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * WAIT)
    if errors:
        raise errors[0]
    return results


# ---- the ranks


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_parts_are_neighbours_and_as_even_as_can_be(size):
    for n in (0, 1, 2, 6, 7, 20):
        parts = together(size, lambda ranks, n=n: list(ranks.part(range(n))))
        assert [item for part in parts for item in part] == list(range(n))
        lengths = [len(part) for part in parts]
        assert lengths == sorted(lengths, reverse=True)
        assert max(lengths) - min(lengths) <= 1


@WAYS
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("size", "shards", "parameters"),
    [(2, 5, 101), (2, 8, 600_000), (3, 8, 9), (4, 4, 5), (4, 8, 33), (4, 2, 3), (5, 1, 1), (6, 7, 10), (8, 8, 70)],
)
def test_the_sum_has_the_bits_of_the_tree(size, shards, parameters, dtype, memory):
    """Numbers of very different size, so that another order would show; some cases have idle ranks."""
    rng = np.random.default_rng(0)
    gradients = (rng.normal(size=(shards, parameters)) * 10.0 ** rng.integers(-4, 5, (shards, parameters))).astype(
        dtype
    )

    def tree(rows):
        half = (len(rows) + 1) // 2
        return rows[0] if half == len(rows) else tree(rows[:half]) + tree(rows[half:])

    expected = tree(gradients)

    def work(ranks):
        own = ranks.part(range(shards))
        totals = []
        for factor in (1, 2, 4):  # again in the buffers of before
            mine = [factor * gradients[k] for k in own]
            total = mine[0] if mine else np.full(parameters, np.nan, dtype)  # as in a training
            sums = ranks.add(mine, shards, total, [ranks.rank + 1e-9, factor])
            totals.append((total.copy(), sums))
        return totals

    if shards >= 5:
        assert gradients.cumsum(axis=0, dtype=dtype)[-1].tobytes() != expected.tobytes()
    for totals in together(size, work, memory):
        for factor, (total, sums) in zip((1, 2, 4), totals, strict=True):
            assert total.tobytes() == (factor * expected).tobytes()
            assert sums == pytest.approx([size * (size - 1) / 2 + size * 1e-9, factor * size], rel=1e-15)


@pytest.mark.filterwarnings("error")
@WAYS
def test_an_overflow_is_left_to_the_trainer(memory):
    def work(ranks):
        total = np.zeros(3, np.float32)
        ranks.add([np.full(3, 3e38, np.float32)], 2, total, [np.inf])
        return total

    for total in together(2, work, memory):
        assert np.isinf(total).all()


@pytest.mark.parametrize("size", [2, 3, 8])
def test_rows_are_exchanged(size):
    rows = np.random.default_rng(0).normal(size=(5, 3, 4))

    def work(ranks):
        mine = ranks.part(range(5))
        known = np.full_like(rows, np.nan)
        part = slice(mine.start, mine.stop)
        known[part] = rows[part]
        ranks.exchange(known, part)
        return known

    for known in together(size, work):
        np.testing.assert_array_equal(known, rows)
    Ranks().exchange(rows, slice(0, 5))  # alone, all is known


def test_a_wish_to_stop_is_agreed_with_the_next_sum_even_if_an_idle_rank_has_it():
    def work(ranks):
        seen = [ranks.stopped]
        for step in range(3):
            if step == 1 and ranks.rank == 2:
                ranks.stop()
            seen.append(ranks.stopped)
            ranks.add([np.ones(4)] * len(ranks.part(range(2))), 2, np.zeros(4), [])
            seen.append(ranks.stopped)
        return seen

    assert together(3, work) == [[False, False, False, False, True, True, True]] * 3


def test_outputs_are_joined_and_rank_0_has_the_word():
    images = np.arange(20.0).reshape(2, 10)
    for out in together(3, lambda ranks: ranks.gather(images[:, list(ranks.part(range(10)))])):
        np.testing.assert_array_equal(out, images)
    assert together(3, lambda ranks: ranks.broadcast(f"rank {ranks.rank}")) == ["rank 0"] * 3
    assert together(3, lambda ranks: ranks.any(ranks.rank == 1)) == [True] * 3
    assert together(3, lambda ranks: ranks.any(False)) == [False] * 3


def test_alone_nothing_is_done():
    ranks, total = Ranks(), np.ones(3)
    assert ranks.part(range(5)) == range(5)
    assert ranks.add([np.zeros(3)], 1, total, [2.5, 3]) == [2.5, 3]
    assert total.tolist() == [1, 1, 1]
    assert not ranks.stopped
    ranks.stop()
    assert ranks.stopped


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (nn.DataError("the disc is gone"), 1, "rank 1: the disc is gone"),
        (nn.UsageError("no such thing"), 2, "rank 1: no such thing"),
        (KeyboardInterrupt(), 130, None),
        (MemoryError(), 1, None),
        (Lost("a peer"), 1, "rank 1 has lost another one"),
    ],
)
def test_an_error_on_one_rank_ends_all_when_it_has_been_told(error, code, words, monkeypatch):
    left = []
    monkeypatch.setattr(module, "FIRST_WORD", 0)
    monkeypatch.setattr(module.atexit, "register", lambda *what: left.append(what))
    comm = Comm(1, None, [None] * 2)
    comm.Abort = "abort"
    wanted = nn.DataError if isinstance(error, Lost) else type(error)
    with pytest.raises(wanted, match=words), MpiRanks(comm, Lost).abort_together():
        raise error
    assert [what[1:] for what in left] == [("abort", code)]


# ---- a training


def trainer(ranks=None, callbacks=(), extra=(), source=None, **settings):
    """A training whose bits depend on shuffling, dropout, distortion, clipping and the average of the weights."""
    mnist = nn.load_mnist()
    layers = [
        nn.Conv2D(3, 5, stride=2),
        *extra,
        nn.ReLU(),
        nn.MaxPool2D(2),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Dense(10),
    ]
    network = nn.Sequential(layers, seed=1)
    plan = Plan(**{"epochs": 2, "batch_size": 32, "shard": 8, "ema": 0.9, "clip": 1.0, "seed": 3, **settings})
    validation = (network.batches(mnist.train_images[200:300]), mnist.train_labels[200:300])
    images = network.batches(
        mnist.train_images[:130] if source is None else source
    )  # the last batch has two images, for four ranks
    return Trainer(
        network, images, mnist.train_labels[:130], plan, validation=validation, callbacks=callbacks, ranks=ranks
    )


def result(run):
    """The bits of a finished training."""
    clockless = [{k: v for k, v in row.items() if "second" not in k} for row in run.state.history]
    return {name: value.tobytes() for name, value in run.state.arrays().items()}, clockless


@pytest.mark.parametrize("memory", [None, shared_memory])
@pytest.mark.parametrize("settings", [{}, {"clip": 0.0, "distortion": nn.Distortion(rotation=10)}])
def test_any_number_of_ranks_has_the_bits_of_one_process(settings, memory):
    whole = trainer(**settings)
    whole.run()
    arrays, history = result(whole)

    def work(ranks):
        run = trainer(ranks, **settings)
        run.run()
        return result(run)

    for size in (2, 3, 4, 5):
        for own_arrays, own_history in together(size, work, memory):
            assert own_arrays == arrays
            for row, wanted in zip(own_history, history, strict=True):
                assert row == pytest.approx(wanted, rel=1e-14)  # the loss is added rank by rank


def test_each_rank_reads_only_its_part_of_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr(stored_batches, "WINDOW", 64)
    source = map_idx_images(write(tmp_path / "images", idx_bytes(nn.load_mnist().train_images[:130])))
    whole = trainer()
    whole.run()

    def work(ranks):
        run = trainer(ranks, source=source)
        read, seen = [], run.images._read
        monkeypatch.setattr(run.images, "_read", lambda indices, team: (read.append(len(indices)), seen(indices, team)))
        run.run()
        return result(run)[0], sum(read) - 32  # but for those it is warmed up with

    for size, counts in {2: [132, 128], 4: [68, 64, 64, 64]}.items():
        told = together(size, work)
        assert [count for _, count in told] == counts  # two epochs of 130, the last batch of two on rank 0
        assert all(arrays == result(whole)[0] for arrays, _ in told)


def test_all_ranks_stop_after_the_same_batch_and_another_number_goes_on():
    class Stop(nn.Callback):
        def on_batch_end(self, trainer):
            if trainer.state.step == 3:
                trainer.stop()

    def begin(ranks):
        run = trainer(ranks, [Stop()] if ranks.rank == 1 else [])
        run.run()
        return run

    stopped = together(3, begin)
    assert {run.state.step for run in stopped} == {4}  # the wish travels with the next sum
    numbers = stopped[0].state.numbers()
    arrays = {name: value.copy() for name, value in stopped[0].state.arrays().items()}

    def go_on(ranks):
        run = trainer(ranks)
        run.state.restore({**numbers, "history": list(numbers["history"])}, arrays)
        run.run()
        return result(run)[0]

    whole = trainer()
    whole.run()
    assert together(2, go_on) == [result(whole)[0]] * 2


class Mixing(nn.ReLU):
    """Couples the images of a batch, and knows nothing of shards."""

    couples_batch = True


def test_ranks_cannot_share_a_batch_that_a_layer_needs_in_one_piece():
    with pytest.raises(nn.UsageError, match="which ranks cannot share"):
        together(2, lambda ranks: trainer(ranks, extra=[Mixing()]))


def test_batch_normalisation_is_synchronised():
    """Statistics are those of the whole batch, the last, short one included; so the bits are those of one process."""

    def work(ranks):
        run = trainer(ranks, extra=[nn.BatchNorm()])
        run.run()
        return result(run)[0]

    whole = work(None)
    assert "batchnorm1.running_mean" in str(whole.keys())
    for size in (2, 3):
        assert together(size, work) == [whole] * size


@pytest.mark.parametrize(
    ("name", "batch", "count", "shard"),
    [
        ("lenet5", 128, 4, None),  # has four shards of 32 anyway
        ("lenet5", 64, 1, 16),  # one to four ranks share the same shards
        ("lenet5", 64, 4, 16),
        ("lenet5", 64, 5, 13),
        ("lenet5", 3, 2, 1),
        ("logistic", 10, 6, 1),  # two would be five shards
        ("mlp", 64, 64, 1),
    ],
)
def test_each_rank_gets_a_shard_and_a_few_get_the_same(name, batch, count, shard):
    assert for_ranks(Settings(batch_size=batch), count, nn.build(name)).shard == shard


def test_a_shard_that_was_chosen_stays_and_a_rank_needs_an_image():
    assert for_ranks(Settings(batch_size=64, shard=32), 4, nn.build("lenet5")).shard == 32
    with pytest.raises(nn.UsageError, match="65 ranks cannot share a batch of 64 images: start at most 64"):
        for_ranks(Settings(batch_size=64), 65, nn.build("lenet5"))


def test_the_shard_is_a_setting_and_changes_rounding_only(tmp_path):
    thetas = []
    for shard in (0, 16):
        run = trainer(shard=shard, epochs=1, ema=0.0)
        assert run.shards.gradients.width == (shard or 32)  # kernels meet shards of this size only
        run.network.layers[:] = [layer for layer in run.network.layers if not layer.stochastic]
        run.run()
        thetas.append(run.network.theta.copy())
    assert thetas[0].tobytes() != thetas[1].tobytes()
    np.testing.assert_allclose(thetas[0], thetas[1], rtol=0, atol=1e-6)


# ---- the command, without mpiexec


def test_bad_input(tmp_path, monkeypatch):
    assert join(None)[1] == 1
    code, _, err = run_inside("train", "logistic", "--distributed", "nccl", cwd=tmp_path)
    assert (code, err) == (2, "nnscratch train: --distributed 'nccl' is unknown: choose from mpi\n")
    found = module.importlib.util.find_spec
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None if name == "mpi4py" else found(name))
    code, _, err = run_inside("train", "logistic", "--distributed", "mpi", cwd=tmp_path)
    assert (code, err.count("\n")) == (2, 1)
    assert "needs mpi4py, which is not installed: pip install" in err
    assert list(tmp_path.iterdir()) == []


# ---- real processes

BESIDE = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
MPIEXEC = shutil.which("mpiexec", path=BESIDE)
HAS_MPI = MPIEXEC is not None and find_spec("mpi4py") is not None


def needs_mpi(test):
    """Mark a test that starts processes of its own."""
    missing = pytest.mark.skipif(not HAS_MPI, reason="mpiexec or mpi4py is missing: pip install mpi4py mpich")
    return pytest.mark.mpi(pytest.mark.slow(missing(test)))


OPEN_MPI = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
OPEN_MPI |= {"PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe", "OMPI_MCA_rmaps_base_oversubscribe": "1"}
SHORT = ("lenet5", "--limit", "400", "--epochs", "2", "--batch-size", "64")

# train.py, but rank 1 may not write, and does what it is told to after the third batch
MISCHIEF = """
import os, secrets, signal, sys, time
import nnscratch as nn
from mpi4py import MPI
from nnscratch.cli.main import main
from nnscratch.parallel import mpi
from nnscratch.runs import speedup
from nnscratch.training.trainer import Trainer

speedup.step_seconds = lambda trainer, ranks, steps=None: (float(ranks.size), 1)  # more are slower

mpi.FIRST_WORD = 60  # what all ranks have, rank 0 tells and ends them all, however busy the machine is

class Mischief(nn.Callback):
    def on_batch_end(self, trainer):
        if trainer.state.step == 3:
            if what == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if what == "fail":
                mpi.FIRST_WORD = 0
                raise nn.DataError("the disc is gone")
        while what == "wait" and trainer.state.epoch == 1 and not trainer.shards.ranks.asked:
            time.sleep(0.01)  # for the signal, when rank 0 has written the state after the first epoch

def forbidden(size):
    raise RuntimeError("rank 1 writes a file")

what, init = sys.argv[1], Trainer.__init__
if MPI.COMM_WORLD.rank == 1:
    secrets.token_hex = forbidden
    Trainer.__init__ = lambda self, *a, **k: init(self, *a, **k | {"callbacks": [Mischief()]})
sys.exit(main(["train", *sys.argv[2:]], prog="train.py"))
"""


def mpiexec(count, *arguments, cwd):
    """Start a Python command on ``count`` ranks."""
    env = os.environ | OPEN_MPI | {"PYTHONPATH": str(ROOT)}
    command = [MPIEXEC, "-n", str(count), sys.executable, *map(str, arguments)]
    return subprocess.Popen(command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process):
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def weights(folder):
    return json.loads((folder / "lenet5" / "metrics.json").read_text())["weights_sha256"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The run of an ordinary process."""
    place = tmp_path_factory.mktemp("whole")
    assert (
        run_inside("train", *SHORT, "--shard", "16", "--out", "x", "--quiet", "--backend", "numba", cwd=place)[0] == 0
    )
    return place / "x"


@needs_mpi
@pytest.mark.parametrize("count", [1, 3])
def test_a_run_on_ranks_has_the_bits_of_an_ordinary_one(count, whole, tmp_path):
    code, out, err = finish(
        mpiexec(count, "-c", MISCHIEF, "none", *SHORT, "--distributed", "mpi", "--out", "x", cwd=tmp_path)
    )
    assert (code, err) == (0, "")
    assert out.count("data     MNIST") == out.count("lenet5: epoch ") == out.count("report   ") == 1
    assert f"ranks    {count} over MPI" in out
    assert ("start it with mpiexec" in out) == (count == 1)
    assert out.count("slower   a step takes 3000.00 ms on 3 ranks") == (count == 3)
    assert weights(tmp_path / "x") == weights(whole)
    for folder in (".", "lenet5"):
        assert {p.name for p in (tmp_path / "x" / folder).iterdir()} == {p.name for p in (whole / folder).iterdir()}


@needs_mpi
@pytest.mark.parametrize(("what", "told"), [("kill", ""), ("fail", "train.py: rank 1: the disc is gone\n")])
def test_a_rank_that_dies_ends_the_job(what, told, tmp_path):
    code, out, err = finish(
        mpiexec(3, "-c", MISCHIEF, what, *SHORT, "--distributed", "mpi", "--out", "x", cwd=tmp_path)
    )
    assert code != 0
    assert told in err
    assert "Traceback" not in err
    assert len(out + err) > 50  # mpiexec says in its own words that one was killed
    assert "report   " not in out


@needs_mpi
def test_an_error_of_all_ranks_is_told_once(tmp_path):
    process = mpiexec(3, "-c", MISCHIEF, "none", "lenet5", "--batch-size", "2", "--distributed", "mpi", cwd=tmp_path)
    code, out, err = finish(process)
    assert (code, out) == (2, "")
    assert err.count("train.py: 3 ranks cannot share a batch of 2 images") == 1
    assert list(tmp_path.iterdir()) == []


@needs_mpi
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_goes_on_with_another_number_of_ranks(number, whole, tmp_path):
    (tmp_path / "train.py").write_text(MISCHIEF)
    process = mpiexec(2, tmp_path / "train.py", "wait", *SHORT, "--distributed", "mpi", "--out", "x", cwd=tmp_path)
    wait_until(lambda: process.poll() is not None or (tmp_path / "x" / "lenet5" / "checkpoint.npz").exists())
    process.send_signal(number)
    code, _, err = finish(process)
    assert code != 0
    if "HYDRA" in subprocess.check_output(
        [MPIEXEC, "--version"], text=True
    ):  # Open MPI's has a code and words of its own
        assert code == 130
        assert f"interrupted; to go on: mpiexec -n 2 python {tmp_path / 'train.py'} --resume x --distributed mpi" in err
    assert not (tmp_path / "x" / "lenet5" / "metrics.json").exists()
    if number == signal.SIGINT:
        return
    code, out, _ = finish(mpiexec(3, ROOT / "train.py", "--distributed", "mpi", "--resume", "x", cwd=tmp_path))
    assert code == 0
    assert "resumed  after" in out
    assert "4 of each batch, shared by 3 ranks" in out
    assert weights(tmp_path / "x") == weights(whole)
