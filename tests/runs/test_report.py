"""Reports and plots: the figures that went in stand in them, and text from outside is only text."""

import html
import io
import re

import numpy as np
import pytest
from PIL import Image

import nnscratch as nn
from nnscratch.files.atomic import write_json
from nnscratch.pages import plots
from nnscratch.pages.blocks import as_html, as_markdown
from nnscratch.runs import folder as runs
from nnscratch.runs import report
from nnscratch.training.metrics import classification_report


def make_result(folder, model="lenet5", data="MNIST", right=93):
    """A finished training of 100 images, of which ``right`` were classified correctly."""
    labels = np.arange(100) % 10
    predicted = labels.copy()
    predicted[right:] = (labels[right:] + 1) % 10
    log_p = np.log(np.full((100, 10), 0.01) + 0.9 * np.eye(10)[predicted])
    figures = classification_report(log_p, labels)
    train, validation = figures | {"accuracy": 0.777}, figures | {"accuracy": 0.666}
    metrics = {"model": model, "data": data, "seed": 0, "parameters": 34622, "epochs": 3, "best_epoch": 2}
    metrics |= {"seconds": 1.5, "seconds_per_epoch": 0.5, "train": train, "validation": validation, "test": figures}
    config = {
        "model": model,
        "settings": {"epochs": 3},
        "data": {"name": data, "source": "nnscratch/data/mnist" if data == "MNIST" else "here", "sha256": "ab" * 32},
        "images": {"train": 80, "validation": 20, "test": 100},
        "backend": "numpy",
        "threads": 2,
        "versions": {"numpy": "2"},
    }
    write_json(folder / "metrics.json", metrics)
    write_json(folder / "config.json", config)
    return runs.read_result(folder)


ROWS = {
    "test accuracy": "93.00 % | 88.00 %",
    "validation accuracy": "66.60 % | 66.60 %",
    "training accuracy": "77.70 % | 77.70 %",
    "macro recall": "93.00 % | 88.00 %",
    "parameters": "34,622 | 34,622",
    "epoch kept": "2 of 3 | 2 of 3",
}


def test_figures_stand_in_both_formats(tmp_path):
    results = [make_result(tmp_path / "lenet5"), make_result(tmp_path / "mlp", "mlp", right=88)]
    report.write_report(results, tmp_path, "Two models")
    page, text = ((tmp_path / name).read_text() for name in ("report.html", "report.md"))
    for told in (page, text):
        assert "93.00 %" in told
        assert "88.00 %" in told
        assert "86.25 to 96.57 %" in told  # Wilson for 93 of 100
        assert "98.93 %" in told  # the original's LeNet-5
        assert "726 s, 30 epochs" in told
        assert "2 of 3" in told
    assert page.count("<table>") == page.count("</table>") == 5
    for title, cells in ROWS.items():
        assert f"| {title} | {cells} |" in text.splitlines()
    # worked out by hand: the last 7 of 100 labels, 3 to 9, are read as the next digit
    assert "| 3 | 100.00 % | 90.00 % | 94.74 % | 10 |" in text.splitlines()
    assert "| 0 | 90.91 % | 100.00 % | 95.24 % | 10 |" in text.splitlines()


def test_other_data_is_not_put_beside_the_original(tmp_path):
    told = as_markdown(report.blocks([make_result(tmp_path, data="Fashion")], tmp_path, "t"), tmp_path)
    assert "original" not in told.lower()


def test_text_from_outside_is_escaped(tmp_path):
    name = '<script>alert("x")</script>|*'
    result = make_result(tmp_path / "r", data=name)
    told = report.blocks([result], tmp_path, name)
    page = as_html(told, name)
    assert "<script" not in page
    assert name in html.unescape(page)
    assert re.search(r"(?<!\\)[<|]script", as_markdown(told, tmp_path)) is None


def test_same_model_of_two_runs_is_told_apart(tmp_path):
    results = [make_result(tmp_path / run / "lenet5") for run in ("a", "b")]
    assert report.labels(results) == ["lenet5 (a)", "lenet5 (b)"]


def test_pictures_are_inside_the_page_and_beside_the_text(tmp_path):
    result = make_result(tmp_path / "lenet5")
    (tmp_path / "lenet5" / "curves.png").write_bytes(plots.confusion(np.eye(10, dtype=int), "t"))
    report.write_report([result], tmp_path, "t")
    assert 'src="data:image/png;base64,' in (tmp_path / "report.html").read_text()
    assert "](<lenet5/curves.png>)" in (tmp_path / "report.md").read_text()


HISTORY = [
    {
        "epoch": k,
        "loss": 1 / k,
        "accuracy": 1 - 0.1 / k,
        "validation_loss": 1.1 / k,
        "validation_accuracy": 1 - 0.12 / k,
    }
    for k in range(1, 6)
]


@pytest.mark.parametrize("epochs", [1, 5])
def test_curves(epochs):
    assert_picture(plots.curves(HISTORY[:epochs], "title", epochs))


def test_confusion_of_a_class_that_is_absent():
    counts = np.eye(10, dtype=int) * 5
    counts[3] = 0
    assert_picture(plots.confusion(counts, "title"))


