"""The ring of outputs against a plain list, and what a reader that is slow, waits or comes after a restore is told."""

import asyncio
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realnet import FrameOutputs, TokenOutputs
from realnet.client import connection
from realnet.interface import Interface
from realnet.learners import create
from realnet.outputs import Column, Level, includes
from service.api.encoding import PIECE, FrameOutput, Output, TokenOutput, pieces, structs
from service.api.stream import hub
from service.api.stream.columns import outputs_message
from service.api.stream.hub import StreamHub
from service.api.stream.protocol import CODECS, JSON, Codec
from service.api.stream.subscription import Subscription
from service.engine import output_ring
from service.engine.output_ring import OutputRing
from service.engine.wanted import LEASE_SECONDS, Wanted
from service.replica.progress import Progress, ProgressState
from service.settings import Settings

pytestmark = pytest.mark.anyio


def frames(first: int, count: int, width: int = 2) -> FrameOutputs:
    ticks = np.arange(first, first + count)
    return FrameOutputs(ticks, np.repeat(ticks[:, None], width, axis=1).astype(np.float32))


def token_outputs(first: int, count: int, level: Level) -> TokenOutputs:
    ticks = np.arange(first, first + count)
    token, surprise = ticks.astype(np.int32), np.full(count, 2, np.float32)
    batch = TokenOutputs(ticks, token, surprise=surprise, probability=np.exp2(-surprise))
    if includes(level, "best"):
        batch.predicted = token + 1
    if includes(level, "full"):
        batch.next_token = np.tile(np.array([101, 97, 97, 97, 97], np.int32), (count, 1))
        batch.next_probability = np.tile(np.array([0.5, *[0.125] * 4], np.float32), (count, 1))
    return batch


def read(outputs: OutputRing, position: int, limit: int) -> tuple[list[Output], int, int]:
    """Read on, up to `limit`; where to go on, and what was lost at first."""
    batch, position, lost = outputs.read(position, limit)
    rows: list[Output] = []
    while batch is not None:
        rows += structs(batch)
        batch, position, _ = outputs.read(position, limit - len(rows))
    return rows, position, lost


def ring(kept: int, published: int = 0, width: int = 2) -> OutputRing:
    """Ticks 1 … `published`."""
    columns = Column("tick", np.int64), Column("values", np.float32, width)
    outputs = OutputRing(kept, Interface(1, width, None, 4, columns, idle_speaks=True))
    if published:
        outputs.append(frames(1, published))
    return outputs


@given(st.lists(st.integers(1, 20), max_size=12), st.integers(1, 12), st.integers(0, 80), st.integers(1, 30))
def test_a_ring_is_the_end_of_a_list(batches: list[int], kept: int, position: int, limit: int) -> None:
    outputs, everything = ring(kept), list[Output]()
    for count in batches:
        batch = frames(len(everything) + 1, count)
        outputs.append(batch)
        everything += structs(batch)
    position = min(position, len(everything))
    start = max(0, len(everything) - kept)
    assert (outputs.start, outputs.end) == (start, len(everything))
    first = max(position, start)
    found, following, lost = read(outputs, position, limit)
    assert found == everything[first : first + limit]
    assert (following, lost) == (first + len(found), first - position)
    assert outputs.lost == lost


async def test_a_slow_reader_is_told_how_many_it_lost_and_loses_no_more() -> None:
    outputs = ring(kept=10, published=4)
    _, position, lost = outputs.read(0, 2)
    assert (position, lost) == (2, 0)
    outputs.append(frames(5, 12))
    found, position, lost = read(outputs, position, 100)
    assert [each.tick for each in found] == list(range(7, 17))
    assert (position, lost) == (16, 4)
    assert read(outputs, position, 100) == ([], 16, 0)


@pytest.mark.parametrize(("tick", "position"), [(0, 6), (6, 6), (7, 7), (15, 15), (16, 16), (99, 16)])
async def test_a_tick_leads_to_the_position_after_it(tick: int, position: int) -> None:
    assert ring(kept=10, published=16).position_after(tick) == position


async def test_nothing_was_published_yet() -> None:
    outputs = ring(10)
    assert outputs.position_after(5) == 0
    assert outputs.oldest_tick is None
    assert read(outputs, 0, 10) == ([], 0, 0)


async def test_after_a_restore_ticks_go_back_and_positions_do_not() -> None:
    outputs = ring(kept=10, published=16)
    outputs.clear()
    assert (outputs.start, outputs.end, outputs.oldest_tick) == (16, 16, None)
    outputs.append(frames(3, 2))
    assert [each.tick for each in read(outputs, outputs.position_after(0), 10)[0]] == [3, 4]
    assert outputs.read(14, 10)[2] == 2
    assert outputs.oldest_tick == 3


