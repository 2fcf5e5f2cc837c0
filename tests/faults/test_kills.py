"""A server that is killed at any moment learns what it would have learnt. FAULT_ROUNDS=50 for the long form."""

# ruff: noqa: F811  (fixtures are imported)

import asyncio
import random
import time
from collections.abc import Callable

import pytest

from tests.faults.story import NEURONS, ROUNDS, Teller, assert_as_uninterrupted
from tests.redis_server import RedisServer, redis_server, store_url  # noqa: F401
from tests.server import RunningServer, new_server

__all__ = ["new_server"]

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60 + 20 * ROUNDS)]

MakeServer = Callable[..., RunningServer]


async def kill_later(server: RunningServer, seconds: float) -> None:
    await asyncio.sleep(seconds)
    server.kill()


async def finish(server: RunningServer, teller: Teller) -> None:
    """Some more, so that the last round is told to its end, too."""
    until = teller.sent + 20
    while not await teller.tell(server, until):
        await asyncio.sleep(0.05)
    assert_as_uninterrupted(server, until)


@pytest.mark.parametrize("policy", ["always", "everysec"])
async def test_killed_at_any_moment(new_server: MakeServer, store_url: str, policy: str) -> None:
    """In ticks, in a write of the journal, in a snapshot, at a start, in a replay."""
    if ROUNDS <= 5 and (policy == "always") != store_url.startswith("redis"):
        pytest.skip("only in the long form")
    chance = random.Random(f"{ROUNDS} {store_url.partition(':')[0]} {policy}")
    server = new_server(store=store_url, neurons=NEURONS, journal=policy, snapshot_every=0.15, snapshots_kept=2)
    teller = Teller()
    for _ in range(ROUNDS):
        if chance.random() < 0.3:  # before it is ready
            server.launch()
            await asyncio.sleep(chance.uniform(0.4, 2.0))
            server.kill()
        await asyncio.to_thread(server.start)
        killing = asyncio.create_task(kill_later(server, chance.uniform(0.02, 0.5)))
        while not killing.done():
            await teller.tell(server)
            await asyncio.sleep(0.01)
        await killing
    assert teller.sent > 10 * ROUNDS
    await asyncio.to_thread(server.start)
    await finish(server, teller)


async def test_redis_killed_and_started_again(new_server: MakeServer, redis_server: RedisServer) -> None:
    """The server stays; what is not durable is refused and not learnt, and learning goes on by itself."""
    chance = random.Random(ROUNDS)
    server = new_server(store=redis_server.url, neurons=NEURONS, journal="always", snapshot_every=0.15)
    teller = Teller()
    await asyncio.to_thread(server.start)
    for _ in range(ROUNDS if ROUNDS > 5 else 3):
        acked = teller.acked
        killing = asyncio.create_task(asyncio.sleep(chance.uniform(0.05, 0.5)))
        killing.add_done_callback(lambda _: redis_server.kill())
        while not await teller.tell(server) and not killing.done():
            await asyncio.sleep(0.01)
        await killing
        assert teller.acked > acked
        if chance.random() < 0.3:
            server.kill()
        redis_server.start()
        if server.process is None:
            await asyncio.to_thread(server.start)
        deadline = time.monotonic() + 20
        while not await asyncio.to_thread(server.is_ready):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
    assert "/problems/not-durable" in teller.refusals
    await finish(server, teller)
    server.kill()
    await asyncio.to_thread(server.start)
    assert_as_uninterrupted(server, teller.acked)
