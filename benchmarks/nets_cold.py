"""Measure many cold nets on one server: `python -m benchmarks.nets_cold [--nets N] [--redis URL]`.

So many nets are made, all children of one net that has lived 100,000 tokens (or compact ones, with `--compact`), and
each gets one of ten lives of 100 to 1,000 tokens: these are taught to ten of them, whose journals are then copied to
the others while the server is down, since to teach all would take an hour. Then the server is started, with at most 64
in memory, and asked for what grows with the number of nets: its start and its memory, pages of the list, nets that are
made by a key that is for a few, and the waking of cold nets, one after the other, as the client sees it and in
processor time of the server. With Redis also: what it takes of each net, and its commands and time for each waking.
"""

import argparse
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import redis

from benchmarks.nets import LINES, PIECE
from benchmarks.nets_clients import MESSAGE, message
from benchmarks.running import Client, Server, running
from benchmarks.text import topics_text

LIVES, HOT, PAGE = 10, 64, 1000
SETTINGS: dict[str, object] = {
    "nets_hot": HOT,
    "nets_hot_bytes": 2**34,
    "nets": 2**20,
    "rate_requests": 0,
    "rate_ticks": 0,
}


def taught(client: Client, net: str, text: str, piece: int) -> None:
    for start in range(0, len(text), piece):
        body, asked = {"text": text[start : start + piece]}, {"wait": "true", "outputs": "none"}
        client.post(f"/v1/nets/{net}/inputs", params=asked, json=body).raise_for_status()


def made(server: Server, nets: int, compact: bool) -> None:
    with Client(server) as client:
        print(f"{server.megabytes():.0f} MB before there are any")
        form: dict[str, Any] = {"variant": "compact", "memory": 2**16}
        if not compact:
            client.ask("/v1/nets", name="parent", variant="fast")
            taught(client, "parent", topics_text()[:100_000], PIECE)
            form = {"parent": {"net": "parent", "snapshot": client.ask("/v1/nets/parent/snapshots")["id"]}}
            form["lines"] = LINES
        began, used = time.perf_counter(), server.cpu_seconds()
        for net in range(nets):
            client.ask("/v1/nets", name=f"n{net:06d}", **form)
        seconds, used = time.perf_counter() - began, server.cpu_seconds() - used
        print(f"{nets / seconds:.0f} nets made a second, {1000 * used / nets:.1f} ms of processor time each")
        for life in range(LIVES):
            taught(client, f"n{life:06d}", "".join(message(life, turn) for turn in range(life + 1)), MESSAGE)


def copied_in(folder: Path, nets: int) -> None:
    for net in range(LIVES, nets):
        (folder / f"n{net:06d}").mkdir()
        shutil.copytree(folder / f"n{net % LIVES:06d}" / "journal", folder / f"n{net:06d}" / "journal")
    sizes = [path.stat().st_blocks * 512 for path in folder.rglob("*")]
    print(f"{len(sizes) / nets:.1f} files and folders a net, {sum(sizes) / nets / 1000:.1f} kB on the disk")


def copied_in_redis(store: redis.Redis, nets: int) -> None:
    sizes = {
        what: sum(store.memory_usage(key) or 0 for key in store.scan_iter(f"realnet:{what}", count=10_000)) / nets
        for what in ("nets/n*", "nets/_children/*", "default/*", "parent/*")
    }
    before = store.info("memory")["used_memory"]
    for net in range(LIVES, nets):
        store.copy(f"realnet:n{net % LIVES:06d}/journal", f"realnet:n{net:06d}/journal")
    journal = (store.info("memory")["used_memory"] - before) / (nets - LIVES)
    print(f"{journal:.0f} bytes of Redis a journal of {MESSAGE * (LIVES + 1) // 2} tokens")
    print(f"bytes a net, of {', '.join(f'{what}: {size:.0f}' for what, size in sizes.items())}")
    print(f"{store.dbsize() / nets:.1f} keys a net, {store.info('memory')['used_memory'] / 1e6:.0f} MB in all")


def pages(client: Client, what: str) -> None:
    """Print how long each page of a list takes that has all nets."""
    seconds, after, count = [], "", 0
    while True:
        began = time.perf_counter()
        page = client.get("/v1/nets", params={"limit": PAGE, "after": after}).raise_for_status().json()
        seconds.append(time.perf_counter() - began)
        count += len(page["data"])
        if not page["has_more"]:
            break
        after = page["next"]
    print(f"{what}: {count} nets in pages of {PAGE}, {1000 * max(seconds):.0f} ms at most")


