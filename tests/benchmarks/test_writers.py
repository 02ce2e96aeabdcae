"""The writers of the drawings for tuning: twenty choose, ten judge, nobody does both."""

import json
from pathlib import Path

SPLIT = json.loads((Path(__file__).parents[2] / "benchmarks/quality/writers.json").read_text())


def test_every_writer_once_and_every_third_judges():
    choosing, judging = SPLIT["choosing"], SPLIT["judging"]
    assert (len(choosing), len(judging)) == (20, 10) and not set(choosing) & set(judging)
    assert sorted(choosing + judging)[2::3] == judging
    assert sorted(choosing + judging) == [f"pendigits-train-w{number:02}" for number in range(1, 31)]
