"""A stream goes on by itself after any break, and nothing is learnt twice."""

import asyncio
import random
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from realnet import TokenLearner
from realnet.client import (
    Ack,
    AsyncClient,
    Client,
    Invalid,
    Opened,
    Outputs,
    RealNetError,
    Stream,
    StreamClosed,
    Unauthorized,
    Unreachable,
)
from realnet.client.outputs import OwnTicks
from tests.running_server import ProcessServer, RunningServer, ThreadServer

TEXT = "it is learnt once, whatever happens on the way; "
TEXTS = [f"{number}: {TEXT}" for number in range(600)]


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realnet.client.errors.TRY_AGAIN_SECONDS", 0.02)


@pytest.fixture
def client(server: RunningServer) -> Iterator[Client]:
    with Client(server.url) as client:
        yield client


def tokens_of(outputs: list[Outputs]) -> bytes:
    return bytes(np.concatenate([each.token for each in outputs if each.token is not None]).tolist())


def test_a_killed_server_learns_all_of_it_once(new_process: Callable[..., ProcessServer]) -> None:
    server = new_process(neurons=1000).start()
    waits: list[RealNetError] = []
    with Client(server.url) as client, client.stream("reader-7", on_wait=waits.append) as stream:
        stream.send_many(TEXTS[:400])  # some are learnt, and some on their way
        server.kill()
        stream.send_many(TEXTS[400:410])
        server.start()
        stream.send_many(TEXTS[410:])
        stream.flush()
        assert stream.learnt == 600
    everything = "".join(TEXTS)
    assert server.net()["tokens_seen"] == len(everything)
    alone = TokenLearner.create(num_neurons=1000)
    alone.run(alone.vocabulary.encode(everything))
    assert server.weights() == alone.checkpoint().weights_sha256()
    assert any(isinstance(each, StreamClosed) and each.code == 1006 for each in waits)


@pytest.mark.anyio
async def test_a_restart_is_survived_with_await(new_server: Callable[..., ThreadServer]) -> None:
    server = new_server(neurons=1000).start()
    async with AsyncClient(server.url) as client, client.stream(own=True) as stream:
        for part in (TEXTS[:300], TEXTS[300:]):
            await stream.send_many(part)
            await asyncio.to_thread(server.terminate)
            await asyncio.to_thread(server.start)
        await stream.finish()
        messages = [message async for message in stream.messages()]
    total = len("".join(TEXTS))
    assert server.net()["tokens_seen"] == total
    assert sum(isinstance(message, Opened) for message in messages) == 3
    assert sum(message.count for message in messages if isinstance(message, Ack)) == len(TEXTS)
    came = sum(message.count for message in messages if isinstance(message, Outputs))
    assert 0 < came <= total


def test_outputs_are_of_ones_own_inputs_if_asked_for(client: Client) -> None:
    with client.stream(own=True, outputs="full") as mine, client.stream() as all_of_them:
        for number in range(30):
            mine.send(f"mine {number} ")
            client.run("another's")
        mine.finish()
        own = list(mine)
        client.send("end.")
        heard = [next(iter(all_of_them))]
        while not tokens_of(heard).endswith(b"end."):
            heard.append(next(iter(all_of_them)))
    assert tokens_of(own).decode() == "".join(f"mine {number} " for number in range(30))
    assert tokens_of(heard).count(b"another's") == 30
    assert all(one.last_tick < other.first_tick for one, other in pairwise(own))
    last = own[-1]
    assert last.surprise is not None
    assert last.next_token is not None
    assert (last.surprise.shape, last.next_token.shape) == ((last.count,), (last.count, 5))


def test_bytes_tokens_and_frames_are_sent_as_they_are(client: Client, frames_server: RunningServer) -> None:
    with client.stream(own=True) as stream:
        stream.send(b"\xff\x00")
        stream.send(tokens=[1, 255])
        stream.send("\u20ac", learn=False)
        stream.finish()
        assert tokens_of(list(stream)) == b"\xff\x00\x01\xff\xe2\x82\xac"
    with Client(frames_server.url) as other, other.stream(own=True) as stream:
        frames: Any = np.full((4, 3), 0.5)
        stream.send(frames=frames, teachers=[[1.0, 0.0], None, None, [0.0, 1.0]])
        stream.finish()
        [outputs] = stream
        assert outputs.values is not None
        assert outputs.values.shape == (4, 2)
        assert outputs.token is None


