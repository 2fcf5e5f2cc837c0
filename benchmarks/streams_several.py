"""What is found in rows of several values: `python -m benchmarks.streams_several --skab DIR [FILE.csv…]`.

DIR is a checkout of github.com/waico/SKAB: 34 runs of a water circuit, eight sensors, one fault labelled in each. A
FILE has times in its first column and values in all others, as ETTh1.csv of github.com/zhouhaoyi/ETDataset. Into it,
and into SKAB's run without a fault, broken relations are planted: in 40 places one value goes on for some rows as it
did at another time (of day the same), while the others do not. Each value alone stays as it was.

A stretch is found if there is an alarm in it, told once in 100 rows. Rows within 40 after one are not counted. First,
one threshold for all streams, so high that so many alarms are outside in 1,000 rows; then the detector's own.
"""

import argparse
import csv
import math
import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.nab import told_once
from realnet.streams.several import SeveralDetector, Values
from realnet.streams.told import Told

RATES = (0.5, 1, 2, 5)
PLACES, AFTER = 40, 40
Floats = NDArray[np.float64]


class Stream(NamedTuple):
    times: list[float]
    names: list[str]
    values: Floats
    wrong: NDArray[np.bool_]
    first: int  # row that counts


def read(path: Path, delimiter: str) -> tuple[list[float], list[str], Floats]:
    with path.open() as file:
        head, *rows = csv.reader(file, delimiter=delimiter)
    times = [datetime.fromisoformat(row[0]).replace(tzinfo=UTC).timestamp() for row in rows]
    return np.maximum.accumulate(times).tolist(), head[1:], np.array([row[1:] for row in rows], np.float64)


def skab(folder: Path) -> list[Stream]:
    streams = []
    for path in sorted(folder.glob("data/[ov]*/*.csv")):
        times, names, values = read(path, ";")
        streams.append(Stream(times, names[:8], values[:, :8], values[:, 8] > 0, 300))
    return streams


def broken(path: Path, delimiter: str, length: int, shift: int, seed: int) -> Stream:
    """Plant stretches of `length` rows that are a multiple of `shift` rows from where they were."""
    times, names, values = read(path, delimiter)
    first, chance, wrong = len(values) // 10, random.Random(seed), np.zeros(len(values), np.bool_)
    planted = values.copy()
    for at in np.linspace(first + 50, len(values) - 2 * length, PLACES).astype(int):
        which, before = chance.randrange(len(names)), chance.randint(1, (at - first // 2) // shift) * shift
        planted[at : at + length, which] = values[at - before : at - before + length, which]
        wrong[at : at + length] = True
    return Stream(times, names, planted, wrong, first)


def tell(stream: Stream) -> list[Told]:
    rows = zip(stream.times, stream.values.tolist(), strict=True)
    return SeveralDetector().run([Values(at, dict(zip(stream.names, row, strict=True))) for at, row in rows])


def bits(told: Sequence[Told], is_counted: Callable[[str], bool]) -> Floats:
    return np.array([math.hypot(*(each for name, each in row.why.items() if is_counted(name))) for row in told])


def largest(told: Sequence[Told]) -> Floats:
    """Return the largest bits of a value by itself."""
    most = []
    for row in told:
        names = {name.split(": ")[0] for name in row.why}
        most.append(max((_own(row, name) for name in names), default=0.0))
    return np.array(most)


def _own(row: Told, name: str) -> float:
    parts = [each for part, each in row.why.items() if part.startswith(f"{name}: ") and not _by_others(part)]
    return math.hypot(*parts)


def _by_others(part: str) -> bool:
    return part.endswith(": others")


def mahalanobis(values: Floats, first: int = 150) -> Floats:
    """Return the squared distance from the mean of all rows before, by their covariance."""
    mean, covariance = values[:first].mean(0), np.cov(values[:first].T)
    scores = np.zeros(len(values))
    for t in range(first, len(values)):
        step, rate = values[t] - mean, 1 / (t + 1)
        scores[t] = step @ np.linalg.pinv(covariance, rcond=1e-10, hermitian=True) @ step
        mean, covariance = mean + rate * step, (1 - rate) * (covariance + rate * np.outer(step, step))
    return scores


def split(stream: Stream, scores: Floats) -> tuple[list[float], Floats]:
    """Return the highest score of each stretch, and all scores outside."""
    outside = np.arange(len(scores)) >= stream.first
    edges = np.flatnonzero(np.diff(np.concatenate(([0], stream.wrong.astype(int), [0]))))
    found = []
    for begin, end in edges.reshape(-1, 2):
        if begin >= stream.first:
            found.append(float(scores[begin:end].max()))
        outside[begin : end + AFTER] = False
    return found, scores[outside]


def at_rates(streams: Sequence[Stream], scores: Sequence[Floats]) -> list[str]:
    parts = [split(stream, told_once(each.tolist())) for stream, each in zip(streams, scores, strict=True)]
    found, outside = np.concatenate([each[0] for each in parts]), np.sort(np.concatenate([each[1] for each in parts]))
    limits = [max(outside[-1 - int(rate * len(outside) / 1000)], 1e-12) for rate in RATES]
    return [f"{(found > limit).mean():.2f}" for limit in limits]


def own_alarms(streams: Sequence[Stream], told: Sequence[Sequence[Told]]) -> str:
    alarms = [np.array([float(row.event is not None and row.event.state != "closed") for row in each]) for each in told]
    parts = [split(*each) for each in zip(streams, alarms, strict=True)]
    outside = np.concatenate([each[1] for each in parts])
    return f"{np.concatenate([each[0] for each in parts]).mean():.2f} at {1000 * outside.mean():.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--skab", type=Path, required=True)
    parser.add_argument("files", nargs="*", type=Path)
    options = parser.parse_args()
    free = next(options.skab.glob("data/anomaly-free/*.csv"))
    groups = {"SKAB's faults": skab(options.skab)}
    groups["planted in SKAB's run without a fault"] = [broken(free, ";", 20, 1, seed) for seed in (1, 2)]
    if options.files:
        groups["planted in the files"] = [broken(path, ",", 12, 24, seed) for path in options.files for seed in (1, 2)]
    for name, streams in groups.items():
        begun = time.process_time()
        told = [tell(stream) for stream in streams]
        spent = (time.process_time() - begun) / sum(map(len, told)) * 1e6
        table = Table(name, *(f"{rate:g} in 1,000" for rate in RATES), "by its own threshold")
        for row, scores in {
            "each value by itself, the largest": [largest(each) for each in told],
            "… the root of the sum of squares": [bits(each, lambda part: not _by_others(part)) for each in told],
            "beside the others, alone": [bits(each, _by_others) for each in told],
            "Mahalanobis' distance": [mahalanobis(stream.values) for stream in streams],
        }.items():
            table.add_row(row, *at_rates(streams, scores))
        joint = [bits(each, lambda _: True) for each in told]
        table.add_row("the detector", *at_rates(streams, joint), own_alarms(streams, told))
        Console(width=140).print(table, f"{spent:.0f} us a row")


if __name__ == "__main__":
    main()
