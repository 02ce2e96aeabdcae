"""The team of threads, the hold on BLAS, and networks that many threads use at once."""

import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import nnscratch as nn
from nnscratch.parallel.threads import Team, _loaded_libraries, one_blas_thread
from tests.tools.checks import needs_compiler

WAIT = 30  # seconds, after which something hangs


@pytest.fixture
def team():
    team = Team(3)
    yield team
    team.close()


@pytest.fixture
def blas_of_two():
    """Let BLAS have two threads, so that a hold shows.

    Numba loads SciPy's BLAS beside NumPy's, perhaps after a test before these has looked for libraries: so look again.
    """
    _loaded_libraries.cache_clear()
    with threadpool_limits(2, "blas"):
        if blas_threads() != {2}:
            pytest.skip("this BLAS has no threads to hold")
        yield


@pytest.fixture
def keep_backend_and_threads():
    before = nn.backend(), nn.threads()
    yield
    nn.set_backend(before[0])
    nn.set_threads(before[1])


def blas_threads():
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


# ---- the team


def test_results_are_in_order_whoever_ends_first(team):
    """Item 0 ends after item 2, which another thread must do."""
    last = threading.Event()

    def work(item):
        if item == 0:
            assert last.wait(WAIT)
        if item == 2:
            last.set()
        return 10 * item

    assert team.map(work, range(3)) == [0, 10, 20]


def test_more_items_than_threads_and_fewer(team):
    for n in (0, 1, 2, 3, 4, 500):
        assert team.map(lambda item: item * item, range(n)) == [k * k for k in range(n)]
    assert len(team.helpers) == 2


def test_each_item_is_done_once():
    team, done = Team(8), []
    for _ in range(50):
        team.map(done.append, range(20))
    team.close()
    assert sorted(done) == sorted(list(range(20)) * 50)


def test_all_threads_take_part_and_the_caller_is_one(team):
    barrier = threading.Barrier(3)

    def work(item):
        barrier.wait(WAIT)
        return threading.get_ident()

    idents = set(team.map(work, range(3)))
    assert len(idents) == 3
    assert threading.get_ident() in idents


def test_one_thread_needs_no_helper():
    team = Team(1)
    assert set(team.map(lambda item: threading.get_ident(), range(5))) == {threading.get_ident()}
    assert team.helpers == []


def test_the_first_items_error_is_raised_when_all_have_ended(team):
    """Item 1 fails after item 4 has, and item 5 ends after both."""
    fourth, first = threading.Event(), threading.Event()
    ended = []

    def work(item):
        if item == 1:
            assert fourth.wait(WAIT)
            first.set()
            raise KeyError("first")
        if item == 4:
            fourth.set()
            raise ValueError("fourth")
        if item == 5:
            assert first.wait(WAIT)
        ended.append(item)

    with pytest.raises(KeyError, match="first"):
        team.map(work, range(6))
    assert sorted(ended) == [0, 2, 3, 5]
    assert team.map(str, range(3)) == ["0", "1", "2"]  # as good as before


def test_even_an_interrupt_is_handed_to_the_caller(team):
    def interrupted(item):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        team.map(interrupted, range(3))
    assert team.map(str, [7]) == ["7"]


def test_closing_ends_the_helpers_and_leaves_a_team_that_works(team):
    team.map(str, range(3))
    own = list(team.helpers)
    assert len(own) == 2
    assert all(helper.is_alive() for helper in own)
    team.close()
    for helper in own:
        helper.join(WAIT)
    assert not any(helper.is_alive() for helper in own)
    team.close()  # once more does no harm
    assert team.map(str, range(3)) == ["0", "1", "2"]


def test_no_thread_warns_of_an_overflow_and_the_caller_does_again_afterwards(team):
    """Warnings are errors in these tests, on every thread."""
    barrier = threading.Barrier(3)
    huge = np.full(3, 1e38, np.float32)

    def work(item):
        barrier.wait(WAIT)
        return np.isnan(huge * 100 - huge * 100).all()

    assert team.map(work, range(3)) == [True] * 3
    with pytest.warns(RuntimeWarning, match="overflow"):
        huge * 100


# ---- the hold on BLAS


def test_blas_has_one_thread_while_anybody_needs_it(blas_of_two):
    """The second to begin ends last, on another thread than the one that set the limit."""
    first, second = one_blas_thread(), one_blas_thread()
    with ThreadPoolExecutor(1) as here, ThreadPoolExecutor(1) as there:
        here.submit(first.__enter__).result()
        there.submit(second.__enter__).result()
        assert blas_threads() == {1}
        here.submit(first.__exit__, None, None, None).result()
        assert blas_threads() == {1}
        there.submit(second.__exit__, None, None, None).result()
        assert blas_threads() == {2}


