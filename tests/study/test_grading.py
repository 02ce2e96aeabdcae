"""Grading a class: who handed in what, what that is worth, and what was wrong."""

import csv
import io
import json
import re

import pytest

from nnscratch.errors import DataError
from nnscratch.study.exercises import EXERCISES
from nnscratch.study.exercises.check import check
from nnscratch.study.exercises.grading import grades as grading
from nnscratch.study.exercises.grading.grades import Grade, as_csv, grade_all
from nnscratch.study.exercises.grading.mistakes import failures, mistakes
from nnscratch.study.exercises.grading.submissions import files_beside, find_submissions
from nnscratch.study.exercises.sandbox import Limits
from tests.tools.commands import run_inside

RELU = "def relu_backward(dout, x):\n    return dout * (x > 0)\n"
DENSE = "def dense_backward(dout, x, W):\n    return W.T @ dout, dout @ x.T, dout.sum(axis=1)\n"


def hand_in(place, files):
    for name, text in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    return place


def found(place):
    work = find_submissions(place, EXERCISES)
    files = {
        student: {name: str(path.relative_to(place)) for name, path in own.items()}
        for student, own in work.files.items()
    }
    return files, {str(each.path.relative_to(place)): each.reason for each in work.left_out}


def test_a_folder_for_each_student_or_the_student_in_the_name(tmp_path):
    hand_in(tmp_path, {
        "Ada/relu_backward.py": "", "Ada/Dense_Backward.PY": "", "Ada/notes.txt": "", "Ada/helper.py": "",
        "Ada/.git/relu_backward.py": "", "Ada/__pycache__/relu_backward.py": "", "__MACOSX/relu_backward.py": "",
        "Emmy/week 1/relu_backward.py": "", "Kurt/late.py": "",
        "Alan-relu_backward.py": "", "alan_dense_backward.py": "", "Mary Ann - dense_backward.py": "",
        "relu_backward.py": "", "report.pdf": "", ".DS_Store": "",
    })  # fmt: skip
    files, ignored = found(tmp_path)
    assert files == {
        "Ada": {"dense_backward": "Ada/Dense_Backward.PY", "relu_backward": "Ada/relu_backward.py"},
        "Emmy": {"relu_backward": "Emmy/week 1/relu_backward.py"},
        "Kurt": {},
        "Alan": {"relu_backward": "Alan-relu_backward.py"},
        "alan": {"dense_backward": "alan_dense_backward.py"},
        "Mary Ann": {"dense_backward": "Mary Ann - dense_backward.py"},
    }
    neither = "its name is of neither form"
    assert ignored == {
        "Ada/helper.py": neither,
        "Ada/notes.txt": neither,
        "Kurt/late.py": neither,
        "relu_backward.py": f"{neither}: did you mean STUDENT-relu_backward.py?",
        "report.pdf": neither,
    }


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Ada/dense_backward (1).py", "dense_backward.py"),
        ("Ada/densebackward.py", "dense_backward.py"),
        ("Ada/ada-dense_backward.py", "dense_backward.py"),
        ("Ada/dense_backward.py.txt", "dense_backward.py"),
        ("Ada/maxpool2d_bakward.py", "maxpool2d_backward.py"),
        ("ada-densebackward.py", "ada-dense_backward.py"),
        ("dense_backward copy.py", "STUDENT-dense_backward.py"),
        ("Ada/backward.py", None),
        ("Ada/update_notes.py", None),
    ],
)
def test_near_misses_are_suggested(tmp_path, name, meant):
    _, left_out = found(hand_in(tmp_path, {name: "", "Bob/relu_backward.py": ""}))
    assert left_out == {name: "its name is of neither form" + (f": did you mean {meant}?" if meant else "")}


def test_students_stand_in_the_order_of_the_alphabet(tmp_path):
    names = ["adam", "Äda", "bob", "Emil", "Émile", "Zoe"]
    files = {f"{name}/relu_backward.py": "" for name in names}
    work = find_submissions(hand_in(tmp_path, files | {"carl-relu_backward.py": ""}), EXERCISES)
    assert list(work.files) == ["Äda", "adam", "bob", "carl", "Emil", "Émile", "Zoe"]