def timed(call: Callable[..., httpx.Response], *given: object, **others: object) -> float:
    began = time.perf_counter()
    while (answer := call(*given, **others)).status_code == 503:
        time.sleep(0.01)
    answer.raise_for_status()
    return time.perf_counter() - began


def told(seconds: list[float]) -> str:
    return f"{1000 * statistics.median(seconds):.1f} ms p50, {1000 * statistics.quantiles(seconds, n=100)[98]:.1f} p99"


def wakings(server: Server, client: Client, names: list[str], store: redis.Redis | None) -> None:
    if store is not None:
        store.config_resetstat()
    used = server.cpu_seconds()
    seconds = [timed(client.get, f"/v1/nets/{name}/net") for name in names]
    used = server.cpu_seconds() - used
    print(f"waking one of {len(names)}: {told(seconds)}; {1000 * used / len(names):.1f} ms of processor time each")
    if store is not None:
        print_commands(store, len(names), "waking")


def messages(server: Server, client: Client, names: list[str], store: redis.Redis | None) -> None:
    """Print what messages to nets in memory take, one after the other, and what Redis does for each."""
    if store is not None:
        store.config_resetstat()
    used, turns = server.cpu_seconds(), 10
    began = time.perf_counter()
    for turn in range(turns):
        for net, name in enumerate(names):
            taught(client, name, message(net, turn), MESSAGE)
    seconds, used = time.perf_counter() - began, server.cpu_seconds() - used
    count = turns * len(names)
    print(
        f"a message of {MESSAGE} tokens: {1000 * seconds / count:.1f} ms, {1000 * used / count:.1f} of processor time"
    )
    if store is not None:
        print_commands(store, count, "message")


def print_commands(store: redis.Redis, count: int, what: str) -> None:
    """Print which commands Redis has had for each of so many, and how much of its one core they took."""
    stats = store.info("commandstats")
    per = {name.removeprefix("cmdstat_"): each["calls"] / count for name, each in stats.items()}
    micros = sum(each["usec"] for each in stats.values()) / count
    listed = ", ".join(f"{number:.1f} {name}" for name, number in sorted(per.items(), key=lambda each: -each[1]))
    print(f"  Redis, a {what}: {micros:.0f} us; {listed}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nets", type=int, default=10_000)
    parser.add_argument("--wake", type=int, default=500)
    parser.add_argument("--compact", action="store_true")
    parser.add_argument("--redis", help="the URL of an empty Redis, in place of a directory")
    parser.add_argument("--folder", type=Path, help="where the store is kept, and found again by the next run")
    given = parser.parse_args()
    store = None if given.redis is None else redis.Redis.from_url(given.redis)
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        flags = ["--store", given.redis or f"file://{folder}"]
        if not (store.dbsize() if store is not None else list(folder.glob("*"))):
            with running(*flags, **SETTINGS) as server:
                made(server, given.nets, given.compact)
            if store is not None:
                copied_in_redis(store, given.nets)
            else:
                copied_in(folder, given.nets)
        began = time.perf_counter()
        with running(*flags, **SETTINGS) as server, Client(server) as client:
            seconds = time.perf_counter() - began
            print(
                f"started in {seconds:.1f} s, {server.cpu_seconds():.1f} of processor time: {server.megabytes():.0f} MB"
            )
            rng = random.Random(1)
            names = [f"n{net:06d}" for net in rng.sample(range(LIVES, given.nets), given.wake + 64)]
            wakings(server, client, names[:64], store)
            wakings(server, client, names[64:], store)
            wakings(server, client, names[:64], store)
            messages(server, client, names[:64], store)
            print(f"{server.megabytes():.0f} MB, {server.megabytes('VmHWM'):.0f} at most")
            pages(client, "listed first")
            pages(client, "again")
            print(f"{server.megabytes():.0f} MB")
            new = [f"x{net}" for net in range(100)]
            form = {"variant": "compact", "memory": 2**16}
            taken = [timed(client.post, "/v1/nets", json={"name": name} | form) for name in new]
            print(f"making one more: {told(taken)}")
            print(f"deleting it: {told([timed(client.delete, f'/v1/nets/{name}') for name in new])}")


if __name__ == "__main__":
    main()
