"""The Python of README.md and docs/ runs, on few images; that of a page in one go, as a reader types it."""

import importlib.util
from dataclasses import replace

import matplotlib
import pytest

import nnscratch as nn
from tests.tools.commands import choices_kept
from tests.tools.documentation import PAGES, blocks, furnish


@pytest.fixture
def few_images(monkeypatch):
    whole = nn.load_mnist()
    few = replace(
        whole,
        train_images=whole.train_images[:600],
        train_labels=whole.train_labels[:600],
        test_images=whole.test_images[:200],
        test_labels=whole.test_labels[:200],
    )
    monkeypatch.setattr(nn, "load_mnist", lambda: few)


def code(page, *marks):
    return [block.text for block in blocks(page, "python") if block.mark in marks]


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if code(page, "", "file")])
def test_python_runs(tmp_path, monkeypatch, few_images, page):
    run_all(tmp_path, monkeypatch, page, "\n".join(code(page, "", "file")))


@pytest.mark.thorough
@pytest.mark.parametrize("page", [page for page in PAGES if code(page, "thorough")])
def test_long_python_runs(tmp_path, monkeypatch, few_images, page):
    run_all(tmp_path, monkeypatch, page, "\n".join(code(page, "", "file", "thorough")))


def run_all(tmp_path, monkeypatch, page, text):
    if "sklearn" in text and importlib.util.find_spec("sklearn") is None:
        pytest.skip("scikit-learn is not installed")
    monkeypatch.chdir(tmp_path)
    furnish(tmp_path)
    names = {"__name__": "__main__"}
    with choices_kept(), matplotlib.rc_context():
        exec(compile(text, page, "exec"), names)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")])
def test_python_compiles(page):
    for block in blocks(page, "python"):
        compile(block.text, page, "exec")
