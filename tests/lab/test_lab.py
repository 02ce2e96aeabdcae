"""The lab: each experiment's claim on a run of its own, its pointers into the code, the command and its pages."""

import ast
import json
import os
import pty
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.lab.base import Outcome, format_number, lab_data
from nnscratch.lab.catalogue import EXPERIMENTS
from nnscratch.lab.experiments import order, scale, sign, twice, vanishing, zero
from nnscratch.lab.page import lab_page
from nnscratch.lab.trainings import dense_network, smooth, train
from nnscratch.training.gradcheck import float64_copy
from tests.tools.commands import ROOT, Terminal, choices_kept, run_inside
from tests.tools.tables import check_whole, shown_again

SMALL = ("--images", "1000")
LONG = ("1998", "batch", "scale", "overfitting", "order", "sign")  # many trainings each
SHORT_AND_LONG = [pytest.param(name, marks=pytest.mark.thorough) if name in LONG else name for name in EXPERIMENTS]


@pytest.fixture(scope="module")
def data():
    return lab_data(seed=0, images=1000, held_out=1000)


@pytest.fixture(scope="module")
def outcome(data):
    """A run of each experiment, made when it is first asked for; by NumPy where compiling would take longer."""
    made = {}

    def of(name):
        if name not in made:
            with choices_kept():
                if name != "1998":
                    nn.set_backend("numpy")
                made[name] = EXPERIMENTS[name].measure(data)
        return made[name]

    return of


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("lab")


# ---- what every experiment is


@pytest.mark.slow
@pytest.mark.parametrize("name", SHORT_AND_LONG)
def test_what_theory_expects_is_what_the_run_shows(name, outcome):
    experiment, seen = EXPERIMENTS[name], outcome(name)
    assert 3 <= len(experiment.choices) <= 4
    assert seen.answer == experiment.answer, experiment.describe(seen)
    assert seen.plot.startswith(b"\x89PNG") and len(seen.plot) > 5000
    table = experiment.table(seen)
    assert all(len(row) == len(table.header) for row in table.rows)
    json.dumps(seen.figures, allow_nan=False)


