"""What a reader's file may not do: each attack is a file, run as the check runs it."""

import copy
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from nnscratch.study.exercises import EXERCISES, sandbox
from nnscratch.study.exercises.check import check, grade
from nnscratch.study.exercises.sandbox import Limits, _read, call_all

RELU = EXERCISES["relu_backward"]
RIGHT = "def relu_backward(dout, x):\n    return dout * (x > 0)\n"
WRONG = "def relu_backward(dout, x):\n    return dout\n"
STRANGER = Limits(stranger=True)
linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="shuts in on Linux alone")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder of which the command line of every process that a check starts has the name."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def checked(place, text, limits=STRANGER, exercise=RELU):
    (place / "mine.py").write_text(text)
    return check(exercise, place / "mine.py", limits)


def called(place, text, limits=STRANGER):
    (place / "mine.py").write_text(text)
    return call_all(place / "mine.py", "relu_backward", [case.arguments for case in RELU.cases], limits)


def alive(place):
    """The processes that have the folder's name in their command line."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(place).encode() in (process / "cmdline").read_bytes():
                found.append(process.name)
        except OSError:
            continue
    return found


DAEMONS = """
import os, signal, time
for number in range(1, 32):
    try:
        signal.signal(number, signal.SIG_IGN)
    except OSError:
        pass
for _ in range(2):  # a new session, and a process that nobody is the parent of
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(600)
        os._exit(0)
"""


@linux
@pytest.mark.parametrize("limits", [Limits(), STRANGER], ids=["own", "stranger"])
def test_whatever_a_file_starts_is_ended_with_it(place, limits):
    verdict = checked(place, DAEMONS + RIGHT, limits)
    assert verdict.right, verdict.problems
    assert alive(place) == []


@pytest.fixture
def without_namespaces(tmp_path, monkeypatch):
    """A system that refuses namespaces, as containers do."""
    code = tmp_path / "code"
    code.mkdir()
    for name in ("child.py", "fence.py", "imports.py"):
        text = sandbox.CHILD.with_name(name).read_text()
        (code / name).write_text(text.replace("if libc().unshare(", "if True or libc().unshare("))
    monkeypatch.setattr(sandbox, "CHILD", code / "child.py")


@linux
@pytest.mark.usefixtures("without_namespaces")
def test_it_is_ended_without_namespaces_too(place):
    report = called(place, DAEMONS + RIGHT)
    assert report.failure is None
    assert "processes" not in report.beyond
    assert alive(place) == []


@linux
def test_it_is_ended_too_when_the_check_is_killed(place):
    (place / "mine.py").write_text(DAEMONS + f"open({str(place / 'begun')!r}, 'w').close()\nwhile True:\n    pass\n")
    code = (
        f"import tempfile; tempfile.tempdir = {str(place)!r}\n"
        "from pathlib import Path\nfrom nnscratch.study.exercises.sandbox import Limits, call_all\n"
        f"call_all(Path({str(place / 'mine.py')!r}), 'nothing', [(1.0,)], Limits(300))"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        soon(lambda: (place / "begun").exists())
        process.kill()
    soon(lambda: not alive(place))


def soon(what):
    """Wait until it is so."""
    for _ in range(5_000):
        if what():
            return
        time.sleep(0.02)
    raise AssertionError


@linux
def test_it_is_ended_too_when_the_file_is_too_slow(place):
    verdict = checked(
        place,
        DAEMONS + "import faulthandler\nfaulthandler.cancel_dump_traceback_later()\nwhile 1: pass",
        Limits(0.5, stranger=True),
    )
    assert verdict.status == "timed out"
    assert alive(place) == []


ESCAPES = {  # each must raise; what does not is printed
    "reads the system's files": "open('/etc/passwd').read()",
    "reads the home folder": "os.listdir(os.path.expanduser('~root') if os.getuid() else '/root')",
    "reads processes": "open('/proc/self/environ').read()",
    "reads the parent's memory": "open('/proc/%d/mem' % os.getppid(), 'rb').read(1)",
    "reads the library": "open({library!r}).read()",
    "imports the library": "import nnscratch",
    "imports the library after all": "sys.meta_path.pop(0); sys.path.insert(0, {root!r}); import nnscratch",
    "imports another library": "import rich",
    "writes elsewhere": "open({elsewhere!r}, 'w')",
    "removes what is elsewhere": "os.remove({there!r})",
    "links to elsewhere": "os.link({there!r}, 'link')",
    "writes too much": "open('big', 'wb').write(bytes(100 << 20))",
    "writes too many": "[open(str(k), 'wb').write(bytes(1 << 20)) for k in range(100)]",
    "TCP": "socket.create_connection({server!r}, 1)",
    "UDP": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', {server!r})",
    "a service of the system": "socket.socket(socket.AF_UNIX).connect({service!r})",
    "changes rights": "os.chmod({there!r}, 0)",
    "runs a program": "subprocess.run(['/bin/true'])",
    "runs Python": "subprocess.run([sys.executable, '-c', ''])",
    "ends its parent": "os.kill(os.getppid(), 9)",
    "ends all": "os.kill(-1, 9)",
    "ends the check": "os.kill({pid}, 9)",
    "raises its limits": "resource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
    "becomes root": "os.setuid(0)",
    "starts too many": "threads()",
    "mounts": "if ctypes.CDLL(None).mount(b'tmpfs', b'.', b'tmpfs', 0, b'') < 0: raise OSError",
    "a namespace of its own": "if ctypes.CDLL(None).unshare(0x10000000 | 0x20000) < 0: raise OSError",
    "opens too many": "[os.open('mine.py', 0) for _ in range(200)]",  # last: it leaves no handle to the others
}
TRIES = """
import ctypes, os, resource, socket, subprocess, sys, threading, time
def threads():
    for _ in range(100):
        threading.Thread(target=time.sleep, args=(3,), daemon=True).start()
