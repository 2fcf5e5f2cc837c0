"""A large text comes in as a data set, beside a client that asks how the server is: `python -m benchmarks.upload`.

Memory should grow by less than 100 MB for 200 MB, and nobody wait for it.
"""

import argparse
import json
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

import httpx
from rich import print

from benchmarks.running import running
from benchmarks.text import topics_text

LINE = 80  # characters
PAUSE_SECONDS = 0.02


def write(path: Path, megabytes: int) -> None:
    """The text over and over in lines, each as `{"text": …}` where it is a `.jsonl`."""
    text = topics_text()
    with path.open("w") as file:
        for start in cycle(range(0, len(text), LINE)):
            line = text[start : start + LINE]
            file.write((json.dumps({"text": line}) if path.suffix == ".jsonl" else line) + "\n")
            if start == 0 and file.tell() >= megabytes * 10**6:
                return


@contextmanager
def asking(url: str, latencies: list[float]) -> Iterator[None]:
    """Meanwhile another client waits for an answer all the time."""
    has_ended = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=url) as client:
            while not has_ended.wait(PAUSE_SECONDS):
                started = time.perf_counter()
                client.get("/healthz").raise_for_status()
                latencies.append(time.perf_counter() - started)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        has_ended.set()
        thread.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--format", choices=["txt", "jsonl"], default="txt")
    parser.add_argument("--store", help="redis://… for example; a directory of its own if not given")
    arguments = parser.parse_args()
    flags = () if arguments.store is None else ("--store", arguments.store)
    with tempfile.TemporaryDirectory() as directory, running(*flags) as server:
        path = Path(directory) / f"text.{arguments.format}"
        write(path, arguments.megabytes)
        before, latencies, started = server.megabytes("VmHWM"), list[float](), time.perf_counter()
        with path.open("rb") as file, asking(server.url, latencies):
            answer = httpx.post(f"{server.url}/v1/datasets", files={"file": file}, timeout=None)
        seconds = time.perf_counter() - started
        dataset = answer.raise_for_status().json()
        httpx.delete(f"{server.url}/v1/datasets/{dataset['id']}").raise_for_status()
        worst = sorted(latencies)[int(0.99 * len(latencies))]
        grown = server.megabytes("VmHWM") - before
    print(f"{dataset['bytes'] / 1e6:.0f} MB, {dataset['items']:,} texts of {dataset['tokens']:,} tokens")
    print(f"{seconds:.1f} s, memory at most {grown:.0f} MB more, p99 of /healthz meanwhile {1000 * worst:.1f} ms")


if __name__ == "__main__":
    main()
