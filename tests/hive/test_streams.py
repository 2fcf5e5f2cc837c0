"""A stream that is open to a follower teaches the leader, and goes on after a takeover, each input once."""

import asyncio
from typing import Any

import pytest

from realnet.client import AsyncClient, StreamClient, open_stream
from tests.hive.servers import Servers, hive_of, wait_until, wait_until_level

pytestmark = pytest.mark.anyio

MESSAGE = "the cat sat on the mat. "


@pytest.mark.parametrize("subprotocol", ["realnet.v1.json", "realnet.v1.msgpack"])
async def test_what_is_sent_to_a_follower_is_acknowledged_by_the_leader(servers: Servers, subprotocol: str) -> None:
    leader = servers.leader()
    follower = servers.follower()
    wait_until(lambda: hive_of(follower)["leader"] == leader.url, "the follower knows its leader")
    for _ in range(2):
        async with open_stream(follower.url, "teller", subprotocol=subprotocol, outputs="surprise") as stream:
            first = stream.last_seq + 1
            seqs = [await stream.send_input(text=MESSAGE) for _ in range(5)]
            assert seqs == list(range(first, first + 5))
            acked, heard = 0, 0
            async for message in stream:
                acked = message["seq"] if message["type"] == "ack" else acked
                heard += message["count"] if message["type"] == "outputs" else 0
                if acked == seqs[-1] and heard == 5 * len(MESSAGE):
                    break
            await stream.send({"type": "input", "seq": seqs[-1] + 1, "tokens": [999]})
            refused = await _next(stream, "error")
            assert (refused["ref"], refused["problem"]["errors"][0]["pointer"]) == (seqs[-1] + 1, "/tokens/0")
    async with open_stream(follower.url) as nameless:
        await nameless.send_input(text="x")
        assert (await _next(nameless, "ack"))["seq"] == 1
    assert leader.net()["tokens_seen"] == 10 * len(MESSAGE) + 1
    wait_until_level(leader, follower)


async def test_one_that_only_reads_takes_no_inputs_by_a_stream(servers: Servers) -> None:
    leader = servers.leader()
    follower = servers.follower(read_only=True)
    wait_until(lambda: hive_of(follower)["leader"] == leader.url, "the follower knows its leader")
    async with open_stream(follower.url, "teller") as stream:
        await stream.send_input(text="no")
        refused = await _next(stream, "error")
        assert refused["problem"]["type"] == "/problems/follower"
        assert leader.url in refused["problem"]["detail"]


async def test_the_client_s_stream_goes_on_over_a_takeover(servers: Servers) -> None:
    leader = servers.leader()
    follower = servers.follower(standby=True)
    wait_until(lambda: hive_of(follower)["leader"] == leader.url, "the follower knows its leader")
    async with AsyncClient(follower.url) as client, client.stream("teller", outputs="none") as stream:
        for number in range(40):
            await stream.send(MESSAGE)
            if number == 20:
                await stream.flush()
                ending = asyncio.create_task(asyncio.to_thread(leader.terminate))
        await ending
        for _ in range(20):
            await stream.send(MESSAGE)
        await stream.flush()
        await asyncio.to_thread(lambda: wait_until(lambda: hive_of(follower)["role"] == "leader", "the follower leads"))
        await stream.send(MESSAGE)
        await stream.flush()
    assert follower.net()["tokens_seen"] == 61 * len(MESSAGE)


async def _next(stream: StreamClient, kind: str) -> dict[str, Any]:
    async for message in stream:
        if message["type"] == kind:
            return message
    raise AssertionError("the stream has ended")
