"""A hive on one Redis: how far followers are behind, what they add, and leaders that are killed.

`python -m benchmarks.hive`. All servers, Redis and the clients share this machine's cores: on two cores, three servers
are in each other's way.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from pathlib import Path

import httpx
from rich import print
from rich.table import Table

from benchmarks.running import Server, running
from benchmarks.text import topics_text
from realnet.client import AsyncClient, Client, RealNetError, StreamClient, open_stream
from tests.redis_server import RedisServer

_MESSAGE = 20  # tokens
_LONG_MESSAGE = 1000  # while leaders are killed
_GENERATED = 32  # tokens
_ASKING = 4  # clients that generate at once, at each server
_PATIENCE_SECONDS = 60.0
_HTTP = httpx.Client(timeout=60.0)  # one: to make one takes as long as some answers
_CLIENTS: dict[str, Client] = {}


@contextmanager
def redis() -> Iterator[str]:
    """Run a Redis that syncs every write to the disk; yield its URL."""
    with tempfile.TemporaryDirectory() as directory:
        server = RedisServer(Path(directory))
        try:
            yield server.url
        finally:
            server.kill()


class Heard:
    """When a server told of each tick."""

    def __init__(self) -> None:
        self.at: dict[int, float] = {}

    async def hear(self, stream: StreamClient) -> None:
        async for message in stream:
            if message["type"] == "outputs":
                now = time.monotonic()
                self.at.update(dict.fromkeys(message["tick"].tolist(), now))


async def lag(leader: Server, followers: list[Server], per_second: int, seconds: float) -> list[str]:
    """Teach the leader at a pace; return how long after it the followers have lived each tick."""
    servers = [leader, *followers]
    heard = [Heard() for _ in servers]
    text = topics_text()
    sent: dict[int, float] = {}
    async with AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(open_stream(each.url, outputs="surprise")) for each in servers]
        hearing = [asyncio.create_task(each.hear(stream)) for each, stream in zip(heard, streams, strict=True)]
        first = (await asyncio.to_thread(_net, leader))["tick"] + 1
        began, count = time.monotonic(), 0
        while time.monotonic() - began < seconds:
            due = int((time.monotonic() - began) * per_second) // _MESSAGE
            while count < due:
                start = count * _MESSAGE % (len(text) - _MESSAGE)
                sent[first + count * _MESSAGE] = time.monotonic()
                await streams[0].send_input(text=text[start : start + _MESSAGE])
                count += 1
            await asyncio.sleep(0.002)
        last = first + count * _MESSAGE - 1
        until = time.monotonic() + _PATIENCE_SECONDS
        while not all(last in each.at for each in heard) and time.monotonic() < until:
            await asyncio.sleep(0.05)
        for task in hearing:
            task.cancel()
        await asyncio.gather(*hearing, return_exceptions=True)
    behind = [each.at[tick] - heard[0].at[tick] for each in heard[1:] for tick in sent if tick in each.at]
    whole = [each.at[tick] - at for each in heard[1:] for tick, at in sent.items() if tick in each.at]
    return [
        f"{count * _MESSAGE / seconds:,.0f} tokens a second, in messages of {_MESSAGE}; {len(followers)} followers",
        f"a follower behind its leader: p50 {_ms(behind, 0.5)}, p99 {_ms(behind, 0.99)}, at most {_ms(behind, 1)}",
        f"from sending to lived by a follower: p50 {_ms(whole, 0.5)}, p99 {_ms(whole, 0.99)}",
    ]


async def generations(servers: list[Server], seconds: float) -> float:
    """Return how many generations a second some clients of each server get, all together."""
    done, until = 0, time.monotonic() + seconds

    async def ask(server: Server) -> None:
        nonlocal done
        async with AsyncClient(server.url) as client:
            while time.monotonic() < until:
                await client.generate("The ", max_tokens=_GENERATED)
                done += 1

    await asyncio.gather(*(ask(each) for each in servers for _ in range(_ASKING)))
    return done / seconds


def kill_leaders(url: str, followers: int, kills: int, seconds: float) -> list[str]:
    """Kill whoever leads while the hive is taught; return what became of it."""
    text, learnt = topics_text(), 0
    took: list[float] = []
    with ExitStack() as stack:
        settings = {"follow": url, "standby": True, "journal": "always", "hash_every": 1000}
        settings |= {"tick_hz": 0.001}  # ticks without input are counted by the leader alone, until a record tells them
        servers = [stack.enter_context(running(**settings)) for _ in range(followers + 1)]
        for _ in range(kills + 1):
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                learnt += _taught(servers, text[learnt % 100_000 :][:_LONG_MESSAGE], learnt)
            if len(took) < kills:
                leader = next(each for each in servers if _hive(each).get("role") == "leader")
                os.kill(leader.pid, signal.SIGKILL)
                killed_at = time.monotonic()
                servers.remove(leader)
                while all(_hive(each).get("role") != "leader" for each in servers):
                    time.sleep(0.02)
                took.append(time.monotonic() - killed_at)
                servers.append(stack.enter_context(running(**settings)))
        tokens = _level(servers)
        states = {_HTTP.get(f"{each.url}/v1/net?hash=true").json()["state_sha256"] for each in servers}
    took.sort()
    return [
        # It stays a zombie, which nobody takes for dead: so the lease is waited for, as on another machine.
        f"leader killed {kills} times with SIGKILL; another led after {took[0]:.1f} to {took[-1]:.1f} s, by the lease",
        f"{learnt:,} tokens acknowledged, {tokens:,} learnt; {len(states)} hash of {len(servers)} servers",
    ]


def _taught(servers: list[Server], text: str, number: int) -> int:
    """Teach the first server that takes it; return the tokens that were acknowledged."""
    for server in servers:
        client = _CLIENTS.get(server.url) or _CLIENTS.setdefault(server.url, Client(server.url, patience=0.0))
        with contextlib.suppress(RealNetError):
            return client.send(text, idempotency_key=f"input-{number}").accepted
    return 0


def _level(servers: list[Server]) -> int:
    """Wait until all have lived the same; return the tokens."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while len(seen := {_net(each)["tokens_seen"] for each in servers}) > 1:
        assert time.monotonic() < until, f"the servers do not come to one state: {seen}"
        time.sleep(0.1)
    return int(seen.pop())


