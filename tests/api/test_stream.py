"""WS /v1/stream of a real server: what is acknowledged is learnt once, and a slow reader loses only its own outputs."""

import asyncio
from collections.abc import Callable
from itertools import accumulate
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from websockets.asyncio.client import connect
from websockets.typing import Origin

from realnet.client import Message, RealNetError, StreamClient, StreamClosed, open_stream
from service.api.stream.hub import PIECE
from tests.api.asking import BOTH, answer, answers, next_of
from tests.running_server import RunningServer, ThreadServer

pytestmark = pytest.mark.anyio


async def outputs_until(client: StreamClient, tick: int) -> list[Message]:
    """The next messages of outputs, to that with `tick`."""
    messages: list[Message] = []
    while not messages or messages[-1]["tick"][-1] < tick:
        messages.append(await next_of(client, "outputs"))
    return messages


def column(messages: list[Message], name: str) -> NDArray[Any]:
    return np.concatenate([each[name] for each in messages if each["type"] == "outputs"])


@BOTH
async def test_hello_comes_first(server: RunningServer, subprotocol: str) -> None:
    async with open_stream(server.url, subprotocol=subprotocol) as client:
        assert client.connection.subprotocol == subprotocol
        net = server.net()
        assert client.hello == {
            "type": "hello",
            "protocol": 2,
            "last_seq": 0,
            "last_observed": 0,
            "net": client.hello["net"],
        }
        of_the_moment = {"ticks_per_second": 0, "memory_bytes": 0}
        assert client.hello["net"] | of_the_moment == net | of_the_moment


async def test_the_subprotocol_is_json_if_none_is_asked_for(server: RunningServer) -> None:
    async with connect(f"ws://127.0.0.1:{server.port}/v1/stream") as connection:
        assert connection.subprotocol is None
        assert msgspec.json.decode(await connection.recv())["type"] == "hello"


@BOTH
async def test_an_input_is_acknowledged_and_its_outputs_follow(server: RunningServer, subprotocol: str) -> None:
    tick = server.net()["tick"]
    async with open_stream(server.url, subprotocol=subprotocol) as client:
        await client.send({"type": "input", "seq": 5, "text": "hé"})  # three bytes
        messages = [await anext(client), await anext(client)]
        assert {"type": "ack", "seq": 5, "first_tick": tick + 1, "tick": tick + 3} in messages
        await client.send({"type": "input", "seq": 6, "tokens": [104, 101]})
        messages += await outputs_until(client, tick + 5)
        assert column(messages, "tick").tolist() == list(range(tick + 1, tick + 6))
        assert column(messages, "token").tolist() == [104, 195, 169, 104, 101]
        rows = server.client.get("/v1/outputs", params={"after": tick, "outputs": "best"}).json()["outputs"]
        assert [each["predicted"] for each in rows] == column(messages, "predicted").tolist()
        assert [each["surprise"] for each in rows] == pytest.approx(column(messages, "surprise"), abs=1e-6)


async def test_frames_and_teachers(frames_server: RunningServer) -> None:
    async with open_stream(frames_server.url) as client:
        tick = client.hello["net"]["tick"]
        await client.send_input(frames=[[0, 0.5, 1], [1, 0, 0]], teachers=[[0, 1], None])
        outputs = await outputs_until(client, tick + 2)
        assert {name for each in outputs for name in each} == {
            "type",
            "position",
            "first_tick",
            "count",
            "tick",
            "values",
        }
        assert column(outputs, "values").shape == (2, 2)


@BOTH
async def test_acks_of_many_small_messages_come_in_order(server: RunningServer, subprotocol: str) -> None:
    tick = server.net()["tick"]
    async with open_stream(server.url, subprotocol=subprotocol) as client:
        sending = asyncio.create_task(client.send_inputs([{"text": "a"}] * 400))
        acks = await answers(client, 400)
        assert await sending == 400
        assert client.unacked == 0
    assert len(acks) < 100  # one for each that came in one turn of the loop
    seqs = [ack["seq"] for ack in acks]
    assert seqs == list(accumulate(ack.get("count", 1) for ack in acks))
    assert [ack["tick"] - tick for ack in acks] == seqs