def test_who_has_nothing_that_can_be_graded_has_no_points_and_reads_why(tmp_path):
    hand_in(tmp_path, {
        "Ada/densebackward.py": DENSE, "Ada/notes.txt": "", "Bob/relu_backward.py": RELU, "Bob/notes.txt": "",
        "Bob/dense_backward(2).py": DENSE,
    })  # fmt: skip
    (tmp_path / "Cleo").symlink_to(tmp_path / "Bob")
    work = find_submissions(tmp_path, EXERCISES)
    grades = grade_all(work, [EXERCISES["relu_backward"], EXERCISES["dense_backward"]], Limits())
    missing = {(each.student, each.exercise): each.wrong for each in grades if each.status == "missing"}
    form = "was left out: its name is of neither form"
    near = f"{form}: did you mean dense_backward.py?"
    ada = ("no file", f"densebackward.py {near}", f"notes.txt {form}")
    cleo = ("no file", "Cleo was left out: it is a link")
    assert missing == {
        ("Ada", "relu_backward"): ada,
        ("Ada", "dense_backward"): ada,
        ("Bob", "dense_backward"): ("no file", f"dense_backward(2).py {near}"),
        ("Cleo", "relu_backward"): cleo,
        ("Cleo", "dense_backward"): cleo,
    }


def test_links_are_not_followed(tmp_path):
    hand_in(tmp_path, {"Ada/relu_backward.py": "", "secret.py": ""})
    (tmp_path / "Ada" / "dense_backward.py").symlink_to(tmp_path / "secret.py")
    (tmp_path / "Ada" / "week 1").symlink_to(tmp_path)
    (tmp_path / "Eve").symlink_to(tmp_path / "Ada")
    files, ignored = found(tmp_path)
    assert files == {"Ada": {"relu_backward": "Ada/relu_backward.py"}, "Eve": {}}
    link, neither = "it is a link", "its name is of neither form"
    assert ignored == {"Ada/dense_backward.py": link, "Ada/week 1": link, "Eve": link, "secret.py": neither}


def test_what_lies_beside_may_be_imported_and_costs_nothing(tmp_path):
    """But for links, and what is too large or too many."""
    hand_in(
        tmp_path, {"Ada/relu_backward.py": RELU, "Ada/helper.py": "", "Bob/relu_backward.py": RELU, "secret.py": ""}
    )
    hand_in(tmp_path, {"Ada/big.py": "#" * 1_000_001})
    ada, bob = tmp_path / "Ada", tmp_path / "Bob"
    (ada / "stolen.py").symlink_to(bob / "relu_backward.py")
    (ada / "secret.py").symlink_to(tmp_path / "secret.py")
    (ada / "nothing.py").symlink_to(tmp_path / "nothing")
    (ada / "folder.py").mkdir()
    kept, said = files_beside(ada / "relu_backward.py")
    assert [path.name for path in kept] == ["helper.py", "relu_backward.py"]
    assert said == ("left out beside it (links, unreadable, or too much): big.py, folder.py, nothing.py, ...",)
    (grade,) = grade_all(find_submissions(ada.parent, EXERCISES), [EXERCISES["relu_backward"]], Limits())[:1]
    assert (grade.student, grade.status, grade.points, grade.wrong) == ("Ada", "right", 10, said)
    for k in range(1100):
        (bob / f"helper{k}.py").touch()
    assert len(files_beside(bob / "relu_backward.py")[0]) == 1000
    for k in range(20):
        (bob / f"helper{k}.py").write_text("#" * 1_000_000)
    assert sum(path.stat().st_size for path in files_beside(bob / "relu_backward.py")[0]) <= 16_000_000


def test_no_link_carries_points(tmp_path):
    hand_in(tmp_path, {"Ada/relu_backward.py": "from stolen import relu_backward\n", "Bob/relu_backward.py": RELU})
    (tmp_path / "Ada" / "stolen.py").symlink_to(tmp_path / "Bob" / "relu_backward.py")
    ada, bob = grade_all(find_submissions(tmp_path, EXERCISES), [EXERCISES["relu_backward"]], Limits())
    assert (ada.points, bob.points) == (0, 10)
    assert "stolen" in ada.wrong[0]


FORGED = """
import os
CALL = b'{"count": COUNT, "changed": [], "values": [{"type": "array", "shape": SHAPE, "dtype": "DTYPE", "data": null}]}'
for handle in range(3, 20):
    try:
        os.write(handle, b'{"failure": null, "warnings": [], "characters": 0, "beyond": [], "calls": [' + CALL + b']}')
    except OSError:
        continue
os._exit(0)
"""


