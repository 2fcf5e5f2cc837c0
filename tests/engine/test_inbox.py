"""What the inbox promises: a bound on ticks that wait, order, and an answer to everybody who waits."""

import asyncio

import numpy as np
import pytest

from realnet.inputs import Input
from service.engine.clones import Clone
from service.engine.commands import Change, Run
from service.engine.generate import Generate, Generation
from service.engine.inbox import Inbox
from service.errors import EngineStopped, Limited, Overloaded

pytestmark = pytest.mark.anyio


def run_of(ticks: int) -> Run:
    return Run(Input(tokens=np.zeros(ticks, np.int32)))


def generate() -> Generate:
    return Generate(np.zeros(1, np.int32), max_tokens=1, temperature=0.0, seed=0)


def open_inbox(capacity: int = 8, generations: int = 2) -> Inbox:
    return Inbox(capacity, generations)


async def test_depth_is_of_what_was_accepted_and_not_yet_run() -> None:
    inbox = open_inbox()
    inbox.put(run_of(3))
    inbox.put(run_of(5))
    assert inbox.depth == 8
    inbox.take()
    assert inbox.depth == 8
    inbox.release(3)
    assert inbox.depth == 5


async def test_a_full_inbox_refuses_and_nothing_has_changed() -> None:
    inbox = open_inbox()
    first = run_of(7)
    inbox.put(first)
    with pytest.raises(Overloaded):
        inbox.put(run_of(2))
    assert inbox.depth == 7
    assert inbox.take() == [first]


async def test_commands_without_ticks_are_always_admitted_and_overtake() -> None:
    inbox = open_inbox()
    run, clone, configure = run_of(8), Clone(), Change(paused=True)
    for command in (run, clone, configure):
        inbox.put(command)
    assert inbox.take() == [clone, configure, run]


async def test_all_are_taken_in_order_and_once() -> None:
    inbox = open_inbox()
    runs = [run_of(2) for _ in range(4)]
    for run in runs:
        inbox.put(run)
    assert inbox.take() == runs
    assert inbox.take() == []


async def test_whoever_takes_is_woken_by_each_that_comes_when_it_is_there() -> None:
    inbox = open_inbox()
    taken: list[object] = []
    inbox.on_change = lambda: taken.extend(inbox.take())
    run, copy = run_of(1), Clone()
    inbox.put(run)
    inbox.put(copy)
    assert taken == [run, copy]


async def test_those_who_wait_for_room_are_admitted_in_order() -> None:
    inbox = open_inbox()
    inbox.put(run_of(8))
    inbox.take()
    large, small = run_of(6), run_of(1)
    waiting = [inbox.enter(each) for each in (large, small)]
    for released, admitted in ((5, 0), (1, 1), (1, 2)):
        inbox.release(released)
        inbox.admit()
        assert sum(each.done() for each in waiting) == admitted
    assert inbox.take() == [large, small]
    assert inbox.depth == 8


async def test_more_than_there_can_ever_be_room_for_is_refused_at_once() -> None:
    inbox = open_inbox(capacity=8)
    large = run_of(9)
    assert inbox.enter(large).done()
    with pytest.raises(Overloaded):
        await large.reply


async def test_generations_are_bounded() -> None:
    inbox = open_inbox(generations=2)
    first = generate()
    inbox.put(first)
    inbox.put(generate())
    with pytest.raises(Overloaded):
        inbox.put(generate())
    first.reply.set_result(Generation([], 0, "length"))
    await asyncio.sleep(0)
    inbox.put(generate())


async def test_one_key_leaves_generations_to_others() -> None:
    inbox = open_inbox(generations=4)
    inbox.put(generate(), "mallory/")
    inbox.put(generate(), "mallory/")
    with pytest.raises(Limited):
        inbox.put(generate(), "mallory/")
    inbox.put(generate(), "alice/")


async def test_a_closed_inbox_refuses_everything_and_gives_back_what_was_left() -> None:
    inbox = open_inbox()
    run, clone = run_of(8), Clone()
    inbox.put(run)
    inbox.put(clone)
    waiting = run_of(1)
    entered = inbox.enter(waiting)
    assert inbox.close(EngineStopped("over")) == [clone, run]
    inbox.admit()
    assert entered.done()
    with pytest.raises(EngineStopped, match="over"):
        await waiting.reply
    with pytest.raises(EngineStopped):
        inbox.put(Clone())
    late = run_of(1)
    assert inbox.enter(late).done()
    with pytest.raises(EngineStopped):
        await late.reply
    assert inbox.depth == 0
