"""Work on arrays, recorded and played again without the interpreter.

From one full batch to the next a shard is the same kernels on the same arrays; only the images, their labels and the
random numbers of distortions change. So the first time the kernels are recorded, the second time the recording is
played beside the real work, and from then on, if both left the same bits, it is all that runs. Whatever the work does
that is not a kernel makes them differ, since all that kernels do not make anew is poisoned before; and then nothing is
ever played.
"""

from collections.abc import Callable, Sequence
from operator import is_
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.ops.backend import tapes


class Replay:
    """Does ``function(*inputs, *given)``, which returns an array and fills ``outputs``, again and again.

    ``inputs`` are arrays that are filled anew before each time.
    """

    def __init__(self, function: Callable[..., Array], inputs: Sequence[Array], outputs: Sequence[Array] = ()) -> None:
        self.function, self.inputs, self.outputs = function, inputs, outputs
        self.result: Array = np.zeros(0)
        self.given: tuple[Any, ...] = ()
        self.tape: Any = None
        self.trusted, self.refused = False, False

    def __call__(self, *values: Array, given: Sequence[Any] = ()) -> Array:
        """Fill the inputs with ``values``, and return what the function returns; the next call overwrites it.

        ``given`` is all else that it depends on, arrays that it reads and settings: with others all starts anew.
        """
        for array, value in zip(self.inputs, values, strict=True):
            array[:] = value
        module = tapes()
        found = (module, *given)
        if len(found) != len(self.given) or not all(map(is_, found, self.given)):
            self.given, self.tape, self.trusted, self.refused = found, None, False, False
        if self.trusted:
            self.tape.play()
            return self.result
        if module is None or self.refused:
            return self.function(*self.inputs, *given)
        if self.tape is not None:
            return self._compare(given)
        with module.recording() as recorded:
            self.result = self.function(*self.inputs, *given)
        self.tape = module.Tape(recorded)
        return self.result

    def _compare(self, given: Sequence[Any]) -> Array:
        """Do the work, play the tape, and trust it if both end in the same bits.

        Before that, everything on the tape but what it is given is poisoned: what no kernel on it makes anew will show.
        """
        worked = self.function(*self.inputs, *given).copy()
        wanted = [array.copy() for array in self.outputs]
        self.tape.poison(keep=[*self.inputs, *(array for array in given if isinstance(array, np.ndarray))])
        for array in (*self.outputs, self.result):
            array[...] = np.nan
        self.tape.play()
        played = zip((self.result, *self.outputs), (worked, *wanted), strict=True)
        self.trusted = all(array.tobytes() == right.tobytes() for array, right in played)
        self.refused = not self.trusted
        if self.trusted:
            return self.result
        for array, right in zip(self.outputs, wanted, strict=True):
            array[...] = right
        return worked

    def release(self) -> None:
        """Let go of the arrays and of who does the work."""
        self.tape, self.given, self.function, self.inputs, self.outputs = None, (), _released, (), ()


def _released(*inputs: Array) -> Array:
    raise RuntimeError("this recording has been released")


def warm_up() -> None:
    """Compile what plays recordings, where kernels serve."""
    module = tapes()
    if module is not None:
        module.Tape(([], [])).play()