def test_no_file_ends_the_grading_of_the_others(tmp_path, monkeypatch):
    """Not with a report that it has forged, and not with a mistake of the grading."""
    forged = [
        ("null", "[Infinity]", "float64"),
        ("1e999", "[1]", "float64"),
        ("null", "[1]", "i4,("),
        ("null", "[1]", ","),
    ]
    for student, values in zip("ABCD", forged, strict=True):
        text = FORGED
        for word, value in zip(("COUNT", "SHAPE", "DTYPE"), values, strict=True):
            text = text.replace(word, value)
        hand_in(tmp_path, {f"{student}/relu_backward.py": text})
    hand_in(tmp_path, {"E/relu_backward.py": RELU, "F/relu_backward.py": RELU})

    def check_all_but_f(exercise, file, limits, stop):
        if file.parent.name == "F":
            raise KeyError("what nobody thought of")
        return check(exercise, file, limits, stop)

    monkeypatch.setattr(grading, "check", check_all_but_f)
    grades = grade_all(find_submissions(tmp_path, EXERCISES), [EXERCISES["relu_backward"]], Limits())
    assert [each.status for each in grades] == ["ended"] * 4 + ["right", "not graded"]
    assert grades[-1].wrong == ("KeyError('what nobody thought of')",)


def test_what_cannot_be_a_class(tmp_path):
    with pytest.raises(DataError, match=r"no folder: give one that has a folder for each student with files NAME.py"):
        find_submissions(tmp_path / "none", EXERCISES)
    with pytest.raises(DataError, match=r"nothing to grade: .*STUDENT-NAME.py or STUDENT_NAME.py"):
        find_submissions(hand_in(tmp_path, {"Ada/notes.txt": ""}), EXERCISES)
    with pytest.raises(DataError, match=r"relubackward.py: .* did you mean relu_backward.py\?"):
        find_submissions(hand_in(tmp_path, {"Ada/relubackward.py": ""}), EXERCISES)
    with pytest.raises(DataError, match=r"Ada has relu_backward twice, in .* leave one"):
        find_submissions(hand_in(tmp_path, {"Ada/relu_backward.py": "", "Ada/old/relu_backward.py": ""}), EXERCISES)


CLASS = {
    "Ada/relu_backward.py": RELU,
    "Ada/dense_backward.py": DENSE.replace(", dout.sum(axis=1)", ", dout.sum(axis=0)"),
    "Bob/relu_backward.py": RELU.replace("x > 0", "x >= 0"),
    "Cleo/relu_backward.py": RELU.replace("return", "while True:\n        pass\n    return"),
    "Cleo/dense_backward.py": "from helper import right\ndef dense_backward(*given):\n    return right(*given)\n",
    "Cleo/two\nlines.py": "",
    "Cleo/helper.py": DENSE.replace("dense_backward", "right"),
    "=cmd()/relu_backward.py": RELU + ")",
    "=cmd()/dense_backward.py": "print('dense_backward is right')\n" + DENSE.replace("W.T @ dout", "3 * (W.T @ dout)"),
}


