"""A server whose net lives several sessions at once is killed: each input is learnt once, and all come to one net."""

import asyncio
import random
from collections.abc import Callable

import pytest

from realnet.client import RealNetError, open_stream
from service.journal.codec import whole_records
from service.journal.records import TogetherRecord
from service.replica.birth import Birth
from service.replica.sessions import state_sha256
from service.store import open_log
from tests.faults.story import ROUNDS
from tests.running_server import ProcessServer, RunningServer
from tests.runtime.life import replayed

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60 + 20 * ROUNDS)]

NEURONS, SESSIONS = 420, 6
BIRTH: Birth = {"preset": "literal", "neurons": NEURONS, "seed": 0, "inputs": None, "outputs": None}


def message(session: int, seq: int) -> list[int]:
    chance = random.Random(1000 * session + seq)
    return [chance.randrange(97, 123) for _ in range(chance.choice([1, 3, 20, 40]))]


class Talk:
    """A client with a session of its own, which goes on after the last durable input at every connection."""

    def __init__(self, number: int) -> None:
        self.number, self.acked, self.sent = number, 0, 0

    async def go_on(self, server: RunningServer, until: int | None = None) -> bool:
        """True when all up to `until` are acknowledged; False where the server was killed."""
        name = f"talk {self.number}"
        try:
            async with open_stream(server.url, name, window=4, session=name) as stream:
                assert self.acked <= stream.last_seq <= self.sent, "an acknowledged input was lost"
                self.acked = stream.last_seq
                while until is None or self.acked < until:
                    self.sent = max(self.sent, stream.last_seq + 1)
                    await stream.send_input(tokens=message(self.number, stream.last_seq + 1))
                    async for heard in stream:
                        if heard["type"] == "ack":
                            self.acked = heard["seq"]
                            break
                return True
        except RealNetError:
            return False


async def test_killed_with_inputs_that_are_lived_at_once(
    new_process: Callable[..., ProcessServer], store_url: str
) -> None:
    server = new_process(store=store_url, preset="literal", neurons=NEURONS, snapshot_every=0.2, journal="always")
    chance, talks = random.Random(ROUNDS), [Talk(number) for number in range(SESSIONS)]
    for _ in range(ROUNDS):
        await asyncio.to_thread(server.start)
        least = max(each.acked for each in talks) + 5
        talking = [asyncio.create_task(each.go_on(server)) for each in talks]
        while max(each.acked for each in talks) < least:
            await asyncio.sleep(0.005)
        await asyncio.sleep(chance.uniform(0.0, 0.3))
        server.kill()
        assert await asyncio.gather(*talking) == [False] * SESSIONS
    await asyncio.to_thread(server.start)
    until = max(each.sent for each in talks) + 3
    assert await asyncio.gather(*(each.go_on(server, until) for each in talks)) == [True] * SESSIONS
    told = sum(len(message(each.number, seq)) for each in talks for seq in range(1, until + 1))
    net = server.net(hash="true")
    assert net["tokens_seen"] == net["tick"] == told
    server.kill()
    replica = await replayed(store_url, BIRTH)
    assert state_sha256(replica.learner.checkpoint(), replica.sessions.state()) == net["state_sha256"]
    log = open_log(store_url, "default/journal")
    kept = [record for block in log.read() for _, record, _, _ in whole_records(block.data)]
    log.close()
    assert any(isinstance(each, TogetherRecord) for each in kept) or store_url.startswith("redis")  # which is trimmed