def check_table(experiment, seen, width, monkeypatch):
    for key, value in {"COLUMNS": str(width), "TERM": "xterm", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(key, value)
    table = experiment.table(seen)
    check_whole(shown_again([table]), [table], [], width)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_formulas_fit_a_narrow_terminal(name):
    assert max(map(len, EXPERIMENTS[name].formula.splitlines())) <= 60 - len("    ")


@pytest.mark.slow
@pytest.mark.parametrize("width", [60, 80])
@pytest.mark.parametrize("name", SHORT_AND_LONG)
def test_tables_are_whole_on_a_narrow_terminal(name, outcome, width, monkeypatch):
    check_table(EXPERIMENTS[name], outcome(name), width, monkeypatch)


class AnyNumber(dict):
    """A row that has a long number for every key, and many of them for what there is one of in each epoch."""

    def __missing__(self, key):
        return [-0.000123456] * order.EPOCHS if key.endswith("_by_epoch") else -0.000123456


@pytest.mark.parametrize("width", [60, 80])
@pytest.mark.parametrize("name", LONG)
def test_tables_of_long_experiments_are_whole_with_any_numbers(name, width, monkeypatch):
    """Without their trainings: the headers, and cells of numbers that are long."""
    seen = Outcome({}, {"a row": AnyNumber(), "another row": AnyNumber()}, 1, b"")
    check_table(EXPERIMENTS[name], seen, width, monkeypatch)


def test_no_place_among_the_choices_is_a_good_guess():
    counts = Counter(experiment.answer for experiment in EXPERIMENTS.values())
    assert set(counts) == {1, 2, 3, 4} and max(counts.values()) <= 3


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_pointers_lead_to_code_that_is_there(name):
    assert EXPERIMENTS[name].where
    for file, dotted in EXPERIMENTS[name].where:
        body = ast.parse((ROOT / file).read_text("utf-8")).body
        for part in dotted.split("."):
            found = [node for node in body if getattr(node, "name", None) == part]
            assert found, f"{name}: {dotted} is not in {file}"
            body = found[0].body


def test_data_are_training_images_and_none_is_both_learnt_and_evaluated(data):
    mnist = nn.load_mnist()
    train_images = {image.tobytes() for image in mnist.train_images}
    learnt = {image.tobytes() for image in data.images}
    evaluated = {image.tobytes() for image in data.validation[0]}
    assert learnt <= train_images and evaluated <= train_images
    assert not learnt & evaluated and len(learnt) == len(evaluated) == 1000
    assert np.bincount(data.labels).min() > 80


@pytest.mark.thorough
@pytest.mark.slow
def test_equal_seeds_give_equal_figures_and_other_seeds_others(data, outcome):
    nn.set_backend("numpy")

    def figures(some):
        return twice.measure(some).figures

    assert figures(lab_data(0, 1000, 1000)) == outcome("twice").figures
    assert figures(lab_data(1, 1000, 1000)) != outcome("twice").figures


# ---- each claim


@pytest.mark.slow
def test_zero_weights_leave_all_hidden_units_alike(outcome, data):
    figures = outcome("zero").figures
    assert figures[zero.ZERO]["different_units"] == 1
    assert figures[zero.ZERO]["gradient_spread"] < 1e-4 < 0.1 < figures[zero.RANDOM]["gradient_spread"]
    assert figures[zero.RANDOM]["different_units"] == zero.UNITS
    assert figures[zero.DEAD]["largest_gradient"] == 0
    accuracy = {name: some["validation_accuracy"] for name, some in figures.items()}
    assert accuracy[zero.ZERO] < 0.5 < 0.8 < accuracy[zero.RANDOM]
    assert accuracy[zero.DEAD] < 0.15


def test_a_smooth_curve_is_of_means_of_neighbours():
    """Six of the seven losses: a group that is not full is left out."""
    assert smooth([1.0, 2.0, 6.0, 4.0, 5.0, 9.0, 7.0], 3) == ([3.0, 6.0], [3.0, 6.0])
    assert smooth([1.0, 2.0, 6.0, 4.0, 5.0, 9.0], 2) == ([2.0, 4.0, 6.0], [1.5, 5.0, 7.0])
    assert smooth([1.0], 2) == ([], [])


def test_different_rows_are_counted():
    W = np.zeros((6, 5))
    assert zero.different(W) == 1
    W[2, 3], W[4, 3], W[5, 0] = 1, 1 + 1e-6, 1
    assert zero.different(W) == 3


@pytest.mark.slow
def test_rates_go_from_nothing_over_good_to_no_number(outcome):
    figures = outcome("rates").figures
    assert figures["100"]["diverged"].startswith("the loss became") and figures["100"]["loss"] is None
    assert figures["100"]["batches"] < 32
    assert figures["0.0001"]["loss"] > 2.2 > 1 > figures["0.1"]["loss"]
    assert figures["10, ReLU"]["dead_units"] > 64


@pytest.mark.slow
def test_the_sigmoids_gradient_falls_by_the_factor_stated(outcome, data):
    deep = outcome("vanishing").figures["sigmoid"]
    assert all(factor <= bound for factor, bound in zip(deep["factors"], deep["bounds"], strict=True))
    assert deep["times"] >= 1 / np.prod(deep["bounds"])
    assert deep["times"] == pytest.approx(1 / np.prod(deep["factors"]), rel=1e-6)
    assert deep["times"] > 1000 > 10 > outcome("vanishing").figures["ReLU"]["times"] > 0.1
    # by the chain rule written out, in float64
    network = float64_copy(dense_network(data, *[vanishing.UNITS] * vanishing.DEPTH, activation=nn.Sigmoid))
    a = [data.images[:500].reshape(500, -1).T / 255]
    for k in range(vanishing.DEPTH + 1):
        z = network.parameters[f"dense{k + 1}.W"] @ a[-1] + network.parameters[f"dense{k + 1}.b"][:, None]
        a.append(1 / (1 + np.exp(-z)))
    p = np.exp(z) / np.exp(z).sum(axis=0)
    dz = (p - np.eye(10)[data.labels[:500]].T) / 500
    for k in reversed(range(vanishing.DEPTH)):
        dz = network.parameters[f"dense{k + 2}.W"].T @ dz * a[k + 1] * (1 - a[k + 1])
        assert deep["gradient"][k] == pytest.approx(np.linalg.norm(dz), rel=1e-3)


def test_the_loop_of_the_unshuffled_network_is_plain_sgd(data):
    """The lab's own loop, given the order that fit draws, ends with fit's accuracy."""
    orders = [np.random.default_rng((0, 1, epoch)).permutation(1000) for epoch in range(order.EPOCHS)]
    seen = order.train_in_order("as fit does", data, orders)
    run = train("fit", dense_network(data, 64), data, epochs=order.EPOCHS, optimizer=nn.SGD(order.RATE))
    assert seen.final == pytest.approx(run.accuracy, abs=0.004)


@pytest.mark.thorough
@pytest.mark.slow
def test_sorted_images_are_forgotten(outcome):
    figures = outcome("order").figures
    good, bad = figures[order.SHUFFLED], figures[order.SORTED]
    assert good["validation_accuracy"] > bad["validation_accuracy"] + 0.3
    assert bad["share_of_9"] > 0.5 > good["share_of_9"]


@pytest.mark.thorough
@pytest.mark.slow
def test_an_offset_ruins_the_condition_number_and_a_factor_does_not(outcome, data):
    figures = outcome("scale").figures
    plain, times, far = (figures[name] for name in (scale.PLAIN, scale.TIMES, scale.FAR))
    assert times["condition"] == pytest.approx(plain["condition"], rel=0.1)
    assert far["condition"] > 1000 * plain["condition"]
    assert times["loss_at_own_rate"] == pytest.approx(plain["loss_at_own_rate"], rel=0.05)
    assert far["loss_at_own_rate"] > 2 > plain["loss_at_own_rate"]
    assert times["loss_at_one_rate"] > 10
    x = np.vstack([data.images.reshape(1000, -1).T / 255, np.ones(1000)])
    assert plain["largest_eigenvalue"] == pytest.approx(np.linalg.norm(x, 2) ** 2 / 1000, rel=1e-5)


@pytest.mark.slow
def test_the_loss_of_two_softmaxes_has_a_floor(outcome):
    figures = outcome("twice").figures
    best = np.zeros((10, 1))
    best[3] = 1  # the surest right answer that a softmax can give
    floor = nn.softmax_cross_entropy(best, np.array([3]))[0]
    assert figures["floor"] == pytest.approx(floor, rel=1e-9)
    assert figures[twice.TWICE]["lowest_batch_loss"] > floor > figures[twice.ONCE]["lowest_batch_loss"]
    assert figures["ratio"] > 5
    slopes = twice.gradients_by_gap(np.array([-8.0]))
    assert slopes[twice.ONCE][0] == pytest.approx(np.sqrt(2), rel=0.01) and slopes[twice.TWICE][0] < 0.01


@pytest.mark.thorough
@pytest.mark.slow
def test_the_wrong_sign_is_found_and_named(outcome, data):
    figures = outcome("sign").figures
    assert figures[sign.RIGHT]["gradcheck_names"] == []
    for wrong in sign.WRONG:
        assert figures[wrong]["gradcheck_names"] == [wrong]
    right = figures[sign.RIGHT]["validation_accuracy"]
    assert abs(figures["dense1.b"]["validation_accuracy"] - right) < 0.02
    assert figures["dense2.W"]["validation_accuracy"] < 0.3
    flawed, sound = sign.flawed_network("dense1.W", data), sign.flawed_network("", data)
    for network in (flawed, sound):
        out = network.forward(network.batches(data.images).x(np.arange(32)))
        network.backward(nn.softmax_cross_entropy(out, data.labels[:32])[1])
    for name, gradient in sound.gradients.items():
        np.testing.assert_array_equal(flawed.gradients[name], -gradient if name == "dense1.W" else gradient)


@pytest.mark.thorough
@pytest.mark.slow
def test_noise_falls_with_the_root_of_the_batch(outcome):
    figures = outcome("batch").figures
    assert figures["slope"] == pytest.approx(-0.5, abs=0.05)
    assert figures["1"]["gradient_noise"] > 30 * figures["4096"]["gradient_noise"]
    assert [figures[str(size)]["steps"] for size in (1, 64, 4096)] == [2000, 32, 2]


@pytest.mark.slow
def test_those_who_divide_by_the_gradient_do_not_mind_its_units(outcome):
    figures = outcome("optimisers").figures
    for name, some in figures.items():
        lost = some["validation_accuracy"] - some["small_validation_accuracy"]
        assert (abs(lost) < 0.03) == (name in ("RMSProp", "Adam", "AdamW")), name
    assert len(figures) == 6


@pytest.mark.thorough
@pytest.mark.slow
def test_learning_by_heart(outcome):
    figures = outcome("overfitting").figures
    plain, dropout, decay = figures.values()
    assert plain["training_accuracy"] == 1 and plain["validation_accuracy"] < 0.9
    assert plain["validation_loss"] > 1.03 * plain["lowest_validation_loss"]
    assert decay["validation_loss"] < plain["validation_loss"] and decay["training_loss"] > plain["training_loss"]
    assert dropout["validation_loss"] < plain["validation_loss"]


@pytest.mark.thorough
@pytest.mark.slow
def test_mean_pooling_halves_the_gradient(outcome):
    figures = outcome("1998").figures
    for name, some in figures.items():
        if name != "effects":
            assert some["kept_by_pool"] == pytest.approx(0.5 if "mean" in name else 1, rel=1e-5)
    assert figures["effects"]["pooling"] > max(1.5 * figures["effects"]["activation"], 0.005)


# ---- a run that does not show it


def test_what_is_not_shown_is_said_to_be_so():
    experiment = EXPERIMENTS["zero"]
    seen = Outcome({}, {}, 4, b"")
    assert experiment.feedback(seen, 4).startswith("You predicted 4, rightly: the answer of this run is 4 (32:")
    assert experiment.feedback(seen, 2).startswith("You predicted 2, but the answer of this run is 4 (32:")
    assert "Theory expects 2, which these settings do not show" in experiment.feedback(seen, None)
    assert "speaks for none" in experiment.feedback(replace(seen, answer=None), 2)


@pytest.mark.slow
def test_a_network_whose_start_is_not_zero_is_answered_otherwise(data, monkeypatch):
    made = zero._train
    monkeypatch.setattr(zero, "_train", lambda *args, zero: made(*args, zero=False))
    monkeypatch.setattr(zero, "EPOCHS", 1)
    seen = zero.measure(data)
    assert seen.answer == 4 and "of 32 kinds" in EXPERIMENTS["zero"].describe(seen)


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (21_534.2, "21,500"), (0.03124, "0.0312"), (2.4e17, "2.4e+17"), (np.nan, "NaN")]
)
def test_numbers_are_written_as_people_do(value, text):
    assert format_number(value) == text


