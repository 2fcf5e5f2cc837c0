"""Nets of one server that meet each other, by URLs that name them."""

from pathlib import Path
from urllib.parse import quote

import pytest

from realnet.client import Client, Invalid, PeerFailed
from tests.api.asking import until
from tests.running_server import ThreadServer

LIFE = "seven times six is forty-two, and six times seven is forty-two. " * 20
NET = {"variant": "fast", "max_lines": 2**13, "tick_hz": 0.001}


def test_nets_of_one_server_hear_each_other_and_become_each_other(tmp_path: Path) -> None:
    server = ThreadServer(tmp_path, **NET)
    server.start()
    with Client(server.url) as own:
        for name in ("lived", "newborn"):
            own.nets.create(name, variant="fast", max_lines=2**13, tick_hz=0.001)
        lived, newborn = own.net_named("lived"), own.net_named("newborn")
        url = f"{server.url}/v1/nets/lived"
        lived.run(LIFE, outputs="none")

        link = newborn.links.begin(url + "/")
        assert link.url == url
        newborn.run(LIFE[:64], outputs="none")
        until(lambda: newborn.links.list()[0].tokens == 64)
        heard = newborn.links.list()[0].bits
        assert heard is not None
        assert heard.other < heard.own  # it is told by one that knows what comes
        newborn.links.cut(link.id)

        taken = own.takeover(url).result(timeout=60)
        assert taken["state_sha256"] == lived.net(hash=True).state_sha256 == own.net(hash=True).state_sha256
        with pytest.raises(PeerFailed, match="no net"):
            own.links.begin(f"{server.url}/v1/nets/none")
        for wrong in (
            "/v1/nets/",
            "/v1/nets/A",
            "/v1/nets/../x",
            f"/v1/nets/{quote('lived/x')}",
            "/v1",
            "/v1/nets/a/b",
        ):
            with pytest.raises(Invalid, match="v1/nets/NAME"):
                own.links.begin(server.url + wrong)
    server.close()
