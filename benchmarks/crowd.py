"""500 clients at once: 200 read, 250 teach, 50 never read a byte: `python -m benchmarks.crowd`.

The tick rate is compared with that of one teacher who is alone, before and afterwards; every input has to be learnt
exactly once, and the server's memory is watched. The teachers keep the net at full load: each sends its next message
when the last has been acknowledged, so that an ack takes as long as the net needs for a message of each of them. The
clients live in two processes of their own and decode next to nothing, but share the machine with the server: on two
cores they take from it what they use.
"""

import argparse
import multiprocessing
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass

import httpx
from rich import print
from rich.table import Table

from benchmarks.crowd_clients import Group, Heard, live
from benchmarks.running import Server, running

ALONE = [Group(teachers=1, size=512, window=8)]
CROWD = [Group(readers=200, silent=50), Group(teachers=250, size=64, window=1)]
ALONE_SECONDS = 20.0
WARM_SECONDS = 3.0
LOOK_SECONDS = 0.5
ROWS = (
    "ticks a second",
    "median ack",
    "p99 ack",
    "server's memory before, at most, at the end",
    "outputs read a second, by all together",
    "outputs lost a second, as they are told",
    "streams closed by the server",
)


@dataclass
class Measured:
    heard: list[Heard]
    rate: float  # ticks a second
    learnt: int  # tokens, from before the first client to after the last
    megabytes: list[float]

    @property
    def acknowledged(self) -> int:
        return sum(each.acknowledged for each in self.heard)

    def latency(self, share: float) -> str:
        """Of acks, at this quantile."""
        ordered = sorted(latency for each in self.heard for latency in each.latencies)
        return f"{1000 * ordered[int(share * len(ordered))]:,.0f} ms"

    def check(self) -> None:
        """Nothing was lost or doubled."""
        sent = sum(each.sent for each in self.heard)
        wrong = [line for each in self.heard for line in each.wrong]
        if wrong or not sent == self.acknowledged == self.learnt:
            sys.exit(f"{sent} tokens sent, {self.acknowledged} acknowledged, {self.learnt} learnt; {wrong[:5]}")


def net(server: Server) -> dict[str, int]:
    answer: dict[str, int] = httpx.get(f"{server.url}/v1/net", timeout=60).raise_for_status().json()
    return answer


def measure(server: Server, groups: list[Group], seconds: float) -> Measured:
    """One process a group."""
    context = multiprocessing.get_context("spawn")
    learnt = net(server)["tokens_seen"]
    with ExitStack() as stack:
        pipes = []
        for group in groups:
            pipe, other = context.Pipe()
            process = context.Process(target=live, args=(server.url, group, other))
            process.start()
            stack.callback(process.join)
            stack.callback(process.terminate)
            pipe.recv()
            pipes.append(pipe)
        time.sleep(WARM_SECONDS)
        for pipe in pipes:
            pipe.send("begin")
        megabytes = []
        tick, began = net(server)["tick"], time.monotonic()
        while time.monotonic() - began < seconds:
            time.sleep(LOOK_SECONDS)
            megabytes.append(server.megabytes())
        rate = (net(server)["tick"] - tick) / (time.monotonic() - began)
        heard = []
        for pipe in reversed(pipes):  # teachers first
            pipe.send("end")
            heard.append(pipe.recv())
        learnt = net(server)["tokens_seen"] - learnt
    return Measured(heard, rate, learnt, megabytes)


def column(server: Server, groups: list[Group], seconds: float) -> tuple[Measured, list[str]]:
    """Cells as `ROWS` names them."""
    before = server.megabytes()
    measured = measure(server, groups, seconds)
    measured.check()
    outputs, dropped, closed = (
        sum(getattr(each, what) for each in measured.heard) for what in ("outputs", "dropped", "closed")
    )
    megabytes = measured.megabytes
    return measured, [
        f"{measured.rate:,.0f}",
        measured.latency(0.5),
        measured.latency(0.99),
        f"{before:.0f}, {max(megabytes):.0f}, {megabytes[-1]:.0f} MB",
        f"{outputs / seconds:,.0f}",
        f"{dropped / seconds:,.0f}",
        f"{closed}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0)
    seconds = parser.parse_args().seconds
    with running() as server:
        before, of_before = column(server, ALONE, ALONE_SECONDS)
        crowd, of_crowd = column(server, CROWD, seconds)
        highest = server.megabytes("VmHWM")
        after, of_after = column(server, ALONE, ALONE_SECONDS)
    table = Table("", "one teacher", f"500 clients, {seconds:g} s", "one teacher")
    for row in zip(ROWS, of_before, of_crowd, of_after, strict=True):
        table.add_row(*row)
    print(table)
    print(f"{2 * crowd.rate / (before.rate + after.rate):.0%} of the rate with one; at most {highest:.0f} MB.")
    print(f"{crowd.acknowledged:,} tokens of the crowd were acknowledged and learnt, each once.")


if __name__ == "__main__":
    main()