def test_a_class_is_graded(tmp_path):
    """From the folder to the file: right, wrong, missing, too slow, no Python, a name that is a formula."""
    hand_in(tmp_path / "class", CLASS)
    command = ("study", "grade", "class", "--csv", "out/grades.csv", "--seed", "7", "--timeout", "2", "--jobs", "2")
    code, out, err = run_inside(*command, "--json", cwd=tmp_path)
    assert code == 0, err
    text = (tmp_path / "out" / "grades.csv").read_text("utf-8-sig")
    rows = {(row["student"], row["exercise"]): row for row in csv.DictReader(io.StringIO(text))}
    told = {key: (row["passed"], row["cases"], float(row["points"]), row["status"]) for key, row in rows.items()}
    assert told == {
        ("'=cmd()", "dense_backward"): ("0", "3", 6.67, "wrong"),
        ("'=cmd()", "relu_backward"): ("0", "3", 0, "syntax error"),
        ("Ada", "dense_backward"): ("0", "3", 6.67, "wrong"),
        ("Ada", "relu_backward"): ("3", "3", 10, "right"),
        ("Bob", "dense_backward"): ("0", "3", 0, "missing"),
        ("Bob", "relu_backward"): ("2", "3", 6.67, "wrong"),
        ("Cleo", "dense_backward"): ("3", "3", 10, "right"),
        ("Cleo", "relu_backward"): ("0", "3", 0, "timed out"),
    }
    assert rows["Bob", "relu_backward"]["wrong"] == "dx: at x = 0 the gradient passes, but 0 is taken there"
    assert "every number is 3 times the right one" in rows["'=cmd()", "dense_backward"]["wrong"]
    assert "in line " in rows["Cleo", "relu_backward"]["wrong"]
    told = json.loads(out)
    assert told["left_out"] == [
        {"file": f"class/Cleo/{name}.py", "reason": "its name is of neither form"} for name in ("helper", "two\nlines")
    ]
    assert [each["student"] for each in told["grades"]] == [key[0].removeprefix("'") for key in rows]
    assert "Cleo      2 of 2" not in err
    assert "class/Cleo/helper.py: its name is of neither form" in err
    assert "class/Cleo/two\\nlines.py: its name is of neither form" in err
    assert "  1  timed out" in err
    assert "8 grades are in out/grades.csv" in err


def test_the_seed_decides_and_the_number_of_jobs_does_not(tmp_path):
    work = find_submissions(hand_in(tmp_path, {"Ada/relu_backward.py": RELU.replace("x > 0", "x >= 0")}), EXERCISES)
    grades = [
        [
            Grade(**{**vars(each), "seconds": 0.0})
            for each in grade_all(work, [EXERCISES["relu_backward"].drawn(3)], Limits(), jobs=jobs)
        ]
        for jobs in (1, 3)
    ]
    assert grades[0] == grades[1]


def dense(*wrong, status="wrong", exercise="dense_backward"):
    return Grade("A", exercise, 0, 3, 0.0, 0.1, status, wrong)


def test_frequent_mistakes_come_first_and_count_together_whatever_the_shapes():
    unfit = "ValueError in line {} (x): operands could not be broadcast together with shapes ({},) (4,2); input: one"
    grades = [
        dense("db: a", "dW: no mistake that is known: derive it once more"),
        dense(
            "db: wrong shape: came (3,), wanted (4,); b", "dW: b (so it is for: 1 (x) / 2; elsewhere something else)"
        ),
        dense("db: wrong shape: came (5, 1), wanted (4,); b"),
        dense("dx: wrong shape: came (3,), wanted (4,); no mistake that is known: derive it once more"),
        dense("the batch is the last axis: dout (D, N)", unfit.format(7, 3)),
        dense(unfit.format(12, 64), status="error"),
        dense(status="right"),
        dense("no file", status="missing"),
        dense("dx: elsewhere", exercise="relu_backward"),
    ]
    assert mistakes(grades, EXERCISES["dense_backward"]) == [
        ("ValueError: operands could not be broadcast together with shapes ... ...", 2),
        ("dW, db: b", 2),
        ("db: a", 1),
        ("dx: wrong shape", 1),
        ("shapes that do not fit: is the batch taken for another axis than the last?", 1),
    ]
    assert failures(grades, EXERCISES["dense_backward"]) == []


def test_files_without_an_answer_count_apart():
    refused = "ImportError in line {} (from torch import nn): torch cannot be used here: write it with NumPy"
    grades = [
        dense(refused.format(1), status="error"),
        dense(refused.format(9)),
        dense("ModuleNotFoundError in line 1 (import a.b): No module named 'a.b'; 'a' is no package", status="error"),
        dense("ImportError in line 1 (x): cannot import name 'f' from 'a' (/tmp/1/a.py)", status="error"),
        dense("it is not done", status="timed out"),
        dense("line 3", status="syntax error"),
        dense("line 4", status="syntax error"),
    ]
    assert mistakes(grades, EXERCISES["dense_backward"]) == []
    assert failures(grades, EXERCISES["dense_backward"]) == [
        ("import refused: torch", 2),
        ("syntax error", 2),
        ("ImportError: cannot import name 'f' from 'a'", 1),
        ("no such module: a.b", 1),
        ("timed out", 1),
    ]


