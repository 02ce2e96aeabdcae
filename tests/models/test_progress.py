"""The progress bar: when there is one, and what it says."""

import io
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.models import progress
from nnscratch.models.progress import ProgressBar, is_interactive

IMAGES, LABELS = np.zeros((20, 28, 28), np.uint8), np.arange(20) % 10


def test_scripts_have_none(capfd):
    nn.build("logistic").fit(IMAGES, LABELS, epochs=2)
    assert capfd.readouterr() == ("", "")
    assert not is_interactive()


def test_whoever_types_has_one(monkeypatch):
    monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
    assert is_interactive()


@pytest.mark.parametrize("runs", [True, False])
def test_so_has_a_notebook(monkeypatch, runs):
    class IPython:
        @staticmethod
        def get_ipython():
            return object() if runs else None

    monkeypatch.setitem(sys.modules, "IPython", IPython)
    assert is_interactive() == runs


@pytest.mark.parametrize(
    ("wanted", "typed", "bars"), [(None, True, 1), (None, False, 0), (True, False, 1), (False, True, 0)]
)
def test_it_is_asked_for_or_not(wanted, typed, bars, monkeypatch, capfd):
    monkeypatch.setattr("nnscratch.models.fitting.is_interactive", lambda: typed)
    seen = []
    nn.build("logistic").fit(IMAGES, LABELS, progress=wanted, callbacks=seen.append)
    assert sum(isinstance(callback, ProgressBar) for callback in seen[0].callbacks) == bars
    assert capfd.readouterr().out == ""


def test_it_ends_with_the_last_epochs_figures(monkeypatch):
    monkeypatch.setattr(progress, "EVERY", 1)
    text = io.StringIO()
    text.isatty = lambda: True
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "140")
    bar = ProgressBar(stream=text)
    history = nn.build("logistic").fit(IMAGES, LABELS, epochs=2, batch_size=10, validation_split=0.5, callbacks=bar)
    last = text.getvalue().split("epoch 2/2")[-1]
    assert f"loss {history[-1]['loss']:.4f}" in last
    assert f"val {history[-1]['validation_loss']:.4f}" in last


def test_importing_the_library_does_not_wait_for_it():
    assert "rich" not in vars(progress)


def test_a_notebook_shows_one_line_that_stays(monkeypatch):
    """Rich's bar needs ipywidgets there, and without them shows nothing but a warning."""
    shown = []
    handle = SimpleNamespace(update=shown.append)
    display = ModuleType("IPython.display")
    display.HTML = str
    display.display = lambda line, display_id: shown.append(line) or handle
    shell = ModuleType("IPython")
    shell.get_ipython = lambda: SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", shell)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    history = nn.build("logistic").fit(IMAGES, LABELS, epochs=2, batch_size=10)
    assert len(shown) >= 2  # the first and the last, and some between, by time
    assert "epoch 2/2" in shown[-1]
    assert 'value="4" max="4"' in shown[-1]
    assert f"loss {history[-1]['loss']:.4f}" in shown[-1]
