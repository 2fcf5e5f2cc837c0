"""What a new net makes of a text that comes through the WebSocket, and what that costs: `python -m benchmarks.stream`.

Prequential: each token is predicted, scored, then learnt, once.
"""

import argparse
import asyncio
import multiprocessing
import time
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field

import httpx
from rich import print
from rich.table import Table

from benchmarks.running import Server, running
from benchmarks.text import topics_text
from realnet.client import Message, open_stream

LARGE = 512  # tokens in a large message
LOAD_SECONDS = 10.0
IDLE_SECONDS = 60.0


@dataclass
class Heard:
    seconds: float = 0.0
    dropped: int = 0
    hits: list[bool] = field(default_factory=list)
    bits: list[float] = field(default_factory=list)

    def add(self, message: Message) -> None:
        if message["type"] == "outputs":
            self.hits += (message["predicted"] == message["token"]).tolist()
            self.bits += message["surprise"].tolist()
        self.dropped += message.get("count", 0)


async def stream(url: str, text: str, size: int, seconds: float = 0.0) -> Heard:
    """The whole text in messages of `size` tokens, again until `seconds` are over; the time is to the last ack."""
    heard = Heard()
    async with open_stream(url, window=64) as client:
        began = time.monotonic()
        parts = [text[start : start + size] for start in range(0, len(text), size)]

        async def send() -> int:
            sent = 0
            while not sent or time.monotonic() - began < seconds:
                for part in parts:
                    await client.send_input(text=part)
                    sent += len(part)
            return sent

        sending = asyncio.create_task(send())
        async for message in client:
            heard.add(message)
            if sending.done() and not client.unacked:
                heard.seconds = heard.seconds or time.monotonic() - began
                if len(heard.hits) + heard.dropped == sending.result():
                    break
    return heard


def p99_of_health(server: Server, until: "Future[Heard]") -> tuple[float, int]:
    """Milliseconds, and of how many requests."""
    taken = []
    with httpx.Client() as client:
        while not until.done():
            began = time.perf_counter()
            client.get(f"{server.url}/healthz").raise_for_status()
            taken.append(time.perf_counter() - began)
            time.sleep(0.005)
    return 1000 * sorted(taken)[int(0.99 * len(taken))], len(taken)


def scores(heard: Heard) -> list[tuple[str, str]]:
    rows = []
    for name, part in (("whole", slice(None)), ("second half", slice(len(heard.hits) // 2, None))):
        hits, bits = heard.hits[part], heard.bits[part]
        rows.append((f"accuracy, {name}", f"{sum(hits) / len(hits):.4f}"))
        rows.append((f"surprise, {name}", f"{sum(bits) / len(bits):.3f} bits"))
    return rows


def rate(tokens: int, heard: Heard) -> str:
    lost = f" ({heard.dropped:,} outputs lost)" if heard.dropped else ""
    return f"{tokens / heard.seconds:,.0f} a second{lost}"


def of_large_messages(flags: tuple[str, ...], told: str, clients: ProcessPoolExecutor) -> list[tuple[str, str]]:
    with running(*flags) as server:
        heard = run(clients, server.url, told, LARGE).result()
        rows = scores(heard)
        rows.append((f"tokens in messages of {LARGE}", rate(len(told), heard)))
        saved = httpx.post(f"{server.url}/v1/snapshots", timeout=60).raise_for_status().json()
        rows.append(("snapshot", f"{saved['bytes'] / 1e6:.1f} MB"))
        milliseconds, count = p99_of_health(server, run(clients, server.url, told, LARGE, LOAD_SECONDS))
        rows.append(("p99 of GET /healthz at full speed", f"{milliseconds:.1f} ms ({count:,} requests)"))
        rows.append(("server's memory", f"{server.megabytes():.0f} MB, {server.megabytes('VmHWM'):.0f} MB at most"))
        weights, before = weights_sha256(server), server.cpu_seconds()
        time.sleep(IDLE_SECONDS)
        share = (server.cpu_seconds() - before) / IDLE_SECONDS
        same = "the same" if weights_sha256(server) == weights else "OTHER"
        rows.append((f"idle for {IDLE_SECONDS:g} s", f"{share:.2%} of a core, {same} weights"))
    return rows


def of_small_messages(flags: tuple[str, ...], told: str, clients: ProcessPoolExecutor) -> list[tuple[str, str]]:
    with running(*flags) as server:
        heard = run(clients, server.url, told, 1).result()
    return [("tokens in messages of 1", rate(len(told), heard))]


def weights_sha256(server: Server) -> str:
    return str(httpx.get(f"{server.url}/v1/net?hash=true", timeout=60).raise_for_status().json()["weights_sha256"])


def run(clients: ProcessPoolExecutor, url: str, text: str, size: int, seconds: float = 0.0) -> "Future[Heard]":
    """In a process of its own: what the client takes is not the server's."""
    return clients.submit(stream_in_process, url, text, size, seconds)


def stream_in_process(url: str, text: str, size: int, seconds: float) -> Heard:
    return asyncio.run(stream(url, text, size, seconds))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="surprise")
    parser.add_argument("--characters", type=int, default=40_000)
    arguments = parser.parse_args()
    told = topics_text()[: arguments.characters]
    flags = ("--preset", arguments.preset)
    table = Table("what", "measured", title=f"{arguments.preset}, {len(told):,} characters")
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as clients:
        for row in of_large_messages(flags, told, clients) + of_small_messages(flags, told, clients):
            table.add_row(*row)
    print(table)


if __name__ == "__main__":
    main()
