"""The update of the weights: the shards' gradients are added up, and the optimiser takes a step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nnscratch import ops
from nnscratch.arrays import Array
from nnscratch.layers.construction import only
from nnscratch.layers.network import Network
from nnscratch.ops.backend import tapes
from nnscratch.ops.replay import Replay, Run
from nnscratch.parallel.threads import Team
from nnscratch.parallel.tree import Node, halves
from nnscratch.training.optimizers import OPTIMIZERS
from nnscratch.training.plan import Plan

CHUNK = 1 << 14  # parameters that a thread updates at a time: what it needs for them stays in a core's cache
LONG_CHUNK = 1 << 17  # the same where Python stands between them, which costs more than caches save


class Update:
    """A training's steps of the optimiser; with kernels they are recorded and replayed (``ops/replay.py``)."""

    def __init__(self, network: Network, plan: Plan) -> None:
        self.network, self.plan = network, plan
        self.replay: Replay | None = None
        self.now: dict[str, Any] = {}  # the step that is worked on
        self.chunk = CHUNK

    def close(self) -> None:
        """Let go of the recording."""
        if self.replay is not None:
            self.replay.release()
        self.replay = None

    def settings(self, rate: float, step: int) -> dict[str, float]:
        """Return the numbers of step number ``step`` that kernels know by these names.

        A young average forgets faster, so random initial weights do not linger.
        """
        return {"t": step, "lr": rate, "decay": min(self.plan.ema, step / (step + 10))}

    def __call__(
        self, gradients: Sequence[Array], rate: float, step: int, average: Array | None, team: Team, *, full: bool
    ) -> None:
        """Add ``gradients`` (P,) up in the first, the network's own, and do the optimiser's step number ``step``.

        ``average`` (P,), the EMA of the weights, takes its step too. A long vector is done in chunks that stay in
        the cache between all of these, shared among the threads; only clipping has to see all of the gradient first.
        Parameters of frozen layers stay as they are. Only ``full`` batches, which all have as many gradients, are
        recorded.
        """
        optimizer = self.plan.optimizer
        self.now = {"gradients": gradients, "rate": rate, "average": average, **self.settings(rate, step)}
        optimizer.t = step
        is_own = type(optimizer) not in OPTIMIZERS.values()  # nobody knows what it does
        by_python = self.plan.clip or is_own or not full or tapes() is None
        self.chunk = LONG_CHUNK if by_python else CHUNK
        if by_python:
            self._work(lambda task, count: team.map(task, range(count)))
            return
        given = self.given(gradients, average)
        if self.replay is None or not self.replay.is_of(given):
            self.close()
            states = [self.network.theta, *optimizer.state.values(), *([] if average is None else [average])]
            self.replay = Replay(self._work, states=[*states, *gradients])
        self.replay(given=given, settings=self.settings(rate, step), team=team)

    def given(self, gradients: Sequence[Array], average: Array | None) -> list[Any]:
        """Return what a recording depends on."""
        optimizer = self.plan.optimizer
        settings = list(optimizer.settings().values())[1:]  # the learning rate is each step's own
        trained = [layer.trainable for layer in self.network.layers]
        arrays = [self.network.theta, average, *gradients, *optimizer.state.values(), optimizer.parameter_decay]
        return [*arrays, optimizer, *settings, *trained, self.plan.clip]

    def _work(self, run: Run) -> list[Array]:
        network, optimizer, now = self.network, self.plan.optimizer, self.now
        theta, gradient, average = network.theta, network.gradient, now["average"]
        trained = network.trainable_parts
        whole = not self.plan.clip and trained == [slice(0, theta.size)]
        if not whole:
            every = chunks(theta.size, 0, self.chunk)
            run(lambda k: add_up(now["gradients"], every[k]), len(every))
        if self.plan.clip:
            gradient, _ = ops.clip_global_norm(only(gradient, trained), self.plan.clip)
        parts = [chunk for part in trained for chunk in chunks(part.stop, part.start, self.chunk)]

        def optimizer_step(k: int) -> None:
            chunk = parts[k]
            if whole:
                add_up(now["gradients"], chunk)
            optimizer.step_part(chunk, theta, gradient, now["rate"])
            if average is not None:
                ops.average_update(average[chunk], theta[chunk], decay=now["decay"])

        run(optimizer_step, len(parts))
        return []


def add_up(gradients: Sequence[Array], chunk: slice, node: Node | None = None) -> None:
    """Add a chunk of the shards' gradients (P,) up in the first, in the order of the tree: ``parallel/tree.py``."""
    node = (0, len(gradients)) if node is None else node
    if node[1] - node[0] > 1:
        left, right = halves(node)
        add_up(gradients, chunk, left)
        add_up(gradients, chunk, right)
        ops.add_gradient(gradients[left[0]][chunk], gradients[right[0]][chunk])


def chunks(stop: int, start: int = 0, chunk: int = CHUNK) -> list[slice]:
    """Return the part of a vector from ``start`` to ``stop`` cut into slices of ``chunk``; a short one in one piece."""
    if stop - start <= 2 * chunk:
        return [slice(start, stop)]
    return [slice(first, min(first + chunk, stop)) for first in range(start, stop, chunk)]
