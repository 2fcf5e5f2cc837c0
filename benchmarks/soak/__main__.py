"""A day in an hour: what a server becomes that is streamed to, left, cut off, paused and asked all the time.

    python -m benchmarks.soak [--minutes 60] [--store redis://host:port/db]

Every half a minute there is a round: the visitors come (`visitors.py` says what they do) and leave, some clients are
there and say nothing, then the same text is streamed three times, alone, and a sample is taken. A snapshot every 20
seconds is a day's number in an hour. The server is flat if, from the medians of the first samples after the warm-up (a
twelfth of the time, two samples at least) to those of the last,

- memory and snapshots have grown by 5% at most, as many files are open, and no more than 5 threads have come;
- a token costs 10% more at most. The cost is the server's processor time beside that of a new net in this process
  that lives through the same text a moment before: other load on the machine makes both slower;

and if the journal never had more bytes than two of its segments and what is written while the kept snapshots are. In
the end exactly the tokens that were acknowledged have been learnt, and a server that is started again has the same
weights. Exit status 1 if anything of that is not so.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median_low

import httpx
from rich.console import Console
from rich.table import Table

from benchmarks.running import Server, running
from benchmarks.soak.visitors import Visitors
from benchmarks.stream import stream, weights_sha256
from benchmarks.text import topics_text
from realnet import TokenLearner
from realnet.client import open_stream
from service.store.file_log import SEGMENT_BYTES

ROUND_SECONDS = 30.0
IDLE_SECONDS = 3.0  # at least
SNAPSHOT_SECONDS = 20.0  # 5 minutes, 15 times as fast, and those that are asked for
REST_SECONDS = 10.0  # for what comes after it
BURST = 30_720  # tokens, in messages of 512
LISTENERS = 20
JOURNAL_BYTES = 2 * SEGMENT_BYTES + 8 * 2**20


@dataclass(frozen=True)
class Sample:
    minute: float
    memory: float  # megabytes
    handles: int
    threads: int
    journal: float  # megabytes
    snapshots: float  # megabytes
    idle: float  # percent of a core
    rate: float  # tokens a second
    rate_of_cpu: float  # tokens a second of the server's processor time
    cost: float  # processor time of a token, with that of a bare net as 1


COLUMNS: dict[str, Callable[[Sample], str]] = {
    "minute": lambda each: f"{each.minute:.1f}",
    "memory, MB": lambda each: f"{each.memory:.0f}",
    "open files": lambda each: f"{each.handles}",
    "threads": lambda each: f"{each.threads}",
    "journal, MB": lambda each: f"{each.journal:.1f}",
    "snapshots, MB": lambda each: f"{each.snapshots:.1f}",
    "idle, % of a core": lambda each: f"{each.idle:.1f}",
    "tokens/s": lambda each: f"{each.rate:,.0f}",
    "tokens/CPU s": lambda each: f"{each.rate_of_cpu:,.0f}",
    "cost of a token": lambda each: f"{each.cost:.2f}",
}


def directory_sizes(directory: Path) -> tuple[int, int]:
    """Bytes of the journal, and of all else."""
    journal = others = 0
    for path in directory.rglob("*"):
        try:
            size = path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:  # trimmed meanwhile
            continue
        if path.suffix == ".journal":
            journal += size
        else:
            others += size
    return journal, others


def redis_sizes(url: str) -> tuple[int, int]:
    from redis import Redis

    with Redis.from_url(url) as client:
        sizes = {key: client.memory_usage(key, samples=0) or 0 for key in client.scan_iter("realnet:*")}
    return sizes.pop(b"realnet:default/journal", 0), sum(sizes.values())


async def idle(server: Server, until: float) -> float:
    """Percent of a core, while some are connected and say nothing."""
    async with AsyncExitStack() as stack:
        for _ in range(LISTENERS):
            await stack.enter_async_context(open_stream(server.url))
        began, used = time.monotonic(), server.cpu_seconds()
        await asyncio.sleep(max(IDLE_SECONDS, until - began))
        return 100 * (server.cpu_seconds() - used) / (time.monotonic() - began)


async def burst(server: Server, visitors: Visitors) -> tuple[float, float, float]:
    """The last three of a sample: medians of three, for a snapshot may be taken meanwhile."""
    told = topics_text()[:BURST]
    rates, rates_of_cpu, costs = [], [], []
    for _ in range(3):
        bare, used = seconds_of_a_bare_net(told), server.cpu_seconds()
        heard = await stream(server.url, told, 512)
        visitors.acknowledged += len(told)
        used = server.cpu_seconds() - used
        rates.append(len(told) / heard.seconds)
        rates_of_cpu.append(len(told) / used)
        costs.append(used / bare)
    return median_low(rates), median_low(rates_of_cpu), median_low(costs)


def seconds_of_a_bare_net(told: str) -> float:
    learner = TokenLearner.create()
    tokens = learner.vocabulary.encode(told)
    used = time.process_time()
    learner.run(tokens)
    return time.process_time() - used


async def least(count: Callable[[], int], seconds: float = 2.0) -> int:
    """Without a snapshot's file, or a connection that is just being closed."""
    least, deadline = count(), time.monotonic() + seconds
    while time.monotonic() < deadline:
        await asyncio.sleep(0.05)
        least = min(least, count())
    return least