# ---- the page


def test_the_page_escapes_and_needs_nothing_else():
    evil = "<script>alert(1)</script> & \"'"
    experiment = replace(
        EXPERIMENTS["twice"], title=evil, question=evil, choices=(evil,) * 3, explanation=(evil,), formula=evil
    )
    experiment = replace(experiment, alt=evil, where=((evil, evil),), first=evil, columns=((evil, evil),), verdict=evil)
    seen = Outcome({}, {evil: {}}, 2, b"\x89PNG")
    page = lab_page(experiment, seen, 1, evil)
    assert page.count("<script") == 2 and page.count("&lt;script&gt;") > 10  # the data, and the one that asks
    assert "(predicted)" in page and 'class="seen"' in page and '<details id="answer" open>' in page
    assert not re.findall(r"""(?:src|href)=["'](?!data:)""", page)


@pytest.mark.slow
def test_the_page_opens_in_a_browser_and_fits_a_phone(outcome, browser, tmp_path):
    file = tmp_path / "order.html"
    file.write_text(lab_page(EXPERIMENTS["order"], outcome("order"), 1, "a run"), "utf-8")
    page = browser.new_page(viewport={"width": 360, "height": 740})
    wrong, asked = [], []
    page.on("console", lambda message: wrong.append(message.text))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    assert page.evaluate("document.querySelector('img.plot').naturalWidth") > 1000
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert page.locator("table tbody tr").count() == 2
    assert wrong == [] and {url.split(":")[0] for url in asked} <= {"file", "data"}


