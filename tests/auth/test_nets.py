"""A key that is for some nets: it gets to those alone, learns of no other, and makes and deletes such."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from service.auth.keys import Scope, create_key
from service.auth.share import Share
from tests.auth.guarded import Guarded, bearer

SMALL = {"variant": "fast", "max_lines": 2**12}
SHOPS = ("shop-*",)


class Shops(Guarded):
    """A server with a net that is a shop's and one that is not, and keys that are for shops."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.of_shops = {
            "reader": create_key(self.file, "shops-reader", Scope.READ, Share(SHOPS)),
            "admin": create_key(self.file, "shops-admin", Scope.ADMIN, Share(SHOPS, max_nets=2)),
            "slow": create_key(self.file, "slow", Scope.READ, Share(rate_requests=0.001)),
        }
        self.server.start()
        for name in ("shop-1", "secret"):
            self.server.client.post("/v1/nets", json={"name": name, **SMALL}).raise_for_status()

    def ask(self, key: str, method: str, path: str, json: Any = None) -> httpx.Response:
        return self.stranger.request(method, path, headers=bearer(self.of_shops[key]), json=json)

    def stream_of(self, net: str) -> int:
        """Return the status of the reader's handshake: 101 where the stream is opened."""
        url = f"ws://127.0.0.1:{self.server.port}/v1/nets/{net}/stream"
        try:
            with connect(url, additional_headers=bearer(self.of_shops["reader"]), compression=None) as connection:
                connection.recv()
                return 101
        except InvalidStatus as error:
            return error.response.status_code


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shops]:
    shops = Shops(tmp_path_factory.mktemp("keys"))
    yield shops
    shops.server.close()
    shops.stranger.close()


def test_it_gets_to_its_nets_alone(shops: Shops) -> None:
    assert shops.ask("reader", "GET", "/v1/nets/shop-1/net").json()["name"] == "shop-1"
    assert shops.ask("admin", "PATCH", "/v1/nets/shop-1/net", json={"tick_hz": 1}).status_code == 200
    for path in ("/v1/net", "/v1/outputs", "/v1/hive", "/metrics", "/v1/nets/default/net"):
        assert shops.ask("reader", "GET", path).status_code == 403, path
    assert shops.ask("admin", "POST", "/v1/hive/promote").status_code == 403
    assert shops.ask("reader", "GET", "/readyz").status_code == 200
    assert shops.ask("reader", "GET", "/v1/no-such-path").status_code == 404
    told = shops.ask("reader", "GET", "/v1/me").json()
    assert (told["nets"], told["max_nets"]) == (["shop-*"], None)


def test_nothing_tells_it_whether_there_is_another_net(shops: Shops) -> None:
    def answers(net: str) -> list[tuple[int, str]]:
        tries: list[tuple[str, str, Any]] = [
            ("GET", f"/v1/nets/{net}", None),
            ("PATCH", f"/v1/nets/{net}", {"tick_hz": 1}),
            ("DELETE", f"/v1/nets/{net}", None),
            ("POST", "/v1/nets", {"name": net, **SMALL}),
            ("GET", f"/v1/nets/{net}/net", None),
            ("GET", f"/v1/nets/{net}/models", None),
            ("GET", f"/v1/nets/{net}/no-such-path", None),
            ("POST", f"/v1/nets/{net}/inputs", {"text": "a"}),
        ]
        return [
            (answer.status_code, answer.text)
            for method, path, json in tries
            for answer in [shops.ask("admin", method, path, json=json)]
        ]

    assert answers("secret") == answers("no-such-net")
    assert {status for status, _ in answers("secret")} == {403}
    assert shops.server.client.get("/v1/nets/secret").json()["state"] == "cold"  # nobody has woken it
    for net, status in (("secret", 403), ("no-such-net", 403), ("shop-1", 101)):
        assert shops.stream_of(net) == status


def test_an_admin_of_some_nets_makes_and_deletes_such_until_there_are_as_many_as_it_may_have(shops: Shops) -> None:
    assert shops.ask("reader", "POST", "/v1/nets", json={"name": "shop-2"}).status_code == 403
    assert shops.ask("admin", "POST", "/v1/nets", json={"name": "shop-2", **SMALL}).status_code == 201
    refused = shops.ask("admin", "POST", "/v1/nets", json={"name": "shop-3", **SMALL})
    assert (refused.status_code, refused.json()["detail"]) == (409, "the key may have 2 nets, and no more: delete one")

    listed = shops.ask("reader", "GET", "/v1/nets").json()
    assert [each["name"] for each in listed["data"]] == ["shop-1", "shop-2"]
    page = shops.ask("reader", "GET", "/v1/nets?limit=1").json()
    assert (page["has_more"], page["next"]) == (True, "shop-1")
    page = shops.ask("reader", "GET", "/v1/nets?limit=1&after=shop-1").json()
    assert (page["data"][0]["name"], page["has_more"]) == ("shop-2", False)
    everything = shops.server.client.get("/v1/nets").json()["data"]
    assert [each["name"] for each in everything] == ["default", "secret", "shop-1", "shop-2"]

    assert shops.ask("reader", "DELETE", "/v1/nets/shop-2").status_code == 403
    assert shops.ask("admin", "DELETE", "/v1/nets/shop-2").status_code == 204
    assert shops.ask("admin", "DELETE", "/v1/nets/shop-2").status_code == 404
    assert shops.ask("admin", "POST", "/v1/nets", json={"name": "shop-3", **SMALL}).status_code == 201
    assert shops.ask("admin", "DELETE", "/v1/nets/shop-3").status_code == 204


def test_a_key_has_its_own_rate(shops: Shops) -> None:
    assert shops.ask("slow", "GET", "/v1/net").status_code == 200
    assert shops.ask("slow", "GET", "/v1/net").status_code == 429
    assert shops.ask("reader", "GET", "/v1/nets/shop-1/net").status_code == 200