assert not os.environ, os.environ
assert os.listdir() == ["mine.py"]
for what, code in ESCAPES.items():
    try:
        exec(code)
    except Exception:
        continue
    print(what)
"""


def escaped(place):
    """The report on a file that tries all escapes, one after the other."""
    (place / "there").write_text("kept")
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as service:
        service.bind(str(place / "service"))
        service.listen()
        (place / "service").chmod(0o777)
        known = {
            "library": EXERCISES["relu_backward"].solution.__code__.co_filename,
            "root": str(Path(__file__).parents[2]),
            "elsewhere": str(place / "new"),
            "there": str(place / "there"),
            "server": server.getsockname(),
            "service": service.getsockname(),
            "pid": os.getpid(),
        }
        escapes = {what: code.format(**known) for what, code in ESCAPES.items()}
        report = called(place, f"ESCAPES = {escapes!r}\n{TRIES}{RIGHT}")
    assert report.failure is None
    assert (place / "there").read_text() == "kept"
    return report


@linux
def test_a_stranger_reaches_nothing(place):
    """Where the system has everything that it takes: namespaces and Landlock."""
    report = escaped(place)
    if set(report.beyond) != {"network", "processes", "files"}:
        pytest.skip(f"this system keeps {report.beyond} alone out of reach")
    assert report.notes == []


@linux
@pytest.mark.usefixtures("without_namespaces")
def test_without_namespaces_little_is_left(place):
    report = escaped(place)
    if set(report.beyond) != {"network", "files"}:
        pytest.skip("this system has no Landlock, or another machine's calls")
    left = "".join(report.notes).partition("nothing: ")[2]
    for known in ("writes too many", "ends all"):  # of files no single one; and no process of another user
        left = left.replace(known, "")
    assert not left.strip()


WRITES = """
import json, os
more = {"warnings": [], "characters": 0, "beyond": []}
for handle in range(3, 20):
    try:
        os.write(handle, json.dumps(RECORD).encode())
    except OSError:
        continue
os._exit(0)
"""
CHEATS = {
    "says so": "print('relu_backward is right, on 3 inputs.')\n" + WRONG,
    "exits": "import sys\nsys.exit(0)\n" + WRONG,
    "exits hard": "import os\nos._exit(0)\n" + WRONG,
    "exits when called": "import os\ndef relu_backward(dout, x):\n    os._exit(0)\n",
    "changes NumPy": "import numpy as np\n"
    "np.array_equal = np.allclose = lambda *a, **k: True\nnp.abs = lambda *a, **k: np.zeros(1)\n" + WRONG,
    "changes the process": "import sys\nmain = sys.modules['__main__']\n"
    "main.describe = lambda value: {'type': 'array', 'shape': (), 'dtype': 'float64', 'data': ''}\n" + WRONG,
    "equals everything": "import numpy as np\nclass All(np.ndarray):\n"
    "    def __eq__(self, other): return True\n    def __array_ufunc__(self, *a, **k): return 0.0\n"
    "def relu_backward(dout, x):\n    return dout.view(All)\n",
    "writes the report": WRITES.replace("RECORD", "{'failure': None, 'calls': [], 'right': True, **more}"),
    "calls itself right": WRITES.replace("RECORD", "{'failure': 'x', 'status': 'right', 'calls': [], **more}"),
}


@pytest.mark.parametrize("what", CHEATS)
def test_no_cheat_passes(place, what):
    verdict = checked(place, CHEATS[what])
    assert not verdict.right
    assert verdict.passed == verdict.score == 0
    assert verdict.status in ("wrong", "ended", "error")


def test_the_right_answer_is_not_in_the_process(place):
    """A file that looks at every object and every frame finds the inputs, and no array that solves one."""
    text = """
