"""The benchmark of drawings: what it counts, and files that are wrong."""

import sys

import pytest

import nnscratch as nn
from nnscratch.models.pretrained import pretrained
from tests.tools.photos import DIGITS


@pytest.fixture
def bench(monkeypatch):
    from benchmarks.quality import bench_drawings

    monkeypatch.setattr(bench_drawings, "SIZES", (1.0,))
    monkeypatch.setattr(bench_drawings, "PLACES", {"centre": (0.5, 0.5), "top left": (0, 0)})
    monkeypatch.setattr(bench_drawings, "conditions", lambda: [(1.0, "centre", 24.0), (1.0, "top left", 24.0)])

    class Here:
        def __init__(self, cores): ...
        def __enter__(self):
            return self

        def __exit__(self, *error): ...
        def map(self, function, items, chunksize):
            return [function(item) for item in items]

    monkeypatch.setattr(bench_drawings.multiprocessing, "get_context", lambda kind: type("C", (), {"Pool": Here}))
    return bench_drawings


def test_digits_that_are_read_and_one_that_is_not(bench):
    from nnscratch.data.drawings import Drawing

    drawings = [Drawing([stroke * 2 + 100 for stroke in DIGITS[k]], label=k) for k in (2, 3, 5)]
    drawings.append(Drawing([stroke * 2 + 100 for stroke in DIGITS[2]], label=8))
    results, readings = bench.measure(drawings, [("mlp", nn.load(pretrained("mlp")))])
    assert [row["accuracy"] for row in results["rows"]] == [0.75, 0.75]
    assert readings["mlp"].read.tolist() == [[2, 3, 5, 2]] * 2
    assert results["confusions"]["mlp"] == [[8, 2, 2]]
    told = bench.table(results)
    assert "| mlp | 75.0 % | 75.0 % |" in told and "top left" in told and "8 as 2 (2)" in told


def test_no_ink_is_wrong_whatever_the_label(bench, monkeypatch):
    from nnscratch.data.drawings import Drawing

    monkeypatch.setattr(bench, "to_mnist", lambda picture: None)
    drawings = [Drawing(DIGITS[k], label=k) for k in range(10)]
    results, _ = bench.measure(drawings, [("mlp", nn.load(pretrained("mlp")))])
    assert [row["accuracy"] for row in results["rows"]] == [0, 0]
    assert results["groups"][0]["refused"] == (1, 1, 1) and results["groups"][0]["sure"] == (0, 0, 0)
    assert "as nothing" in bench.table(results)


def test_groups_and_writers_where_they_are_known(bench):
    from nnscratch.data.drawings import Drawing

    model = [("mlp", nn.load(pretrained("mlp")))]
    by = {2: "pendigits-train-w01", 3: "pendigits-train-w02", 5: "pendigits-train-w03"}  # the third judges
    drawings = [Drawing([stroke * 2 + 100 for stroke in DIGITS[k]], label=k, writer=by[k]) for k in by]
    drawings.append(Drawing([stroke * 2 + 100 for stroke in DIGITS[2]], label=8, writer=by[5]))
    results, _ = bench.measure(drawings, model)
    rows = {row["group"]: row for row in results["groups"]}
    assert {name: (row["writers"], row["digits"]) for name, row in rows.items()} == {
        "all": (3, 4),
        "choosing": (2, 2),
        "judging": (1, 2),
    }
    assert rows["choosing"]["accuracy"] == (1, 1, 1) and rows["judging"]["accuracy"] == (0.5, 0.5, 0.5)
    assert results["writers"]["mlp"][0] == {"writer": by[5], "digits": 2, "accuracy": 0.5}
    told = bench.table(results)
    assert "| mlp, 2 choosing writers | 100.0 % (100.0 to 100.0) |" in told and "reads worst: w03 (50.0 %)" in told
    unknown = [Drawing(drawing.strokes, label=drawing.label) for drawing in drawings]
    results, _ = bench.measure(unknown, model)
    (row,) = results["groups"]
    assert row["accuracy"][0] == 0.75 and row["accuracy"][1] < 0.75 and results["writers"] == {"mlp": []}
    assert "| mlp, 4 digits |" in bench.table(results) and "reads worst" not in bench.table(results)


@pytest.mark.parametrize(
    "content",
    ["", "[]", "[5]", '[{"strokes": [5], "label": 3}]', '[{"strokes": [], "label": 3}]', '[{"strokes": [[[1, 2]]]}]'],
)
def test_wrong_files_get_one_line(content, bench, tmp_path, monkeypatch, capsys):
    path = tmp_path / "drawings.json"
    path.write_text(content)
    monkeypatch.setattr(sys, "argv", ["bench_drawings", str(path), "--quick"])
    with pytest.raises(SystemExit) as ended:
        bench.main()
    assert ended.value.code in (1, 2)
    lines = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("using ")]
    assert len(lines) == 1 and "drawings.json" in lines[0]
