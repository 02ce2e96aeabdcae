"""What has passed is noted, and a file that is watched is checked again."""

import json
import time
from datetime import datetime

import pytest

from nnscratch.cli.commands.studies.watch import changes
from nnscratch.errors import DataError
from nnscratch.study.exercises import EXERCISES
from nnscratch.study.exercises.check import Finding, Verdict
from nnscratch.study.exercises.progress import FILE, following, note_passed, read_progress
from tests.tools.commands import run_inside

RIGHT = "def relu_backward(dout, x):\n    return dout * (x > 0)\n"


def test_what_passes_is_noted_once(tmp_path):
    first, later = datetime(2026, 9, 1, 10, 30), datetime(2026, 9, 2)
    assert note_passed(tmp_path, "relu_backward", first)
    assert note_passed(tmp_path, "dense_backward", later)
    assert not note_passed(tmp_path, "relu_backward", later)
    assert read_progress(tmp_path) == {"relu_backward": first, "dense_backward": later}


def test_the_next_one_is_behind_the_newest():
    now, names = datetime(2026, 9, 1), list(EXERCISES)
    assert following({}) == names[0]
    assert following({"relu_backward": now, "of_another_version": now}) == "maxpool2d_forward"
    assert following({"maxpool2d_forward": now, "relu_backward": now}) == "maxpool2d_backward"
    assert following({"lenet5": now}) == names[0]
    assert following(dict.fromkeys(names, now)) is None


def test_the_check_notes_it_beside_the_file(tmp_path):
    place = tmp_path / "mine"
    place.mkdir()
    (place / "a.py").write_text(RIGHT.replace("x > 0", "x < 0"))
    assert run_inside("study", "exercise", "relu_backward", "mine/a.py", cwd=tmp_path)[0] == 1
    assert not (place / FILE).exists()
    (place / "a.py").write_text(RIGHT)
    code, out, _ = run_inside("study", "exercise", "relu_backward", "mine/a.py", cwd=tmp_path)
    assert code == 0
    assert f"noted in {FILE}" in out
    assert "study exercise maxpool2d_forward\n" in out
    code, out, _ = run_inside("study", "progress", "mine", cwd=tmp_path)
    assert code == 0
    assert "1 of 20 exercises have passed" in out
    assert "study exercise maxpool2d_forward\n" in out
    code, out, _ = run_inside("study", "progress", "mine", "--json", cwd=tmp_path)
    told = json.loads(out)
    assert list(told["passed"]) == ["relu_backward"]
    assert told["exercises"] == list(EXERCISES)


def test_progress_at_the_beginning_and_at_the_end(tmp_path):
    code, out, _ = run_inside("study", "progress", cwd=tmp_path)
    assert code == 0
    assert "0 of 20" in out
    assert f"There is no {FILE} here" in out
    for name in EXERCISES:
        note_passed(tmp_path, name)
    note_passed(tmp_path, "of_another_version")
    code, out, _ = run_inside("study", "progress", cwd=tmp_path)
    assert code == 0
    assert "20 of 20" in out
    assert "There is no" not in out
    assert "all of them" in out


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"relu_backward": 3}', '{"relu_backward": "soon"}', "\0" * 99])
def test_a_damaged_file_is_said_and_left_alone(tmp_path, text):
    (tmp_path / FILE).write_text(text)
    code, out, err = run_inside("study", "progress", cwd=tmp_path)
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert "is damaged: mend it, or remove it" in err
    with pytest.raises(DataError, match="is damaged"):
        note_passed(tmp_path, "relu_backward")
    assert (tmp_path / FILE).read_text() == text


def test_a_damaged_file_does_not_spoil_the_check(tmp_path):
    (tmp_path / FILE).write_text("{")
    (tmp_path / "a.py").write_text(RIGHT)
    code, out, err = run_inside("study", "exercise", "relu_backward", "a.py", cwd=tmp_path)
    assert (code, err) == (0, "")
    assert "Note: that it passed cannot be noted" in out


def test_a_folder_that_is_none(tmp_path):
    code, _, err = run_inside("study", "progress", "none", cwd=tmp_path)
    assert code == 1
    assert "none is no folder" in err


def test_a_watched_file_is_checked_again_when_it_is_saved(tmp_path, monkeypatch):
    """What the reader does, happens here while the watch sleeps: two saves, a removal, Ctrl-C."""
    file = tmp_path / "mine.py"
    file.write_text(RIGHT.replace("x > 0", "x >= 0"))

    def save(text):
        new = tmp_path / "new"
        new.write_text(text)
        new.replace(file)  # as editors do

    def interrupt():
        raise KeyboardInterrupt

    events = [
        lambda: save(RIGHT + ")"),
        lambda: None,
        file.unlink,
        lambda: save(RIGHT),
        lambda: None,
        lambda: None,
        lambda: None,
        interrupt,
    ]
    monkeypatch.setattr(time, "sleep", lambda seconds: events.pop(0)() if seconds == 0.25 else None)
    code, out, err = run_inside("study", "exercise", "relu_backward", "mine.py", "--watch", cwd=tmp_path)
    assert (code, err, events) == (0, "", [])
    first, second, third, end = out.split("Save mine.py to have it checked again; Ctrl-C ends.\n")
    assert "at x = 0 the gradient passes" in first
    assert "Changed" not in first
    assert "Changed since the last check: there is no answer any more." in second
    assert "Changed since the last check: dx: right now." in third
    assert end == ""
    assert list(read_progress(tmp_path)) == ["relu_backward"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["relu_backward", "none.py", "--watch"], 1, "none.py is no file"),
        (["relu_backward", "--watch"], 2, "--watch checks a file"),
        (["relu_backward", "mine.py", "--watch", "--json"], 2, "without --json"),
    ],
)
def test_what_cannot_be_watched(tmp_path, arguments, code, said):
    got, out, err = run_inside("study", "exercise", *arguments, cwd=tmp_path)
    assert (got, out) == (code, "")
    assert said in err
    assert err.count("\n") == 1


def test_what_has_changed_is_said():
    def verdict(problems=(), **arrays):
        return Verdict("dense_backward", list(problems), [Finding(k, not v, diagnosis=v) for k, v in arrays.items()])

    assert changes(verdict(dx="a", dW="b", db=""), verdict(dx="", dW="c", db="d")) == (
        "Changed since the last check: dx: right now; db: wrong now; dW: wrong in another way."
    )
    assert changes(verdict(dx="a"), verdict(dx="a")).endswith(": nothing.")
    assert changes(verdict(["x"]), verdict(["y"])).endswith(": the problem is another one.")
    assert changes(verdict(["x"]), verdict(dx="a", dW="")).endswith(": dW: right now; dx: wrong in another way.")
