"""Schedules: the warm-up's line, both ends, direction, sums."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nnscratch as nn
from nnscratch.training.schedules import SCHEDULES

lengths = st.integers(1, 200)
every_schedule = pytest.mark.parametrize("name", SCHEDULES)


def factors(schedule, steps):
    return [schedule.factor(step, steps) for step in range(steps)]


@pytest.mark.parametrize(
    ("schedule", "steps", "expected"),
    [
        (nn.Constant(), 3, [1, 1, 1]),
        (nn.Constant(warmup=0.5), 4, [0.5, 1, 1, 1]),
        (nn.Step(drops=1, gamma=0.5), 4, [1, 1, 0.5, 0.5]),
        (nn.Step(), 6, [1, 1, 0.1, 0.1, 0.01, 0.01]),
        (nn.Cosine(), 4, [1, (1 + 0.5**0.5) / 2, 0.5, (1 - 0.5**0.5) / 2]),  # cosines of 0, 45, 90, 135 degrees
        (nn.Cosine(warmup=0.25), 4, [1, 1, 0.75, 0.25]),  # cosines of 0, 60, 120 degrees
        (nn.OneCycle(rise=0.5, start=0.2), 4, [0.2, 0.6, 1, 0.5]),
    ],
)
def test_by_hand(schedule, steps, expected):
    assert factors(schedule, steps) == pytest.approx(expected, rel=1e-12)


@every_schedule
@given(steps=lengths, warmup=st.floats(0, 0.99))
def test_warmup_is_a_line_and_what_follows_fills_the_rest(name, steps, warmup):
    warm = round(warmup * steps)
    values = factors(SCHEDULES[name](warmup=warmup), steps)
    assert values[:warm] == pytest.approx([(step + 1) / warm for step in range(warm)])
    assert sum(values[:warm]) == pytest.approx((warm + 1) / 2 if warm else 0)
    assert values[warm:] == pytest.approx(factors(SCHEDULES[name](), steps - warm))
    assert all(0 <= value <= 1 for value in values)


@pytest.mark.parametrize("name", ["constant", "step", "cosine"])
@given(steps=lengths)
def test_starts_at_one_and_never_rises(name, steps):
    values = factors(SCHEDULES[name](), steps)
    assert values[0] == 1
    assert values == sorted(values, reverse=True)


@given(lengths)
def test_cosine_sums_to_half(steps):
    # sum of (1 + cos(pi k / n)) / 2 for k = 0 .. n - 1: the cosines cancel in pairs but for the first
    assert sum(factors(nn.Cosine(), steps)) == pytest.approx((steps + 1) / 2)


@pytest.mark.parametrize("name", ["cosine", "one-cycle"])
def test_ends_near_zero(name):
    assert 0 < SCHEDULES[name]().factor(999, 1000) < 1e-5


def test_one_cycle_rises_to_one_and_falls():
    values = factors(nn.OneCycle(), 100)
    peak = values.index(max(values))
    assert values[0] == pytest.approx(1 / 25)
    assert peak == 30
    assert values[peak] == 1
    assert values[: peak + 1] == sorted(values[: peak + 1])
    assert values[peak:] == sorted(values[peak:], reverse=True)


@given(st.integers(1, 20), st.integers(0, 10), st.sampled_from([0.1, 0.5]))
def test_step_has_equal_parts(length, drops, gamma):
    values = factors(nn.Step(drops=drops, gamma=gamma), length * (drops + 1))
    assert values == pytest.approx([gamma**part for part in range(drops + 1) for _ in range(length)])


@every_schedule
@pytest.mark.parametrize("warmup", [-0.1, 1.0, 2.0, math.nan])
def test_warmup_out_of_range_is_refused(name, warmup):
    with pytest.raises(nn.UsageError, match="the warm-up is"):
        SCHEDULES[name](warmup=warmup)