async def test_what_is_learnt_is_what_rest_learns(server: RunningServer) -> None:
    """The same net, the same text: the same weights, whatever way and in whatever pieces it came."""
    snapshot = server.snapshot()["id"]
    server.run(text="the same text")
    expected = server.weights()
    server.client.post(f"/v1/snapshots/{snapshot}/restore").raise_for_status()
    async with open_stream(server.url) as client:
        for part in ("the ", "sa", "m", "e text"):
            await client.send_input(text=part)
        while client.unacked:
            await next_of(client, "ack")
    assert server.weights() == expected


async def test_a_repeated_seq_is_acknowledged_and_not_learnt_again(server: RunningServer) -> None:
    async with open_stream(server.url, "reader-7") as client:
        assert client.hello["last_seq"] == 0
        for seq in (1, 2, 5):
            ack = await answer(client, {"type": "input", "seq": seq, "text": "ab"})
        tick = ack["tick"]
        assert ack.pop("first_tick") == tick - 1  # which is not known of a repetition
        assert await answer(client, {"type": "input", "seq": 5, "text": "ab"}) == ack
    async with open_stream(server.url, "reader-7") as client, open_stream(server.url, "reader-8") as other:
        assert client.hello["last_seq"] == 5
        assert other.hello["last_seq"] == 0
        for seq in (2, 4, 5):
            assert await answer(client, {"type": "input", "seq": seq, "text": "ab"}) == ack | {"seq": seq}
        assert await answer(client, {"type": "input", "seq": 6, "text": "c"}) == {
            "type": "ack", "seq": 6, "first_tick": tick + 1, "tick": tick + 1,
        }  # fmt: skip
        assert (await answer(other, {"type": "input", "seq": 5, "text": "d"}))["tick"] == tick + 2


async def test_an_input_whose_client_left_is_learnt_once(server: RunningServer) -> None:
    seen = server.net()["tokens_seen"]
    server.client.patch("/v1/net", json={"paused": True}).raise_for_status()
    try:
        async with open_stream(server.url, "left") as client:
            await client.send_input(text="abc")
            assert (await answer(client, {"type": "ping"}))["type"] == "pong"
            assert server.net()["queue_depth"] == 3
        async with open_stream(server.url, "left") as client:
            assert client.hello["last_seq"] == 0
            await client.send_input(text="abc")
            await client.send_input(text="d")
            server.client.patch("/v1/net", json={"paused": False}).raise_for_status()
            acks = [await next_of(client, "ack") for _ in range(2)]
    finally:
        server.client.patch("/v1/net", json={"paused": False}).raise_for_status()
    assert [ack["seq"] for ack in acks] == [1, 2]
    assert acks[1]["tick"] == acks[0]["tick"] + 1
    assert server.net()["tokens_seen"] == seen + 4


async def test_a_page_of_the_server_itself_may_connect(server: RunningServer) -> None:
    async with connect(f"ws://127.0.0.1:{server.port}/v1/stream", origin=Origin(server.url)) as connection:
        assert msgspec.json.decode(await connection.recv())["type"] == "hello"


@BOTH
async def test_a_generation_is_streamed_and_teaches_nothing(server: RunningServer, subprotocol: str) -> None:
    request = {"prompt": "the ", "max_tokens": 60, "temperature": 0.8, "seed": 4}
    before = server.weights()
    async with open_stream(server.url, subprotocol=subprotocol) as client:
        await client.send({"type": "generate", "seq": 9, **request})
        pieces = []
        while (message := await anext(client))["type"] == "tokens":
            assert message["ref"] == 9
            pieces.append(message)
    assert message["type"] == "generated"
    assert len(pieces) > 1
    assert "".join(each["text"] for each in pieces) == message["text"]
    assert [token for each in pieces for token in each["tokens"]] == message["tokens"]
    rest = server.client.post("/v1/generate", json=request).json()
    assert message == {"type": "generated", "ref": 9, **rest}
    assert server.weights() == before


async def test_a_generation_ends_when_its_client_leaves(new_server: Callable[..., RunningServer]) -> None:
    slow = new_server(preset="literal", neurons=2047).start()  # 4096 tokens would take it more than 10 seconds
    async with open_stream(slow.url) as client:
        await client.send({"type": "generate", "max_tokens": 4096})
        await next_of(client, "tokens")
        assert '\nrealnet_generations{net="default"} 1.0\n' in slow.client.get("/metrics").text
    attempts = 0
    while '\nrealnet_generations{net="default"} 0.0\n' not in slow.client.get("/metrics").text:
        attempts += 1
        assert attempts < 200


