"""The server as a user starts it: load in a short form, its end, what cannot be listened on."""

import contextlib
import json
import os
import signal
import socket
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.tools.browsing import Server
from tests.tools.checks import wait_until
from tests.tools.commands import run_inside
from tests.tools.photos import DIGITS

pytest.importorskip("flask")
pytest.importorskip("waitress")


@pytest.fixture(scope="module")
def servers():
    """Return servers by their number of workers, each begun when it is first asked for."""
    begun = {}

    def serving(workers):
        if workers not in begun:
            begun[workers] = Server("--workers", str(workers))
        return begun[workers]

    yield serving
    for server in begun.values():
        server.stop()


@pytest.fixture
def server(servers, request):
    """A server that tests share, and leave as it is."""
    return servers(getattr(request, "param", 2))


@pytest.fixture
def own_server(request):
    server = Server("--workers", str(getattr(request, "param", 2)))
    yield server
    server.stop()


def ask(server, digit=3, **more):
    body = json.dumps({"strokes": [(stroke * 2.5 + 120).tolist() for stroke in DIGITS[digit]], **more}).encode()
    request = urllib.request.Request(
        f"{server.url}api/predict", body, {"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.loads(response.read())


def children(server):
    """The processes that work, and not the one that looks after multiprocessing's resources."""
    threads = Path(f"/proc/{server.process.pid}/task").glob("*/children")
    found = [int(child) for thread in threads for child in thread.read_text().split()]
    return [child for child in found if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text()]


def unread(port):
    """How many bytes were sent to the port and not read there yet, by Linux's table of connections."""
    connections = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    numbers = 0
    for _, local, remote, state, queues, *_ in connections:
        sent, received = (int(queue, 16) for queue in queues.split(":"))
        if state == "01":  # established
            numbers += received * local.endswith(f":{port:04X}") + sent * remote.endswith(f":{port:04X}")
    return numbers


@pytest.mark.slow
@pytest.mark.parametrize("server", [1, 2], indirect=True)
def test_many_at_a_time_get_the_answers_of_one(server):
    expected = {digit: ask(server, digit)["digits"][0]["predictions"] for digit in range(10)}
    wrong = []

    def work(number):
        for k in range(8):
            digit = (number + k) % 10
            got = ask(server, digit)["digits"][0]["predictions"]
            for one, other in zip(got, expected[digit], strict=True):
                if one["probabilities"] != other["probabilities"]:
                    wrong.append(digit)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.slow
@pytest.mark.parametrize("server", [1], indirect=True)
def test_more_than_it_can_do_is_refused_and_the_rest_is_answered(server):
    """A hundred at a time: some are told to come again, and none waits for ever or fails."""
    told = []

    def work():
        try:
            told.append(ask(server)["verdict"])
        except urllib.error.HTTPError as error:
            told.append((error.code, error.headers["Retry-After"]))

    threads = [threading.Thread(target=work) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == 100
    assert set(told) - {(503, "1")} and set(told) <= {"all agree", "models differ", "unsure", "not a digit", (503, "1")}
    assert ask(server)["digits"]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_and_its_processes(own_server, number):
    ask(own_server)
    processes = children(own_server)
    assert len(processes) == 2
    own_server.process.send_signal(number)
    assert own_server.process.wait(60) == 0
    for process in processes:
        assert not Path(f"/proc/{process}").exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_requests_in_flight_are_answered_before_the_end(own_server, number):
    """More than there are processes and threads: those that wait are answered too."""
    ask(own_server)
    slow = {"brush": 60, "single": True, "strokes": [[[100 + k % 300, 100 + k % 280] for k in range(4000)]]}
    body = json.dumps(slow).encode()
    head = f"POST /api/predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    lines = []
    for _ in range(12):
        lines.append(socket.create_connection(("127.0.0.1", own_server.port)))
        lines[-1].sendall(head.encode() + b"\r\n\r\n" + body)
    wait_until(lambda: unread(own_server.port) == 0)
    own_server.process.send_signal(number)
    for line in lines:
        line.settimeout(60)
        with line, line.makefile("rb") as answer:
            assert b" 200 " in answer.readline()
    assert own_server.process.wait(60) == 0


@pytest.mark.slow
@pytest.mark.parametrize("own_server", [1], indirect=True)
def test_a_process_that_hangs_keeps_nobody_from_ending_the_server(own_server):
    ask(own_server)
    os.kill(children(own_server)[0], signal.SIGSTOP)
    own_server.process.send_signal(signal.SIGTERM)
    assert own_server.process.wait(60) == 0


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"POST /api/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 30000000\r\n\r\n", 413),
        (
            b"POST /api/predict HTTP/1.0\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 3000000\r\n\r\n"  # noqa: E501
            + bytes(3_000_000),
            413,
        ),
        (b"POST /api/predict HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n", 400),
        (b"POST /api/predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n", 400),
        (b"GET /" + b"a" * 300_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 431),
    ],
)
def test_what_is_hardly_http_is_refused_in_json_too(server, request_bytes, status):
    with socket.create_connection(("127.0.0.1", server.port)) as line:
        line.settimeout(60)
        told = b""
        with contextlib.suppress(OSError):  # the server may have heard enough
            line.sendall(request_bytes)
        with contextlib.suppress(OSError):
            while part := line.recv(4096):
                told += part
    head, _, body = told.partition(b"\r\n\r\n")
    assert f" {status} ".encode() in head.splitlines()[0] and b"nosniff" in head
    assert set(json.loads(body)["error"]) == {"code", "message"}


