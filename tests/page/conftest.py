"""One browser and one server for all tests of a file."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser

from tests.page.browser import Visit, opened_browser
from tests.running_server import ThreadServer


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with opened_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    server = ThreadServer(tmp_path_factory.mktemp("server"), variant="fast", max_lines=2**14)
    yield server.start()
    server.close()


@pytest.fixture
def visit(browser: Browser, server: ThreadServer) -> Iterator[Visit]:
    with Visit(browser, server) as visit:
        visit.is_open()
        yield visit


@pytest.fixture
def visits(browser: Browser, new_server: Callable[..., ThreadServer]) -> Callable[..., Visit]:
    """Opens the page of a server of its own."""
    return lambda **settings: Visit(browser, new_server(**settings).start())
