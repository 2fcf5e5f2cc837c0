"""What is taught in these tests, the client that teaches it whatever happens, and what a net must be in the end."""

import asyncio
import os
import random
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from realnet.client import RealNetError, StreamClient, open_stream
from realnet.core.state import ShortTerm
from realnet.inputs import Input
from realnet.learners import AnyPreset, create
from service.replica.birth import Birth
from tests.running_server import RunningServer
from tests.runtime.life import replayed

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "2"))
IS_SHORT = ROUNDS < 10
NEURONS = 1000
CLIENT = "teller"


def message(seq: int) -> dict[str, object]:
    """Always the same for a seq: from 1 to 200 tokens, some of which are not learnt, and some of a session."""
    chance = random.Random(seq)
    tokens = [chance.randrange(97, 123) for _ in range(chance.choice([1, 1, 2, 10, 200]))]
    told: dict[str, object] = {"tokens": tokens, "learn": chance.random() > 0.1}
    return told if chance.random() > 0.2 else told | {"session": chance.choice("ab")}


def net_of(preset: AnyPreset) -> dict[str, Any]:
    """Return the settings of a net, small where its size is chosen."""
    return {"preset": preset} | ({} if preset == "dendrites" else {"neurons": NEURONS})


def uninterrupted(messages: int, preset: AnyPreset) -> tuple[str, int]:
    """The weights' SHA-256, and the number of tokens."""
    learner = create(preset, net_of(preset).get("neurons"))
    minds: dict[object, ShortTerm | None] = {}
    for seq in range(1, messages + 1):
        told = message(seq)
        session = told.get("session")
        own = None if session is None else learner.swap(minds.get(session))
        learner.run_input(Input(tokens=np.array(told["tokens"], np.int32)), 1.0 if told["learn"] else 0.0)
        if own is not None:
            minds[session] = learner.swap(own)
    return learner.checkpoint().weights_sha256(), learner.tokens_seen


@dataclass
class Teller:
    """Goes on after the last durable seq at every connection, and sees that no acknowledged one was lost."""

    acked: int = 0
    sent: int = 0
    refusals: list[str] = field(default_factory=list)

    async def tell(self, server: RunningServer, until: int | None = None) -> bool:
        """True when all up to `until` are acknowledged; False where the server was killed, or refused one."""
        try:
            async with open_stream(server.url, CLIENT, window=16) as client:
                assert client.last_seq >= self.acked, "an acknowledged input was lost"
                assert client.last_seq <= self.sent
                hearing = asyncio.create_task(self._hear(client))
                sending = asyncio.create_task(self._send(client, until))
                done, _ = await asyncio.wait((hearing, sending), return_when=asyncio.FIRST_COMPLETED)
                if hearing not in done and until is not None:
                    while self.acked < until and not hearing.done():
                        await asyncio.sleep(0.005)
                for task in (hearing, sending):
                    task.cancel()
                await asyncio.gather(hearing, sending, return_exceptions=True)
                return until is not None and self.acked == until
        except RealNetError:
            return False

    async def _send(self, client: StreamClient, until: int | None) -> None:
        while until is None or client.last_seq < until:
            self.sent = max(self.sent, client.last_seq + 1)
            await client.send_input(**message(client.last_seq + 1))

    async def _hear(self, client: StreamClient) -> None:
        """Ends at a refusal, and where the server closes."""
        async for heard in client:
            if heard["type"] == "ack":
                self.acked = max(self.acked, heard["seq"])
            elif heard["type"] == "error":
                self.refusals.append(heard["problem"]["type"])
                return


async def weights_after_a_start(url: str) -> str:
    """What a server would find in the store, without starting one, which takes longer."""
    birth: Birth = {"preset": "surprise", "neurons": NEURONS, "seed": 0, "inputs": None, "outputs": None}
    return (await replayed(url, birth)).learner.checkpoint().weights_sha256()


def assert_as_uninterrupted(server: RunningServer, messages: int) -> None:
    net = server.net(hash="true")
    assert (net["weights_sha256"], net["tokens_seen"]) == uninterrupted(messages, net["preset"])
