"""Many streams in one server: `python -m benchmarks.streams_service [--streams 1000] [--rows 1000] [--expert table]`.

Each stream has a daily wave with noise and a jump now and then. Rows a second in messages of `--message` rows of one
stream, from 8 connections; the server's CPU and memory, a snapshot, and a start after kill -9; what a request that only
asks for health waits meanwhile. And lines, of one stream: `--lines FILE`.
"""

import argparse
import asyncio
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from rich import print
from rich.table import Table

from benchmarks.running import Server, running

CONNECTIONS = 8
Message = dict[str, Any]


def values(number: int, rows: int) -> list[float]:
    chance = np.random.default_rng(number)
    wave = 50 + 20 * np.sin(2 * np.pi * np.arange(rows) / 288 + number) + chance.normal(0, 2, rows)
    wave[chance.random(rows) < 0.002] += 80
    return [round(float(each), 3) for each in wave]


def messages(streams: range, rows: int, size: int, first: int = 0) -> Iterator[Message]:
    """Yield messages of some streams in turn, from row `first` on."""
    told = {number: values(number, first + rows)[first:] for number in streams}
    for begin in range(0, rows, size):
        for number, each in told.items():
            part = [
                {"at": 1_767_225_600 + 300 * (first + begin + place), "value": value}
                for place, value in enumerate(each[begin : begin + size])
            ]
            yield {"stream": f"stream-{number}", "rows": part}


async def send(server: Server, given: list[Iterator[Message]]) -> tuple[int, float, list[float]]:
    """Send messages, each part from a connection; return rows, seconds, and what health took meanwhile."""
    rows, waits, done = 0, list[float](), asyncio.Event()

    async def teller(client: httpx.AsyncClient, part: Iterator[Message]) -> None:
        nonlocal rows
        for message in part:
            answer = await client.post("/v1/observe?told=events", json=message)
            answer.raise_for_status()
            rows += answer.json()["accepted"]

    async def patient() -> None:
        async with httpx.AsyncClient(base_url=server.url) as client:
            while not done.is_set():
                began = time.perf_counter()
                (await client.get("/healthz")).raise_for_status()
                waits.append(1000 * (time.perf_counter() - began))
                await asyncio.sleep(0.02)

    async with httpx.AsyncClient(base_url=server.url, timeout=600) as client:
        waiting = asyncio.create_task(patient())
        began = time.perf_counter()
        await asyncio.gather(*(teller(client, part) for part in given))
        seconds = time.perf_counter() - began
        done.set()
        await waiting
    return rows, seconds, sorted(waits)


def tell(server: Server, given: list[Iterator[Message]], table: Table, name: str) -> None:
    cpu = server.cpu_seconds()
    rows, seconds, waits = asyncio.run(send(server, given))
    used = server.cpu_seconds() - cpu
    table.add_row(
        name,
        f"{rows:,}",
        f"{rows / seconds:,.0f}",
        f"{1e6 * used / rows:.0f}",
        f"{server.megabytes():,.0f}",
        f"{waits[int(0.99 * len(waits))]:.1f}",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--message", type=int, default=50)
    parser.add_argument("--expert", default="mixed")
    parser.add_argument("--lines", type=Path)
    given = parser.parse_args()
    table = Table("", "rows", "rows a second", "server's µs a row", "MB", "p99 of /healthz, ms")
    with tempfile.TemporaryDirectory() as directory:
        where = ("--store", f"file://{directory}", "--snapshot-every", "0")
        with running(*where) as server, httpx.Client(base_url=server.url, timeout=600) as client:
            print(f"{server.megabytes():,.0f} MB before the first stream")
            if given.expert != "mixed":
                for number in range(given.streams):
                    body = {"kind": "values", "options": {"expert": given.expert}}
                    client.put(f"/v1/streams/stream-{number}", json=body).raise_for_status()
            name = f"{given.streams:,} streams of values, {given.expert}"
            shares = [range(first, given.streams, CONNECTIONS) for first in range(CONNECTIONS)]
            tell(server, [messages(each, given.rows, given.message) for each in shares], table, name)
            if given.lines is not None:
                lines = given.lines.read_text(errors="replace").splitlines()
                parts = (
                    {"stream": "lines", "lines": list(part)}
                    for part in (lines[i : i + 500] for i in range(0, len(lines), 500))
                )
                tell(server, [parts], table, "lines of one stream")
            began = time.perf_counter()
            client.post("/v1/snapshots").raise_for_status()
            stored = sum(path.stat().st_size for path in Path(directory).rglob("streams/*/chunk-*"))
            print(
                f"a snapshot with all streams: {time.perf_counter() - began:.1f} s, {stored / 1e6:,.0f} MB of streams"
            )
            tell(server, [messages(each, 10, 10, given.rows) for each in shares], table, "10 rows more of each")
            print(table)
            before = client.get("/v1/streams?limit=1000").json()
            os.kill(server.pid, signal.SIGKILL)
        began = time.perf_counter()
        with running(*where) as server, httpx.Client(base_url=server.url, timeout=600) as client:
            ready = time.perf_counter() - began
            while client.get("/v1/streams?limit=1000").json() != before:
                time.sleep(0.05)
            print(
                f"after kill -9: ready in {ready:.1f} s, all streams as before in {time.perf_counter() - began:.1f} s"
            )


if __name__ == "__main__":
    main()