async def test_a_reader_waits_until_there_is_more() -> None:
    outputs = ring(kept=10, published=2)
    await outputs.wait(1)
    waiting = [asyncio.create_task(outputs.wait(position)) for position in (2, 2, 5)]
    await asyncio.sleep(0)
    outputs.append(frames(3, 1))
    outputs.notify()
    await asyncio.wait(waiting[:2])
    assert not waiting[2].done()
    waiting[2].cancel()
    await asyncio.wait(waiting)
    assert not outputs._waiting


async def test_those_who_wait_are_woken_in_turn_and_the_loop_rests_between(monkeypatch: pytest.MonkeyPatch) -> None:
    spent = iter(range(1000))
    monkeypatch.setattr("time.thread_time", lambda: 0.01 * next(spent))  # each turn takes 10 ms
    outputs, loop = ring(kept=10, published=2), asyncio.get_running_loop()
    woken: list[float] = []

    async def subscribe(position: int) -> None:
        await outputs.wait(position)
        woken.append(loop.time())

    tasks = [asyncio.create_task(subscribe(2)) for _ in range(2 * output_ring._TURN)]
    ahead = asyncio.create_task(subscribe(3))
    await asyncio.sleep(0)
    outputs.append(frames(3, 1))
    outputs.notify()
    outputs.notify()
    await asyncio.gather(*tasks)
    first, second = tasks[: output_ring._TURN], tasks[output_ring._TURN :]
    assert len(woken) == len(first) + len(second)
    assert woken[len(first)] - woken[len(first) - 1] > 0.03  # of a fifth of the time, 10 ms are followed by 40
    assert not ahead.done()
    outputs.append(frames(4, 1))
    outputs.notify()
    await ahead


async def test_who_falls_behind_loses_many_at_once_and_then_none_for_a_while() -> None:
    outputs, position, losses = ring(kept=80), 0, list[int]()
    for tick in range(1, 1001):
        outputs.append(frames(tick, 1))
        assert min(tick, 80) <= outputs.end - outputs.start < 80 + 10
        if tick % 2:  # half as fast as the net
            found, position, lost = read(outputs, position, 1)
            assert len(found) == 1
            losses += [lost] if lost else []
    assert set(losses) == {5}


def subscribed(outputs: OutputRing) -> StreamHub:
    engine = SimpleNamespace(progress=Progress.of(ProgressState()))
    columns = Column("tick", np.int64), Column("values", np.float32, 2)
    runtime: Any = SimpleNamespace(outputs=outputs, engine=engine, interface=SimpleNamespace(columns=columns))
    return StreamHub(runtime, Settings())


def ticks_of(encoded: bytes, codec: Codec) -> list[int]:
    message = codec.decode(encoded)
    return list(range(message["first_tick"], message["first_tick"] + message["count"]))


@pytest.mark.parametrize("codec", CODECS.values())
async def test_those_who_are_behind_by_different_amounts_share_pieces(codec: Codec, monkeypatch: Any) -> None:
    monkeypatch.setattr(hub, "PIECE", 256)
    outputs = ring(kept=3000, published=1000)
    streams = subscribed(outputs)
    for position in (0, 3, 255):
        encoded, following, lost = streams.piece(position, codec, "best")
        assert (ticks_of(encoded, codec), following, lost) == (list(range(position + 1, 257)), 256, 0)
    whole, following, _ = streams.piece(256, codec, "best")
    assert streams.piece(256, codec, "best")[0] is whole
    last, following, _ = streams.piece(768, codec, "best")
    assert following == 1000
    assert streams.piece(768, codec, "best")[0] is last
    outputs.append(frames(1001, 1))  # now there is more than what was shared
    assert len(ticks_of(streams.piece(768, codec, "best")[0], codec)) == 233


async def test_who_lost_outputs_goes_on_with_the_oldest() -> None:
    outputs, codec = ring(kept=800, published=1000), CODECS[JSON]
    streams = subscribed(outputs)
    start = outputs.start
    assert start > 0
    pieces = [streams.piece(position, codec, "best") for position in (0, 90)]
    assert pieces[0][0] is pieces[1][0]
    assert [lost for _, _, lost in pieces] == [start, start - 90]
    assert ticks_of(pieces[0][0], codec)[0] == start + 1
    assert outputs.lost == 2 * start - 90


async def test_after_a_restore_a_piece_begins_with_what_is_said_next() -> None:
    outputs, codec = ring(kept=1000, published=256), CODECS[JSON]
    streams = subscribed(outputs)
    outputs.clear()
    assert streams.piece(0, codec, "best") == (b"", 256, 256)
    outputs.append(frames(7, 1))
    encoded, following, lost = streams.piece(256, codec, "best")
    assert (ticks_of(encoded, codec), following, lost) == ([7], 257, 0)


async def test_a_message_ends_where_a_tick_is_missing() -> None:
    outputs, codec = ring(kept=1000, published=3), CODECS[JSON]
    outputs.append(frames(7, 2))
    streams = subscribed(outputs)
    first, following, _ = streams.piece(1, codec, "best")
    assert (ticks_of(first, codec), following) == ([2, 3], 3)
    assert ticks_of(streams.piece(3, codec, "best")[0], codec) == [7, 8]


