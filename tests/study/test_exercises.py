"""The exercises: right answers pass, every known mistake is named, and no file can take the check down."""

import json
import re
import sys
import textwrap
import time
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from nnscratch.study.exercises import EXERCISES
from nnscratch.study.exercises.check import grade
from nnscratch.study.exercises.sandbox import Call, Report, Value
from nnscratch.study.exercises.task import task, template
from tests.tools.commands import Terminal, run_inside
from tests.tools.exercise_files import FAILURES, SLIPS, SOLUTIONS
from tests.tools.exercise_loops import LOOPS
from tests.tools.tables import plain

every_exercise = pytest.mark.parametrize("name", EXERCISES)
every_mistake = pytest.mark.parametrize(
    ("name", "number"), [(name, k) for name, each in EXERCISES.items() for k in range(len(each.mistakes))]
)


def checked(place, name, code, *flags):
    (place / "mine.py").write_text(code)
    return run_inside("study", "exercise", name, "mine.py", *flags, cwd=place)


def solution(name, style=SOLUTIONS):
    """The file of a reader; where it builds on other exercises, their functions stand in it."""
    used = [SOLUTIONS[other] for other in EXERCISES[name].uses]
    return "import math\nimport numpy as np\n" + "".join(map(textwrap.dedent, [*used, style[name]]))


def returned_by(exercise, code):
    """What the function in the file returns for each input."""
    scope = {}
    exec(code, scope)
    with np.errstate(all="ignore"):
        return [[None if each is None else each for each in case] for case in exercise.evaluate(scope[exercise.name])]


def report(returned):
    """What a process would report for a function that returned these arrays, None for a call that failed."""
    calls = []
    for arrays in returned:
        if any(array is None for array in arrays):
            calls.append(Call(failure="ValueError"))
            continue
        values = tuple(Value("array", np.shape(a), "float64", np.asarray(a, float)) for a in arrays)
        calls.append(Call(count=len(values), values=values))
    return Report(calls=calls)


def graded(exercise, told):
    with np.errstate(all="ignore"):
        return grade(exercise, told)


def answers(exercise, mistake=None):
    """What the right function returns, or one with the mistake."""
    return exercise.right if mistake is None else dict(exercise.wrong)[mistake.text]


@cache
def without_derivatives(name):
    """The exercise without numerical gradients, which are slow and change no sentence."""
    return replace(EXERCISES[name], derivatives=None)


@pytest.mark.parametrize("name", ["dense_forward", "numerical_gradient"])
def test_a_right_file_passes(tmp_path, name):
    code, out, err = checked(tmp_path, name, solution(name))
    assert (code, err) == (0, "")
    assert f"{name} is right" in out
    assert "FAIL" not in out
    assert "Next: " in out


@every_exercise
def test_right_solutions_pass_in_whatever_style(name):
    exercise = without_derivatives(name)
    for style in (SOLUTIONS, LOOPS):
        verdict = graded(exercise, report(returned_by(exercise, solution(name, style))))
        assert verdict.right, verdict


