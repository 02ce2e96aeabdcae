"""What the reader of an exercise is told, when: the list, the first message, the hints; and what a file may not use."""

import json
import re
import textwrap

import pytest

from nnscratch.study.exercises import EXERCISES
from nnscratch.study.exercises.task import HINTS, hint, solution
from tests.study.test_exercises import checked, every_exercise, returned_by
from tests.study.test_exercises import solution as file_of
from tests.tools.commands import ROOT, run_inside

NUMBER_BY_NUMBER = {"relu_backward", "sigmoid_backward", "squared_error", "dropout_forward", "dropout_backward"}


def test_there_are_twenty_in_the_order_of_the_chapters():
    contents = (ROOT / "docs/learn/index.md").read_text("utf-8")
    rows = [line for line in contents.splitlines() if re.match(r"\| \[\d", line)]
    assert list(EXERCISES) == [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert len(EXERCISES) == 20


def test_the_list_fits_into_60_columns(tmp_path):
    code, out, _ = run_inside("study", "exercise", cwd=tmp_path)
    assert code == 0
    assert max(map(len, out.splitlines())) <= 60
    assert [line.split()[:2] for line in out.splitlines()[2:22]] == [
        [str(number), name] for number, name in enumerate(EXERCISES, 1)
    ]


@every_exercise
def test_the_first_message_gives_nothing_away(tmp_path, name):
    exercise = EXERCISES[name]
    _, out, _ = run_inside("study", "exercise", name, cwd=tmp_path)
    assert max(map(len, out.replace("python -m nnscratch", "nnscratch").splitlines())) <= 80
    assert exercise.library not in out
    assert exercise.read not in out or name == "lenet5"
    assert not any(text in " ".join(out.split()) for text in exercise.hints)
    code = solution(exercise).splitlines()[6:]
    assert not [line for line in code if len(line.split()) > 4 and " = " in line and line.strip() in out]


@every_exercise
def test_three_hints_lead_to_the_derivation_and_to_the_solution(tmp_path, name):
    exercise, told = EXERCISES[name], []
    for number in HINTS:
        code, out, _ = run_inside("study", "exercise", name, "--hint", number, cwd=tmp_path)
        assert code == 0
        assert hint(exercise, number) in out
        assert max(len(line) for line in out.splitlines() if "DERIVATIONS.md" not in line) <= 80
        assert (f'"{exercise.read}"' in out) == (number == 3)
        assert ("--solution" in out) == (number == 3)
        assert exercise.library not in out
        told.append(out)
    assert len(set(exercise.hints)) == len(told) == 3
    assert run_inside("study", "exercise", name, "--hint", cwd=tmp_path)[1] == told[0]


def test_a_template_has_the_name_of_its_function(tmp_path):
    code, out, _ = run_inside("study", "exercise", "lenet5", "--template", cwd=tmp_path)
    assert code == 0
    assert "from conv2d_backward import conv2d_backward\n" in (tmp_path / "lenet5.py").read_text()
    assert "lenet5.py is written" in out


def test_hint_and_solution_as_json(tmp_path):
    code, out, _ = run_inside("study", "exercise", "lenet5", "--hint", "2", "--json", cwd=tmp_path)
    assert (code, json.loads(out)["hint"]) == (0, EXERCISES["lenet5"].hints[1])
    code, out, _ = run_inside("study", "exercise", "initialize", "--solution", "--json", cwd=tmp_path)
    assert (code, json.loads(out)["solution"]) == (0, solution(EXERCISES["initialize"]))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["relu_backward", "mine.py", "--hint"], "a file to check and --hint came: give one of them"),
        (["relu_backward", "--hint", "2", "--solution"], "--hint and --solution came: give one of them"),
        (["--hint"], "--hint needs to know of which exercise: give its name before it"),
        (["--solution"], "--solution needs to know of which exercise"),
        (["relu_backward", "--hint", "4"], "invalid choice: 4"),
    ],
)
def test_wrong_usage_of_hints(tmp_path, arguments, said):
    code, out, err = run_inside("study", "exercise", *arguments, cwd=tmp_path)
    assert (code, out) == (2, "")
    assert said in err


@pytest.mark.parametrize("name", [name for name in EXERCISES if name not in NUMBER_BY_NUMBER])
def test_arrays_with_the_batch_first_are_a_known_mistake(name):
    """Where a batch can be taken for something else at all."""
    known = any("batch-first" in mistake.text or "the batch is the last" in mistake.text for mistake in mistakes(name))
    without_a_batch = {"momentum_update", "adam_update", "initialize", "numerical_gradient"}
    assert known == (name not in without_a_batch | {"maxpool2d_backward"})


def mistakes(name):
    return EXERCISES[name].mistakes


