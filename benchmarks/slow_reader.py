"""A client that stops reading, beside one that goes on, at full load: `python -m benchmarks.slow_reader`.

The other's rate and latency and the server's memory should not change, and the slow one is told what it lost.
"""

import argparse
import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import cycle

from rich import print
from rich.table import Table

from benchmarks.running import Server, running
from benchmarks.text import topics_text
from realnet.client import StreamClient, open_stream

SIZE = 512  # tokens in a message
BEFORE_SECONDS = 15.0
WINDOW = 8  # messages of the good client on their way: enough for full load


@dataclass
class Load:
    """A client that keeps the net busy, and how long it waits for each ack."""

    client: StreamClient
    tokens: int = 0
    latencies: list[float] = field(default_factory=list)
    _sent_at: dict[int, float] = field(default_factory=dict)

    async def send(self) -> None:
        told = topics_text()
        for start in cycle(range(0, len(told) - SIZE, SIZE)):
            seq = await self.client.send_input(text=told[start : start + SIZE])
            self._sent_at[seq] = time.perf_counter()

    async def receive(self) -> None:
        async for message in self.client:
            if message["type"] == "ack":
                self.tokens += SIZE * message.get("count", 1)
                if (sent_at := self._sent_at.pop(message["seq"], None)) is not None:
                    self.latencies.append(time.perf_counter() - sent_at)

    async def measure(self, server: Server, seconds: float) -> list[str]:
        self.tokens, self.latencies = 0, []
        await asyncio.sleep(seconds)
        ordered = sorted(self.latencies)
        return [
            f"{self.tokens / seconds:,.0f}",
            f"{1000 * ordered[len(ordered) // 2]:.1f} ms",
            f"{1000 * ordered[int(0.99 * len(ordered))]:.1f} ms",
            f"{server.megabytes():.0f} MB",
        ]


async def catch_up(slow: StreamClient) -> tuple[int, int]:
    """How many outputs were on their way when it stopped reading, and how many it is told that it lost after them."""
    received = lost = tick = 0
    async for message in slow:
        if message["type"] == "outputs":
            received += message["count"]
            if lost:
                assert message["first_tick"] == tick + lost + 1, "the count is wrong"
                return received, lost
            tick = int(message["tick"][-1])
        elif message["type"] == "event" and message["name"] == "dropped":
            lost += message["count"]
    raise AssertionError("the server closed the stream")


async def compare(server: Server, seconds: float) -> None:
    table = Table("slow reader", "tokens a second", "median ack", "p99 ack", "server's memory")
    async with AsyncExitStack() as stack:
        load = Load(await stack.enter_async_context(open_stream(server.url, window=WINDOW)))
        tasks = [asyncio.create_task(load.send()), asyncio.create_task(load.receive())]
        await load.measure(server, 3.0)
        table.add_row("none", *await load.measure(server, BEFORE_SECONDS))
        slow = await stack.enter_async_context(open_stream(server.url))
        table.add_row(f"for {seconds:g} s", *await load.measure(server, seconds))
        received, lost = await catch_up(slow)
        await slow.connection.close()
        table.add_row("none any more", *await load.measure(server, BEFORE_SECONDS))
        for task in tasks:
            task.cancel()
    print(table)
    print(f"The slow reader was told that it lost {lost:,} outputs, after {received:,} that were on their way to it.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    seconds = parser.parse_args().seconds
    with running() as server:
        asyncio.run(compare(server, seconds))


if __name__ == "__main__":
    main()