class Look(nn.Callback):
    """Notes how many threads BLAS has; meets ``others`` after the first batch, and lets them go ahead."""

    def __init__(self, meet=lambda: None, fail=False):
        self.meet, self.fail, self.seen = meet, fail, []

    def on_batch_end(self, trainer):
        self.seen.append(blas_threads())
        if trainer.state.step == 1:
            self.meet()
        if self.fail:
            raise RuntimeError("a callback failed")

    def on_epoch_end(self, trainer):
        self.seen.append(blas_threads())


def fit(model, look, epochs=1):
    images = np.random.default_rng(0).integers(0, 256, (40, 28, 28)).astype(np.uint8)
    model.fit(images, np.arange(40) % 10, epochs=epochs, batch_size=20, callbacks=[look])


@pytest.mark.parametrize("fail", [False, True])
def test_training_gives_blas_its_threads_back(fail, blas_of_two, keep_backend_and_threads):
    nn.set_backend("numpy")
    look = Look(fail=fail)
    if fail:
        with pytest.raises(RuntimeError, match="a callback failed"):
            fit(nn.build("logistic"), look)
    else:
        fit(nn.build("logistic"), look)
    assert look.seen == [{1}] * (1 if fail else 3)
    assert blas_threads() == {2}


def test_two_trainings_at_once_hold_blas_until_the_second_ends(blas_of_two, keep_backend_and_threads):
    nn.set_backend("numpy")
    both = threading.Barrier(2)
    short_is_over = threading.Event()

    def long_meets():
        both.wait(WAIT)
        assert short_is_over.wait(WAIT)

    short, long = Look(lambda: both.wait(WAIT)), Look(long_meets)
    with ThreadPoolExecutor(2) as pool:
        going = pool.submit(fit, nn.build("logistic"), long, 3)
        pool.submit(fit, nn.build("logistic"), short).result()
        short_is_over.set()
        going.result()
    assert len(short.seen) == 3
    assert len(long.seen) == 9
    assert all(seen == {1} for seen in short.seen + long.seen)
    assert blas_threads() == {2}


# ---- many threads at one network


def answers(model, batches, threads):
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda images: model.predict_proba(images).tobytes(), batches))


@pytest.mark.slow
@needs_compiler
def test_5000_predictions_from_16_threads_have_the_bits_of_one(keep_backend_and_threads):
    nn.set_backend("numba")
    model = nn.build("lenet5", seed=3)
    images = nn.load_mnist().test_images
    sizes = [1, 1, 2, 1, 31, 1, 1, 5, 32, 1, 33, 1, 8, 1, 1, 1, 3, 40, 1, 1]
    batches = [images[7 * k : 7 * k + size] for k, size in enumerate(sizes)]
    serial = [model.predict_proba(batch).tobytes() for batch in batches]
    assert len(set(serial)) == len(batches)
    assert answers(model, batches * 250, threads=16) == serial * 250


@needs_compiler
def test_predictions_during_a_training_change_none_of_its_bits(keep_backend_and_threads):
    """As from a web page: on the network that is trained, from the training's own thread and from others."""
    nn.set_backend("numba")
    mnist = nn.load_mnist()
    images, labels = mnist.train_images[:512], mnist.train_labels[:512]
    weights = []
    for asked in (False, True):
        model = nn.build("lenet5", seed=1)

        class Ask(nn.Callback):
            def on_batch_end(self, trainer, model=model, asked=asked):
                if asked:
                    answers(model, [images[:1], images[:40], images[:5]], threads=3)

        model.fit(images, labels, batch_size=64, callbacks=[Ask()])
        weights.append(model.theta.tobytes())
    assert weights[0] == weights[1]


def test_an_interrupt_waits_until_items_that_wait_for_each_other_have_ended(team):
    """The caller takes item 0, and the helper item 1, whichever is first."""
    meeting, ended = threading.Barrier(2), []

    def meet(item):
        if item == 0:
            signal.raise_signal(signal.SIGINT)  # before it has come to where the other waits for it
        meeting.wait(WAIT)
        ended.append(item)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        team.map(meet, range(2))
    assert sorted(ended) == [0, 1]
    assert signal.getsignal(signal.SIGINT) is before
    assert team.map(str, range(2)) == ["0", "1"]
