"""The commands of README.md and docs/: each is run, with a short training, or its options exist."""

import importlib.util
import re
import tomllib
from pathlib import Path
from unittest import mock

import pytest

from nnscratch.cli.main import COMMANDS
from tests.tools.commands import ROOT, run_inside
from tests.tools.documentation import PAGES, blocks, furnish

SHORTER = {  # what makes a command quick
    "train": ["--limit", "400", "--epochs", "1"],
    "sweep": ["--limit", "300", "--epochs", "1", "--trials", "2", "--workers", "1"],
    "lr-find": ["--limit", "400", "--steps", "20"],
    "profile": ["--limit", "400"],
    "gradcheck": ["--samples", "2"],
    "study train": ["--limit", "400", "--epochs", "1"],
    "lab": ["--images", "1000", "--predict", "1"],
}
ENDLESS = "serve"
# to install and to check, and what runs this
NOT_HERE = {"pip", ".", "ruff", "mypy", "python -m venv", "python -m pytest", "python -m sphinx"}
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]


def own(command):
    """Return the arguments for ``nnscratch`` that a command of ours has; None for another's."""
    if command[0] == "nnscratch":
        return command[1:]
    if command[:1] == ["python"] and command[1] in ("train.py", "predict.py"):
        return [command[1].removesuffix(".py"), *command[2:]]
    return None


def shorter(arguments):
    """Return the arguments of a command that takes seconds at most."""
    more = SHORTER.get(" ".join(arguments[:2])) or SHORTER.get(arguments[0], [])
    if "--resume" in arguments or arguments == ["lab"]:
        return arguments
    if arguments == ["train"]:
        more = ["logistic", *more]
    if "distilled" in arguments:
        more = [*more, "--teachers", "1", "--teacher-epochs", "1"]
    return [*arguments, *more]


def parsed(arguments, folder):
    """Return exit code and stderr of a command that ends once its arguments are understood."""
    name = arguments[0].replace("-", "_")
    with mock.patch(f"nnscratch.cli.commands.{name}.run", return_value=0):
        code, _, err = run_inside(*arguments, cwd=folder)
    return code, err


def other_exists(command, folder):
    """Whether what is not ours is there: an extra that is installed, a script of the benchmarks and its options."""
    text = " ".join(command)
    if extras := re.search(r"\.?\[([\w,]+)\]", text):
        return set(extras[1].split(",")) <= set(EXTRAS)
    if command[:2] == ["python", "-m"] and command[2].startswith(("benchmarks.", "nnscratch.")):
        source = importlib.util.find_spec(command[2])
        if source is None:
            return False
        told = (ROOT / "benchmarks" / "harness.py").read_text("utf-8") + Path(source.origin).read_text("utf-8")
        told += run_inside("train", "--help", cwd=folder)[1]  # some take the settings of a training, too
        return all(re.search(rf"{word}\b", told) for word in command[3:] if word.startswith("--"))
    return True


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "bash")])
def test_options_exist(tmp_path, page):
    for block in blocks(page, "bash"):
        for command in block.commands:
            if command[0] == "mpiexec":
                command = command[3:]
            arguments = own(command)
            if arguments is None:
                assert other_exists(command, tmp_path), command
            elif arguments:
                code, err = parsed(arguments, tmp_path)
                assert code == 0, (command, err)


def runs(page, *marks):
    """Return the commands of the blocks of a page that have one of these marks."""
    found = [command for block in blocks(page, "bash") if block.mark in marks for command in block.commands]
    return [command for command in found if command[:2] != ["nnscratch", ENDLESS]]


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if runs(page, "")])
def test_commands_run(tmp_path, page):
    try_all(tmp_path, page, "")


@pytest.mark.thorough
@pytest.mark.parametrize("page", [page for page in PAGES if runs(page, "thorough")])
def test_long_commands_run(tmp_path, page):
    try_all(tmp_path, page, "", "thorough")


def try_all(folder, page, *marks):
    furnish(folder)
    for block in blocks(page, "toml", "python"):
        if block.mark == "file":
            (folder / block.why).write_text(block.text)
    for command in runs(page, *marks):
        arguments = own(command)
        if arguments is None:
            if command[-1] == "--help":
                continue
            assert command[0] in NOT_HERE or " ".join(command[:3]) in NOT_HERE, f"{command}: how is it to be run?"
            continue
        code, _, err = run_inside(*shorter(arguments), cwd=folder)
        check = arguments[:2] == ["study", "exercise"] and "--template" not in arguments
        failed = check and arguments[-1].endswith(".py")  # of a template, which is not solved yet
        assert code == (1 if failed else 0), (command, err)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "toml")])
def test_settings_can_be_read(page):
    for block in blocks(page, "toml"):
        assert tomllib.loads(block.text)


def test_every_command_is_told_of():
    told = (ROOT / "docs/use/commands.md").read_text("utf-8")
    assert [name for name in COMMANDS if f"`nnscratch {name}" not in told] == []
