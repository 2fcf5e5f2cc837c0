"""Servers that the unmodified clients of the OpenAI API talk to."""

from collections.abc import AsyncIterator, Iterator

import pytest
from openai import AsyncOpenAI, OpenAI

from tests.api.openai.asking import TEXT, api_of
from tests.running_server import ThreadServer


@pytest.fixture(scope="package")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    """A server whose net has read a short conversation many times."""
    server = ThreadServer(tmp_path_factory.mktemp("taught"))
    server.start().run(text=TEXT)
    yield server
    server.close()


@pytest.fixture
def api(taught: ThreadServer) -> Iterator[OpenAI]:
    """Yield a client of that net, which must be the same after the test."""
    before = taught.net(hash="true")["state_sha256"]
    with OpenAI(**api_of(taught)) as client:
        yield client
    assert taught.net(hash="true")["state_sha256"] == before


@pytest.fixture
async def async_api(taught: ThreadServer) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(**api_of(taught)) as client:
        yield client
