"""Connections that are slow, many, or open when the server ends: the loop itself, in a thread, with small times."""

import contextlib
import json
import socket
import threading
import time

import pytest

import nnscratch as nn
from nnscratch.models.pretrained import pretrained
from tests.tools.checks import wait_until

pytest.importorskip("waitress")
from nnscratch.web import connections
from nnscratch.web.server import drain, listen, make_server, run

HALF_A_HEAD = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "
HALF_A_BODY = b"POST /api/predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
WHOLE = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
PREDICT = b"POST /api/predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class Pool:
    """Answers when it is let, as workers do."""

    def __init__(self):
        self.go, self.asked, self.answer = threading.Event(), 0, "{}"
        self.go.set()

    def reply(self, body):
        self.asked += 1
        self.go.wait(60)
        return self.answer

    def end(self):
        self.go.set()


class Running:
    """A server whose loop runs in a thread, and is drained at the end."""

    def __init__(self):
        self.lines = []
        self.listening, self.pool = listen("127.0.0.1", 0), Pool()
        self.server = make_server({"logistic": nn.load(pretrained("logistic"))}, self.pool, self.listening)
        self.port = self.listening.getsockname()[1]
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        run(self.server)
        drain(self.server, self.pool)

    def connect(self, data=b""):
        line = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        self.lines.append(line)
        line.sendall(data)
        return line

    def end(self):
        self.server.ending = True
        self.server.pull_trigger()
        self.thread.join(60)
        self.listening.close()
        for line in self.lines:
            line.close()
        self.server.close()


@pytest.fixture
def running(monkeypatch):
    monkeypatch.setattr("nnscratch.web.server.TICK", 0.05)
    monkeypatch.setattr("nnscratch.web.server.IDLE", 0.2)
    server = Running()
    yield server
    server.end()


def answer_of(line):
    """Status, headers and JSON of one answer."""
    with line.makefile("rb") as told:
        status = int(told.readline().split()[1])
        headers = dict(row.decode().strip().lower().split(": ", 1) for row in iter(told.readline, b"\r\n"))
        return status, headers, json.loads(told.read(int(headers["content-length"])))


@pytest.mark.parametrize(
    ("sent", "within"), [(HALF_A_HEAD, "HEADERS_WITHIN"), (HALF_A_BODY, "ALL_WITHIN")], ids=["headers", "body"]
)
def test_a_request_that_trickles_is_refused_when_its_time_is_over(running, monkeypatch, sent, within):
    line = running.connect(sent)
    wait_until(lambda: any(channel.request for channel in list(running.server.active_channels.values())))
    monkeypatch.setattr(connections, within, 0.1)
    for _ in range(4):  # which keeps it from being silent, and not from being slow
        line.sendall(b"a")
        time.sleep(0.01)
    status, headers, told = answer_of(line)
    assert (status, headers["connection"]) == (408, "close") and headers["x-content-type-options"] == "nosniff"
    assert told["error"]["code"] == "request_timeout" and "send it again" in told["error"]["message"]
    assert line.recv(1) == b""


def test_a_body_may_take_longer_than_headers(running, monkeypatch):
    monkeypatch.setattr(connections, "HEADERS_WITHIN", 0.1)
    line = running.connect(PREDICT[:-1])
    wait_until(lambda: any(channel.request for channel in list(running.server.active_channels.values())))
    time.sleep(0.3)
    line.sendall(b"}")
    assert answer_of(line)[0] == 200


def test_a_connection_without_a_request_is_not_late(running, monkeypatch):
    monkeypatch.setattr(connections, "HEADERS_WITHIN", 0.1)
    monkeypatch.setattr(connections, "ALL_WITHIN", 0.1)
    line = running.connect()
    for _ in range(2):
        time.sleep(0.3)
        line.sendall(WHOLE)
        assert answer_of(line)[0] == 200


def test_a_request_that_is_worked_on_is_not_late(running, monkeypatch):
    monkeypatch.setattr(connections, "HEADERS_WITHIN", 0.1)
    monkeypatch.setattr(connections, "ALL_WITHIN", 0.1)
    running.pool.go.clear()
    line = running.connect(PREDICT)
    time.sleep(0.3)
    running.pool.go.set()
    assert answer_of(line)[0] == 200