def test_a_long_cell_names_fewer_inputs_then_ends_at_a_word():
    def cell(*wrong):
        (row,) = csv.DictReader(io.StringIO(as_csv([dense(*wrong)])))
        return row["wrong"]

    partly = "dx: a (so it is for: {}; elsewhere something else is wrong)"
    few, many = partly.format("one / two"), partly.format(" / ".join(["some input"] * 60))
    assert cell(few) == few
    assert cell(many, "db: b") == f"{partly.format('60 inputs').replace('for:', 'for')}; db: b"
    assert cell("word " * 200) == "word " * 99 + "..."
    assert len(cell("w" * 900)) <= 500
    assert cell("w" * 900).endswith("w ...")


def test_the_note_on_arrays_with_the_batch_first_is_in_the_grade(tmp_path):
    first = "def dense_backward(dout, x, W):\n    return dout @ W, dout.T @ x, dout.sum(axis=0)\n"
    work = find_submissions(hand_in(tmp_path, {"Ada/dense_backward.py": first}), EXERCISES)
    (grade,) = grade_all(work, [EXERCISES["dense_backward"].drawn(7)], Limits())
    assert grade.wrong[0].startswith(
        "dx: the arrays are taken batch-first: here the batch is the last axis, dout (D, N)"
    )
    assert grade.wrong[3].startswith("ValueError in line 2")
    assert [text for text, _ in mistakes([grade], EXERCISES["dense_backward"])] == [
        "dx, dW, db: the arrays are taken batch-first: here the batch is the last axis, dout (D, N) and x (K, N)"
    ]


def test_of_what_has_to_do_with_other_axes_the_batch_is_not_recalled(tmp_path):
    wrong = DENSE.replace("W.T", "W")
    work = find_submissions(hand_in(tmp_path, {"Ada/dense_backward.py": wrong}), EXERCISES)
    (grade,) = grade_all(work, [EXERCISES["dense_backward"].drawn(7)], Limits())
    assert grade.wrong[0].startswith("dx: W is not transposed")
    assert not any("the batch is the last axis" in text for text in grade.wrong)


@pytest.mark.parametrize(
    "name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\r=1", '=HYPERLINK("x","y")', "\uff1d1", "\uff201", "a;=1"]
)
def test_no_cell_is_a_formula(name):
    text = as_csv([Grade(name, "relu_backward", 0, 3, 0.0, 0.1, "wrong", (name, "b,\nc"))])
    (row,) = csv.DictReader(io.StringIO(text))
    for cell in row.values():
        assert not cell.lstrip().startswith(("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20"))
        assert cell.isprintable()
    assert not re.search(r'[^"]*;', re.sub(r'"[^"]*"', "", text))  # where cells are parted there: inside quotes


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["class", "--seed", "7"], 2, "--csv"),
        (["class", "--csv", "g.csv"], 2, "--seed"),
        (["class", "--csv", "g.csv", "--seed", "-1"], 2, "--seed is -1: give a whole number from 0"),
        (["class", "--csv", "g.csv", "--seed", "1", "--points", "0"], 2, "--points is 0"),
        (["class", "--csv", "g.csv", "--seed", "1", "--timeout", "nan"], 2, "--timeout is nan"),
        (["class", "--csv", "g.csv", "--seed", "1", "--memory", "1"], 2, "--memory is 1: give a whole number from 256"),
        (["class", "--csv", "g.csv", "--seed", "1", "--jobs", "0"], 2, "--jobs is 0"),
        (["class", "--csv", "g.csv", "--seed", "1", "--exercises", "relu"], 2, "'relu' is unknown"),
        (["class", "--csv", ".", "--seed", "1"], 1, "is a folder: give the name of a CSV file"),
        (["class", "--csv", "/dev/null", "--seed", "1"], 1, "a device or a pipe"),
        (["none", "--csv", "g.csv", "--seed", "1"], 1, "none is no folder"),
        ([" ", "--csv", "g.csv", "--seed", "1"], 2, "an empty path"),
    ],
)
def test_wrong_usage(tmp_path, arguments, code, said):
    hand_in(tmp_path, {"class/Ada/relu_backward.py": RELU})
    got, out, err = run_inside("study", "grade", *arguments, cwd=tmp_path)
    assert (got, out) == (code, "")
    assert said in err
    assert err.count("\n") == 1
    assert not (tmp_path / "g.csv").exists()
