"""The pool of processes: those that die, hang or fail, whenever they do."""

import json
import logging
import os
import signal
import threading
import time

import pytest

import nnscratch as nn
from nnscratch.models.pretrained import pretrained
from tests.tools.checks import wait_until

pytest.importorskip("flask")
from nnscratch.web import worker_pool
from nnscratch.web.api import RequestError
from nnscratch.web.worker_pool import Failure, WorkerPool, _answer

pytestmark = pytest.mark.slow
BODY = json.dumps({"strokes": [[[150, 120], [350, 120], [230, 400]]]}).encode()
LARGE = b'{"strokes": []' + b" " * 900_000 + b"}"  # more than a pipe holds


@pytest.fixture(scope="module")
def models():
    return {"logistic": nn.load(pretrained("logistic"))}


@pytest.fixture
def pool(models):
    pool = WorkerPool(models, 2)
    pool.reply(BODY)
    yield pool
    pool.end()


def alive(pool):
    return [worker for worker in pool._workers if worker.is_alive()]


def freeze(pipe):
    """Take the models, and nothing after them, as a process does that is stopped."""
    pipe.recv_bytes()
    pipe.send("ready")
    time.sleep(1000)


@pytest.mark.parametrize("body", [BODY, LARGE], ids=["while it works", "while it is sent to"])
def test_a_worker_that_is_frozen_is_replaced(models, monkeypatch, body):
    with monkeypatch.context() as patched:
        patched.setattr(worker_pool, "_work", freeze)
        pool = WorkerPool(models, 2)
        wait_until(lambda: pool._free.qsize() == 2)
    frozen = {worker.pid for worker in pool._workers}
    monkeypatch.setattr(worker_pool, "LONGEST", 0.1)
    for _ in frozen:
        with pytest.raises(RequestError) as told:
            pool.reply(body)
        assert (told.value.status, told.value.code) == (503, "too_long")
    monkeypatch.setattr(worker_pool, "LONGEST", 300)
    assert json.loads(pool.reply(BODY))["digits"]
    wait_until(lambda: len(alive(pool)) == 2)
    assert not {worker.pid for worker in pool._workers} & frozen
    pool.end()


def test_workers_that_die_while_idle_cost_nobody_an_answer(pool):
    wait_until(lambda: pool._free.qsize() == 2)
    for _ in range(2):
        for worker in list(pool._workers):
            os.kill(worker.pid, signal.SIGKILL)
        assert json.loads(pool.reply(BODY))["digits"]


def test_workers_that_die_while_they_start_are_started_again(models, monkeypatch):
    monkeypatch.setattr(worker_pool, "PAUSE", 0.01)
    pool = WorkerPool(models, 1)
    wait_until(lambda: pool._workers)
    first = pool._workers[0].pid
    os.kill(first, signal.SIGKILL)
    assert json.loads(pool.reply(BODY))["digits"] and pool._workers[0].pid != first
    pool.end()


def test_kills_under_load_lose_nothing(pool):
    answers = []

    def ask():
        for _ in range(100):
            answers.append(pool.reply(BODY))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for answered in (20, 120, 220):
        wait_until(lambda answered=answered: len(answers) >= answered)
        os.kill(alive(pool)[0].pid, signal.SIGKILL)
    for thread in threads:
        thread.join()
    assert len(answers) == 400 and all(json.loads(answer)["digits"] for answer in answers)


def test_the_end_comes_while_workers_die(models):
    """Whoever waits is told, no error is raised in the end itself, and no process is left."""
    for _ in range(3):
        pool, told = WorkerPool(models, 3), []

        def ask(pool=pool, told=told):
            try:
                while True:
                    pool.reply(BODY)
            except RequestError as error:
                told.append(error.code)

        pool.reply(BODY)
        threads = [threading.Thread(target=ask) for _ in range(6)]
        for thread in threads:
            thread.start()
        time.sleep(0.1)
        for worker in list(pool._workers):
            os.kill(worker.pid, signal.SIGKILL)
        pool.end()
        for thread in threads:
            thread.join(60)
        assert told == ["ending"] * 6 and alive(pool) == []


def test_a_failure_is_logged_by_its_place_and_not_by_what_was_drawn(monkeypatch):
    def fail(body, models):
        raise ValueError(f"secret {body!r}")

    monkeypatch.setattr(worker_pool, "handle", fail)
    answer = _answer(b"drawing", {})
    assert isinstance(answer, Failure)
    assert str(answer).startswith("ValueError in test_worker_pool.py:") and "secret" not in str(answer)


def test_replacements_are_logged(pool, caplog):
    wait_until(lambda: pool._free.qsize() == 2)
    with caplog.at_level(logging.INFO, "nnscratch.web"):
        os.kill(pool._workers[0].pid, signal.SIGKILL)
        for _ in range(2):
            pool.reply(BODY)
    assert "has died: another one takes its place" in caplog.text
