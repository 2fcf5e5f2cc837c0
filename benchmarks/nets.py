"""Measure many nets on one server: `python -m benchmarks.nets [--redis URL] [--parent TOKENS]`.

So many nets are made and taught a text of their own in messages of 100 tokens, in turn, by a few clients: tokens a
second over all, once with all of them in memory and once with 64, so that each message wakes a net, and what a message
takes of the server's processor time, in its event loop and in all threads beside it. Then each cold net is asked what
it is, one after the other: how long that takes, as the client sees it. What a hot net takes is the server's resident
memory with 64 of them, against that with none.

With `--parent` all are children of a net that has lived so many tokens of the text, and after the last turn what four
of them have learnt is compared with what they learn alone, in the library.
"""

import argparse
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from benchmarks.running import Client, Server, running
from benchmarks.text import topics_text
from realnet import Checkpoint, DendriteLearner
from realnet.dendrites.family import child_of, freeze
from realnet.dendrites.parent import Parent

MESSAGE, PIECE = 100, 4096
LINES = 2**13  # of a child's own
HOT = 64


def message(net: int, turn: int) -> str:
    text = topics_text()
    start = (7919 * net + MESSAGE * turn) % (len(text) - MESSAGE)
    return text[start : start + MESSAGE]


def taught(server: Server, nets: int, turns: range, clients: int) -> float:
    """Return the tokens a second over all nets."""

    def teach(first: int) -> None:
        with Client(server) as client:
            for turn in turns:
                for net in range(first, nets, clients):
                    body = {"text": message(net, turn)}
                    path = f"/v1/nets/n{net}/inputs"
                    client.post(path, params={"wait": "true", "outputs": "none"}, json=body).raise_for_status()

    began = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(teach, range(clients)))
    return len(turns) * nets * MESSAGE / (time.perf_counter() - began)


def parent_of(client: Client, tokens: int, variant: str) -> tuple[dict[str, object], Parent]:
    """Return what children are told of a net that has lived so many tokens, and that as the library has it."""
    client.ask("/v1/nets", name="parent", variant=variant)
    text = topics_text()[:tokens]
    for start in range(0, len(text), PIECE):
        body, asked = {"text": text[start : start + PIECE]}, {"wait": "true", "outputs": "none"}
        client.post("/v1/nets/parent/inputs", params=asked, json=body).raise_for_status()
    snapshot = client.ask("/v1/nets/parent/snapshots")["id"]
    data = client.get(f"/v1/nets/parent/snapshots/{snapshot}/data").raise_for_status().content
    parent = freeze(DendriteLearner.from_checkpoint(Checkpoint.from_bytes(data)))
    return {"parent": {"net": "parent", "snapshot": snapshot}, "lines": LINES}, parent


def as_alone(client: Client, parent: Parent, net: int, turns: int) -> bool:
    """Return whether a child has learnt what it would have alone, to the bit."""
    child = child_of(parent, LINES)
    child.net.forget()
    for turn in range(turns):
        child.run(np.frombuffer(message(net, turn).encode(), np.uint8), outputs="none")
    told = client.get(f"/v1/nets/n{net}/net", params={"hash": "true"}).raise_for_status().json()
    return bool(told["weights_sha256"] == child.checkpoint().weights_sha256())


def wakings(server: Server, names: list[str]) -> list[float]:
    """Return the seconds that each cold net takes to tell of itself."""
    seconds = []
    with Client(server) as client:
        for name in names:
            if client.get(f"/v1/nets/{name}").json()["state"] == "cold":
                began = time.perf_counter()
                client.get(f"/v1/nets/{name}/net").raise_for_status()
                seconds.append(time.perf_counter() - began)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nets", type=int, default=200)
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--variant", default="standard", help="fast, standard, large or compact")
    parser.add_argument("--memory", type=int, default=2**16, help="bytes of a compact net")
    parser.add_argument("--parent", type=int, default=0, help="tokens that a parent of all has lived; 0: none")
    parser.add_argument("--redis", help="the URL of an empty Redis, in place of a directory")
    given = parser.parse_args()
    settings: dict[str, object] = {"nets_hot_bytes": 2**34, "rate_requests": 0, "rate_ticks": 0}
    flags = [] if given.redis is None else ["--store", given.redis]
    form = {"variant": given.variant} | ({"memory": given.memory} if given.variant == "compact" else {})
    for hot in (given.nets, HOT):
        with running(*flags, **settings, nets_hot=hot + bool(given.parent)) as server, Client(server) as client:
            if given.parent:
                form, parent = parent_of(client, given.parent, given.variant)
            before = server.megabytes()
            began = time.perf_counter()
            for net in range(given.nets):
                client.ask("/v1/nets", name=f"n{net}", **form)
            print(f"{given.nets / (time.perf_counter() - began):.0f} nets made a second")
            first = taught(server, given.nets, range(1), given.clients)
            messages = (given.turns - 1) * given.nets
            used, looped = server.cpu_seconds(), server.times_of_threads()[server.pid][0]
            rate = taught(server, given.nets, range(1, given.turns), given.clients)
            used, looped = server.cpu_seconds() - used, server.times_of_threads()[server.pid][0] - looped
            print(f"{hot} hot of {given.nets}: {first:,.0f} tokens a second in the first turn, then {rate:,.0f};")
            print(f"{messages * MESSAGE / used:,.0f} a second of the server's processor time;")
            print(f"a message takes {1000 * used / messages:.1f} ms of it, {1000 * looped / messages:.1f} on the loop")
            count = min(hot, given.nets)
            print(f"{(server.megabytes() - before) / count:.1f} MB a hot net, {server.threads()} threads")
            began, used = time.perf_counter(), server.cpu_seconds()
            time.sleep(5)
            busy = (server.cpu_seconds() - used) / (time.perf_counter() - began)
            print(f"{100 * busy:.1f}% of a core while all rest")
            if given.parent:
                some = range(0, given.nets, max(1, given.nets // 4))
                same = [as_alone(client, parent, net, given.turns) for net in some]
                print(f"{sum(same)} of {len(same)} have learnt what they would alone")
            if seconds := wakings(server, [f"n{net}" for net in range(given.nets)]):
                quantiles = statistics.quantiles(seconds, n=100)
                told = f"{1000 * statistics.median(seconds):.0f} ms p50, {1000 * quantiles[98]:.0f} ms p99"
                print(f"waking one of {len(seconds)}: {told}")
            for net in range(given.nets if given.redis else 0):
                client.delete(f"/v1/nets/n{net}").raise_for_status()


if __name__ == "__main__":
    main()
