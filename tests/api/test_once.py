"""What is sent twice is learnt once, also by a server that was killed in between, or whose net was taken back."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from realnet.client import Server, StreamClient, open_stream
from service.auth.keys import Scope, create_key, revoke_key
from tests.running_server import ProcessServer, RunningServer, ThreadServer

pytestmark = pytest.mark.anyio

MakeServer = Callable[..., ThreadServer]


def post(server: RunningServer, key: str, wait: bool = False, **content: object) -> httpx.Response:
    parameters = {"wait": str(wait).lower()}
    return server.client.post("/v1/inputs", params=parameters, json=content, headers={"Idempotency-Key": key})


async def ack(client: StreamClient, seq: int, text: str) -> dict[str, Any]:
    await client.send({"type": "input", "seq": seq, "text": text})
    async for message in client:
        if message["type"] in ("ack", "error"):
            return message
    raise AssertionError


async def test_once_over_both_ways_whatever_happens(new_process: Callable[..., ProcessServer]) -> None:
    server = new_process(neurons=1000).start()
    before = server.snapshot()
    first = post(server, "one", wait=True, text="the same")
    async with open_stream(server.url, "reader") as client:
        acked = await ack(client, 3, "by name")
        assert (acked["type"], acked["tick"]) == ("ack", 15)
        assert acked.pop("first_tick") == 9
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


@pytest.mark.parametrize("length", [1, 256, 300])  # the outputs of 256 tokens are looked at together
def test_an_answer_is_repeated_although_more_was_learnt_after_it(server: RunningServer, length: int) -> None:
    first = post(server, f"{length} tokens", wait=True, text="a" * length)
    server.run(text="b" * 300)
    assert post(server, f"{length} tokens", wait=True, text="a" * length).json() == first.json()


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


async def test_each_key_has_names_of_its_own_also_when_it_is_another(new_server: MakeServer, tmp_path: Path) -> None:
    file = tmp_path / "realnet.keys"
    keys = {name: create_key(file, name, Scope.TEACH) for name in ("mine", "yours")}
    server = new_server(neurons=1000, keys_file=file)
    learnt = 0

    def speak_as(name: str) -> None:
        server.client.headers["Authorization"] = f"Bearer {keys[name]}"

    async def teach(name: str, seq: int, last_seq: int, text: str) -> None:
        """Learnt over both ways, unless `seq` is a repetition."""
        nonlocal learnt
        speak_as(name)
        learnt += 2 * len(text) if seq > last_seq else 0
        async with open_stream(Server(server.url, keys[name]), "one") as client:
            assert client.hello["last_seq"] == last_seq
            assert (await ack(client, seq, text))["type"] == "ack"
        assert post(server, "one" if seq == 1 else "two", wait=True, text=text).status_code == 200
        assert server.net()["tokens_seen"] == learnt

    speak_as("mine")
    await asyncio.to_thread(server.start)
    await teach("mine", 1, 0, "said by me")
    await teach("yours", 1, 0, "also, and not the same")
    await teach("yours", 1, 1, "also, and not the same")
    revoke_key(file, "yours")
    keys["yours"] = create_key(file, "yours", Scope.TEACH)
    speak_as("yours")
    server.kill()
    await asyncio.to_thread(server.start)
    await teach("yours", 1, 1, "also, and not the same")
    await teach("mine", 1, 1, "said by me")
    await teach("mine", 2, 1, "more")


def test_what_was_accepted_and_not_run_is_learnt_after_a_kill(new_server: MakeServer) -> None:
    server = new_server(neurons=1000).start()
    server.client.patch("/v1/net", json={"paused": True}).raise_for_status()
    assert post(server, "one", text="accepted").status_code == 202
    server.kill()
    server.start()
    assert server.net()["tokens_seen"] == 8
    assert post(server, "one", text="accepted").status_code == 202
    assert server.net()["tokens_seen"] == 8


async def test_a_caller_with_a_full_share_is_refused_and_takes_nothing_from_others(
    new_server: MakeServer, tmp_path: Path
) -> None:
    file = tmp_path / "realnet.keys"
    keys = {name: create_key(file, name, Scope.TEACH) for name in ("alice", "mallory")}
    server = new_server(neurons=1000, keys_file=file, idempotency_keys=2, client_ids=1)

    def post_as(name: str, key: str, text: str) -> httpx.Response:
        server.client.headers["Authorization"] = f"Bearer {keys[name]}"
        return post(server, key, wait=True, text=text)

    async def ack_as(name: str, client: str) -> tuple[int, dict[str, Any]]:
        async with open_stream(Server(server.url, keys[name]), client) as stream:
            return stream.hello["last_seq"], await ack(stream, 7, "once")

    server.client.headers["Authorization"] = f"Bearer {keys['alice']}"
    await asyncio.to_thread(server.start)
    post_as("alice", "invoice", "once").raise_for_status()
    acked = (await ack_as("alice", "reader"))[1]
    acked.pop("first_tick")  # which is not known of a repetition
    for number in range(4):
        assert post_as("mallory", f"m{number}", "m").status_code == (200 if number < 2 else 429)
        assert (await ack_as("mallory", f"m{number}"))[1]["type"] == ("ack" if number < 1 else "error")
    refused = post_as("mallory", "another", "m")
    assert refused.json()["type"] == "/problems/limited"
    assert 24 * 3600 - 60 < int(refused.headers["Retry-After"]) <= 24 * 3600
    seen = server.net()["tokens_seen"]
    assert seen == 4 + 4 + 2 + 4
    for _ in range(2):
        assert post_as("alice", "invoice", "once").status_code == 200
        assert await ack_as("alice", "reader") == (7, acked)
        assert post_as("mallory", "m0", "m").status_code == 200
        assert post_as("mallory", "another", "m").status_code == 429
        assert server.net()["tokens_seen"] == seen
        server.kill()
        await asyncio.to_thread(server.start)


async def test_another_text_under_an_old_seq_is_not_acknowledged(new_server: MakeServer) -> None:
    server = new_server(neurons=1000).start()

    async def answer(seq: int, text: str) -> tuple[str, str | None]:
        async with open_stream(server.url, "reader-7") as client:
            answer = await ack(client, seq, text)
            return answer["type"], answer["problem"]["errors"][0]["pointer"] if answer["type"] == "error" else None

    assert await answer(1, "he") == ("ack", None)
    for _ in range(2):
        assert await answer(1, "another text") == ("error", "/seq")
        assert await answer(1, "he") == ("ack", None)
        server.kill()
        await asyncio.to_thread(server.start)
    assert await answer(2**53 - 1, "far") == ("ack", None)
    assert await answer(2, "never silently dropped") == ("error", "/seq")
    assert server.net()["tokens_seen"] == 5
