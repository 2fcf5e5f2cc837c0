"""The engine's rate with open pages, beside none: `python -m benchmarks.pages`.

Two servers learn in turns of a second, one with a hundred pages open and one with none; the other, and its pages, are
stopped meanwhile, so that what else the machine does meets both alike. The pages are clients without a browser that ask
what the page asks; with `--browser 3` there are three tabs of a real one as well, which draw on the same cores.
"""

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields
from itertools import cycle
from pathlib import Path
from statistics import median

import httpx
from rich import print
from rich.table import Table

from benchmarks.running import Client, Server, cpu_seconds_of, running
from benchmarks.text import topics_text

SIZE = 16_384  # tokens in a message: the teacher takes little of the machine
TEACHERS = 3  # one is always waiting, so that the engine never is
WARM_SECONDS = 5.0  # of learning, before the first turn
SETTLE_SECONDS = 0.2  # of a turn, before it is measured
CHROMIUM = Path("/usr/bin/chromium")


def teach(server: Server, stop: threading.Event) -> None:
    text = topics_text()
    with Client(server) as client:
        for start in cycle(range(0, len(text) - SIZE, SIZE)):
            if stop.is_set():
                return
            client.post("/v1/inputs?wait=true&outputs=none", json={"text": text[start : start + SIZE]})


@dataclass(frozen=True)
class Turn:
    """What a busy machine does beside this changes the first, and hardly the others; all are to be compared."""

    tokens_a_second: float
    tokens_a_second_on_a_core: float  # in which the engine's thread did not wait for a core
    tokens_a_cpu_second: float  # of the engine's thread
    engine_waits: float  # seconds a second in which it neither computes nor waits for a core: for the loop's thread
    loop: float  # cores that the loop takes
    pages: float  # cores that the clients take, which stand for other machines


class Measured:
    """A server in its turns; `clients` are the processes of its pages."""

    def __init__(self, server: Server, clients: Sequence[int]) -> None:
        self._server, self._clients = server, clients
        self.turns: list[Turn] = []

    def turn(self, seconds: float) -> None:
        """Have it go on for so long, and measure."""
        self.go_on()
        time.sleep(SETTLE_SECONDS)
        began, seen, threads, clients = self._now()
        time.sleep(seconds)
        then, seen_then, threads_then, clients_then = self._now()
        self.stop()
        took, tokens = then - began, seen_then - seen
        spent = {
            id: (cpu - threads[id][0], delay - threads[id][1])
            for id, (cpu, delay) in threads_then.items()
            if id in threads
        }
        loop, _ = spent.pop(self._server.pid)
        engine, delay = max(spent.values())  # the busiest beside the loop's
        on_a_core = took - delay
        self.turns.append(
            Turn(
                tokens / took,
                tokens / on_a_core,
                tokens / engine,
                (on_a_core - engine) / took,
                loop / took,
                (clients_then - clients) / took,
            )
        )

    def catch_up(self, seen: int) -> None:
        """Learn until it has seen as many tokens as the other: its memory is as large then."""
        self.go_on()
        while self.tokens_seen() < seen:
            time.sleep(SETTLE_SECONDS)
        self.stop()

    def tokens_seen(self) -> int:
        return int(httpx.get(f"{self._server.url}/v1/net", timeout=60.0).json()["tokens_seen"])

    def _now(self) -> tuple[float, int, dict[int, tuple[float, float]], float]:
        seen = self.tokens_seen()
        clients = sum(cpu_seconds_of(pid) for pid in self._clients)
        return time.monotonic(), seen, self._server.times_of_threads(), clients

    def _signal(self, sign: signal.Signals) -> None:
        for pid in (self._server.pid, *self._clients):
            os.kill(pid, sign)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        self._signal(signal.SIGSTOP)


@contextmanager
def open_pages(server: Server, count: int, tabs: int) -> Iterator[int]:
    """Open pages, and yield the process of their clients."""
    with ExitStack() as stack:
        # They stand for other machines, and are to take little that the server needs.
        command = ["nice", "-n", "5", sys.executable, "-m", "benchmarks.page_clients", server.url, str(count)]
        pages = stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        assert pages.stdin is not None
        assert pages.stdout is not None
        stack.callback(pages.stdin.close)
        assert pages.stdout.readline() == b"open\n"
        if tabs:
            from playwright.sync_api import sync_playwright

            browser = stack.enter_context(sync_playwright()).chromium.launch(
                executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
            )
            stack.callback(browser.close)
            for _ in range(tabs):
                browser.new_page().goto(server.url)
        yield pages.pid


@contextmanager
def taught(variant: str) -> Iterator[Server]:
    """Yield a server that learns all the time."""
    stop = threading.Event()
    with running("--variant", variant) as server:
        teachers = [threading.Thread(target=teach, args=(server, stop)) for _ in range(TEACHERS)]
        for teacher in teachers:
            teacher.start()
        try:
            yield server
        finally:
            stop.set()
            for teacher in teachers:
                teacher.join()


def report(alone: Measured, beside: Measured, name: str) -> None:
    names = [field.name for field in fields(Turn)]
    table = Table("", *(each.replace("_", " ") for each in names))
    for title, measured in (("no page", alone), (name, beside)):
        rates = [median(getattr(each, name) for each in measured.turns) for name in names]
        table.add_row(title, *(f"{rate:,.0f}" if rate > 100 else f"{rate:.3f}" for rate in rates))
    print(table)
    for what in names[:3]:
        shares = sorted(getattr(b, what) / getattr(a, what) for a, b in zip(alone.turns, beside.turns, strict=True))
        quarter = len(shares) // 4
        half = f"half of {len(shares)} turns {shares[quarter]:.3f} to {shares[-1 - quarter]:.3f}"
        print(f"{what.replace('_', ' ')}: {median(shares):.3f} of it, {half}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=100)
    parser.add_argument("--browser", type=int, default=0, metavar="TABS")
    parser.add_argument("--turns", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--variant", default="standard")
    asked = parser.parse_args()
    with ExitStack() as stack:
        first, second = (stack.enter_context(taught(asked.variant)) for _ in range(2))
        time.sleep(WARM_SECONDS)
        alone = Measured(first, [])
        stack.callback(alone.go_on)
        alone.stop()
        pages = stack.enter_context(open_pages(second, asked.pages, asked.browser))
        beside = Measured(second, [pages])
        stack.callback(beside.go_on)
        seen = beside.tokens_seen()
        beside.stop()
        alone.catch_up(seen)
        for _ in range(asked.turns):
            alone.turn(asked.seconds)
            beside.turn(asked.seconds)
        report(alone, beside, f"{asked.pages} pages" + (f" and {asked.browser} in a browser" if asked.browser else ""))


if __name__ == "__main__":
    main()