@every_exercise
def test_the_solution_that_is_shown_is_a_file_that_passes(tmp_path, monkeypatch, name):
    exercise = without_derivatives(name)
    for used in exercise.uses:
        (tmp_path / f"{used}.py").write_text(solution(used))
        monkeypatch.delitem(sys.modules, used, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    code, out, _ = run_inside("study", "exercise", name, "--solution", cwd=tmp_path)
    assert code == 0
    assert exercise.library in out.splitlines()[0]
    assert graded(exercise, report(returned_by(exercise, out))).right


@every_exercise
def test_gradients_agree_with_numerical_ones(name):
    """Two witnesses that know nothing of each other: the right answer, and differences of the forward pass."""
    exercise = EXERCISES[name]
    verdict = graded(exercise, report(answers(exercise)))
    assert verdict.right
    if exercise.derivatives is not None:
        assert all(each.quotient_error < 1e-6 for each in verdict.findings)
        with_mistake = graded(exercise, report(answers(exercise, exercise.mistakes[0])))
        assert any(each.quotient_error is None or each.quotient_error > 1e-3 for each in with_mistake.findings)


def test_only_what_has_no_gradient_of_a_forward_pass_is_without_numerical_ones():
    without = {name for name, each in EXERCISES.items() if each.derivatives is None and not each.own_loss}
    forward = {"dense_forward", "conv2d_forward", "maxpool2d_forward", "batchnorm_forward", "dropout_forward"}
    training = {"momentum_update", "adam_update", "initialize", "numerical_gradient", "training_loop", "lenet5"}
    assert without == forward | training


@every_mistake
def test_every_known_mistake_is_recognised_by_its_own_sentence(name, number):
    exercise = without_derivatives(name)
    mistake = exercise.mistakes[number]
    verdict = graded(exercise, report(answers(exercise, mistake)))
    assert not verdict.right
    said = [each.diagnosis for each in verdict.findings if not each.right]
    assert said
    assert all(text.endswith(mistake.text) for text in said), said


@every_exercise
def test_mistakes_have_sentences_of_their_own(name):
    texts = [mistake.text for mistake in EXERCISES[name].mistakes]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize(("name", "old", "new", "said"), SLIPS)
def test_slips_in_a_right_solution_are_named(name, old, new, said):
    """As above, but each mistake is written into the source of a solution."""
    code = solution(name)
    assert code.count(old) == 1
    exercise = without_derivatives(name)
    verdict = graded(exercise, report(returned_by(exercise, code.replace(old, new))))
    text = "\n".join(f"{each.name}: {each.diagnosis}" for each in verdict.findings if not each.right)
    assert not verdict.right
    assert re.search(said, text), text


def test_of_two_mistakes_that_meet_on_some_inputs_one_is_named():
    code = solution("conv2d_backward").replace('"fcij,fn->cijn", W,', '"fcij,fn->cijn", W[:, :, ::-1, ::-1],')
    code = code.replace("dx = dx[:, top : top + x.shape[1], left : left + x.shape[2]]", "")
    scope = {}
    exec(code, scope)
    exercise = EXERCISES["conv2d_backward"]
    verdict = graded(exercise, report([scope["conv2d_backward"](*case.arguments) for case in exercise.cases]))
    dx = verdict.findings[0].diagnosis
    assert "wrong shape" in dx
    assert "the kernel is flipped" in dx
    assert "so it is for: one channel, one image, no padding / 2 channels" in dx
    assert [each.right for each in verdict.findings] == [False, True, True]


@pytest.mark.parametrize("what", FAILURES)
def test_what_cannot_be_checked_is_said_in_a_sentence(tmp_path, what):
    text, said = FAILURES[what]
    code, out, err = checked(tmp_path, "dense_backward", text.replace("DEF", "def dense_backward(dout, x, W):"))
    assert (code, err) == (1, "")
    assert re.search(said, out), out
    assert "dense_backward is not right yet" in out
    assert "Traceback" not in out


def test_an_endless_loop_is_stopped_with_all_that_it_started(tmp_path):
    pids = tmp_path / "pids"
    text = f"""
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open({str(pids)!r}, "w").write(f"{{os.getpid()}} {{child.pid}}")
def dense_backward(dout, x, W):
    while True:
        pass
"""
    code, out, err = checked(tmp_path, "dense_backward", text, "--timeout", "1.5")
    assert (code, err) == (1, "")
    assert "dense_backward was not done after 1.5 seconds, and was stopped, in line" in out
    assert "?." not in out
    for pid in map(int, pids.read_text().split()):
        assert gone(pid)


def gone(pid):
    """Whether the process ends, or waits only to be counted by whoever adopted it."""
    for _ in range(5_000):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def test_what_is_left_running_does_not_hold_the_check_up(tmp_path):
    text = (
        solution("relu_backward")
        + "\nimport threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()\n"
    )
    code, out, _ = checked(tmp_path, "relu_backward", text)
    assert code == 0, out


def test_prints_and_warnings_are_noted_and_do_no_harm(tmp_path):
    text = solution("relu_backward").replace(
        "return", "print('\\x1b[31mhere' * 100_000); np.float64(1) / np.array([0.0]); return"
    )
    code, out, _ = checked(tmp_path, "relu_backward", text)
    assert code == 0
    assert "Note: it printed" in out
    assert "\\x1b[31mhere" in out
    assert "NumPy warns in line 5: divide by zero" in out
    assert len(out) < 2000


def test_it_sees_its_neighbours_like_any_script(tmp_path):
    (tmp_path / "helper.py").write_text("def transposed(W):\n    return W.T\n")
    text = "from helper import transposed\n" + solution("dense_backward").replace("W.T", "transposed(W)")
    code, out, _ = checked(tmp_path, "dense_backward", text)
    assert code == 0, out


def test_the_own_loss_is_differentiated(tmp_path):
    """A loss and a gradient that are wrong alike fit each other."""
    text = solution("softmax_cross_entropy").replace(".mean()", ".sum()").replace(") / z.shape[1]", ")")
    code, out, _ = checked(tmp_path, "softmax_cross_entropy", text, "--json")
    told = json.loads(out)
    assert code == 1
    assert [each["right"] for each in told["arrays"]] == [False, False]
    assert told["arrays"][1]["quotient_error"] < 1e-8
    assert all("not divided by N" in each["diagnosis"] for each in told["arrays"])


def test_a_neighbour_that_is_not_written_is_named(tmp_path):
    (tmp_path / "helper.py").write_text(template(EXERCISES["relu_backward"]))
    text = "from helper import relu_backward\ndef dense_backward(dout, x, W):\n    return relu_backward(dout, dout)\n"
    code, out, _ = checked(tmp_path, "dense_backward", text)
    assert code == 1
    assert "helper.py is not written yet: it is called in line 3" in out
    assert "dense_backward is not written" not in out


def test_of_single_precision_the_type_alone_is_said(tmp_path):
    text = solution("dense_backward")
    single = text.replace("W.T @ dout, dout @ x.T", "(W.T @ dout).astype('f'), (dout @ x.T).astype('f')")
    code, out, _ = checked(tmp_path, "dense_backward", single)
    assert code == 1
    assert out.count("is float32, but the inputs are float64") == 2
    assert "worst for the input" not in out
    code, out, _ = checked(tmp_path, "dense_backward", single.replace("W.T @", "W @"))
    assert "W is not transposed" in out


def test_a_list_of_numbers_is_compared_but_is_no_array(tmp_path):
    text = solution("dense_backward").replace("dout.sum(axis=1)", "list(dout.sum(axis=1))")
    code, out, _ = checked(tmp_path, "dense_backward", text, "--json")
    told = json.loads(out)
    assert code == 1
    assert [each["right"] for each in told["arrays"]] == [True, True, True]
    assert told["problems"] == ["db is of the type list, but an array of NumPy is wanted: make one by np.array"]


def test_a_single_number_is_not_called_a_multiple(tmp_path):
    text = "def softmax_cross_entropy(z, y):\n    if z.shape[1] > 1:\n        raise ValueError\n    return 3.0, z * z\n"
    code, out, _ = checked(tmp_path, "softmax_cross_entropy", text)
    assert code == 1
    assert "ValueError in line 3" in out and "times the right one" not in out


def test_sentences_break_between_words_on_a_narrow_terminal(tmp_path, monkeypatch):
    for key, value in {"COLUMNS": "60", "TERM": "xterm", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(key, value)
    (tmp_path / "mine.py").write_text("def dense_backward(dout, x, W):\n    return W @ dout, dout @ x.T, dout.sum(1)\n")
    _, out, _ = run_inside("study", "exercise", "dense_backward", "mine.py", cwd=tmp_path, stream=Terminal)
    lines = plain(out)
    assert max(len(line) for line in lines if "--hint" not in line) <= 60 and len(lines) > 12
    assert "dx (worst for the input: as many inputs as units as images): W is not transposed" in " ".join(lines)


def test_a_long_line_of_code_is_cut(tmp_path):
    code, out, _ = checked(tmp_path, "dense_backward", f"raise ValueError('{'a ' * 999}')")
    assert code == 1
    assert re.match(r"ValueError in line 1 \(raise ValueError\('(a )+\.\.\.\): (a )+a\.$", out.split("\n")[0])
    assert len(out.split("\n")[0]) < 500


def test_json(tmp_path):
    code, out, err = checked(
        tmp_path, "dense_backward", solution("dense_backward").replace("W.T @", "np.nan * W.T @"), "--json"
    )
    told = json.loads(out)
    assert code == 1
    assert "NaN or infinity: 9 of 9 numbers" in err
    assert (told["exercise"], told["right"]) == ("dense_backward", False)
    assert [each["right"] for each in told["arrays"]] == [False, True, True]
    assert told["arrays"][0]["error"] == "inf"
    code, out, _ = run_inside("study", "exercise", "--json", cwd=tmp_path)
    assert [each["name"] for each in json.loads(out)] == list(EXERCISES)
    code, out, _ = run_inside("study", "exercise", "adam_update", "--json", cwd=tmp_path)
    assert json.loads(out)["returns"] == ["theta", "m", "v"]


def test_the_list_and_the_tasks(tmp_path):
    code, out, _ = run_inside("study", "exercise", cwd=tmp_path)
    assert code == 0
    assert all(f"{name} " in out and each.line in out for name, each in EXERCISES.items())
    for name, each in EXERCISES.items():
        code, out, _ = run_inside("study", "exercise", name, cwd=tmp_path)
        assert code == 0
        assert f"def {each.name}(" in out
        assert task(each) in out


@every_exercise
def test_the_template_is_the_function_to_fill_in(tmp_path, monkeypatch, name):
    for used in EXERCISES[name].uses:
        (tmp_path / f"{used}.py").write_text(solution(used))
        monkeypatch.delitem(sys.modules, used, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    code, _, err = run_inside("study", "exercise", name, "--template", "new.py", cwd=tmp_path)
    assert (code, err) == (0, "")
    text = (tmp_path / "new.py").read_text()
    assert text == template(EXERCISES[name])
    assert max(map(len, text.splitlines())) <= 120
    scope = {}
    exec(text, scope)
    with pytest.raises(NotImplementedError):
        scope[name](*EXERCISES[name].cases[0].arguments)
    code, _, err = run_inside("study", "exercise", name, "--template", "new.py", cwd=tmp_path)
    assert code == 1
    assert "new.py is there already" in err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["dense"], 2, "the exercise 'dense' is unknown: choose from squared_error, initialize"),
        (["dense_backward", "none.py"], 1, "none.py is no file"),
        (["dense_backward", "."], 1, "is no file"),
        (["dense_backward", "/dev/null"], 1, "a device or a pipe"),
        (["dense_backward", "a.py", "--template", "b.py"], 2, "give one of them"),
        (["--template", "b.py"], 2, "give its name before it"),
        (["dense_backward", "a.py", "--timeout", "0"], 2, "the timeout is 0"),
        (["dense_backward", "a.py", "--timeout", "nan"], 2, "the timeout is nan"),
    ],
)
def test_wrong_usage(tmp_path, arguments, code, said):
    got, out, err = run_inside("study", "exercise", *arguments, cwd=tmp_path)
    assert (got, out) == (code, "")
    assert said in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_reading_references_exist():
    """Each exercise names a section of the derivations, and the file that has the library's own."""
    derivations = (files("nnscratch.ops") / "DERIVATIONS.md").read_text("utf-8")
    for each in EXERCISES.values():
        assert f"\n## {each.read}\n" in derivations
        assert (files("nnscratch") / each.library.removeprefix("nnscratch/")).is_file()


def test_where_most_inputs_are_wrong_those_that_are_right_are_named():
    exercise = without_derivatives("conv2d_backward")
    some = [(dx if dx.shape[3] == 3 else dx + 0.1, dW, db) for dx, dW, db in exercise.right]
    said = graded(exercise, report(some)).findings[0].diagnosis
    assert said.startswith("no mistake that is known, but it is right for these inputs: as many filters as channels")
    assert said.endswith(" / every axis as long as every other")


def test_arguments_in_another_order_do_no_harm_where_the_result_is_right(tmp_path):
    code, out, _ = checked(tmp_path, "dropout_backward", "def dropout_backward(mask, dout):\n    return dout * mask\n")
    assert code == 0
    assert "Note: the arguments stand in another order in dropout_backward(mask, dout)" in out