# ---- the command


def test_a_run_prints_writes_and_gives_figures(place):
    code, out, err = run_inside("lab", "twice", *SMALL, "--predict", "3", "--seed", "2", cwd=place)
    assert (code, err) == (0, "")
    assert "You predicted 3, rightly" in " ".join(out.split()) and "log(1 + 9/e)" in out
    assert "softmax_backward in nnscratch/ops/losses.py" in " ".join(out.split())
    page = (place / "lab" / "twice.html").read_text("utf-8")
    assert page.count("<section") == 3 and "data:image/png;base64," in page and "--seed 2 --images 1000" in page
    assert (place / "lab" / "twice.png").read_bytes().startswith(b"\x89PNG")

    code, out, err = run_inside(
        "lab", "twice", *SMALL, "--seed", "2", "--json", "--out", "else/where", cwd=place, stdin=b"1\n"
    )
    told = json.loads(out)
    assert code == 0 and told["prediction"] is None and told["answer"] == told["expected"] == 3
    assert told["figures"]["ratio"] > 5 and told["seed"] == 2 and "Softmax twice" in err
    assert Path(told["page"]) == Path("else/where/twice.html") and (place / told["page"]).is_file()


def test_the_list(place):
    code, out, _ = run_inside("lab", cwd=place)
    assert code == 0
    assert all(f"{each.name} " in out and each.title in out for each in EXPERIMENTS.values())
    code, out, _ = run_inside("lab", "--json", cwd=place)
    assert [each["name"] for each in json.loads(out)] == list(EXPERIMENTS)


