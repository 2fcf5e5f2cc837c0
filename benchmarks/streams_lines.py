"""What is found of lines that do not belong to a log: `python -m benchmarks.streams_lines --logs DIR [FILE…]`.

DIR is a checkout of github.com/logpai/loghub, whose samples of 2,000 lines are for research alone. Into each of them 20
lines of other logs are planted, 20 messages of other logs after an own header, and 20 words into own lines, all after
the first 500. Each line is scored before it is learnt, and one threshold holds for all logs: so high that one in so
many of the logs' own lines is above it. Own lines of a template that never came before are news as well, and left out.

Then the detector's own alarms, by its budget: how many it tells of all logs one after the other, of each alone (the
mean, and the most), and of each FILE; and what it tells of plants that are few, one of each kind in a log.
"""

import argparse
import csv
import random
import time
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from realnet.core._numba import exact_kernel
from realnet.streams.lines import WARM_UP, LineDetector
from realnet.streams.masking import masked

SEEDS = (1, 2, 3)
PLANTS, START = 20, WARM_UP
OWN, LINE, MESSAGE, WORD = range(4)
RATES = (100, 1000, 10_000)
BUDGETS = (1.0, 3.0, 10.0)

Scores = NDArray[np.float64]


class Log(NamedTuple):
    lines: list[str]
    messages: list[str]  # without the header
    templates: list[str]


class Planted(NamedTuple):
    lines: list[str]
    kinds: NDArray[np.int64]
    counts: NDArray[np.bool_]  # it is not an own line of a new template
    first: NDArray[np.bool_]  # its template was not planted before


def read(folder: Path) -> dict[str, Log]:
    logs = {}
    for path in sorted(folder.glob("*/*_2k.log")):
        lines = [line.rstrip("\n") for line in path.open(errors="replace")]
        if path.parent.name in ("BGL", "Thunderbird"):  # their first word is a label
            lines = [line.split(" ", 1)[1] for line in lines]
        with path.with_name(f"{path.name}_structured.csv").open(errors="replace") as file:
            rows = list(csv.DictReader(file))
        logs[path.parent.name] = Log(lines, [row["Content"] for row in rows], [row["EventId"] for row in rows])
    return logs


def plant(name: str, logs: dict[str, Log], seed: int, count: int = PLANTS) -> Planted:
    own, others = logs[name], [each for each in logs if each != name]
    draw = random.Random(seed + zlib.crc32(name.encode()))
    plants: dict[int, list[tuple[int, str, tuple[str, str]]]] = {}
    for kind in (LINE, MESSAGE, WORD):
        for _ in range(count):
            at, other, number = draw.randrange(START, len(own.lines)), draw.choice(others), draw.randrange(2000)
            log = logs[other]
            if kind == LINE:
                text = log.lines[number]
            elif kind == MESSAGE:
                text = _header(own.lines[at], own.messages[at]) + log.messages[number]
            else:
                text = _with_a_word_of(own.lines[at], log.messages[number], draw)
            plants.setdefault(at, []).append((kind, text, (other, log.templates[number])))
    rows: list[tuple[str, int, bool, bool]] = []
    planted: set[tuple[str, str]] = set()
    seen: set[str] = set()
    for at, (line, template) in enumerate(zip(own.lines, own.templates, strict=True)):
        for kind, text, source in plants.get(at, []):
            rows.append((text, kind, True, source not in planted))
            planted.add(source)
        rows.append((line, OWN, template in seen, False))
        seen.add(template)
    lines, kinds, counts, first = zip(*rows, strict=True)
    return Planted(list(lines), np.array(kinds), np.array(counts), np.array(first))


def _header(line: str, message: str) -> str:
    return line[: len(line) - len(message)] if message and line.endswith(message) else f"{line} "


