"""What a fit makes of a live net, all through the service: `python -m benchmarks.fit`.

A text: frozen accuracy on what follows it, after one streamed pass, after a fit, and after both; then the net goes on
learning live. Digits (64 in, 10 out), fitted while a client streams one frame after the other all along, and that
client's latency beside its latency without a fit. And both again, brought home as changes, while the net learns
something else: another text, or, of a net with 10 more inputs, patterns on those.
"""

import argparse
import asyncio
import gc
import io
import multiprocessing
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray
from rich import print
from rich.table import Table
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from benchmarks.running import Client, Server, running
from benchmarks.sleep import run
from benchmarks.text import topics_text
from realnet.client import open_stream

PIXELS, CLASSES = 64, 10
OTHERS = 10  # inputs of another sense
IDLE_SECONDS = 15.0
PAUSE_SECONDS = 0.01  # between two frames
TIMES = 40  # each of the patterns
FORK_SECONDS = 1.0  # until the fork is surely taken

Rows = NDArray[np.float32]


def fit(client: Client, dataset: str, **request: Any) -> dict[str, Any]:
    """Its result, and in `seconds` how long it took."""
    began = time.monotonic()
    return dict(client.job("fit", dataset=dataset, **request)["result"]) | {"seconds": time.monotonic() - began}


def of_a_text(begin: int, characters: int, tested: int, request: dict[str, Any]) -> None:
    text = topics_text()[begin:]
    told, asked = text[:characters], text[characters : characters + tested]
    more = text[characters + tested : characters + 2 * tested]
    table = Table(f"text from {begin:,}", "frozen, next", "live, next", "frozen, after that", "seconds", "epochs")
    for name, is_streamed, is_fitted in (
        ("one streamed pass", True, False),
        ("fitted", False, True),
        ("streamed, then fitted", True, True),
    ):
        with running("--preset", "surprise") as server, Client(server) as client:
            began, epochs = time.monotonic(), "-"
            if is_streamed:
                run(server, told, learn=True)
            if is_fitted:
                dataset = client.upload("told.txt", told.encode())
                # What is held out is its end, which a net that has heard it all says well: that is no reason not to.
                result = fit(client, dataset, commit="replace", force=is_streamed, **request)
                assert result["committed"], result
                epochs = str(result["epochs"])
            seconds = time.monotonic() - began
            frozen, live = (statistics.mean(run(server, asked, learn)) for learn in (False, True))
            after = statistics.mean(run(server, more, learn=False))
        table.add_row(name, *(f"{each:.4f}" for each in (frozen, live, after)), f"{seconds:.0f}", epochs)
    print(table)


def of_another_text(begin: int, characters: int, tested: int, request: dict[str, Any]) -> None:
    text = topics_text()[begin:]
    told, asked = text[:characters], text[characters : characters + tested]
    other = " ".join(f"{number} times {number} is {number * number}," for number in range(500))
    with running("--preset", "surprise") as server, Client(server) as client:
        dataset = client.upload("told.txt", told.encode())
        with ThreadPoolExecutor() as pool:
            fitting = pool.submit(fit, client, dataset, commit="rebase", **request)
            time.sleep(FORK_SECONDS)
            run(server, other * 2, learn=True)
            before = [statistics.mean(run(server, each, learn=False)) for each in (asked, other)]
            assert not fitting.done(), "the fit was over too soon"
            assert fitting.result()["committed"]
        after = [statistics.mean(run(server, each, learn=False)) for each in (asked, other)]
    print(f"rebase of the text from {begin:,}, frozen: its next {before[0]:.4f} before, {after[0]:.4f} after; "
          f"another text, learnt meanwhile, {before[1]:.4f} and {after[1]:.4f}")  # fmt: skip


def accuracy(client: Client, images: Rows, classes: NDArray[np.int64]) -> float:
    """Each image is held for two ticks, as it was fitted; its answer is the last one."""
    hits: list[bool] = []
    for start in range(0, len(images), 100):
        frames = images[start : start + 100].repeat(2, axis=0).round(4).tolist()
        answer = client.post("/v1/inputs", params={"wait": "true"}, json={"frames": frames, "learn": False})
        outputs = answer.raise_for_status().json()["outputs"][1::2]
        said = np.array([output["values"] for output in outputs]).argmax(axis=1)
        hits += (said == classes[start : start + 100]).tolist()
    return statistics.mean(hits)


