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
from service.api.encoding import PIECE, FrameOutput, Output, TokenOutput, pieces, structs
from service.api.stream.hub import StreamHub
from service.api.stream.protocol import CODECS, JSON, Codec
from service.engine import output_ring
from service.engine.output_ring import OutputRing
from service.replica.progress import Progress, ProgressState
from service.settings import Settings

pytestmark = pytest.mark.anyio


def frames(first: int, count: int, width: int = 2) -> FrameOutputs:
    ticks = np.arange(first, first + count)
    return FrameOutputs(ticks, np.repeat(ticks[:, None], width, axis=1).astype(np.float32))


def read(outputs: OutputRing, position: int, limit: int) -> tuple[list[Output], int, int]:
    batch, following, lost = outputs.read(position, limit)
    return [] if batch is None else structs(batch), following, lost


def ring(kept: int, published: int) -> OutputRing:
    """Ticks 1 … `published`."""
    outputs = OutputRing(kept)
    outputs.append(frames(1, published))
    return outputs


@given(st.lists(st.integers(1, 20), max_size=12), st.integers(1, 12), st.integers(0, 80), st.integers(1, 30))
def test_a_ring_is_the_end_of_a_list(batches: list[int], kept: int, position: int, limit: int) -> None:
    outputs, everything = OutputRing(kept), list[Output]()
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
    outputs = OutputRing(10)
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
    outputs, position, losses = OutputRing(kept=80), 0, list[int]()
    for tick in range(1, 1001):
        outputs.append(frames(tick, 1))
        assert min(tick, 80) <= outputs.end - outputs.start < 80 + 10
        if tick % 2:  # half as fast as the net
            found, position, lost = read(outputs, position, 1)
            assert len(found) == 1
            losses += [lost] if lost else []
    assert set(losses) == {5}


def subscribed(outputs: OutputRing) -> StreamHub:
    runtime: Any = SimpleNamespace(outputs=outputs, engine=SimpleNamespace(progress=Progress.of(ProgressState())))
    return StreamHub(runtime, Settings())


@pytest.mark.parametrize("codec", CODECS.values())
async def test_those_who_are_behind_by_different_amounts_share_pieces(codec: Codec) -> None:
    outputs = ring(kept=3000, published=1000)
    streams = subscribed(outputs)
    for position in (0, 3, 255):
        encoded, following, lost = streams.piece(position, codec)
        ticks = [each["tick"] for each in codec.decode(encoded)["outputs"]]
        assert (ticks, following, lost) == (list(range(position + 1, 257)), 256, 0)
    whole, following, _ = streams.piece(256, codec)
    assert streams.piece(256, codec)[0] is whole
    last, following, _ = streams.piece(768, codec)
    assert following == 1000
    assert streams.piece(768, codec)[0] is last
    outputs.append(frames(1001, 1))  # now there is more than what was shared
    assert len(codec.decode(streams.piece(768, codec)[0])["outputs"]) == 233


async def test_who_lost_outputs_goes_on_with_the_oldest() -> None:
    outputs, codec = ring(kept=800, published=1000), CODECS[JSON]
    streams = subscribed(outputs)
    start = outputs.start
    assert start > 0
    pieces = [streams.piece(position, codec) for position in (0, 90)]
    assert pieces[0][0] is pieces[1][0]
    assert [(following, lost) for _, following, lost in pieces] == [(256, start), (256, start - 90)]
    assert codec.decode(pieces[0][0])["outputs"][0]["tick"] == start + 1
    assert outputs.lost == 2 * start - 90


async def test_after_a_restore_a_piece_begins_with_what_is_said_next() -> None:
    outputs, codec = ring(kept=1000, published=PIECE), CODECS[JSON]
    streams = subscribed(outputs)
    outputs.clear()
    assert streams.piece(0, codec) == (b"", PIECE, PIECE)
    outputs.append(frames(7, 1))
    encoded, following, lost = streams.piece(PIECE, codec)
    assert [each["tick"] for each in codec.decode(encoded)["outputs"]] == [7]
    assert (following, lost) == (PIECE + 1, 0)


async def test_wide_frames_are_kept_for_fewer_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output_ring, "_RING_BYTES", 10_000)
    outputs = OutputRing(kept=1000)
    for first in range(1, 101):
        outputs.append(frames(first, 1, width=250))
    assert outputs.end - outputs.start == 10_000 // (8 + 4 * 250)
    assert [each.tick for each in read(outputs, 0, 1000)[0]] == list(range(92, 101))


async def test_outputs_have_the_form_of_the_document() -> None:
    batch = TokenOutputs(
        np.array([7]),
        np.array([104], np.int32),
        np.array([32], np.int32),
        np.array([0.25], np.float32),
        np.array([2.0], np.float32),
        np.array([[101, 97]], np.int32),
        np.array([[0.5, 0.125]], np.float32),
    )
    [output] = structs(batch)
    assert isinstance(output, TokenOutput)
    assert msgspec.json.decode(msgspec.json.encode(output)) == {
        "tick": 7,
        "token": 104,
        "predicted": 32,
        "probability": 0.25,
        "surprise": 2.0,
        "next": [{"token": 101, "probability": 0.5}, {"token": 97, "probability": 0.125}],
    }
    [output] = structs(frames(3, 1))
    assert isinstance(output, FrameOutput)
    assert msgspec.to_builtins(output) == {"tick": 3, "values": [3.0, 3.0]}


async def test_many_outputs_come_in_pieces() -> None:
    lengths = [len(piece) for piece in pieces([frames(1, PIECE + 1), frames(PIECE + 2, 3)])]
    assert lengths == [PIECE, 1, 3]
