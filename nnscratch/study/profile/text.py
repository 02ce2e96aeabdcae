"""A profile as tables, sentences, and numbers for programs."""

from __future__ import annotations

from typing import Any

from nnscratch.pages.blocks import Table
from nnscratch.study.profile.profile import Profile, Row, Timing

BUSY = 0.7  # the load from which on what else runs disturbs
HEADER = ("", "forward µs", "backward µs", "total µs", "share", "GFLOP/s", "of peak")


def table(profile: Profile, timing: Timing) -> Table:
    """Return a line for each part of a step, and its total."""
    rows = profile.rows(timing)
    flop = sum(row.flop for row in rows)
    total = Row("total", *(sum(part) for part in zip(*((r.forward, r.backward, r.seconds) for r in rows), strict=True)))
    rows.append(Row(total.name, total.forward, total.backward, total.seconds, flop))
    return Table(HEADER, [cells(row, timing) for row in rows])


def cells(row: Row, timing: Timing) -> list[str]:
    """Return a line of the table as text."""
    there, back = (micro(value) if row.forward or row.backward else "" for value in (row.forward, row.backward))
    rate = [f"{row.rate / 1e9:.1f}", f"{100 * row.rate / timing.peak:.0f} %"] if row.flop else ["", ""]
    return [row.name, there, back, micro(row.seconds), f"{100 * row.seconds / timing.seconds:.1f} %", *rate]


def micro(seconds: float) -> str:
    """Return seconds as microseconds."""
    return f"{1e6 * seconds:,.1f}"


def speed(profile: Profile, timing: Timing) -> str:
    """Return how fast a number of threads is, as a line."""
    flop = sum(profile.flop.values())
    return (
        f"{micro(timing.seconds)} µs a step, {profile.batch_size / timing.seconds:,.0f} "
        f"images/s, {flop / timing.seconds / 1e9:.1f} GFLOP/s of a peak of {timing.peak / 1e9:.1f}"
    )


def gain(one: Timing, many: Timing) -> str:
    """Return what threads gain, and where the rest went, as a line."""
    whole, change = many.threads * many.seconds, round(100 * float(many.work.sum() / one.work.sum())) - 100
    changed = f"{abs(change)} % {'longer than' if change > 0 else 'less than'}" if change else "as long as"
    return (
        f"{count(many.threads)} are {one.seconds / many.seconds:.2f} times as fast as one: of their {many.threads} x "
        f"{micro(many.seconds)} µs they wait {100 * many.waiting / whole:.0f} %, and "
        f"their work takes {changed} on one thread"
    )


def count(threads: int) -> str:
    """Return "1 thread", "2 threads"."""
    return f"{threads} thread{'s' if threads > 1 else ''}"


def how(profile: Profile) -> str:
    """Return how it was measured, as sentences."""
    if profile.recorded:
        return "Each kernel was timed as the recorded step was played."
    return f"Not all of this step is recorded. {' '.join(profile.hindrances)} That was timed by the clock in Python."


def machine(profile: Profile) -> str:
    """Return how busy the machine was, as a line."""
    cores = f"{profile.cores} core{'s' if profile.cores > 1 else ''}"
    if profile.load is None:
        return cores
    busy = "; what else runs makes these times longer, and threads wait for it" if profile.load > BUSY else ""
    return f"{cores}, load before {profile.load:.2f}{busy}"


def as_dict(profile: Profile) -> dict[str, Any]:
    """Return the profile for programs; times in microseconds."""
    return {
        "batch_size": profile.batch_size,
        "dtype": profile.dtype,
        "backend": profile.backend,
        "recorded": profile.recorded,
        "cores": profile.cores,
        "load": profile.load,
        "hindrances": profile.hindrances,
        "timings": [_timing_dict(profile, timing) for timing in profile.timings],
    }


def _timing_dict(profile: Profile, timing: Timing) -> dict[str, Any]:
    return {
        "threads": timing.threads,
        "step_us": 1e6 * timing.seconds,
        "images_per_second": profile.batch_size / timing.seconds,
        "peak_gflops": timing.peak / 1e9,
        "waiting_us": 1e6 * timing.waiting / timing.threads,
        "rows": [
            {
                "name": row.name,
                "forward_us": 1e6 * row.forward,
                "backward_us": 1e6 * row.backward,
                "us": 1e6 * row.seconds,
                "share": row.seconds / timing.seconds,
                "gflops": row.rate / 1e9 if row.flop else None,
                "share_of_peak": row.rate / timing.peak if row.flop else None,
            }
            for row in profile.rows(timing)
        ],
    }