def stream(url: str, rows: Rows, ended: Connection) -> None:
    """In a process of its own, so that it waits for nothing but the server; until it is told to end."""

    async def frames() -> list[float]:
        taken: list[float] = []
        async with open_stream(url) as client:
            while not ended.poll():
                began = time.perf_counter()
                await client.send_input(frames=[rows[len(taken) % len(rows)].tolist()])
                async for message in client:
                    if message["type"] == "ack":
                        break
                taken.append(1000 * (time.perf_counter() - began))
                await asyncio.sleep(PAUSE_SECONDS)
        return taken

    gc.freeze()
    ended.send(None)
    ended.send(sorted(asyncio.run(frames())))


@contextmanager
def streaming(url: str, rows: Rows) -> Iterator[list[float]]:
    """A client streams frames all along; afterwards, milliseconds from each frame to its ack, sorted."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    client = spawn.Process(target=stream, args=(url, rows, theirs), daemon=True)
    client.start()
    ours.recv()
    taken: list[float] = []
    yield taken
    ours.send(None)
    taken += ours.recv()
    client.join()


def teach(url: str) -> None:
    """Something else, while the fit runs."""
    time.sleep(FORK_SECONDS)
    with httpx.Client(base_url=url) as client:
        for _ in range(TIMES):
            for row, teacher in zip(*(each.tolist() for each in patterns()), strict=True):
                body = {"frames": [row, row], "teachers": [None, teacher]}
                client.post("/v1/inputs", json=body).raise_for_status()
                time.sleep(PAUSE_SECONDS)


def of_a_stream(server: Server, client: Client, dataset: str, rows: Rows, request: dict[str, Any]) -> str:
    with streaming(server.url, rows) as idle:
        time.sleep(IDLE_SECONDS)
    with streaming(server.url, rows) as beside, ThreadPoolExecutor() as pool:
        if request["commit"] == "rebase":
            teaching = pool.submit(teach, server.url)
        result = fit(client, dataset, **request)
        if request["commit"] == "rebase":
            teaching.result()
    assert result["committed"], result
    p99 = [each[int(0.99 * len(each))] for each in (idle, beside)]
    return (
        f"{result['seconds']:.0f} s, {result['epochs']} epochs; p99 of a frame {p99[0]:.2f} ms idle, {p99[1]:.2f} ms "
        f"beside it ({p99[1] / p99[0]:.2f} times), median {statistics.median(idle):.2f} and "
        f"{statistics.median(beside):.2f} ms, of {len(idle)} and {len(beside)}"
    )


def patterns() -> tuple[Rows, Rows]:
    """Three of the other inputs on, and the class that it is to be."""
    rows = np.zeros((CLASSES, PIXELS + OTHERS), np.float32)
    chance = np.random.default_rng(0)
    for row in rows:
        row[PIXELS + chance.choice(OTHERS, 3, replace=False)] = 1.0
    return rows, np.eye(CLASSES, dtype=np.float32)


def of_digits(split: int, request: dict[str, Any]) -> None:
    images, classes = load_digits(return_X_y=True)
    for commit, inputs in (("replace", PIXELS), ("rebase", PIXELS + OTHERS)):
        rows = np.pad(images / 16, ((0, 0), (0, inputs - PIXELS))).astype(np.float32)
        shown, asked, named, expected = train_test_split(
            rows, classes, test_size=0.2, stratify=classes, random_state=split
        )
        file = io.BytesIO()
        np.savez(file, inputs=shown, targets=np.eye(CLASSES, dtype=np.float32)[named])
        with running("--inputs", str(inputs), "--outputs", str(CLASSES)) as server, Client(server) as client:
            dataset = client.upload("digits.npz", file.getvalue())
            before = accuracy(client, asked, expected)
            line = of_a_stream(server, client, dataset, asked, request | {"commit": commit})
            print(f"digits, {commit}: {before:.1%} before, {accuracy(client, asked, expected):.1%} after; {line}")
            if commit == "rebase":
                known = accuracy(client, patterns()[0], np.arange(CLASSES))
                print(f"    of the {CLASSES} patterns that it was taught meanwhile {known:.0%} are known")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=("text", "digits"), action="append", help="both, if left out")
    parser.add_argument("--begin", type=int, action="append", help="of the text; 0 and 200,000 if left out")
    parser.add_argument("--characters", type=int, default=100_000)
    parser.add_argument("--tested", type=int, default=10_000)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--split", type=int, default=0)
    given = parser.parse_args()
    request = {} if given.epochs is None else {"epochs": given.epochs}
    for part in given.part or ("text", "digits"):
        if part == "text":
            for begin in given.begin or (0, 200_000):
                of_a_text(begin, given.characters, given.tested, request)
                of_another_text(begin, given.characters, given.tested, request)
        else:
            of_digits(given.split, request)


if __name__ == "__main__":
    main()
