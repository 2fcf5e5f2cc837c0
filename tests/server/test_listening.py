"""The listening socket, and the address that the log tells."""

import asyncio
import re
import socket
from collections.abc import Callable

import httpx
import pytest

from service.server.run import open_listener
from service.settings import Settings
from tests.running_server import RunningServer

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """asyncio's own loop: uvloop sets TCP_NODELAY on any socket."""
    return "asyncio"


async def test_small_messages_are_not_held_back() -> None:
    accepted = asyncio.get_running_loop().create_future()

    def remember(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set_result(writer)

    listener = open_listener(Settings(port=0))
    async with await asyncio.start_server(remember, sock=listener):
        _, client = await asyncio.open_connection(*listener.getsockname())
        server: asyncio.StreamWriter = await accepted
        assert server.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        for writer in (client, server):
            writer.close()
            await writer.wait_closed()


def test_the_log_tells_where_it_serves(new_server: Callable[..., RunningServer]) -> None:
    server = new_server(port=0, neurons=1000)
    server.launch()
    while (told := re.search(r"serving on (http://127\.0\.0\.1:\d+)", server.log)) is None:
        assert not server.has_ended
    assert httpx.get(f"{told[1]}/healthz").status_code == 200