async def test_wide_frames_are_kept_for_fewer_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output_ring, "_RING_BYTES", 10_000)
    outputs = ring(kept=1000, width=250)
    for first in range(1, 101):
        outputs.append(frames(first, 1, width=250))
    assert outputs.end - outputs.start == 10_000 // (8 + 4 * 250)
    assert [each.tick for each in read(outputs, 0, 1000)[0]] == list(range(92, 101))


async def test_outputs_have_the_form_of_the_document() -> None:
    batch = token_outputs(7, 1, "full")
    [output] = structs(batch)
    assert isinstance(output, TokenOutput)
    whole = {
        "tick": 7,
        "token": 7,
        "predicted": 8,
        "probability": 0.25,
        "surprise": 2.0,
        "next": [{"token": 101, "probability": 0.5}, *[{"token": 97, "probability": 0.125}] * 4],
    }
    assert msgspec.to_builtins(output) == whole
    assert structs(batch, "none") == []
    del whole["next"]
    assert msgspec.to_builtins(structs(batch, "best")) == [whole]
    assert msgspec.to_builtins(structs(token_outputs(7, 1, "best"))) == [whole | {"next": None}]
    del whole["predicted"]
    assert msgspec.to_builtins(structs(batch, "surprise")) == [whole]
    assert msgspec.to_builtins(structs(token_outputs(7, 1, "surprise"), "best")) == [whole | {"predicted": None}]
    [output] = structs(frames(3, 1))
    assert isinstance(output, FrameOutput)
    assert msgspec.to_builtins(output) == {"tick": 3, "values": [3.0, 3.0]}


async def test_many_outputs_come_in_pieces() -> None:
    lengths = [len(piece) for piece in pieces([frames(1, PIECE + 1), frames(PIECE + 2, 3)])]
    assert lengths == [PIECE, 1, 3]


async def test_what_is_read_at_once_has_the_same_columns() -> None:
    outputs = OutputRing(100, create(num_neurons=656).interface)
    levels: list[Level] = ["surprise", "best", "best", "full"]
    for number, level in enumerate(levels):
        outputs.append(token_outputs(1 + 10 * number, 10, level))
    position, told = 0, []
    while position < outputs.end:
        batch, position, _ = outputs.read(position, 1000)
        assert isinstance(batch, TokenOutputs)
        assert [each.dtype.str for each in (batch.token, batch.surprise)] == ["|u1", "<f4"]
        told.append((len(batch), batch.predicted is not None, batch.next_token is not None))
    assert told == [(10, False, False), (20, True, False), (10, True, True)]


@pytest.mark.parametrize("codec", CODECS.values())
async def test_a_message_has_the_columns_that_are_asked_for_and_null_for_what_was_not_computed(codec: Codec) -> None:
    def told(batch_level: Level, level: Level) -> dict[str, Any]:
        outputs.clear()
        outputs.append(token_outputs(1, 3, batch_level))
        batch, *_ = outputs.read(outputs.start, 10)
        assert batch is not None
        message = codec.decode(codec.encode(outputs_message(7, batch, interface.columns, level, codec)))
        connection._make_arrays_(message)
        return message

    interface = create(num_neurons=656).interface
    outputs = OutputRing(100, interface)
    full = told("full", "full")
    assert {name: each.tolist() for name, each in full.items() if isinstance(each, np.ndarray)} == {
        "tick": [1, 2, 3],
        "token": [1, 2, 3],
        "surprise": [2.0] * 3,
        "predicted": [2, 3, 4],
        "next_token": [[101, 97, 97, 97, 97]] * 3,
        "next_probability": [[0.5, *[0.125] * 4]] * 3,
    }
    common = {"type", "position", "first_tick", "count", "tick", "token", "surprise"}
    assert told("full", "surprise").keys() == common
    assert told("full", "best").keys() == common | {"predicted"}
    assert told("surprise", "best")["predicted"] is None
    assert told("best", "full")["next_probability"] is None


async def test_what_is_wanted_is_the_most_that_anybody_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    now, told = 100.0, list[Level]()
    monkeypatch.setattr("time.monotonic", lambda: now)
    wanted = Wanted()
    ring_like: Any = SimpleNamespace(wanted=wanted, end=0)
    told.append(wanted.level)
    wanted.lease("best")
    first, second = (Subscription(ring_like, level) for level in ("none", "full"))
    told.append(wanted.level)
    second.change("surprise")
    told.append(wanted.level)
    now += LEASE_SECONDS
    told.append(wanted.level)
    first.change("full")
    told.append(wanted.level)
    first.end()
    second.end()
    told.append(wanted.level)
    assert told == ["surprise", "full", "best", "surprise", "full", "surprise"]
