"""The hypothesis profile, and the choice of the functions under test."""

import os

import pytest
from hypothesis import settings

from nnscratch.ops.backend import backend, set_backend
from tests.tools.commands import furnish

settings.register_profile("deterministic", derandomize=True, deadline=None, max_examples=50, database=None)
settings.load_profile("deterministic")


@pytest.fixture(scope="module")
def readable_ops():
    """Test the readable NumPy functions, whatever the default; TEST_BACKEND=numba puts the twins to the same tests."""
    before = backend()
    set_backend(os.environ.get("TEST_BACKEND", "numpy"))
    yield
    set_backend(before)


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    """A folder with a finished run of the three models, some pictures and broken files."""
    place = tmp_path_factory.mktemp("place")
    furnish(place)
    return place
