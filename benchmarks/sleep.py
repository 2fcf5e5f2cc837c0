"""What sleep is worth, and whether it is woken at once: `python -m benchmarks.sleep`.

A new net hears 40,000 characters, and after every 5,000 it sleeps on what it has heard, or does not. Then, without
learning, it hears the first 5,000 again, and the next 5,000.
"""

import argparse
import asyncio
import statistics
import time
from dataclasses import dataclass, field

import httpx
from rich import print
from rich.table import Table

from benchmarks.running import Client, Server, running
from benchmarks.text import topics_text
from realnet.client import open_stream

HEARD, PART, SLEPT = 40_000, 5_000, 20_000
TEXTS = (0, 100_000, 200_000, 300_000)  # where they begin in all that there is
AT_ONCE = 2_500


@dataclass
class Night:
    heard: list[bool] = field(default_factory=list)
    first: float = 0.0
    next: float = 0.0


def run(server: Server, told: str, learn: bool) -> list[bool]:
    """Which were predicted."""
    hits: list[bool] = []
    for start in range(0, len(told), AT_ONCE):
        body = {"text": told[start : start + AT_ONCE], "learn": learn}
        answer = httpx.post(
            f"{server.url}/v1/inputs", params={"wait": "true"}, json=body, timeout=60
        ).raise_for_status()
        hits += [output["predicted"] == output["token"] for output in answer.json()["outputs"]]
    return hits


def live(told: str, ticks: int) -> Night:
    night = Night()
    with running("--preset", "surprise") as server, Client(server) as client:
        for start in range(0, HEARD, PART):
            night.heard += run(server, told[start : start + PART], learn=True)
            if ticks:
                client.job("sleep", ticks=ticks)
        night.first = statistics.mean(run(server, told[:PART], learn=False))
        night.next = statistics.mean(run(server, told[HEARD : HEARD + PART], learn=False))
    return night


async def wake(server: Server, times: int) -> list[float]:
    """Milliseconds from a token that comes in sleep to its ack."""
    taken = []
    async with open_stream(server.url) as client, httpx.AsyncClient(base_url=server.url) as rest:
        await rest.post("/v1/jobs/sleep", json={"ticks": 2**31 - 1})
        for _ in range(times):
            while (await rest.get("/v1/net")).json()["mode"] != "dreaming":
                await asyncio.sleep(0.05)
            await asyncio.sleep(0.1)
            began = time.perf_counter()
            await client.send_input(tokens=[32])
            async for message in client:
                if message["type"] == "ack":
                    break
            taken.append(1000 * (time.perf_counter() - began))
    return sorted(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wakings", type=int, default=200)
    wakings = parser.parse_args().wakings
    table = Table("text", "sleep", "prequential, second half", f"first {PART:,}, frozen", f"next {PART:,}, frozen")
    for begin in TEXTS:
        told = topics_text()[begin:]
        for ticks in (0, SLEPT):
            night = live(told, ticks)
            half = statistics.mean(night.heard[HEARD // 2 :])
            table.add_row(f"from {begin:,}", f"{ticks:,}", f"{half:.3f}", f"{night.first:.3f}", f"{night.next:.3f}")
    print(table)
    with running("--preset", "surprise") as server:
        run(server, topics_text()[:HEARD], learn=True)
        taken = asyncio.run(wake(server, wakings))
    p99 = taken[int(0.99 * len(taken))]
    print(f"A token in sleep: median {statistics.median(taken):.1f} ms, p99 {p99:.1f} ms, of {wakings}")


if __name__ == "__main__":
    main()