def _with_a_word_of(line: str, message: str, draw: random.Random) -> str:
    words = line.split(" ")
    theirs = [word for word in message.split() if word.isalpha() and len(word) > 3] or ["exploded"]
    places = [i for i, word in enumerate(words) if len(word) > 3 and i >= len(words) // 2] or [len(words) - 1]
    words[draw.choice(places)] = draw.choice(theirs)
    return " ".join(words)


def by_detector(lines: list[str]) -> dict[str, Scores]:
    told = LineDetector().run(lines)
    return {
        "the detector": np.array([each.bits for each in told]),
        "… its bytes alone": np.array([each.why.get("bytes", 0.0) for each in told]),
        "… its words alone": np.array([each.why.get("words", 0.0) for each in told]),
    }


def by_counts(lines: list[str]) -> dict[str, Scores]:
    texts = [masked(line) for line in lines]
    order_3, unseen, new, rarity = order_three(texts), [], [], []
    words: set[str] = set()
    templates: Counter[str] = Counter()
    for number, text in enumerate(texts):
        own = text.split() or [""]
        unseen.append(sum(word not in words for word in own) / len(own))
        rarity.append(-np.log2((templates[text] + 0.5) / (number + 1)))
        new.append(templates[text] == 0)
        words.update(own)
        templates[text] += 1
    return {
        "bytes by order 3": order_3,
        "… 0 if the masked line came before": order_3 * new,
        "share of unseen words": np.array(unseen),
        "bytes by order 3 and, ×4, share of unseen words, 0 if it came before": (order_3 + 4 * np.array(unseen)) * new,
        "rarity of the masked line": np.array(rarity),
    }


def order_three(lines: list[str]) -> Scores:
    """Return the mean bits of each line by counts of bytes after the last 0 to 3, mixed as Witten and Bell do."""
    parts = [line.encode() + b"\n" for line in lines]
    bits = _order_three(np.frombuffer(b"".join(parts), np.uint8).astype(np.int64))
    ends = np.cumsum([len(part) for part in parts])
    return np.array([part.mean() for part in np.split(bits, ends)[:-1]])


@exact_kernel
def _order_three(data: NDArray[np.int64]) -> Scores:
    size = 2**22
    came, all_, kinds = np.zeros((4, size), np.int32), np.zeros((4, size), np.int32), np.zeros((4, size), np.int32)
    bits = np.zeros(len(data))
    for t in range(len(data)):
        p, h = 1 / 256, np.int64(0)
        for k in range(min(t, 3) + 1):
            if k > 0:
                h = (h * 257 + data[t - k] + 1) % 1_000_003
            place, cell = h, (h * 257 + data[t] + 1) * 7919 % size
            if all_[k, place]:
                p = (came[k, cell] + kinds[k, place] * p) / (all_[k, place] + kinds[k, place])
            kinds[k, place] += came[k, cell] == 0
            came[k, cell] += 1
            all_[k, place] += 1
        bits[t] = -np.log2(max(p, 1e-7))
    return bits


def by_river(lines: list[str]) -> dict[str, Scores]:
    """Return nothing where River is not installed."""
    try:
        from river import anomaly, preprocessing
    except ModuleNotFoundError:
        return {}
    model = preprocessing.MinMaxScaler() | anomaly.HalfSpaceTrees(n_trees=10, height=8, window_size=250, seed=1)
    scores = []
    for line in lines:
        text = masked(line)
        row = {str(i): 0.0 for i in range(24)} | {"length": float(len(text))}
        for word in text.split():
            row[str(zlib.crc32(word.encode()) % 24)] += 1
        scores.append(model.score_one(row))
        model.learn_one(row)
    return {"River's HalfSpaceTrees, 24 hashed words and the length": np.array(scores)}


def figures(scores: list[Scores], planted: list[Planted]) -> list[str]:
    s = np.concatenate([each[START:] for each in scores])
    kinds, counts, first = (
        np.concatenate([getattr(each, name)[START:] for each in planted]) for name in ("kinds", "counts", "first")
    )
    own = np.sort(s[(kinds == OWN) & counts])[::-1]
    cells = []
    for rate in RATES:
        above = s > own[len(own) // rate]
        found = [f"{above[kinds == kind].mean():.2f}" for kind in (LINE, MESSAGE, WORD)]
        firsts = [f"{above[(kinds == kind) & first].mean():.2f}" for kind in (LINE, MESSAGE)]
        cells.append(f"{' '.join(found)} ({' '.join(firsts)})")
    return cells


def alarms(lines: list[str], budget: float) -> float:
    """Return how many alarms there are in 1,000 lines after the warm-up."""
    told = LineDetector(budget).run(lines)[WARM_UP:]
    return 1000 * sum(each.event is not None for each in told) / len(told)


def alarms_of_each(logs: dict[str, Log], budget: float) -> str:
    rates = [alarms(log.lines, budget) for log in logs.values()]
    return f"{np.mean(rates):.2f}; {max(rates):.2f}"


def told_of_few(logs: dict[str, Log], budget: float) -> str:
    """Return which share of plants was told, and how many alarms there were in all."""
    planted = [plant(name, logs, seed, 1) for seed in SEEDS for name in logs]
    kinds = np.concatenate([each.kinds[START:] for each in planted])
    told = [LineDetector(budget).run(each.lines)[START:] for each in planted]
    alarm = np.array([each.event is not None for log in told for each in log])
    found = " ".join(f"{alarm[kinds == kind].mean():.2f}" for kind in (LINE, MESSAGE, WORD))
    return f"{found}, of {1000 * alarm.mean():.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--logs", type=Path, required=True)
    parser.add_argument("files", nargs="*", type=Path)
    options = parser.parse_args()
    logs, console = read(options.logs), Console(width=150)
    scorers: tuple[Callable[[list[str]], dict[str, Scores]], ...] = (by_detector, by_counts, by_river)
    for seed in SEEDS:
        planted = [plant(name, logs, seed) for name in logs]
        table = Table(f"found, plants {seed}: lines messages words (first of their template)", *map(str, RATES))
        for scorer in scorers:
            all_scores = [scorer(each.lines) for each in planted]
            for name in all_scores[0]:
                table.add_row(name, *figures([scores[name] for scores in all_scores], planted))
        console.print(table)
    together = [line for log in logs.values() for line in log.lines]
    table = Table("alarms in 1,000 lines", *(f"budget {each:g}" for each in BUDGETS))
    table.add_row("all logs, one after the other", *(f"{alarms(together, each):.2f}" for each in BUDGETS))
    table.add_row("each log alone", *(alarms_of_each(logs, each) for each in BUDGETS))
    for path in options.files:
        lines = path.read_text(errors="replace").splitlines()
        table.add_row(f"{path.name}, {len(lines):,} lines", *(f"{alarms(lines, each):.2f}" for each in BUDGETS))
    table.add_row("of one of each kind in a log were told", *(told_of_few(logs, each) for each in BUDGETS))
    console.print(table)
    begun, detector = time.process_time(), LineDetector()
    for log in logs.values():
        detector.run(log.lines)
    console.print(f"{len(together) / (time.process_time() - begun):,.0f} lines a second of CPU")


if __name__ == "__main__":
    main()
