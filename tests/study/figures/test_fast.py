"""The figures of the chapter on speed: what was measured comes from benchmarks/results, and nothing else does."""

import json

import pytest

from nnscratch.ops.backend import available_backends
from nnscratch.study.figures import fast


def test_figures_are_those_of_the_results():
    rows = json.loads((fast.RESULTS / "train.json").read_text("utf-8"))["rows"]
    two = next(row for row in rows if row["model"] == "lenet5" and row["mode"] == "2 threads")
    assert f"here, 2 threads {two['seconds']['median']:.3g} seconds" in fast.training().alt
    assert fast.kernels().alt.count("microseconds") == 2 * len(fast.KERNELS)
    assert 1e9 < fast.peak() < 1e13


def test_without_the_source_the_figures_say_so(monkeypatch, tmp_path):
    monkeypatch.setattr(fast, "RESULTS", tmp_path)
    assert fast.peak() is None
    for figure in (fast.training(), fast.kernels()):
        assert "Measurements come with the source" in figure.svg


def test_a_row_of_outputs_is_one_run_with_the_batch_last():
    assert fast.runs(32, 24, batch_last=True) == 24 * 32
    assert fast.runs(32, 24, batch_last=False) == 24


@pytest.mark.slow
@pytest.mark.skipif("numba" not in available_backends(), reason="no compiled kernels")
def test_the_profile_is_told_and_drawn():
    found = fast.profiled()
    lines = fast.told(found).splitlines()
    table = lines[4:]
    assert [line.split()[0] for line in table[1:]][-1] == "total"
    assert len({len(line) for line in table}) == 1
    line, longest = fast.timeline(found).drawings
    assert line.svg.count("<rect") >= len(found.timings[0].median.pieces)
    assert longest.alt.count("microseconds") == 5