def test_a_refused_input_is_left_out_and_told(client: Client) -> None:
    seen = client.net().tokens_seen
    with client.stream() as stream:
        stream.send("before ")
        stream.send(tokens=[256])
        with pytest.raises(Invalid, match="/tokens/0") as refused:
            stream.flush()
        assert refused.value.places[0].pointer == "/tokens/0"
        stream.send("after")
        stream.flush()
        with pytest.raises(UnicodeEncodeError):
            stream.send("\udc80")
        stream.send(".")
    assert client.net().tokens_seen == seen + len("before after.")


def test_where_a_client_was_is_known_to_its_next_stream(client: Client) -> None:
    with client.stream("reader-9") as stream:
        assert [stream.send("a"), stream.send("b")] == [1, 2]
    with client.stream("reader-9") as stream:
        assert stream.last_seq == 2
        assert stream.send("c") == 3


def test_two_streams_by_one_name_are_told(new_server: Callable[..., ThreadServer]) -> None:
    server = new_server(neurons=1000).start()
    stream = Client(server.url).stream

    def both() -> None:
        with stream("reader-9") as first:
            first.send("a")
            first.flush()
            with stream("reader-9") as second:
                second.send_many("bcd")
            server.kill()
            server.start()
            first.send("e")

    with pytest.raises(RealNetError, match="another client goes by the name reader-9"):
        both()


def test_a_server_that_remembers_no_more_clients_is_streamed_to(new_server: Callable[..., ThreadServer]) -> None:
    server = new_server(neurons=1000, client_ids=1).start()
    with Client(server.url) as client:
        with client.stream("the only one") as stream:
            stream.send("a")
        with client.stream() as stream:
            stream.send_many("bcd")
            stream.flush()
            assert stream.client_id is None
        assert client.net().tokens_seen == 4

        def over_a_break() -> None:
            with client.stream() as stream:
                stream.send("e")
                stream.flush()
                server.terminate()
                stream.send("f")

        with pytest.raises(StreamClosed):  # nobody would know what was learnt
            over_a_break()
        server.start()
        with pytest.raises(RealNetError, match="1 clients of one caller"), client.stream("another") as stream:
            stream.send("g")


def test_a_stream_that_cannot_begin_says_why(new_server: Callable[..., ThreadServer]) -> None:
    def entered(stream: Stream) -> None:
        with stream:
            pass

    with pytest.raises(Unreachable, match="realnet serve"):
        entered(Client("http://127.0.0.1:1").stream())
    server = new_server(neurons=1000, api_key="k" * 32)
    server.client.headers = {"Authorization": f"Bearer {'k' * 32}"}
    server.start()
    with pytest.raises(Unauthorized, match="refused the stream: send a key"):
        entered(Client(server.url).stream())
    entered(Client(server.url, key="k" * 32).stream())


def test_patience_has_an_end(new_server: Callable[..., ThreadServer]) -> None:
    server = new_server(neurons=1000).start()

    def over_the_end() -> None:
        with Client(server.url).stream(patience=0.1) as stream:
            server.terminate()
            stream.send("a")

    with pytest.raises(Unreachable):
        over_the_end()


def test_what_nobody_reads_is_counted(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realnet.client.stream._KEPT", 3 * 17)
    with client.stream(own=True) as stream:
        for each in "abcdef":
            stream.send(each)
            stream.flush()
        stream.finish()
        heard = sum(outputs.count for outputs in stream)
        assert (heard + stream.dropped, heard < 6) == (6, True)


@pytest.mark.parametrize("seed", range(20))
def test_own_ticks_are_told_from_others_in_whatever_order_it_comes(seed: int) -> None:
    draw = random.Random(seed)
    ticks, own = OwnTicks(), OwnTicks()
    expected: list[int] = []
    tick = 1
    acks, pieces = [], []
    while tick < 300:
        tick += draw.choice([0, 0, 3])  # the net rested
        count, is_own = draw.randint(1, 9), draw.random() < 0.5
        size = draw.choice([1, count])
        pieces += [Outputs(at, size) for at in range(tick, tick + count, size)]
        if is_own:
            expected += range(tick, tick + count)
            acks += [(tick, tick + count - 1)] * draw.choice([1, 1, 2])  # repeated
        tick += count
    told: list[int] = []
    while acks or pieces:
        if acks and (not pieces or draw.random() < 0.3):
            decided = ticks.acknowledged(*acks.pop(0))
        else:
            decided = ticks.came(pieces.pop(0))
        told += [tick for each in decided for tick in each.tick.tolist()]
    assert told == expected
    assert not ticks.is_waiting
    assert own.forget() == 0
