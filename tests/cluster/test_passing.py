"""What a request that could not be passed on may have been to the server that it was for."""

import socket
from contextlib import closing

import pytest

from service.api import passing
from service.api.passing import Broken, Passer

pytestmark = pytest.mark.anyio


async def test_who_takes_no_connection_has_seen_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passing, "_CONNECT_SECONDS", 0.2)
    with closing(socket.create_server(("127.0.0.1", 0), backlog=0)) as frozen:
        address = frozen.getsockname()
        waiting = [socket.socket() for _ in range(4)]  # more than the system keeps for one that accepts none
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(address)
        passer = Passer()
        with pytest.raises(Broken) as broken:
            await passer.ask(f"http://127.0.0.1:{address[1]}", b"/readyz", [])
        assert not broken.value.is_sent
        await passer.close()
        for each in waiting:
            each.close()
