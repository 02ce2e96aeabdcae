"""What keeps a stranger's file in, and ends all that it starts, on Linux; it imports nothing of the library.

Two processes stand above the one that runs the file. The outer one lives in the system, and waits: for the end, for the
time to be over, or for its own parent to go. Then it ends whatever is left. Where the system allows it, all below is in
*namespaces* of its own: the second process is the first of a PID namespace, with which the kernel ends every other one
in it, and there is no network but an empty one. Where it does not, the outer process adopts what loses its parent
(PR_SET_CHILD_SUBREAPER) and ends it one by one. A new session or a double fork leads out of neither.

*Landlock* (Linux 5.13) then forbids to open any file that is not named, to execute any, and signals to others.
*Seccomp* forbids sockets, by which services of the system could be asked to do what the file may not, and to change the
rights of files.

man 7 pid_namespaces, user_namespaces, landlock; man 2 prctl, capget, setrlimit, seccomp.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import struct
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

PROCESSES = 8  # of a stranger, with threads
FILES = 64  # open at a time
FILE_SIZE = 64 << 20  # bytes of a file, and of all that are in the folder
NOBODY = 65534

NEWNS, NEWIPC, NEWUSER, NEWPID, NEWNET = 0x20000, 0x8000000, 0x10000000, 0x20000000, 0x40000000  # linux/sched.h
MS_REC, MS_PRIVATE, MS_NOSUID_NODEV = 0x4000, 0x40000, 0x2 | 0x4  # linux/mount.h
SET_PDEATHSIG, SET_KEEPCAPS, SET_CHILD_SUBREAPER, SET_NO_NEW_PRIVS = 1, 8, 36, 38  # linux/prctl.h
DAC_READ_SEARCH = 1 << 2  # linux/capability.h
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # system calls, of one number on all machines
READ_FILE, READ_DIR, TRUNCATE, IOCTL = 1 << 2, 1 << 3, 1 << 14, 1 << 15  # linux/landlock.h
ON_FILES = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}  # all rights, by version
ON_ONE_FILE = 0b111 | TRUNCATE | IOCTL
SET_SECCOMP, FILTER, ALLOW, REFUSE = 22, 2, 0x7FFF0000, 0x50000 | 1  # linux/prctl.h, seccomp.h; 1: EPERM
CALLS = {  # by machine: its AUDIT_ARCH; the numbers of socket, and of chmod, fchmod, fchmodat as far as there are
    "x86_64": (0xC000003E, (41, 90, 91, 268)),
    "aarch64": (0xC00000B7, (198, 52, 53)),
}
EVERYWHERE = (425, 452)  # io_uring_setup, which does what others forbid; fchmodat2


def libc() -> ctypes.CDLL:
    """Return the functions of C."""
    return ctypes.CDLL(None, use_errno=True)


def own_namespaces(folder: str, files: int) -> bool:
    """Leave the system's processes and network to the others, and mount a small ``folder`` in memory.

    It has room for so many ``files``, and for a few that the program writes.
    False where the system does not allow it. Root needs no user namespace; anyone else is in one who he is outside.
    """
    uid, gid = os.getuid(), os.getgid()
    if libc().unshare(NEWNS | NEWIPC | NEWPID | NEWNET | (NEWUSER if uid else 0)):
        return False
    if uid:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    libc().mount(None, b"/", None, MS_REC | MS_PRIVATE, None)
    options = f"size={FILE_SIZE},nr_inodes={files + 100},mode=777".encode()
    libc().mount(b"tmpfs", os.fsencode(folder), b"tmpfs", MS_NOSUID_NODEV, options)
    return True


def supervise(work: Callable[[], object], seconds: float, namespaces: bool) -> NoReturn:
    """Do ``work`` in a process below, for so long; end all that is left; exit as it did: 128 and more are signals.

    The last line of stderr says how many seconds it took. Stdin is held open by the parent of this process.
    """
    libc().prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    begun = time.monotonic()
    below = _start(_below(work) if namespaces else work)
    while not (status := os.waitpid(below, os.WNOHANG))[0] and time.monotonic() < begun + seconds:
        if select.select([0], [], [], 0.005)[0]:
            break
    taken = time.monotonic() - begun
    _end_all(below)
    os.lseek(2, 0, os.SEEK_END)
    os.write(2, f"\n{taken}".encode())
    os._exit(_code(status[1]) if status[0] else 128 + signal.SIGKILL)


def _start(work: Callable[[], object]) -> int:
    """Do ``work`` in a new process, and return its number."""
    pid = os.fork()
    if pid:
        return pid
    libc().prctl(SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    try:
        work()
    finally:
        os._exit(1)


def _below(work: Callable[[], object]) -> Callable[[], None]:
    """Return what the first process of a namespace does: it starts another, for it is deaf to signals of its own."""

    def first() -> None:
        worker = _start(work)
        while (ended := os.wait())[0] != worker:
            pass
        os._exit(_code(ended[1]))

    return first


def _code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _end_all(below: int) -> None:
    """End every process below this one; those of a killed one become this one's, until there are none."""
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    with suppress(ChildProcessError):  # none is left
        while True:
            for pid in children.read_text().split() if children.exists() else [below]:
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            os.waitpid(-1, 0)


