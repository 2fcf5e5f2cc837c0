"""What nets of several keys do to each other: who has many pushes out his own, and shares have their limits."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from service.auth.keys import Scope, create_key
from service.auth.share import Share
from tests.auth.guarded import bearer, until
from tests.nets.asking import SMALL, problem
from tests.running_server import ThreadServer

MIB = 2**20


class Keys:
    """A server, and a client with an admin's key for nets with each beginning that is asked for."""

    def __init__(self, directory: Path, new_server: Callable[..., ThreadServer], **settings: object) -> None:
        self.file = directory / "keys"
        self.keys = {"admin": create_key(self.file, "admin", Scope.ADMIN)}
        self._directory, self._new, self._settings = directory, new_server, settings

    def share(self, name: str, max_bytes: int | None = None) -> None:
        self.keys[name] = create_key(self.file, name, Scope.ADMIN, Share((f"{name}-*",), max_bytes=max_bytes))

    def start(self) -> "Keys":
        self.server = self._new(keys_file=self.file, **self._settings)
        self.server.client.headers = bearer(self.keys["admin"])
        self.server.start()
        return self

    def ask(self, key: str, method: str, path: str, json: Any = None) -> httpx.Response:
        return self.server.client.request(method, path, json=json, headers=bearer(self.keys[key]))

    def create(self, key: str, *names: str, **form: object) -> None:
        for name in names:
            self.ask(key, "POST", "/v1/nets", {"name": name} | (form or SMALL)).raise_for_status()

    def use(self, key: str, *names: str) -> httpx.Response:
        answers = [self.ask(key, "GET", f"/v1/nets/{name}/net") for name in names]
        return answers[-1]

    def is_answered(self, key: str, name: str) -> bool:
        return self.use(key, name).status_code == 200

    def hot(self) -> set[str]:
        listed = self.ask("admin", "GET", "/v1/nets").json()["data"]
        return {each["name"] for each in listed if each["state"] == "hot"} - {"default"}


@pytest.fixture
def keys(tmp_path: Path, new_server: Callable[..., ThreadServer]) -> Callable[..., Keys]:
    return lambda **settings: Keys(tmp_path, new_server, **settings)


def test_who_has_many_pushes_out_his_own(keys: Callable[..., Keys]) -> None:
    server = keys(nets_hot=3)
    for each in ("few", "many"):
        server.share(each)
    server.start()
    server.create("few", "few-1")
    server.create("many", *(f"many-{k}" for k in range(4)))
    server.use("few", "few-1")
    server.use("many", *(f"many-{k}" for k in range(4)))
    assert server.hot() == {"few-1", "many-2", "many-3"}


def test_a_share_of_memory_is_kept_by_its_own_nets(keys: Callable[..., Keys]) -> None:
    server = keys()
    server.share("a", max_bytes=150_000)  # two of 65 kB, with what is beside
    server.start()
    server.create("admin", "other")
    server.create("a", "a-1", "a-2", "a-3")
    assert server.ask("a", "GET", "/v1/me").json()["max_bytes"] == 150_000
    server.use("admin", "other", "a-1", "a-2", "a-3")
    assert server.hot() == {"other", "a-2", "a-3"}
    server.use("a", "a-1")
    assert server.hot() == {"other", "a-1", "a-3"}


def test_where_all_of_a_share_are_in_use_one_more_has_to_wait(keys: Callable[..., Keys]) -> None:
    server = keys(nets_wait=0.2)
    server.share("a", max_bytes=150_000)
    server.start()
    server.create("a", "a-1", "a-2", "a-3")
    with ExitStack() as streams:
        for name in ("a-1", "a-2"):
            until(partial(server.is_answered, "a", name))
            url = f"ws://127.0.0.1:{server.server.port}/v1/nets/{name}/stream"
            streams.enter_context(connect(url, additional_headers=bearer(server.keys["a"]))).recv()
        refused = server.use("a", "a-3")
        assert problem(refused) == (503, "not-ready")
        assert "key's share" in refused.json()["detail"]
        assert server.hot() == {"a-1", "a-2"}


def test_what_is_larger_than_a_share_is_refused_when_it_is_made_and_when_it_is_woken(keys: Callable[..., Keys]) -> None:
    server = keys()
    server.share("a", max_bytes=MIB)
    server.start()
    for body in ({"variant": "compact", "memory": 2 * MIB}, {"variant": "fast"}):
        refused = server.ask("a", "POST", "/v1/nets", {"name": "a-1", **body})
        assert problem(refused) == (409, "conflict")
        assert "may take 1.00 MiB together" in refused.json()["detail"]
    assert server.ask("a", "GET", "/v1/nets").json()["data"] == []

    server.create("a", "a-1")
    assert server.use("a", "a-1").status_code == 200
    server.file.write_text(server.file.read_text().replace(f"max_bytes={MIB}", "max_bytes=50KiB"))
    until(lambda: server.use("a", "a-1").status_code == 409)
    refused = server.use("a", "a-1")
    assert problem(refused) == (409, "conflict")
    assert "the net a-1 takes 0.0" in refused.json()["detail"]
    assert server.ask("a", "GET", "/v1/nets/a-1").json()["state"] == "cold"
