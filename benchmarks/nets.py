"""Measure many nets on one server: `python -m benchmarks.nets [--over rest] [--redis URL] [--parent TOKENS]`.

So many nets are made and taught a text of their own in messages of 100 tokens, in turn, by a few clients in a process
of their own: over a WebSocket for each net, or over REST. Told are tokens a second over all, with all nets in memory,
and what a message takes of processor time: the server's, of that its event loop's, and the clients'. What a hot net
takes is the server's resident memory with all of them, against that with none.

Over REST the same is measured with 64 nets in memory, so that each message wakes one. Then each cold net is asked what
it is, one after the other: how long that takes, as the client sees it.

With `--parent` all are children of a net that has lived so many tokens of the text, and after the last turn what four
of them have learnt is compared with what they learn alone, in the library.
"""

import argparse
import multiprocessing
import statistics
import time
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from benchmarks.nets_clients import MESSAGE, Taught, message, taught
from benchmarks.running import Client, Server, running
from benchmarks.text import topics_text
from realnet import Checkpoint, DendriteLearner
from realnet.dendrites.family import child_of, freeze
from realnet.dendrites.parent import Parent

PIECE = 4096
LINES = 2**13  # of a child's own
HOT = 64


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


def measure(given: argparse.Namespace, hot: int, clients: ProcessPoolExecutor) -> None:
    """Print what is measured with so many nets in memory."""
    flags = [] if given.redis is None else ["--store", given.redis]
    form = {"variant": given.variant} | ({"memory": given.memory} if given.variant == "compact" else {})
    unlimited = {"nets_hot_bytes": 2**34, "rate_requests": 0, "rate_ticks": 0}
    streams = {"max_streams": given.nets, "max_connections": given.nets + 100}
    settings = unlimited | streams | {"nets_hot": hot + bool(given.parent)}
    with running(*flags, **settings) as server, Client(server) as client:

        def turns(turns: range) -> Taught:
            return clients.submit(taught, server, given.over, given.nets, turns, given.clients).result()

        if given.parent:
            form, parent = parent_of(client, given.parent, given.variant)
        before = server.megabytes()
        began = time.perf_counter()
        for net in range(given.nets):
            client.ask("/v1/nets", name=f"n{net}", **form)
        print(f"{given.nets / (time.perf_counter() - began):.0f} nets made a second")
        first, then = turns(range(1)), turns(range(1, given.turns))
        messages = (given.turns - 1) * given.nets
        rate, at_first = MESSAGE * messages / then.seconds, MESSAGE * given.nets / first.seconds
        print(f"{hot} hot of {given.nets}: {at_first:,.0f} tokens a second in the first turn, then {rate:,.0f};")
        used, looped, own = (1000 * seconds / messages for seconds in then[1:])
        print(f"a message takes {used:.2f} ms of the server's processor time, {looped:.2f} of them on the loop,")
        print(f"and {own:.2f} ms of the clients'")
        each, most = (server.megabytes() - before) / min(hot, given.nets), server.megabytes("VmHWM")
        print(f"{each:.2f} MB a hot net, {most:,.0f} MB in all at most, {server.threads()} threads")
        began, resting = time.perf_counter(), server.cpu_seconds()
        time.sleep(5)
        busy = (server.cpu_seconds() - resting) / (time.perf_counter() - began)
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nets", type=int, default=200)
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--over", choices=["stream", "rest"], default="stream")
    parser.add_argument("--clients", type=int, default=16, help="messages that wait for their answers at any time")
    parser.add_argument("--variant", default="standard", help="fast, standard, large or compact")
    parser.add_argument("--memory", type=int, default=2**16, help="bytes of a compact net")
    parser.add_argument("--parent", type=int, default=0, help="tokens that a parent of all has lived; 0: none")
    parser.add_argument("--redis", help="the URL of an empty Redis, in place of a directory")
    given = parser.parse_args()
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as clients:
        measure(given, given.nets, clients)
        if given.over == "rest":  # a net with a stream is not closed
            measure(given, HOT, clients)


if __name__ == "__main__":
    main()
