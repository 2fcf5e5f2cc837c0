"""What strands and their pool promise: each in turn, none overlooked, none twice at once, one's error its own."""

import asyncio
import random
import threading
import time
from collections.abc import Callable
from math import inf

import pytest

from service.strands import Pool, Strand
from tests.engine.running_engine import until

pytestmark = pytest.mark.anyio


def steps_of(name: str, said: list[str], *waits: float | None) -> Callable[[], float | None]:
    """Return a step that says its name, and then waits so long; in the end it ends."""
    left = list(waits)

    def step() -> float | None:
        said.append(name)
        return left.pop(0) if left else None

    return step


class Held:
    """A strand that holds a thread of its pool until it is let go."""

    def __init__(self, pool: Pool) -> None:
        self.has_begun, self._gate = threading.Event(), threading.Event()
        self.strand = Strand(pool, self._step)
        self.strand.wake()
        assert self.has_begun.wait(10.0)

    def _step(self) -> float | None:
        self.has_begun.set()
        assert self._gate.wait(10.0)
        return None

    def let_go(self) -> None:
        self._gate.set()


async def test_one_that_always_has_more_to_do_delays_each_other_by_one_step() -> None:
    pool, said = Pool(1, "test"), list[str]()
    held = Held(pool)
    strands = [
        Strand(pool, steps_of("flooded", said, *[0.0] * 9)),
        Strand(pool, steps_of("a", said, 0.0)),
        Strand(pool, steps_of("b", said, 0.0)),
    ]
    for strand in strands:
        strand.wake()
    held.let_go()
    for strand in strands:
        assert await strand.join(10.0)
    assert said == ["flooded", "a", "b"] * 2 + ["flooded"] * 8


async def test_one_that_holds_a_thread_leaves_the_others_to_all_others() -> None:
    pool, said = Pool(2, "test"), list[str]()
    held = Held(pool)
    others = [Strand(pool, steps_of("", said, 0.0, 0.0)) for _ in range(20)]
    for strand in others:
        strand.wake()
        assert await strand.join(10.0)
    assert held.strand.is_stuck(0.0)
    assert not any(strand.is_stuck(0.0) for strand in others)
    assert not await held.strand.join(0.01)
    held.let_go()
    assert await held.strand.join(10.0)
    assert len(said) == 60


async def test_no_waking_is_lost_and_none_is_run_twice_at_once() -> None:
    pool, each = Pool(3, "test"), 400
    boxes: list[list[int]] = [[] for _ in range(20)]
    taken: list[list[int]] = [[] for _ in boxes]
    busy = [threading.Lock() for _ in boxes]

    def step_of(number: int) -> Callable[[], float | None]:
        def step() -> float | None:
            assert busy[number].acquire(blocking=False)
            time.sleep(0)
            count = len(boxes[number])
            taken[number] += boxes[number][:count]
            del boxes[number][:count]
            busy[number].release()
            return None if len(taken[number]) == 3 * each else random.choice([inf, inf, 10.0, 0.0001])

        return step

    strands = [Strand(pool, step_of(number)) for number in range(len(boxes))]

    def put() -> None:
        places = [number for number in range(len(boxes)) for _ in range(each)]
        random.shuffle(places)
        for number in places:
            boxes[number].append(number)
            strands[number].wake()

    await asyncio.gather(*(asyncio.to_thread(put) for _ in range(3)))
    await until(lambda: [len(each) for each in taken] == [3 * each] * len(boxes))  # without another waking
    for strand in strands:
        assert await strand.join(10.0)


async def test_each_is_called_again_when_it_is_time_and_not_before() -> None:
    pool, said, began = Pool(1, "test"), list[str](), time.monotonic()
    late, early = Strand(pool, steps_of("late", said, 0.08)), Strand(pool, steps_of("early", said, 0.04))
    never, held = Strand(pool, steps_of("never", said, inf)), Held(pool)
    for strand in (late, early, never):
        strand.wake()
    held.let_go()
    await until(lambda: len(said) == 5)
    assert said == ["late", "early", "never", "early", "late"]
    assert time.monotonic() - began >= 0.08
    assert await never.join(10.0)


async def test_a_waking_does_not_wait_for_the_time_and_the_time_is_then_another() -> None:
    pool, said = Pool(1, "test"), list[str]()
    strand = Strand(pool, steps_of("", said, 60.0, 0.01, 60.0))
    strand.wake()
    await until(lambda: len(said) == 1)
    strand.wake()
    await until(lambda: len(said) == 3)
    assert await strand.join(10.0)


async def test_a_time_is_kept_while_the_thread_that_waited_for_it_does_something_else() -> None:
    pool, said, gate = Pool(2, "test"), list[str](), threading.Event()
    both = Held(pool), Held(pool)
    staying = Strand(pool, steps_of("", said, inf))
    staying.wake()
    for held in both:
        held.let_go()
        assert await held.strand.join(10.0)  # now both threads have nothing to wait for

    def waits_then_holds() -> float | None:
        said.append("holds")
        return 0.02 if said.count("holds") == 1 else (None if gate.wait(10.0) else inf)

    timed, holding = Strand(pool, steps_of("timed", said, 0.1, inf)), Strand(pool, waits_then_holds)
    timed.wake()
    await until(lambda: "timed" in said)
    holding.wake()
    await until(lambda: said.count("timed") == 2)
    assert said.count("holds") == 2
    assert not gate.is_set()
    gate.set()
    for strand in (staying, timed, holding):
        assert await strand.join(10.0)


async def test_a_step_that_wakes_its_own_strand_is_followed_by_another() -> None:
    steps = list[int]()

    def step() -> float | None:
        steps.append(0)
        if len(steps) < 3:
            strand.wake()
        return inf

    strand = Strand(Pool(1, "test"), step)
    strand.wake()
    await until(lambda: len(steps) == 3)


async def test_an_error_ends_its_strand_and_no_other(caplog: pytest.LogCaptureFixture) -> None:
    pool, said = Pool(1, "test"), list[str]()

    def fails() -> float | None:
        raise RuntimeError("not foreseen")

    failing, other = Strand(pool, fails), Strand(pool, steps_of("", said, 0.0))
    failing.wake()
    other.wake()
    assert await other.join(10.0)
    assert await failing.join(10.0)
    assert said == ["", ""]
    assert "not foreseen" in caplog.text


async def test_threads_are_there_as_long_as_strands_are() -> None:
    def threads() -> int:
        return sum(thread.name.startswith("counted") for thread in threading.enumerate())

    pool, said = Pool(2, "counted"), list[str]()
    assert await Strand(pool, steps_of("never woken", said)).join(10.0)
    for _ in range(2):
        strands = [Strand(pool, steps_of("", said, inf)) for _ in range(9)]
        for strand in strands:
            strand.wake()
        assert 0 < threads() <= 2
        for strand in strands:
            assert await strand.join(10.0)
        await until(lambda: not threads())