async def test_events_tell_of_modes_and_snapshots(server: RunningServer) -> None:
    async with open_stream(server.url) as client:
        for mode in ("paused", server.net()["mode"]):
            server.client.patch("/v1/net", json={"paused": mode == "paused"}).raise_for_status()
            assert await next_of(client, "event") == {"type": "event", "name": "mode", "mode": mode}
        snapshot = server.snapshot()
        assert await next_of(client, "event") == {"type": "event", "name": "snapshot", "snapshot": snapshot}


async def test_a_fast_writer_is_held_back(new_server: Callable[..., RunningServer]) -> None:
    server = new_server(ws_window=8, max_streams=1).start()
    server.client.patch("/v1/net", json={"paused": True}).raise_for_status()
    async with open_stream(server.url, window=50) as client:
        with pytest.raises(RealNetError, match="all 1 places for streams"):
            await open_stream(server.url).__aenter__()
        for _ in range(50):
            await client.send_input(text="a")
        while (depth := server.net()["queue_depth"]) < 8:
            pass
        assert depth == 8
        server.client.patch("/v1/net", json={"paused": False}).raise_for_status()
        assert (await answers(client, 50))[-1]["seq"] == 50


async def test_a_fast_writer_of_large_messages_is_held_back_by_their_ticks(
    new_server: Callable[..., RunningServer],
) -> None:
    server = new_server(ws_window_ticks=100).start()
    server.client.patch("/v1/net", json={"paused": True}).raise_for_status()
    async with open_stream(server.url) as client:
        await client.send_inputs([{"text": "a" * 60}] * 10)
        while (depth := server.net()["queue_depth"]) < 120:
            pass
        assert depth == 120
        server.client.patch("/v1/net", json={"paused": False}).raise_for_status()
        assert (await answers(client, 10))[-1]["seq"] == 10


async def send_and_hear(client: StreamClient, messages: int) -> int:
    """Send so many messages of 512 tokens; how many outputs came back before the last ack."""
    outputs = 0
    for index in range(messages):
        await client.send_input(tokens=[index % 256, 7] * 256)
        while client.unacked > 20 or (index == messages - 1 and client.unacked):
            message = await anext(client)
            outputs += message["count"] if message["type"] == "outputs" else 0
    return outputs


@pytest.mark.long
async def test_a_reader_that_stalls_loses_outputs_and_nobody_else_does(
    new_server: Callable[..., RunningServer],
) -> None:
    server = new_server(outputs_kept=20_000).start()
    async with open_stream(server.url, outputs="full") as slow, open_stream(server.url) as good:
        total = 0
        while total < 120_000:  # far more than what lies between the slow one and the net
            assert await send_and_hear(good, 40) > 0
            total += 40 * 512
        received = lost = tick = 0
        async for message in slow:
            if message["type"] == "outputs":
                ticks = message["tick"].tolist()
                assert len(ticks) <= PIECE
                assert ticks == list(range(received + lost + 1, received + lost + len(ticks) + 1))
                received += len(ticks)
                tick = ticks[-1]
            elif message.get("name") == "dropped":
                lost += message["count"]
            if tick == total:
                break
        assert lost > 0
        assert received + lost == total


@pytest.mark.long
async def test_a_reader_that_stalls_for_too_long_is_cut(new_server: Callable[..., RunningServer]) -> None:
    server = new_server(outputs_kept=1000, ws_stall_seconds=0.3).start()
    async with open_stream(server.url, outputs="full") as slow, open_stream(server.url) as good:
        while "4008" not in server.log:
            await send_and_hear(good, 20)
        with pytest.raises(StreamClosed) as closed:
            await next_of(slow, "pong")
        assert closed.value.code == 4008
        assert (await answer(good, {"type": "ping"}))["type"] == "pong"


async def test_a_stream_is_told_that_the_server_restarts(new_server: Callable[..., ThreadServer]) -> None:
    server = new_server().start()
    async with open_stream(server.url) as client:
        await client.send_input(text="abc")
        await next_of(client, "ack")
        server.terminate()
        with pytest.raises(StreamClosed, match="it restarts") as closed:
            await next_of(client, "pong")
        assert closed.value.code == 1012
