"""Work on arrays, recorded and played again without the interpreter.

From one full batch to the next a training is the same kernels on the same arrays; only the images, their labels, random
numbers, and the learning rate change. So the first time the kernels are recorded, the second time the recording is
played beside the real work, and from then on, if both left the same bits, it is all that runs. Whatever the work does
that is not a kernel makes them differ, since all that kernels do not make anew is poisoned before; and then nothing is
ever played.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from operator import is_
from typing import Any, Protocol

import numpy as np

from nnscratch.arrays import Array
from nnscratch.ops.backend import tapes

Run = Callable[[Callable[[int], Any], int], list[Any]]  # does task(0), ..., task(count - 1), side by side


class _Marks(threading.local):
    note: Callable[[str, str], None] | None = None  # what this thread's marks are told to, while somebody listens


marks = _Marks()


def mark(part: str, direction: str = "") -> None:
    """Say what the work of this thread from here on belongs to, such as "conv1", "forward": who times it listens."""
    if marks.note is not None:
        marks.note(part, direction)


class Team(Protocol):
    """Threads, ``size`` of them, that share items: see ``parallel/threads.py``."""

    size: int

    def map(
        self, function: Callable[[Any], Any], items: Sequence[Any], give_up: Callable[[], None] = lambda: None
    ) -> list[Any]:
        """Return [function(item), ...] in order; call ``give_up`` when one fails, or could not begin."""


class Alone:
    """The thread that calls, alone."""

    size = 1

    def map(
        self, function: Callable[[Any], Any], items: Sequence[Any], give_up: Callable[[], None] = lambda: None
    ) -> list[Any]:
        """Return [function(item), ...]."""
        return [function(item) for item in items]


class Replay:
    """Does ``work(run)``, which returns arrays and fills ``outputs``, again and again.

    The work is phases: what it gives to ``run`` at a time may be done side by side. ``inputs`` are arrays that are
    filled anew before each time, ``states`` arrays that it changes.
    """

    def __init__(
        self,
        work: Callable[[Run], list[Array]],
        inputs: Sequence[Array] = (),
        outputs: Sequence[Array] = (),
        states: Sequence[Array] = (),
    ) -> None:
        self.work, self.inputs, self.outputs, self.states = work, inputs, outputs, states
        self.given: tuple[Any, ...] = ()
        self._forget()

    def _forget(self) -> None:
        self.results: list[Array] = []
        self.phases: list[list[Any]] = []  # of tapes
        self.program: Any = None
        self.trusted, self.refused = False, False

    def __call__(
        self,
        *values: Array,
        given: Sequence[Any] = (),
        settings: Mapping[str, float] | None = None,
        team: Team | None = None,
    ) -> list[Array]:
        """Fill the inputs with ``values``, and return what the work returns; the next call overwrites it.

        ``given`` is all else that it depends on, arrays that it reads and settings: with others all starts anew.
        ``settings``: the numbers of this time that kernels know by their names, see ``jit.settings``.
        """
        team = team or Alone()
        for array, value in zip(self.inputs, values, strict=True):
            array[:] = value
        if not self.is_of(given):
            self._forget()
            self.given = (tapes(), *given)
        if self.trusted:
            self._play(team, settings)
            return self.results
        module = self.given[0]
        if module is None or self.refused:
            return self.work(run_on(team))
        if not self.phases:
            self._record(module, run_on(team))
            return self.results
        return self._compare(module, team, values, settings)

    def is_of(self, given: Sequence[Any]) -> bool:
        """Return whether it began with what is ``given`` now."""
        found = (tapes(), *given)
        return len(found) == len(self.given) and all(map(is_, found, self.given))

    def _record(self, module: Any, run: Run) -> None:
        def recorded(task: Callable[[int], Any], count: int) -> list[Any]:
            tapes_of_phase: list[Any] = [None] * count

            def one(k: int) -> Any:
                with module.recording() as found:
                    result = task(k)
                tapes_of_phase[k] = module.Tape(found)
                return result

            results = run(one, count)
            self.phases.append(tapes_of_phase)
            return results

        self.results = self.work(recorded)

    def _play(self, team: Team, settings: Mapping[str, float] | None) -> None:
        if settings:
            self.program.set({name: [value] for name, value in settings.items()})
        self.program.play(team)

    def _compare(
        self, module: Any, team: Team, values: Sequence[Array], settings: Mapping[str, float] | None
    ) -> list[Array]:
        """Do the work, play the recording, and trust it if both end in the same bits.

        Before that, every recorded array but what it is given is poisoned: what no kernel makes anew will show.
        """
        before = [array.copy() for array in self.states]
        worked = [array.copy() for array in self.work(run_on(team))]
        left = (*self.outputs, *self.states)
        wanted = [array.copy() for array in left]
        self.program = module.Program(self.phases)
        given = [array for array in self.given if isinstance(array, np.ndarray)]
        keep = [*self.inputs, *self.states, *given]
        poisoned = [one for phase in self.phases for tape in phase for one in tape.poison(keep)]
        for array in (*self.outputs, *self.results):
            array[...] = np.nan
        for array, value in (*zip(self.states, before, strict=True), *zip(self.inputs, values, strict=True)):
            array[...] = value
        self._play(team, settings)
        played = zip((*self.results, *left), (*worked, *wanted), strict=True)
        self.trusted = all(array.tobytes() == right.tobytes() for array, right in played)
        self.refused = not self.trusted
        if self.trusted:
            return self.results
        self.phases, self.program = [], None
        for array, right in (*reversed(poisoned), *zip(left, wanted, strict=True)):
            array[...] = right
        return worked

    def release(self) -> None:
        """Let go of the arrays and of who does the work."""
        self._forget()
        self.given, self.work = (), _released
        self.inputs, self.outputs, self.states = (), (), ()


def run_on(team: Team) -> Run:
    """Return what does tasks on a team."""
    return lambda task, count: team.map(task, range(count))


def _released(run: Run) -> list[Array]:
    raise RuntimeError("this recording has been released")


def warm_up() -> None:
    """Compile what plays recordings, where kernels serve."""
    module = tapes()
    if module is not None:
        module.Program([]).play(Alone())