def shut_in(
    limit: Callable[..., None], folder: str, readable: Mapping[str, int], namespaces: bool, unique: int
) -> list[str]:
    """Give up all rights but to compute, and to write in ``folder``. Return what is now out of reach.

    ``limit`` sets limits by the names of setrlimit; ``unique``: a number that no other file has that runs meanwhile.
    """
    uid = os.getuid()
    ruleset = _landlock(folder, readable)
    limit(FSIZE=FILE_SIZE, NOFILE=FILES)
    if namespaces or not uid:  # the processes of this file alone are counted
        limit(NPROC=PROCESSES)
    if not uid:
        libc().prctl(SET_KEEPCAPS, 1, 0, 0, 0)
        _become_nobody(folder, unique)
        _keep_capabilities(DAC_READ_SEARCH)  # Python may lie in root's own folder
    libc().prctl(SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    locked = ruleset >= 0 and libc().syscall(RESTRICT_SELF, ruleset, 0) == 0
    if uid or not locked:
        _keep_capabilities(0)
    filtered = _refuse_calls()
    return ["network"] * (namespaces or filtered) + ["processes"] * namespaces + ["files"] * locked


def _become_nobody(folder: str, unique: int) -> None:
    """Give root's rights up for those of a user who owns nothing, and whose processes are these alone."""
    for number in (2_000_000_000 + unique, NOBODY):  # the first is unknown where users are renumbered
        with suppress(OSError):
            os.chown(folder, number, number)
            os.setgroups([])
            os.setresgid(number, number, number)
            os.setresuid(number, number, number)
            return


def _keep_capabilities(kept: int) -> None:
    """Give up what root may do, or a user in a namespace of his own, such as to mount; but for these bits."""
    for bits in (kept, 0):  # a container may have taken them from root before
        if libc().capset(struct.pack("Ii", 0x20080522, 0), struct.pack("6I", bits, bits, 0, 0, 0, 0)) == 0:
            return


def _landlock(folder: str, readable: Mapping[str, int]) -> int:
    """Return rules by which only ``folder`` can be written, and only that and ``readable`` (paths: rights) read; or -1.

    No rule lets a file be executed.
    """
    system = libc()
    version = system.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), 1)
    if version < 1:
        return -1
    rights = ON_FILES[max(v for v in ON_FILES if v <= version)]
    handled = [rights]
    handled += [0b11] if version >= 4 else []  # TCP: bind and connect
    handled += [0b11] if version >= 6 else []  # abstract sockets, signals
    packed = struct.pack(f"{len(handled)}Q", *handled)
    ruleset = system.syscall(CREATE_RULESET, packed, ctypes.c_size_t(len(packed)), 0)
    for path, allowed in [(folder, rights & ~1), *readable.items()]:
        with suppress(OSError):
            place = os.open(path, getattr(os, "O_PATH", 0))
            allowed &= rights if Path(path).is_dir() else ON_ONE_FILE
            system.syscall(ADD_RULE, ruleset, 1, struct.pack("=Qi", allowed, place), 0)
            os.close(place)
    return int(ruleset)


def _refuse_calls() -> bool:
    """Let the system refuse the calls of :data:`CALLS`, and all that are made as on another machine."""
    machine = os.uname().machine
    if machine not in CALLS:
        return False
    architecture, numbers = CALLS[machine]
    refused = [*numbers, *EVERYWHERE]
    load, equal, above, end = 0x20, 0x15, 0x35, 0x06  # linux/bpf_common.h
    last = len(refused) + 1  # the line that refuses, counted from the first of these
    lines = [(load, 0, 0, 4), (equal, 1, 0, architecture), (end, 0, 0, REFUSE), (load, 0, 0, 0)]
    lines += [(above, last, 0, 0x40000000)]  # x32
    lines += [(equal, last - k, 0, number) for k, number in enumerate(refused, 1)]
    lines += [(end, 0, 0, ALLOW), (end, 0, 0, REFUSE)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in lines))
    program = struct.pack("HxxxxxxQ" if struct.calcsize("P") == 8 else "HxxI", len(lines), ctypes.addressof(code))
    return int(libc().prctl(SET_SECCOMP, FILTER, program, 0, 0)) == 0


def python_files(*packages: str) -> dict[str, int]:
    """Return what may be read: Python's own modules, these packages, and the system's libraries; no other package."""
    import sysconfig

    own = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib")}
    inside = [entry.path for place in own for entry in os.scandir(place) if not entry.name.endswith("-packages")]
    whole = [*inside, *packages, "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/dev/null"]
    return dict.fromkeys(own, READ_DIR) | dict.fromkeys(whole, READ_FILE | READ_DIR)