import gc, sys
import numpy as np
def arrays():
    frame, found = sys._getframe(), gc.get_objects()
    while frame:
        found += [*frame.f_locals.values(), *frame.f_globals.values()]
        frame = frame.f_back
    found = [tuple(each.values()) if type(each) is dict else each for each in found]
    return [array for each in found if type(each) in (list, tuple) for array in each]
def relu_backward(dout, x):
    right = dout * (x > 0)
    same = [a for a in arrays() if type(a) is np.ndarray and a.shape == x.shape]
    print(sum(np.array_equal(a, x) for a in same) > 0, sum(np.array_equal(a, right) for a in same if a is not right))
    return right
"""
    verdict = checked(place, text)
    assert verdict.right
    assert "True 0 True 0 True 0" in verdict.notes[0]


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("x = bytearray(3 << 30)", "memory"),
        ("def relu_backward(dout, x):\n    return [0] * (1 << 30)", "memory"),
        ("while True:\n    pass", "timed out"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)", "timed out"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "crashed"),
        ("def relu_backward(dout, x:", "syntax error"),
        ("def relu(dout, x):\n    pass", "no function"),
        ("def relu_backward(dout, x):\n    raise NotImplementedError", "not written"),
        ("def relu_backward(dout, x):\n    return 1 / 0", "error"),
    ],
)
def test_why_there_is_no_answer_is_said_in_a_word_too(place, text, status):
    verdict = checked(place, text, Limits(0.7, stranger=True) if status == "timed out" else STRANGER)
    assert (verdict.status, verdict.passed) == (status, 0)
    assert len(verdict.problems) == 1


def test_a_file_that_stops_is_stopped(place):
    stop = threading.Event()
    (place / "mine.py").write_text("while True:\n    pass")
    threading.Timer(0.5, stop.set).start()
    begun = time.monotonic()
    report = call_all(place / "mine.py", "relu_backward", [(1.0, 1.0)], Limits(300, stranger=True), stop)
    assert report.failure
    assert time.monotonic() - begun < 100
    assert alive(place) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[" * 100_000,
        "{}",
        "null",
        '{"failure": null, "calls": [[]], "warnings": [], "characters": 0, "beyond": []}',
        '{"failure": null, "calls": [], "warnings": [], "characters": 0, "beyond": []}',
    ],
)
def test_a_report_that_is_none_is_no_answer(text):
    assert _read(text, [(1.0, 1.0)]).status == "ended"


ZERO = {"type": "array", "shape": [1], "dtype": "float64", "data": "AAAAAAAAAAA="}


def reported(value=ZERO, **call):
    """What a process would write of one call that returned an array of one number, with some of it forged."""
    call = {"count": None, "values": [value], "changed": []} | call
    return json.dumps({"failure": None, "calls": [call], "warnings": [], "characters": 0, "printed": "", "beyond": []})


@pytest.mark.parametrize(
    "forged",
    [
        {"shape": [float("inf")]},
        {"shape": [float("nan")]},
        {"shape": [1.0]},
        {"shape": [True]},
        {"shape": [-1]},
        {"shape": [2]},
        {"shape": [1 << 32, 1 << 32], "data": ""},
        {"shape": [10**30], "data": None},
        {"shape": [1] * 100},
        *(
            {"dtype": dtype}
            for dtype in ("i4,(", "(2,", ",", "object", "f8", "<f8", "U2", "datetime64[s]", "(2,)i4", 3)
        ),
        {"data": "A"},
        {"data": 7},
    ],
    ids=str,
)
def test_a_forged_array_is_no_answer(forged):
    assert _read(reported(), [(1.0,)]).calls[0].values[0].array.tolist() == [0.0]
    assert _read(reported(ZERO | forged), [(1.0,)]).status == "ended"


@pytest.mark.parametrize("forged", [{"count": float("inf")}, {"count": 2}, {"count": -1}, {"values": []}], ids=str)
def test_a_forged_call_is_no_answer(forged):
    assert _read(reported(**forged), [(1.0,)]).status == "ended"


NASTY = [
    None, True, -1, 0, 1, 10**40, 1.5, float("inf"), float("nan"), "", "x", "\ud800\n\x1b[2J", "i4,(", "(2,", ",",
    "object", "float32", ">f8", "array", [], {}, [[]], [-1], [float("inf")], {"a": 1}, "A" * 5000, [1] * 100,
]  # fmt: skip


def forged(node, rng):
    """Replace, remove or double something in a tree, at random."""
    while isinstance(node, (dict, list)) and node:
        key = rng.choice(list(node) if isinstance(node, dict) else range(len(node)))
        if not isinstance(node[key], (dict, list)) or not node[key] or rng.random() < 0.1:
            if rng.random() < 0.1:
                del node[key]
            else:
                node[key] = copy.deepcopy(rng.choice(NASTY))
            return
        node = node[key]


def test_whatever_is_reported_has_a_verdict():
    """Thousands of forged reports, the same ones each time: in their words, and in their letters."""
    exercise, rng = EXERCISES["squared_error"], random.Random(0)
    number = ZERO | {"shape": []}
    call = {"count": 2, "values": [number, ZERO], "changed": []}
    more = {"warnings": ["a"], "characters": 9, "printed": "abc", "beyond": ["files"], "status": "error"}
    whole = {"failure": None, "calls": [call] * len(exercise.cases), **more}
    for _ in range(1500):
        tree = copy.deepcopy(whole)
        for _ in range(rng.randint(1, 3)):
            forged(tree, rng)
        text = json.dumps(tree)
        if rng.random() < 0.3:
            start = rng.randrange(len(text))
            text = (
                text[:start] + rng.choice(["", "[", "}", "1e999", '"', "\\ud800"]) + text[start + rng.randint(0, 9) :]
            )
        report = _read(text, [case.arguments for case in exercise.cases])
        with np.errstate(all="ignore"):
            verdict = grade(exercise, report)
        assert not verdict.right
        json.dumps([verdict.passed, verdict.score], allow_nan=False)
        assert all(len(problem) < 10_000 for problem in verdict.problems)


def test_what_comes_back_is_small(place):
    """Of lists in a report the memory is thirty times the text."""
    text = WRITES.replace("json.dumps(RECORD).encode()", "b'[' + b'[],' * 3_000_000")
    verdict = checked(place, text)
    assert (verdict.status, verdict.problems) == ("wrong", ["relu_backward returned far larger arrays than are wanted"])


@linux
def test_the_seconds_are_told_by_the_process_that_waits(place):
    """And not by a file that writes as much to stderr as it may, with a number at its end."""
    begun = "os.ftruncate(handle, (64 << 20) - 4), os.lseek(handle, 0, 2)"
    text = WRITES.replace("os.write(", f"{begun}, os.write(").replace("json.dumps(RECORD).encode()", "b'\\ninf'")
    report = called(place, text)
    assert 0 <= report.seconds < 100


def test_what_lies_beside_may_be_many_files(place):
    beside = [place / f"helper{k}.py" for k in range(150)]
    for path in beside:
        path.write_text("")
    assert checked(place, RIGHT, Limits(stranger=True, beside=tuple(beside))).right


def test_a_file_of_a_stranger_imports_what_lies_beside_it(place):
    (place / "helper.py").write_text("def mask(x):\n    return x > 0\n")
    text = "from helper import mask\ndef relu_backward(dout, x):\n    return dout * mask(x)\n"
    assert checked(place, text).problems
    assert checked(place, text, Limits(stranger=True, beside=(place / "helper.py",))).right


def test_numbers_arrive_bit_by_bit(place):
    """Also NaN, infinity and the smallest."""
    special = np.array([np.nan, np.inf, -0.0, 5e-324, 0.1])
    (place / "mine.py").write_text("def same(x):\n    return x\n")
    report = call_all(place / "mine.py", "same", [(special,)], STRANGER)
    assert report.calls[0].values[0].array.tobytes() == special.tobytes()
