"""The hypothesis profile, the order of the tests, and the fixtures that several files share."""

import os
import shutil
import signal
from collections import defaultdict
from pathlib import Path
from random import Random

import pytest
from hypothesis import settings

from nnscratch.ops.backend import set_backend
from tests.tools.browsing import CHROMIUM, FLAGS
from tests.tools.checks import wait_until
from tests.tools.commands import choices_kept, furnish

settings.register_profile("deterministic", derandomize=True, deadline=None, max_examples=50, database=None)
settings.load_profile("deterministic")
set_backend("numpy")  # what serves where a test chooses nothing: to compile takes longer than what such tests do
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell that starts the tests in the background lets them, and what they start, ignore the Ctrl-C of some tests
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser):
    parser.addoption("--shuffle", type=int, metavar="SEED", help="run files, and the tests in each, in a random order")
    parser.addoption("--thorough", action="store_true", help="run those that are marked thorough, too")


@pytest.hookimpl(optionalhook=True)  # -p no:xdist
def pytest_xdist_auto_num_workers(config):
    """One more than there are cores: some tests wait for a process, a browser or a kill."""
    return len(os.sched_getaffinity(0)) + 1 if hasattr(os, "sched_getaffinity") else os.cpu_count() + 1


@pytest.hookimpl(tryfirst=True)  # before -m selects
def pytest_collection_modifyitems(config, items):
    """Mark the tests in a browser; begin with the files that have slow tests, so that no worker ends with one."""
    if not config.getoption("thorough"):
        config.hook.pytest_deselected(items=[item for item in items if "thorough" in item.keywords])
        items[:] = [item for item in items if "thorough" not in item.keywords]
    for item in items:
        if "browser" in item.fixturenames:
            item.add_marker("browser")
            item.add_marker("slow")
            item.add_marker(pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"))
    files = defaultdict(list)
    for item in items:
        files[item.path].append(item)
    order = sorted(files.values(), key=lambda tests: -sum("slow" in test.keywords for test in tests))
    if (seed := config.getoption("shuffle")) is not None:
        random = Random(seed)
        random.shuffle(order)
        for tests in order:
            random.shuffle(tests)
    items[:] = [test for tests in order for test in tests]


@pytest.fixture(autouse=True)
def keep_the_choices():
    """No test sees which backend, or how many threads, one before it took."""
    with choices_kept():
        yield


@pytest.fixture(scope="module")
def readable_ops():
    """Test the readable NumPy functions, whatever the default; TEST_BACKEND=numba puts the twins to the same tests."""
    with choices_kept():
        set_backend(os.environ.get("TEST_BACKEND", "numpy"))
        yield


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    """A folder with a finished run of the three models, some pictures and broken files: each worker's copy of one."""
    base = tmp_path_factory.getbasetemp()
    whole = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "furnished"
    try:
        whole.mkdir()
    except FileExistsError:  # another worker was first
        wait_until((whole / "done").exists)
    else:
        furnish(whole / "place")
        (whole / "done").touch()
    return Path(shutil.copytree(whole / "place", tmp_path_factory.mktemp("place") / "place"))


@pytest.fixture(scope="module")
def browser():
    """Chromium, driven by Playwright; its tests are marked ``browser`` and ``slow``."""
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("no Chromium: install Debian's package chromium")
    with playwright.sync_playwright() as run:
        browser = run.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()