EMPTY_SLICE = """
def conv2d_forward(x, W, b, stride, padding):
    (top, bottom), (left, right) = padding
    wide = np.zeros((x.shape[0], x.shape[1] + top + bottom, x.shape[2] + left + right, x.shape[3]))
    wide[:, top:-bottom, left:-right] = x
"""
BATCH_FIRST = """
def maxpool2d_backward(dout, x, size, stride):
    dx = np.zeros(x.shape)
    for n, c, oh, ow in np.ndindex(dout.shape):
        h, w = oh * stride[0], ow * stride[1]
        i, j = np.unravel_index(x[n, c, h : h + size[0], w : w + size[1]].argmax(), size)
        dx[n, c, h + i, w + j] += dout[n, c, oh, ow]
    return dx
"""


def test_an_empty_slice_is_named_though_it_raises(tmp_path):
    code, out, _ = checked(tmp_path, "conv2d_forward", "import numpy as np\n" + EMPTY_SLICE)
    assert code == 1
    assert "is a slice empty? x[:, t:-b] is, where b is 0" in out
    assert out.count("ValueError in line 6") == 1  # once for all inputs


def test_where_nothing_fits_the_shapes_are_recalled(tmp_path):
    code, out, _ = checked(tmp_path, "maxpool2d_backward", "import numpy as np\n" + BATCH_FIRST)
    assert code == 1
    assert "Note: the batch is the last axis: dout (C, OH, OW, N), x (C, H, W, N)" in out


def test_one_sentence_for_what_several_arrays_have_in_common(tmp_path):
    text = "def dense_backward(dout, x, W):\n    return dout @ W, dout.T @ x, dout.sum(axis=0)\n"
    code, out, _ = checked(tmp_path, "dense_backward", text)
    assert code == 1
    assert out.count("batch-first") == 1
    assert "dx, dW, db (worst for the input: " in out


BORROWED = {
    "import nnscratch": "import nnscratch",
    "from it": "from nnscratch import ops",
    "a module of it": "from nnscratch.ops.dense import dense_backward_input",
    "under another name": "import nnscratch.ops.dense as np2",
    "importlib": "import importlib\nimportlib.import_module('nnscratch.ops')",
    "__import__": "__import__('nnscratch')",
    "in a text": "exec('import nnscratch')",
    "torch": "import torch",
    "jax": "import jax.numpy as jnp",
    "tensorflow": "import tensorflow as tf",
    "scipy.signal": "from scipy.signal import correlate2d",
}


SOURCE = str(ROOT / "nnscratch" / "lenet5_from_scratch.py")
ROUNDABOUT = {
    "its file as a module": f"""
        import importlib.util
        spec = importlib.util.spec_from_file_location("own", {SOURCE!r})
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        dense_backward = module.dense_backward
    """,
    "its text": f"exec(open({SOURCE!r}).read().split('MNIST =')[0])",
    "without what refuses it": f"""
        import sys
        sys.meta_path[:] = [each for each in sys.meta_path if type(each).__name__ != "Imports"]
        sys.path.insert(0, {str(ROOT)!r})
        from nnscratch.lenet5_from_scratch import dense_backward
    """,
}


@pytest.mark.parametrize("how", ROUNDABOUT)
def test_nor_in_a_roundabout_way(tmp_path, how):
    code, out, _ = checked(tmp_path, "dense_backward", textwrap.dedent(ROUNDABOUT[how]))
    assert code == 1
    assert "nnscratch cannot be used here: write it with NumPy" in out


@pytest.mark.parametrize("how", BORROWED)
def test_functions_of_libraries_do_not_pass(tmp_path, how):
    code, out, err = checked(tmp_path, "dense_backward", f"{BORROWED[how]}\n{file_of('dense_backward')}")
    assert (code, err) == (1, "")
    name = how if how in ("torch", "jax", "tensorflow") else "scipy" if "scipy" in how else "nnscratch"
    assert f"{name} cannot be used here" in out
    assert out.count("\n") == 2


def test_borrowed_inside_the_function(tmp_path):
    line = "from nnscratch.ops.activations import relu_backward as f"
    text = f"def relu_backward(dout, x):\n    {line}\n    return f(dout, x)\n"
    code, out, _ = checked(tmp_path, "relu_backward", text)
    assert code == 1
    assert f"in line 2 ({line}): nnscratch cannot be used here" in out


def test_functions_as_arguments_need_nothing_of_the_library():
    """They cross to the other process as text."""
    import pickle

    for name in ("numerical_gradient", "training_loop"):
        for case in EXERCISES[name].cases:
            copied = pickle.loads(pickle.dumps(case.arguments))
            function = next(each for each in copied if callable(each))
            assert "nnscratch" not in repr(function.__globals__)
        assert returned_by(EXERCISES[name], file_of(name))


def test_the_example_of_the_documentation_is_true(tmp_path):
    page = (ROOT / "docs/use/exercises.md").read_text("utf-8")
    code, said = (re.search(rf"```{kind}\n(.*?)```", page, re.DOTALL)[1] for kind in ("python", "text"))
    status, out, _ = checked(tmp_path, "dense_backward", code)
    assert status == 1
    assert said in out
