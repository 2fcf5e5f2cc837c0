"""A server that is killed at any moment learns what it would have learnt. FAULT_ROUNDS=50 for the long form."""

import asyncio
import random
import time
from collections.abc import Callable

import pytest

from realnet.learners import AnyPreset
from tests.faults.story import (
    IS_SHORT,
    NEURONS,
    ROUNDS,
    Teller,
    assert_as_uninterrupted,
    net_of,
    weights_after_a_start,
)
from tests.redis_server import RedisServer
from tests.running_server import ProcessServer

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60 + 20 * ROUNDS)]

MakeServer = Callable[..., ProcessServer]
SHORT = [("redis", "always", "surprise"), ("file", "everysec", "surprise"), ("file", "everysec", "dendrites")]


async def kill_later(server: ProcessServer, teller: Teller, sent: int, seconds: float) -> None:
    """Kill a server so many seconds after it was told `sent` inputs in all."""
    while teller.sent < sent:
        await asyncio.sleep(0.005)
    await asyncio.sleep(seconds)
    server.kill()


async def kill_after_an_ack(redis_server: RedisServer, teller: Teller, seconds: float) -> None:
    acked = teller.acked
    while teller.acked == acked:
        await asyncio.sleep(0.005)
    await asyncio.sleep(seconds)
    redis_server.kill()


async def finish(server: ProcessServer, teller: Teller) -> None:
    """Some more, so that the last round is told to its end, too."""
    until = teller.sent + 20
    while not await teller.tell(server, until):
        await asyncio.sleep(0.05)
    assert_as_uninterrupted(server, until)


@pytest.mark.parametrize("preset", ["surprise", "dendrites"])
@pytest.mark.parametrize("policy", ["always", "everysec"])
async def test_killed_at_any_moment(new_process: MakeServer, store_url: str, policy: str, preset: AnyPreset) -> None:
    """In ticks, in a write of the journal, in a snapshot, at a start, in a replay."""
    kind = store_url.partition(":")[0]
    if IS_SHORT and (kind, policy, preset) not in SHORT:
        pytest.skip("only in the long form")
    chance = random.Random(f"{ROUNDS} {kind} {policy}")
    server = new_process(store=store_url, journal=policy, snapshot_every=0.15, snapshots_kept=2, **net_of(preset))
    teller = Teller()
    for number in range(ROUNDS):
        if chance.random() < 0.3:  # before it is ready
            server.launch()
            await asyncio.sleep(chance.uniform(0.05, 0.5))
            server.kill()
        await asyncio.to_thread(server.start)
        killing = asyncio.create_task(kill_later(server, teller, 0 if number else 3, chance.uniform(0.02, 0.5)))
        while not killing.done():
            await teller.tell(server)
            await asyncio.sleep(0.01)
        await killing
    await asyncio.to_thread(server.start)
    await finish(server, teller)
    assert "in use" not in server.log  # by the one that was killed


async def test_redis_killed_and_started_again(new_process: MakeServer, redis_server: RedisServer) -> None:
    """The server stays; what is not durable is refused and not learnt, and learning goes on by itself."""
    chance = random.Random(ROUNDS)
    server = new_process(store=redis_server.url, neurons=NEURONS, journal="always", snapshot_every=0.15)
    teller = Teller()
    await asyncio.to_thread(server.start)
    for _ in range(ROUNDS):
        killing = asyncio.create_task(kill_after_an_ack(redis_server, teller, chance.uniform(0.0, 0.5)))
        while not killing.done():
            await teller.tell(server)
            await asyncio.sleep(0.01)
        await killing
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
    weights = server.weights()
    server.kill()
    assert await weights_after_a_start(redis_server.url) == weights


async def test_redis_that_has_lost_everything(new_process: MakeServer, redis_server: RedisServer) -> None:
    """The net has not: a snapshot brings all of it back."""
    server = new_process(store=redis_server.url, neurons=NEURONS)
    await asyncio.to_thread(server.start)
    server.run(text="what only the net knows")
    redis_server.lose_everything()
    body, headers = {"text": " and what comes then"}, {"Idempotency-Key": "a"}
    while server.client.post("/v1/inputs", json=body, headers=headers).status_code == 503:
        time.sleep(0.05)
    while not server.client.get("/v1/snapshots").json()["data"]:
        time.sleep(0.05)
    server.run(text=" and after it")
    assert "has lost records of the journal" in server.log
    net = server.net(hash="true")
    assert net["tokens_seen"] == len("what only the net knows and what comes then and after it")
    server.kill()
    assert await weights_after_a_start(redis_server.url) == net["weights_sha256"]
