"""What a gateway of a cluster adds: `python -m benchmarks.gateway`.

One shard, which has a net and a core of its own; the gateway, Redis and the client share the others. What is asked
directly and what is asked through the gateway alternate, so that both see the same machine.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from rich import print
from rich.table import Table

from benchmarks.messages import load
from benchmarks.running import Server, wait_until_ready
from tests.free_port import free_port
from tests.redis_server import RedisServer

_BETWEEN = ("directly", "through the gateway")


@contextmanager
def process(module: str, *arguments: str, **settings: object) -> Iterator[Server]:
    """Run a part of a cluster, with these settings, on a port of its own."""
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("REALNET_")}
    given = {"port": port, "log_level": "warning", "cluster_shards": 1, **settings}
    environment |= {f"REALNET_{name.upper()}": str(value) for name, value in given.items()}
    with subprocess.Popen([sys.executable, "-m", module, *arguments], env=environment) as started:
        try:
            wait_until_ready(f"http://127.0.0.1:{port}", started)
            yield Server(f"http://127.0.0.1:{port}", started.pid)
        finally:
            started.terminate()


def delays(url: str, count: int) -> list[float]:
    """Return how many milliseconds each of so many small requests took.

    By a client that takes little itself: httpx takes more than the gateway, and more again where it has just lost its
    core and caches to the gateway.
    """
    taken = []
    parts = urlsplit(url)
    with closing(HTTPConnection(parts.hostname or "", parts.port, timeout=60.0)) as client:
        for _ in range(count):
            began = time.perf_counter()
            client.request("GET", "/v1/sessions")
            answer = client.getresponse()
            answer.read()
            taken.append(1000 * (time.perf_counter() - began))
            assert answer.status == 200, answer.status
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=1000, help="of each round")
    parser.add_argument("--seconds", type=float, default=5.0, help="of tokens, of each round")
    parser.add_argument("--variant", default="standard")
    parser.add_argument("--size", type=int, default=4096, help="tokens of a message")
    parser.add_argument("--query", default="outputs=surprise", help="of the handshake")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # else what was started would outlive this
    cores = sorted(os.sched_getaffinity(0))
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        redis = RedisServer(directory)
        stack.callback(redis.kill)
        os.sched_setaffinity(0, cores[:1])  # the shard inherits it
        shard = stack.enter_context(process("service.cluster.server", "0", store=redis.url, variant=arguments.variant))
        os.sched_setaffinity(0, cores[1:] or cores)
        gateway = stack.enter_context(process("service.cluster.gateway", store=redis.url))
        clients = stack.enter_context(ProcessPoolExecutor(1, get_context("spawn")))
        asked: list[list[float]] = [[], []]
        rates: list[list[float]] = [[], []]
        cpu, of_requests = [0.0, 0.0], [0.0, 0.0]
        tokens = [0, 0]
        for number in range(arguments.rounds + 1):
            for way, server in enumerate((shard, gateway)):
                before = gateway.cpu_seconds()
                found = delays(server.url, arguments.requests)
                asking = gateway.cpu_seconds() - before
                before = gateway.cpu_seconds()
                work = "raw", server.url, arguments.query, arguments.size, arguments.seconds
                sent, seconds = clients.submit(load, *work).result()
                if number:  # the first of all is not counted
                    asked[way] += found
                    of_requests[way] += asking
                    rates[way].append(sent / seconds)
                    cpu[way] += gateway.cpu_seconds() - before
                    tokens[way] += sent
    heads = ("ms p50", "p99", "gateway's ms", f"tokens/s in messages of {arguments.size}", "gateway's µs a token")
    table = Table("", *heads)
    for way, name in enumerate(_BETWEEN):
        ordered = sorted(asked[way])
        p50, p99 = (f"{ordered[int(share * len(ordered))]:.2f}" for share in (0.5, 0.99))
        own = f"{1000 * of_requests[way] / len(ordered):.2f}"
        table.add_row(name, p50, p99, own, f"{median(rates[way]):,.0f}", f"{1e6 * cpu[way] / tokens[way]:.2f}")
    print(table)
    print(f"through the gateway {median(rates[1]) / median(rates[0]):.0%} of the tokens a second")


if __name__ == "__main__":
    main()
