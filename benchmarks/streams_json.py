"""What is found of JSON events that do not belong: `python -m benchmarks.streams_json LOG LOG…`.

A LOG has an event a line: a JSON object, or an access log's line. Into each, after the first 1,000 events, 60 events
are put in which a text of another log is in the place of a field's value, and 60 in which a value of another event of
this log is, which never came together with another value of this event in the whole log. Fields are such as 30% of
events have, with 2 to 200 different values. Each event is scored before it is learnt, with one threshold a log: so high
that one in so many of its own events is above it.
"""

import argparse
import json
import random
import re
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from realnet.streams.fields import symbols_of
from realnet.streams.json_events import WARM_UP, EventDetector, JsonEvent
from realnet.streams.lines import LineDetector

SEEDS, RATES, BUDGETS = (1, 2), (1000, 300, 100), (1.0, 3.0, 10.0)
PLANTS, START = 60, 1000
OWN, VALUE, PAIR = range(3)
_ACCESS = re.compile(r'(\S+) \S+ \S+ \[[^]]*\] "(\S+) (\S+) [^"]*" (\d+) (\S+) "([^"]*)" "([^"]*)"')
Event = dict[str, Any]


def read(path: Path) -> list[Event]:
    events = []
    for line in path.read_text(errors="replace").splitlines():
        if line.startswith("{"):
            events.append(_flat(json.loads(line)))
        elif parts := _ACCESS.match(line):
            address, method, page, status, size, referrer, agent = parts.groups()
            named = {"address": address, "method": method, "path": page, "referrer": referrer, "agent": agent}
            events.append(named | {"status": int(status), "bytes": int(size) if size.isdigit() else None})
    return events


def _flat(event: Event, prefix: str = "") -> Event:
    flat: Event = {}
    for name, value in event.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return flat


def plant(log: list[Event], others: list[list[Event]], seed: int) -> tuple[list[Event], NDArray[np.int64]]:
    chance, symbols = random.Random(seed), [symbols_of(event, "") for event in log]
    having: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for number, event in enumerate(symbols):
        for name, symbol in event.items():
            having[name][symbol].add(number)
    fields = [k for k, v in having.items() if 2 <= len(v) <= 200 and sum(map(len, v.values())) > 0.3 * len(log)]
    texts = [each for other in others for event in other[:2000] for each in event.values() if isinstance(each, str)]
    places = sorted(chance.sample(range(START, len(log)), 2 * PLANTS))
    kinds = {at: VALUE + number % 2 for number, at in enumerate(places)}
    events: list[Event] = []
    planted: list[int] = []
    for at, event in enumerate(log):
        own = [name for name in fields if name in event]
        for _ in range(200 if own and at in kinds else 0):
            name = chance.choice(own)
            value: Any = chance.choice(texts)
            if kinds[at] == PAIR:
                other = chance.randrange(at)
                value = log[other].get(name)
                came = having[name][symbols[other].get(name, "")]
                if not came or all(came & having[each][symbols[at][each]] for each in own if each != name):
                    continue
            events.append({**event, name: value})
            planted.append(kinds[at])
            break
        events.append(event)
        planted.append(OWN)
    return events, np.array(planted)


def scores_of(events: list[Event]) -> dict[str, NDArray[np.float64]]:
    told = EventDetector().run([JsonEvent(event) for event in events])
    lines = LineDetector().run(
        [" ".join(each.replace(" ", "_") for each in symbols_of(event, "").values()) for event in events]
    )
    largest = [[max((b for k, b in row.why.items() if (" & " in k) == p), default=0.0) for row in told] for p in (0, 1)]
    return {
        "new values": np.array(largest[0]),
        "new pairs": np.array(largest[1]),
        "a detector of lines, on the same as words": np.array([each.bits for each in lines]),
    }


def found(scores: NDArray[np.float64], kinds: NDArray[np.int64], kind: int) -> str:
    scores, kinds = scores[WARM_UP:], kinds[WARM_UP:]
    own = np.sort(scores[kinds == OWN])[::-1]
    return " ".join(f"{(scores[kinds == kind] > own[len(own) // rate]).mean():.2f}" for rate in RATES)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("logs", nargs="+", type=Path)
    logs, console = {path.name: read(path) for path in parser.parse_args().logs}, Console(width=140)
    for name, log in logs.items():
        others = [other for each, other in logs.items() if each != name] or [log]
        rates = ", ".join(f"{rate:,}" for rate in RATES)
        table = Table(
            f"{name}, {len(log):,} events; 1 in {rates}", *(f"{w} {s}" for s in SEEDS for w in ("values", "pairs"))
        )
        cells: dict[str, list[str]] = defaultdict(list)
        for seed in SEEDS:
            events, kinds = plant(log, others, seed)
            for row, scores in scores_of(events).items():
                cells[row] += [found(scores, kinds, VALUE), found(scores, kinds, PAIR)]
        for row, each in cells.items():
            table.add_row(row, *each)
        console.print(table)
        begun, rows = time.process_time(), [JsonEvent(event) for event in log]
        told = [EventDetector(budget).run(rows)[WARM_UP:] for budget in BUDGETS]
        spent = (time.process_time() - begun) / len(BUDGETS) / len(log) * 1e6
        alarms = [1000 * sum(each.event is not None for each in rows) / len(rows) for rows in told]
        console.print(
            f"alarms in 1,000 of its own by budgets of {BUDGETS}: {' '.join(f'{each:.2f}' for each in alarms)}; "
            f"{spent:.0f} us an event"
        )


if __name__ == "__main__":
    main()
