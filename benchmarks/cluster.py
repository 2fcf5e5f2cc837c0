"""A cluster of two Ray nodes on this machine under load, whose nodes are killed and frozen at random.

`python -m benchmarks.cluster [--nets 200] [--kills 10] [--freezes 1]`. Needs the extra `cluster`, and a redis-server.
Clients send to the shards themselves, without a gateway, and send again what was not answered. In the end each net must
have learnt all that was acknowledged, once, as one that lived alone in the library: else this ends with 1.
"""

import argparse
import asyncio
import random
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import numpy as np
from rich import print

import realnet
from benchmarks.ray_nodes import Nodes, nodes
from service.cluster.ray_shards import RayShards
from service.cluster.shards import shard_of
from service.errors import NotReady
from service.settings import Settings
from service.store.base import StoreError
from tests.redis_server import RedisServer

_MEMORY = 2**16
_PATIENCE_SECONDS = 60.0
_AGAIN_SECONDS = 0.1
_BACK_SECONDS = 60.0
_STALL_SECONDS = 1.0


class Answer(NamedTuple):
    """An input that was acknowledged: when it was first sent, when it was answered, and by whom."""

    shard: int
    began: float
    ended: float
    url: str


class Load:
    """Clients, each of one net, that send one message after another, and each until it is acknowledged."""

    def __init__(self, shards: RayShards, nets: int, pause: float) -> None:
        self.names = [f"net-{number}" for number in range(nets)]
        self.turns = dict.fromkeys(self.names, 0)
        self.answers: list[Answer] = []
        self.is_over = False
        self._shards, self._pause = shards, pause
        self._http = httpx.AsyncClient(timeout=_PATIENCE_SECONDS, limits=httpx.Limits(max_connections=None))

    async def run(self) -> None:
        """Send until it `is_over`."""
        await asyncio.gather(*map(self._live, self.names))

    async def all_have_answered(self) -> None:
        """Return when each net has answered once more: it is awake, wherever it is."""
        before = dict(self.turns)
        while any(self.turns[name] == turn for name, turn in before.items()):
            await asyncio.sleep(_AGAIN_SECONDS)

    async def hash_of(self, name: str) -> str:
        """Return the hash of what a net has learnt."""
        response, _ = await self._asked(name, "GET", "/net", params={"hash": "true"})
        return str(response.json()["weights_sha256"])

    async def create(self) -> None:
        for name in self.names:
            body = {"name": name, "variant": "compact", "memory": _MEMORY}
            await self._asked(name, "POST", "", json=body)

    async def _live(self, name: str) -> None:
        while not self.is_over:
            await asyncio.sleep(random.uniform(0, 2 * self._pause))
            began, turn = time.monotonic(), self.turns[name]
            _, url = await self._asked(
                name,
                "POST",
                "/inputs",
                params={"wait": "true", "outputs": "none"},
                json={"text": message(name, turn)},
                headers={"Idempotency-Key": f"{turn}"},
            )
            self.turns[name] += 1
            self.answers.append(Answer(shard_of(name, self._shards.count), began, time.monotonic(), url))

    async def _asked(self, name: str, method: str, path: str, **given: Any) -> tuple[httpx.Response, str]:
        """Ask until there is an answer, and return it with the URL that it is from."""
        shard = shard_of(name, self._shards.count)
        path = f"/v1/nets/{name}{path}" if path else "/v1/nets"
        while True:
            try:
                url = await self._shards.url(shard)
                response = await self._unless_moved(shard, url, self._http.request(method, url + path, **given))
            except (NotReady, StoreError):
                continue
            except httpx.TransportError:
                self._shards.lost(shard, url)
                continue
            if response is None:
                continue
            if response.is_success or (not path.startswith("/v1/nets/") and response.status_code == 409):
                return response, url
            if response.status_code not in (429, 503):
                raise RuntimeError(f"{method} {path}: {response.status_code} {response.text}")
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _unless_moved(self, shard: int, url: str, asking: Any) -> httpx.Response | None:
        asked, moved = asyncio.ensure_future(asking), asyncio.ensure_future(self._shards.moved(shard, url))
        await asyncio.wait([asked, moved], return_when=asyncio.FIRST_COMPLETED)
        moved.cancel()
        if asked.done():
            answer: httpx.Response = asked.result()
            return answer
        asked.cancel()
        return None


class Fault(NamedTuple):
    """How long the shards of a node were away; the slowest answer of others meanwhile, and of all in calm before."""

    back: float
    slowest_of_others: float
    slowest_before: float