@pytest.mark.slow
def test_a_process_that_dies_is_replaced_and_no_request_is_lost(own_server):
    ask(own_server)
    first = children(own_server)
    answers = []
    threads = [threading.Thread(target=lambda: [answers.append(ask(own_server)) for _ in range(10)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(answers) > 8)
    os.kill(first[0], signal.SIGKILL)
    for thread in threads:
        thread.join()
    assert len(answers) == 40 and all(answer["digits"] for answer in answers)
    wait_until(lambda: len(children(own_server)) == 2)
    assert first[0] not in children(own_server)


@pytest.mark.slow
def test_its_processes_end_with_it_when_it_is_killed(own_server):
    ask(own_server)
    processes = children(own_server)
    own_server.process.kill()
    wait_until(lambda: not any(Path(f"/proc/{process}").exists() for process in processes))


def test_it_never_loads_numba(server):
    ask(server, explain=True)
    for process in [server.process.pid, *children(server)]:
        assert "numba" not in Path(f"/proc/{process}/maps").read_text()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--port", "70000"], "--port is 70000"),
        (["--workers", "0"], "--workers is 0"),
        (["--host", "no.such.host.invalid", "--port", "0"], "cannot be listened on"),
        (["--model", "resnet"], "unknown"),
        (["--model", "none.npz"], "none.npz"),
    ],
)
def test_what_cannot_be_served_is_one_line(arguments, told, tmp_path):
    code, _, err = run_inside("serve", *arguments, cwd=tmp_path)
    lines = [line for line in err.splitlines() if not line.startswith("using ")]
    assert code in (1, 2) and len(lines) == 1 and told in lines[0]


def test_a_port_in_use(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, _, err = run_inside("serve", "--port", taken.getsockname()[1], cwd=tmp_path)
    assert code == 1 and "in use" in err


def test_what_is_no_http_is_answered_on_one_line(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as one:
        one.sendall(b"GET / HTTP/1.1\r\nA\nB: c\x1b[31m\r\n\r\n")
        answer = b"".join(iter(lambda: one.recv(4096), b""))
    told = json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
    assert answer.startswith(b"HTTP/1.") and b" 400 " in answer and told["message"].isprintable()