async def soak(
    server: Server, visitors: Visitors, minutes: float, sizes: Callable[[], tuple[int, int]]
) -> list[Sample]:
    samples: list[Sample] = []
    began = time.monotonic()
    while time.monotonic() < began + 60 * minutes:
        until = time.monotonic() + ROUND_SECONDS
        await visitors.come()
        share = await idle(server, until - REST_SECONDS)
        rates = await burst(server, visitors)
        handles = await least(server.handles)
        journal, snapshots = (each / 1e6 for each in sizes())
        minute = (time.monotonic() - began) / 60
        memory, threads = server.megabytes(), server.threads()
        samples.append(Sample(minute, memory, handles, threads, journal, snapshots, share, *rates))
        print(", ".join(f"{name} {show(samples[-1])}" for name, show in COLUMNS.items()), flush=True)
    return samples


def judge(samples: list[Sample]) -> bool:
    """Print the table, and what of it is not flat."""
    warm = samples[max(2, len(samples) // 12) :] or samples
    few = max(1, len(warm) // 6)
    middle = (len(warm) - few) // 2
    parts = {"first": warm[:few], "middle": warm[middle : middle + few], "last": warm[-few:]}
    medians = {
        name: Sample(*(median_low(getattr(each, field) for each in part) for field in Sample.__dataclass_fields__))
        for name, part in parts.items()
    }
    table = Table(f"medians of {few}", *parts)
    for name, show in COLUMNS.items():
        table.add_row(name, *map(show, medians.values()))
    Console().print(table)
    first, last = medians["first"], medians["last"]
    checks = {
        "memory": last.memory <= 1.05 * first.memory,
        "open files": last.handles == first.handles,
        "threads": last.threads <= first.threads + 5,
        "journal": max(each.journal for each in samples) <= JOURNAL_BYTES / 1e6,
        "snapshots": last.snapshots <= 1.05 * first.snapshots,
        "cost of a token": last.cost <= 1.1 * first.cost,
    }
    return verdict(checks, "flat")


def verdict(checks: dict[str, bool], good: str) -> bool:
    for name, holds in checks.items():
        print(f"{name}: {good if holds else f'NOT {good}'}")
    return all(checks.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--store", help="redis://…, an empty one; a new directory if not given")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        store = arguments.store or f"file://{directory}"
        sizes = partial(redis_sizes, store) if arguments.store else partial(directory_sizes, Path(directory))
        if any(sizes()):
            sys.exit("the store is not empty")
        with running("--store", store, snapshot_every=SNAPSHOT_SECONDS) as server:
            visitors = Visitors(server.url)
            samples = asyncio.run(soak(server, visitors, arguments.minutes, sizes))
            metrics = httpx.get(f"{server.url}/metrics").text.splitlines()
            seen, weights = tokens_seen(server), weights_sha256(server)
        with running("--store", store) as server:
            again = tokens_seen(server), weights_sha256(server)
    print(", ".join(f"{count:,} {what}" for what, count in visitors.counts.items()))
    print(*(line for line in metrics if line.startswith(("realnet_snapshots_saved_total", "realnet_journal_bytes"))))
    print(f"{visitors.acknowledged:,} tokens acknowledged, {seen:,} learnt")
    print(f"weights {weights}, after a restart {again[1]}")
    flat = judge(samples)
    same = {"tokens learnt": seen == visitors.acknowledged, "the net after a restart": again == (seen, weights)}
    sys.exit(not (verdict(same, "the same") and flat))


def tokens_seen(server: Server) -> int:
    return int(httpx.get(f"{server.url}/v1/net").json()["tokens_seen"])


if __name__ == "__main__":
    main()