async def strike(shards: RayShards, load: Load, ray_nodes: Nodes, freezes: bool) -> Fault:
    """Kill a node at random, or freeze it until its shards serve elsewhere; and bring another one in its place."""
    seen = await shards.seen()
    node = random.choice([each for each in ray_nodes.nodes if any(shard.node == each.node_id for shard in seen)])
    before = {each.shard: each.url for each in seen if each.node == node.node_id}
    others = {each.shard for each in seen} - before.keys()
    before_that = time.monotonic()
    await load.all_have_answered()
    struck = time.monotonic()
    calm = max(each.ended - each.began for each in load.answers if before_that < each.began)
    ray_nodes.send(node, signal.SIGSTOP if freezes else signal.SIGKILL)
    back: dict[int, float] = {}
    while before.keys() - back.keys():
        if time.monotonic() - struck > _BACK_SECONDS:
            raise RuntimeError(f"the shards {sorted(before.keys() - back.keys())} are not back")
        await asyncio.sleep(_AGAIN_SECONDS)
        for each in load.answers:
            if each.ended > struck and each.shard in before and each.url != before[each.shard]:
                back.setdefault(each.shard, each.ended - struck)
    if freezes:
        ray_nodes.send(node, signal.SIGCONT)
    until = time.monotonic()
    slow = [each.ended - each.began for each in load.answers if each.shard in others and struck < each.began < until]
    await asyncio.to_thread(ray_nodes.replace, node)
    await shards.balance()
    return Fault(max(back.values()), max(slow, default=0.0), calm)


def message(name: str, turn: int) -> str:
    return f"{name} is told for the {turn}th time that {7 * turn} is {turn} times 7.\n"


def alone(name: str, turns: int) -> str:
    """Return the hash of what a net has learnt that lived through the same in the library."""
    learner: Any = realnet.create("dendrites", variant="compact", memory=_MEMORY)
    for turn in range(turns):
        learner.run(np.frombuffer(message(name, turn).encode(), np.uint8), outputs="none")
    return str(learner.checkpoint().weights_sha256())


async def measure(store: str, ray_nodes: Nodes, given: argparse.Namespace) -> int:
    settings = Settings(
        store=store,
        cluster_shards=given.shards,
        insecure=True,
        tick_hz=0.001,
        nets_hot=given.nets,
        rate_requests=0,
        rate_ticks=0,
        log_level="warning",
    )
    async with RayShards.connected(settings, ray_nodes.address) as shards:
        await shards.make()
        load = Load(shards, given.nets, given.pause)
        await load.create()
        running = asyncio.create_task(load.run())
        faults: dict[str, list[Fault]] = {"killed": [], "frozen": []}
        for number in range(given.kills + given.freezes):
            await load.all_have_answered()
            freezes = number >= given.kills
            fault = await strike(shards, load, ray_nodes, freezes)
            faults["frozen" if freezes else "killed"].append(fault)
            print(
                f"{number + 1}: back after {fault.back:.1f} s, others waited {fault.slowest_of_others:.2f} s at most, "
                f"all in calm {fault.slowest_before:.2f} s"
            )
        await load.all_have_answered()
        load.is_over = True
        await running
        hashes = [await load.hash_of(name) for name in load.names]
        print(f"epochs: {[each.epoch for each in await shards.seen()]}")
    wrong = [name for name, told in zip(load.names, hashes, strict=True) if told != alone(name, load.turns[name])]
    for what, found in faults.items():
        if found:
            back, slow = ([each[place] for each in found] for place in (0, 1))
            print(
                f"{len(found)} nodes {what}: their nets back after {np.median(back):.1f} s, {max(back):.1f} s at most; "
                f"others waited {max(slow):.2f} s at most, {sum(each > _STALL_SECONDS for each in slow)} times more "
                f"than {_STALL_SECONDS:g} s"
            )
    seconds = sorted(each.ended - each.began for each in load.answers)
    print(f"{len(seconds)} inputs acknowledged, half of them within {1000 * seconds[len(seconds) // 2]:.0f} ms")
    print(f"{given.nets - len(wrong)} of {given.nets} nets have learnt each of them once, as in the library")
    return 1 if wrong else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nets", type=int, default=200)
    parser.add_argument("--shards", type=int, default=4)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--freezes", type=int, default=1)
    parser.add_argument("--pause", type=float, default=2.0, help="seconds between two messages of a net")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        redis = RedisServer(Path(directory))
        try:
            with nodes(2) as ray_nodes:
                return asyncio.run(measure(redis.url, ray_nodes, given))
        finally:
            redis.kill()


if __name__ == "__main__":
    sys.exit(main())
