"""The page of ``nnscratch profile``: bars of the layers, a timeline of the threads, and the kernels, one by one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nnscratch.errors import printable
from nnscratch.pages.blocks import Table
from nnscratch.pages.html import page
from nnscratch.study.profile import text
from nnscratch.study.profile.profile import Profile, Timing
from nnscratch.study.profile.timeline import Timeline, colors, timeline
from nnscratch.study.profile.trace import Label


@dataclass(frozen=True)
class Bar:
    """A part of the step as a bar: what it is made of, (kind, per cent of the longest bar), and its time as text."""

    name: str
    parts: list[tuple[str, float]]
    time: str
    share: str


@dataclass(frozen=True)
class Section:
    """What the page has on a number of threads."""

    title: str
    speed: str
    bars: list[Bar]
    timeline: Timeline
    table: Table


def profile_page(profile: Profile, name: str, facts: Mapping[str, str]) -> str:
    """Return the page as HTML; ``facts`` are lines that stand below the title, such as the settings."""
    shown = colors(profile)
    sections = [
        Section(
            text.count(timing.threads),
            text.speed(profile, timing),
            bars(profile, timing),
            timeline(timing, shown),
            text.table(profile, timing),
        )
        for timing in profile.timings
    ]
    return page(
        "profile.html",
        f"Where the time of training {printable(name)} goes",
        facts=[f"{key}: {value}" for key, value in (*facts.items(), ("Machine", text.machine(profile)))],
        how=text.how(profile),
        sections=sections,
        gain=text.gain(*profile.timings) if len(profile.timings) > 1 else None,
        kernels=kernels(profile) if any(piece.kernel for piece in profile.timings[0].median.pieces) else None,
        legend=[(name, color) for name, color in shown.items()],
        many=profile.timings[-1].threads,
        batch_size=profile.batch_size,
    )


def bars(profile: Profile, timing: Timing) -> list[Bar]:
    """Return a bar for each part of a step that takes time."""
    rows = [row for row in profile.rows(timing) if row.seconds > 0]
    longest = max(row.seconds for row in rows)
    found = []
    for row in rows:
        layer = row.forward or row.backward
        kinds = {"forward": row.forward, "backward": row.backward} if layer else {"waiting": row.seconds}
        if not layer and row.name != profile.idle:
            kinds = {"other": row.seconds}
        parts = [(kind, 100 * seconds / longest) for kind, seconds in kinds.items() if seconds > 0]
        share = f"{100 * row.seconds / timing.seconds:.1f} %"
        found.append(Bar(row.name, parts, f"{text.micro(row.seconds)} µs", share))
    return found


def kernels(profile: Profile) -> Table:
    """Return a row for each kernel of each layer and direction, the longest first."""
    spent: dict[tuple[Label, str], list[float]] = {}
    calls: dict[tuple[Label, str], int] = {}
    for place, timing in enumerate(profile.timings):
        for piece, seconds in zip(timing.median.pieces, timing.work, strict=True):
            key = piece.label, piece.kernel
            spent.setdefault(key, [0.0] * len(profile.timings))[place] += float(seconds)
            calls[key] = calls.get(key, 0) + (place == 0)
    total = sum(seconds[0] for seconds in spent.values())
    header = ["kernel", "calls", "µs each", "share of work"]
    header += [f"µs a step, {text.count(timing.threads)}" for timing in profile.timings]
    rows = [
        [
            f"{' '.join(label).strip()}: {kernel or 'Python'}",
            str(calls[label, kernel]),
            text.micro(seconds[0] / calls[label, kernel]),
            f"{100 * seconds[0] / total:.1f} %",
            *map(text.micro, seconds),
        ]
        for (label, kernel), seconds in sorted(spent.items(), key=lambda item: -item[1][0])
    ]
    return Table(header, rows)
