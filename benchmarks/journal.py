"""What the journal costs: tokens a second at each policy beside none, at the default size,
 `python -m benchmarks.journal`.

The policies take turns, so that what else the machine does falls on all of them; the figure is the median of the turns.
"""

import argparse
import multiprocessing
import statistics
from concurrent.futures import ProcessPoolExecutor

from rich import print
from rich.table import Table

from benchmarks.running import running
from benchmarks.stream import run
from benchmarks.text import topics_text

POLICIES = ("off", "never", "everysec", "always")
SECONDS = 4.0


def rate(policy: str, store: str | None, size: int, clients: ProcessPoolExecutor) -> float:
    flags = ["--journal", policy, *(["--store", store] if store else [])]
    told = topics_text()[: 20_000 if size > 1 else 8_000]
    with running(*flags) as server:
        run(clients, server.url, told, size).result()  # warm
        heard = run(clients, server.url, told, size, SECONDS).result()
    return (len(heard.hits) + heard.dropped) / heard.seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--store", help="redis://…; a new directory if not given")
    parser.add_argument("--sizes", type=int, nargs="+", default=[512, 1], help="tokens in a message")
    arguments = parser.parse_args()
    table = Table("journal", *(f"tokens a second, messages of {size}" for size in arguments.sizes))
    measured: dict[tuple[str, int], list[float]] = {}
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as clients:
        for size in arguments.sizes:
            for _ in range(arguments.turns):
                for policy in POLICIES:
                    measured.setdefault((policy, size), []).append(rate(policy, arguments.store, size, clients))
    for policy in POLICIES:
        cells = []
        for size in arguments.sizes:
            median, without = (statistics.median(measured[each, size]) for each in (policy, "off"))
            cells.append(f"{median:,.0f} ({median / without:.0%})")
        table.add_row(policy, *cells)
    print(table)


if __name__ == "__main__":
    main()
