"""What is sent twice is learnt once, also by a server that was killed in between, or whose net was taken back."""

# ruff: noqa: F811  (fixtures are imported)

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from service.client import StreamClient, open_stream
from tests.redis_server import redis_server, store_url  # noqa: F401
from tests.server import RunningServer, new_server, server

__all__ = ["new_server", "server"]

pytestmark = pytest.mark.anyio

MakeServer = Callable[..., RunningServer]


def post(server: RunningServer, key: str, wait: bool = False, **content: object) -> httpx.Response:
    parameters = {"wait": str(wait).lower()}
    return server.client.post("/v1/inputs", params=parameters, json=content, headers={"Idempotency-Key": key})


async def ack(client: StreamClient, seq: int, text: str) -> dict[str, Any]:
    await client.send({"type": "input", "seq": seq, "text": text})
    async for message in client:
        if message["type"] in ("ack", "error"):
            return message
    raise AssertionError


async def test_once_over_both_ways_whatever_happens(new_server: MakeServer, store_url: str) -> None:
    server = new_server(store=store_url, neurons=1000).start()
    before = server.snapshot()
    first = post(server, "one", wait=True, text="the same")
    async with open_stream(server.url, "reader") as client:
        acked = await ack(client, 3, "by name")
        assert (acked["type"], acked["tick"]) == ("ack", 15)
    weights = server.weights()

    async def nothing_is_learnt_again(outputs: list[Any]) -> None:
        again = post(server, "one", wait=True, text="the same")
        assert (again.status_code, again.json()) == (200, {"accepted": 8, "outputs": outputs})
        assert post(server, "one", text="the same").json() == {"accepted": 8, "queued": 0}
        assert post(server, "one", text="not the same").status_code == 422
        async with open_stream(server.url, "reader") as client:
            assert client.hello["last_seq"] == 3
            assert await ack(client, 3, "by name") == acked
            assert await ack(client, 2, "older") == acked | {"seq": 2}

    await nothing_is_learnt_again(first.json()["outputs"])
    server.kill()
    await asyncio.to_thread(server.start)
    await nothing_is_learnt_again([])
    server.snapshot()
    server.kill()
    await asyncio.to_thread(server.start)
    await nothing_is_learnt_again([])
    assert server.weights() == weights
    server.client.post(f"/v1/snapshots/{before['id']}/restore").raise_for_status()
    await nothing_is_learnt_again([])
    assert server.net()["tokens_seen"] == 0
    server.kill()
    await asyncio.to_thread(server.start)
    await nothing_is_learnt_again([])
    assert server.net()["tokens_seen"] == 0


def test_a_key_whose_input_is_on_its_way(server: RunningServer) -> None:
    seen = server.net()["tokens_seen"]
    server.client.patch("/v1/net", json={"paused": True}).raise_for_status()
    try:
        assert post(server, "slow", text="abc").status_code == 202
        again = post(server, "slow", text="abc")
        assert (again.status_code, again.json()["type"]) == (409, "/problems/conflict")
        assert post(server, "slow", text="abcd").json()["errors"][0]["parameter"] == "Idempotency-Key"
    finally:
        server.client.patch("/v1/net", json={"paused": False}).raise_for_status()
    server.run(text="d")
    assert post(server, "slow", text="abc").status_code == 202
    assert server.net()["tokens_seen"] == seen + 4


@pytest.mark.parametrize("key", ["", "x" * 129])
def test_a_key_that_is_none(server: RunningServer, key: str) -> None:
    refused = post(server, key, text="abc")
    assert (refused.status_code, len(refused.json()["errors"])) == (422, 1)


def test_what_was_accepted_and_not_run_is_learnt_after_a_kill(new_server: MakeServer) -> None:
    server = new_server(neurons=1000).start()
    server.client.patch("/v1/net", json={"paused": True}).raise_for_status()
    assert post(server, "one", text="accepted").status_code == 202
    server.kill()
    server.start()
    assert server.net()["tokens_seen"] == 8
    assert post(server, "one", text="accepted").status_code == 202
    assert server.net()["tokens_seen"] == 8
