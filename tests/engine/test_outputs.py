"""The ring of outputs against a plain list, and what a reader that is slow, waits or comes after a restore is told."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realnet import TokenOutputs
from realnet.learners import create
from realnet.outputs import Level
from service.api.encoding import Output, structs
from service.api.stream.subscription import Subscription
from service.engine import output_ring
from service.engine.output_ring import OutputRing
from service.engine.wanted import LEASE_SECONDS, Wanted
from tests.engine.rings import frames, read, ring, token_outputs

pytestmark = pytest.mark.anyio


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


@pytest.mark.parametrize("kept", [900, 3000])
def test_a_ring_that_grows_keeps_what_was_there(kept: int) -> None:
    outputs, everything = OutputRing(kept, create("dendrites").interface), list[Output]()
    levels: list[Level] = ["surprise", "full", "best"]
    for number in range(9):
        batch = token_outputs(700 * number + 1, 700, levels[number % 3])
        batch.token %= 256
        if batch.predicted is not None:
            batch.predicted %= 256
        outputs.append(batch)
        everything += structs(batch)
        found, _, lost = read(outputs, 0, len(everything))
        assert found == everything[lost:]
        assert len(found) >= min(kept, len(everything))


async def test_a_slow_reader_is_told_how_many_it_lost_and_loses_no_more() -> None:
    outputs = ring(kept=10, published=4)
    _, position, lost, _ = outputs.read(0, 2)
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


async def test_wide_frames_are_kept_for_fewer_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output_ring, "_RING_BYTES", 10_000)
    outputs = ring(kept=1000, width=250)
    for first in range(1, 101):
        outputs.append(frames(first, 1, width=250))
    assert outputs.end - outputs.start == 10_000 // (8 + 4 * 250)
    assert [each.tick for each in read(outputs, 0, 1000)[0]] == list(range(92, 101))


async def test_what_is_read_at_once_has_the_same_columns() -> None:
    outputs = OutputRing(100, create(num_neurons=656).interface)
    levels: list[Level] = ["surprise", "best", "best", "full"]
    for number, level in enumerate(levels):
        outputs.append(token_outputs(1 + 10 * number, 10, level))
    position, told = 0, []
    while position < outputs.end:
        batch, position, *_ = outputs.read(position, 1000)
        assert isinstance(batch, TokenOutputs)
        assert [each.dtype.str for each in (batch.token, batch.surprise)] == ["|u1", "<f4"]
        told.append((len(batch), batch.predicted is not None, batch.next_token is not None))
    assert told == [(10, False, False), (20, True, False), (10, True, True)]


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