def test_all_runs_all(place, monkeypatch):
    few = {name: EXPERIMENTS[name] for name in ("twice", "order")}
    monkeypatch.setattr("nnscratch.cli.commands.lab.EXPERIMENTS", few)
    code, out, _ = run_inside("lab", "all", *SMALL, "--json", cwd=place)
    assert code == 0 and [each["name"] for each in json.loads(out)] == list(few)
    assert all((place / "lab" / f"{name}.html").is_file() for name in few)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ("nonsense", 2, "'nonsense' is unknown: choose from zero, rates"),
        ("zero --predict 5", 2, "zero has the answers 1 to 4"),
        ("zero --predict 0", 2, "zero has the answers 1 to 4"),
        ("all --predict 1", 2, "give one experiment's name"),
        ("--predict 1", 2, "give its name too"),
        ("zero --seed -1", 2, "the seed is -1"),
        ("zero --images 10", 2, "give 1,000 to 50,000"),
        ("zero --backend torch", 2, "'torch' is not available"),
        ("twice --images 1000 --out taken", 1, "cannot be written"),
    ],
)
def test_what_is_wrong_is_one_line(arguments, code, words, place):
    (place / "taken").write_text("a file")
    seen, _, err = run_inside("lab", *arguments.split(), cwd=place)
    assert (seen, err.count("\n")) == (code, 1) and words in err, err


@pytest.mark.slow
def test_a_terminal_is_asked_until_it_answers(place):
    code, out, _ = run_inside("lab", "twice", *SMALL, cwd=place, stdin=b"9\nsoftmax\n2\n", stream=Terminal)
    assert code == 0 and out.count("Your prediction, 1 to 4") == 3
    assert "You predicted 2, but the answer of this run is 3" in " ".join(out.split())
    code, out, _ = run_inside("lab", "twice", *SMALL, cwd=place, stdin=b"\n", stream=Terminal)
    assert code == 0 and out.count("Your prediction") == 1 and "You predicted" not in out
    code, out, _ = run_inside("lab", "twice", *SMALL, cwd=place, stdin=b"2\n")
    assert code == 0 and "Your prediction" not in out  # a pipe is not asked


@pytest.mark.thorough
@pytest.mark.slow
def test_a_real_terminal(place):
    """Through a pseudo-terminal: the question comes before the run, and the answer is taken."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "nnscratch", "lab", "twice", *SMALL]
    process = subprocess.Popen(command, cwd=place, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    os.write(ours, b"3\n")
    seen = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        seen += piece
    os.close(ours)
    assert process.wait(60) == 0
    text = " ".join(seen.decode().split())
    assert text.index("Your prediction") < text.index("You predicted 3, rightly")