def test_reliability_of_one_series_and_of_two():
    rng = np.random.default_rng(0)
    confidence, drawn = rng.uniform(0.2, 1, 500), rng.uniform(0.6, 1, 90)
    right, drawn_right = rng.uniform(size=500) < confidence, rng.uniform(size=90) < drawn
    one = plots.reliability(confidence, right, "title")
    both = plots.reliability(confidence, right, "title", also=(drawn, drawn_right), names=("test $", "drawings"))
    for png in (one, both, plots.reliability(confidence, right, "t", also=(np.ones(3), np.ones(3, bool)))):
        assert_picture(png, 700)
    assert one != both


def test_ranges_of_equal_count():
    confidence = np.random.default_rng(1).uniform(size=1500) ** 0.1
    counts = np.histogram(confidence, plots._equal_counts(confidence, 15))[0]
    assert counts.max() - counts.min() <= 1 and len(counts) == 15


def test_robustness_of_all_models_in_one_picture(tmp_path):
    results = [make_result(tmp_path / name, name) for name in ("lenet5", "mlp")]
    for result in results:
        result.metrics["robustness"] = {"rotation": [[-10, 0.5], [0, 0.9]], "noise": [[0, 0.9], [0.5, 0.4]]}
    report.write_report(results, tmp_path, "t")
    assert_picture((tmp_path / "robustness.png").read_bytes())
    assert "robustness.png" in (tmp_path / "report.md").read_text()
    report.write_report([make_result(tmp_path / "old")], tmp_path / "old", "t")  # of a run that has no such figures
    assert not (tmp_path / "old" / "robustness.png").exists()


def test_settings_stand_beside_the_originals(tmp_path):
    result = make_result(tmp_path)
    result.config["settings"] |= {"lr": 0.004, "schedule": "cosine", "rotation": 8, "clip": 0.0, "keep": "best"}
    rows = {row[0]: tuple(row[1:]) for row in report.recipes_beside_original([result]).rows}
    assert rows == {
        "keep": ("best", "last"),
        "epochs": ("3", "30"),
        "lr": ("0.004", "0.001"),
        "schedule": ("cosine", "-"),
        "rotation": ("8", "-"),
    }


def test_a_sweep_of_numbers_and_words():
    points = [
        ({"lr": lr, "optimizer": name}, {"accuracy": 0.9, "epochs": e})
        for lr in (0.001, 0.1)
        for name in "ab"
        for e in (1, 3)
    ]
    assert_picture(plots.sweep(points, ["lr", "optimizer"], "title"))


def assert_picture(png, least=800):
    image = Image.open(io.BytesIO(png))
    image.load()
    assert image.width >= least
    assert np.asarray(image.convert("L")).std() > 5  # something was drawn


def test_same_figures_same_bytes():
    assert plots.curves(HISTORY, "t", 3) == plots.curves(HISTORY, "t", 3)


def test_runs_are_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert runs.newest_model("lenet5") is None
    for name in ("2026-01-01_00-00-00", "2026-01-02_00-00-00"):
        make_result(runs.RUNS / name / "lenet5")
        nn.build("lenet5").save(runs.RUNS / name / "lenet5" / "model.npz")
        write_json(runs.RUNS / name / "run.json", {"models": ["lenet5", "mlp"], "data": None, "backend": "numpy"})
    assert runs.newest_model("lenet5").parent.parent.name == "2026-01-02_00-00-00"
    assert [folder.name[:10] for folder in runs.all_runs()] == ["2026-01-01", "2026-01-02"]
    assert [result.name for result in runs.results(runs.all_runs()[0])] == ["lenet5"]
    assert not runs.new_folder().exists()


def test_names_of_models_lead_nowhere_else(tmp_path):
    for name in ("../../elsewhere", "/etc", "x" * 300, "a/b", "", "mlp\n"):
        write_json(tmp_path / "run.json", {"models": [name], "data": None, "backend": "numpy"})
        with pytest.raises(nn.DataError, match="does not describe a run"):
            runs.read_run(tmp_path)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_json_does_not_have_are_refused(tmp_path, text):
    """Python reads them, and would write them into --json and into pages, where no other program reads them."""
    make_result(tmp_path)
    path = tmp_path / "metrics.json"
    path.write_text(path.read_text().replace("1.5", text))
    with pytest.raises(nn.DataError, match="is not JSON"):
        runs.read_result(tmp_path)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"teachers": 3, "teacher_epochs": 85}, "taught by 3 networks of its kind, trained first (85 epochs)"),
        ({"teachers": 1}, "taught by one network of its kind, trained first (3 epochs)"),
    ],
)
def test_teachers_are_told_where_seconds_are_compared(tmp_path, settings, told):
    result = make_result(tmp_path / "lenet5")
    assert not any("taught" in sentence for sentence in report.begun_and_continued(result.config))
    result.config["settings"] |= settings
    (sentence,) = report.begun_and_continued(result.config)
    assert told in sentence and "not in its seconds" in sentence
    assert f"2 s, 3 epochs, without {settings['teachers']} teachers" in report.beside_original([result]).rows[0][-1]