def test_an_answer_that_is_not_read_has_its_time_too(running, monkeypatch):
    running.pool.answer = json.dumps({"long": "x" * 20_000_000})
    running.connect(PREDICT)
    wait_until(
        lambda: any(c.total_outbufs_len and not c.requests for c in list(running.server.active_channels.values()))
    )
    monkeypatch.setattr(connections, "READ_WITHIN", 0.1)
    wait_until(lambda: not running.server.active_channels)


@pytest.mark.parametrize("sent", [b"", HALF_A_HEAD, HALF_A_BODY], ids=["nothing", "headers", "body"])
def test_whoever_comes_is_heard_however_many_are_slow(running, monkeypatch, sent):
    """The connection that has waited longest is closed for the next; one that is being answered is not."""
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 20)
    running.pool.go.clear()
    worked_on = running.connect(PREDICT)
    wait_until(lambda: running.pool.asked)
    for _ in range(60):
        with contextlib.suppress(OSError):  # it may have been closed for the next one already
            running.connect(sent)
    line = running.connect(WHOLE)
    assert answer_of(line)[0] == 200
    wait_until(lambda: len(running.server.active_channels) <= 20)
    running.pool.go.set()
    assert answer_of(worked_on)[0] == 200


def test_threads_are_left_for_others_than_predictions(running):
    """As many predictions as may be asked wait; more are refused at once, and the server's health is told."""
    running.pool.go.clear()
    waiting = [running.connect(PREDICT) for _ in range(24)]
    wait_until(lambda: running.pool.asked == 24)
    status, headers, told = answer_of(running.connect(PREDICT))
    assert (status, headers["retry-after"], told["error"]["code"]) == (503, "1", "busy")
    assert answer_of(running.connect(WHOLE))[0] == 200
    running.pool.go.set()
    assert [answer_of(line)[0] for line in waiting] == [200] * 24


def test_at_the_end_each_connection_is_closed_after_its_answer(running):
    running.pool.go.clear()
    line, idle = running.connect(PREDICT), running.connect()
    wait_until(lambda: running.pool.asked)
    wait_until(lambda: len(running.server.active_channels) == 2)
    running.server.ending = True
    running.server.pull_trigger()
    running.pool.go.set()
    status, headers, _ = answer_of(line)
    assert (status, headers["connection"]) == (200, "close")
    assert line.recv(1) == b"" and idle.recv(1) == b""


def test_a_request_that_comes_at_the_end_on_an_open_connection_is_answered(running, monkeypatch):
    monkeypatch.setattr("nnscratch.web.server.IDLE", 60)
    monkeypatch.setattr("nnscratch.web.server.PATIENCE", 60)
    line = running.connect(WHOLE)
    answer_of(line)
    running.server.ending = True
    running.server.pull_trigger()
    wait_until(lambda: running.server.socket.fileno() < 0)  # nobody else is let in
    line.sendall(WHOLE)
    status, headers, _ = answer_of(line)
    assert (status, headers["connection"]) == (200, "close")
    running.thread.join(60)
    assert not running.thread.is_alive()


@pytest.mark.parametrize("sent", [HALF_A_HEAD, HALF_A_BODY], ids=["headers", "body"])
def test_what_has_not_come_at_the_end_is_told_so(running, monkeypatch, sent):
    monkeypatch.setattr("nnscratch.web.server.PATIENCE", 0.2)
    monkeypatch.setattr("nnscratch.web.server.REST", 60)
    line = running.connect(sent)
    wait_until(lambda: any(channel.request for channel in list(running.server.active_channels.values())))
    running.server.ending = True
    running.server.pull_trigger()
    status, _, told = answer_of(line)
    assert status == 503 and "being ended" in told["error"]["message"]


def test_answers_that_are_asked_for_in_one_go_all_come_at_the_end(running):
    running.pool.go.clear()
    line = running.connect(PREDICT + WHOLE)
    wait_until(lambda: running.pool.asked)
    running.server.ending = True
    running.server.pull_trigger()
    running.pool.go.set()
    with line.makefile("rb") as told:
        everything = told.read()
    assert everything.count(b"HTTP/1.1 200 OK") == 2 and everything.count(b"Connection: close") == 1
