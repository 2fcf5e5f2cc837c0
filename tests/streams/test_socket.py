"""Rows of streams over `WS /v1/stream`: told of once, in turn with inputs, also through a server that follows."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from realnet.client import Message, StreamClient, open_stream
from tests.api.asking import BOTH, next_of
from tests.hive.servers import Servers, hive_of, wait_until
from tests.running_server import RunningServer, ThreadServer
from tests.streams.test_observe import get, noise, observe

pytestmark = pytest.mark.anyio


async def send_rows(client: StreamClient, seq: int, stream: str, **body: Any) -> Message:
    await client.send({"type": "observe", "seq": seq, "stream": stream, **body})
    async for message in client:
        if message["type"] == "observed" or (message["type"] == "error" and message["ref"] == seq):
            return message
    raise AssertionError("the stream has ended")


@BOTH
async def test_rows_are_told_of_as_over_rest(server: RunningServer, subprotocol: str) -> None:
    values = noise(200)
    async with open_stream(server.url, subprotocol=subprotocol) as client:
        told = await send_rows(client, 1, f"socket-{subprotocol}", values=values)
    again = observe(server, f"rest-{subprotocol}", values=values)
    assert (told["ref"], told["first_row"], told["accepted"], told["told"]) == (1, 1, 200, again["told"])


async def test_rows_are_learnt_once_however_often_they_are_sent(new_server: Callable[..., ThreadServer]) -> None:
    server = new_server(variant="fast", max_lines=2**12).start()
    async with open_stream(server.url, "agent") as client:
        first = await send_rows(client, 1, "once", values=noise(20))
        assert await send_rows(client, 1, "once", values=noise(20)) == first
        await send_rows(client, 2, "once", values=noise(5))
        assert (await send_rows(client, 1, "once", values=noise(20)))["told"] == []
        other = await send_rows(client, 2, "once", values=noise(6))
        assert other["problem"]["errors"][0]["pointer"] == "/seq"
    server.kill()
    server.start()
    async with open_stream(server.url, "agent") as client:
        assert client.hello["last_observed"] == 2
        again = await send_rows(client, 2, "once", values=noise(5))
        assert (again["first_row"], len(again["told"])) == (21, 5)
        assert (await send_rows(client, 3, "once", values=[1.0]))["first_row"] == 26
    assert get(server, "/v1/streams/once")["rows"] == 26


async def test_bad_rows_are_refused_at_their_place(server: RunningServer) -> None:
    async with open_stream(server.url) as client:
        for seq, values in ((1, [1.0, None]), (2, [1.0, "1"])):
            refused = await send_rows(client, seq, "refused", values=values)
            assert refused["problem"]["errors"][0]["pointer"] == "/values/1"
        await client.send_input(text="and the stream goes on")
        await next_of(client, "ack")


async def test_news_are_sent_to_all_who_listen(server: RunningServer) -> None:
    async with open_stream(server.url) as listener:
        observe(server, "heard", values=[*noise(300), 1e3])
        [*_, last] = get(server, "/v1/events?stream=heard")["data"]
        while True:
            event = await next_of(listener, "event")
            if event["name"] == "news" and event["news"]["id"] == last["id"]:
                break
        assert event["news"] == last


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    made = Servers(tmp_path)
    yield made
    made.close()


async def test_rows_sent_to_a_follower_are_learnt_by_the_leader_once(servers: Servers) -> None:
    leader = servers.leader()
    follower = servers.follower()
    wait_until(lambda: hive_of(follower)["leader"] == leader.url, "the follower knows its leader")
    async with open_stream(follower.url, "agent") as client:
        first = await send_rows(client, 1, "far", values=noise(20))
        assert first["accepted"] == 20
        await client.send_input(text="in turn with inputs")
        await next_of(client, "ack")
    async with open_stream(follower.url, "agent") as client:
        assert client.hello["last_observed"] == 1
        assert await send_rows(client, 1, "far", values=noise(20)) == first
        refused = await send_rows(client, 2, "far", values=[1e301])
        assert refused["problem"]["errors"][0]["pointer"] == "/values/0"
    assert get(leader, "/v1/streams/far")["rows"] == 20