def _hive(server: Server) -> dict[str, object]:
    with contextlib.suppress(httpx.TransportError):
        return dict(_HTTP.get(f"{server.url}/v1/hive").json())
    return {}


def _net(server: Server) -> dict[str, int]:
    return dict(_HTTP.get(f"{server.url}/v1/net").json())


def _ms(values: list[float], share: float) -> str:
    ordered = sorted(values)
    return f"{1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]:,.0f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--followers", type=int, default=2)
    parser.add_argument("--per-second", type=int, default=5000, help="tokens that the leader is taught")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each part")
    parser.add_argument("--kills", type=int, default=20)
    given = parser.parse_args()
    table = Table("a hive on one Redis", show_header=True)
    with redis() as url, ExitStack() as stack:
        leader = stack.enter_context(running(store=url, follow=url, standby=True))
        followers = [stack.enter_context(running(follow=url)) for _ in range(given.followers)]
        for line in asyncio.run(lag(leader, followers, given.per_second, given.seconds)):
            table.add_row(line)
        one = asyncio.run(generations([leader], given.seconds / 2))
        two = asyncio.run(generations([leader, followers[0]], given.seconds / 2))
        table.add_row(f"generations of {_GENERATED} tokens a second: {one:,.1f} of one process, {two:,.1f} of two")
    if given.kills:
        with redis() as url:
            for line in kill_leaders(url, given.followers, given.kills, min(given.seconds, 3.0)):
                table.add_row(line)
    print(table)
    print(f"load of the machine before: {os.getloadavg()[2]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
