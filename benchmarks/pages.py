"""The engine's rate with open pages, beside none, in turns: `python -m benchmarks.pages`.

A hundred pages are clients without a browser that ask what the page asks; with `--browser 3` there are three tabs of a
real one as well, which draw on the same cores.
"""

import argparse
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields
from itertools import cycle
from pathlib import Path
from statistics import median

import httpx
from rich import print
from rich.table import Table

from benchmarks.running import Client, Server, running
from benchmarks.text import topics_text

SIZE = 16_384  # tokens in a message: the teacher takes little of the machine
TEACHERS = 3  # one is always waiting, so that the engine never is
SETTLE_SECONDS = 3.0
CHROMIUM = Path("/usr/bin/chromium")


def teach(server: Server, stop: threading.Event) -> None:
    text = topics_text()
    with Client(server) as client:
        for start in cycle(range(0, len(text) - SIZE, SIZE)):
            if stop.is_set():
                return
            client.post("/v1/inputs?wait=true&outputs=none", json={"text": text[start : start + SIZE]})


@dataclass(frozen=True)
class Measured:
    """Of a stretch of time. What a busy machine does beside this changes the first, and hardly the others."""

    tokens_a_second: float
    tokens_a_cpu_second: float  # of the engine's thread
    loop: float  # cores that the loop takes


def measure(server: Server, seconds: float) -> Measured:
    time.sleep(SETTLE_SECONDS)
    seen, engine, loop, began = *_now(server), time.monotonic()
    time.sleep(seconds)
    seen_then, engine_then, loop_then = _now(server)
    took, tokens = time.monotonic() - began, seen_then - seen
    return Measured(tokens / took, tokens / (engine_then - engine), (loop_then - loop) / took)


def _now(server: Server) -> tuple[int, float, float]:
    """Return tokens seen, and the CPU seconds of the engine's thread, the busiest beside the loop's, and of that."""
    seen = int(httpx.get(f"{server.url}/v1/net", timeout=60.0).json()["tokens_seen"])
    cpu = server.cpu_seconds_of_threads()
    loop = cpu.pop(server.pid)
    return seen, max(cpu.values()), loop


@contextmanager
def open_pages(server: Server, count: int, tabs: int) -> Iterator[None]:
    with ExitStack() as stack:
        # They stand for other machines, and are to take nothing that the server needs.
        command = ["nice", "-n", "19", sys.executable, "-m", "benchmarks.page_clients", server.url, str(count)]
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
        yield


def compare(server: Server, count: int, tabs: int, rounds: int, seconds: float) -> None:
    name = f"{count} pages" + (f" and {tabs} in a browser" if tabs else "")
    alone, beside = [], []
    for _ in range(rounds):
        alone.append(measure(server, seconds))
        with open_pages(server, count, tabs):
            beside.append(measure(server, seconds))
    table = Table("", "tokens a second", "tokens a CPU second of the engine", "cores of the loop")
    for title, measured in (("no page", alone), (name, beside)):
        rates = [median(getattr(each, field.name) for each in measured) for field in fields(Measured)]
        table.add_row(title, f"{rates[0]:,.0f}", f"{rates[1]:,.0f}", f"{rates[2]:.3f}")
    print(table)
    for what in ("tokens_a_second", "tokens_a_cpu_second"):
        shares = sorted(getattr(b, what) / getattr(a, what) for a, b in zip(alone, beside, strict=True))
        print(f"{what}: {median(shares):.3f} of it, {shares[0]:.3f} to {shares[-1]:.3f} in {rounds} turns")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=100)
    parser.add_argument("--browser", type=int, default=0, metavar="TABS")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--variant", default="standard")
    asked = parser.parse_args()
    stop = threading.Event()
    with running("--variant", asked.variant) as server:
        teachers = [threading.Thread(target=teach, args=(server, stop)) for _ in range(TEACHERS)]
        for teacher in teachers:
            teacher.start()
        try:
            compare(server, asked.pages, asked.browser, asked.rounds, asked.seconds)
        finally:
            stop.set()
            for teacher in teachers:
                teacher.join()


if __name__ == "__main__":
    main()
