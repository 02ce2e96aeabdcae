"""The server and the page that several files of tests look at."""

import pytest

from tests.tools.browsing import Server
from tests.tools.page import SCREENS, opened


@pytest.fixture(scope="module")
def server():
    server = Server()
    yield server
    server.stop()


@pytest.fixture(params=["phone", "desk"])
def page(request, browser, server):
    yield from opened(browser, server, **SCREENS[request.param])


@pytest.fixture
def desk(browser, server):
    yield from opened(browser, server, **SCREENS["desk"])
