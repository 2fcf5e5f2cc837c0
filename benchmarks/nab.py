"""NAB, the public benchmark of anomaly detection in streams, by its own sweeper; its checkout is given by path.

git clone https://github.com/numenta/NAB && python -m benchmarks.nab --nab NAB
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from realnet.streams.events import Events
from realnet.streams.metric import MetricDetector, Value
from realnet.streams.value_options import BITS, Expert, Sensitivity, ValueOptions

_PROBATION = 0.15
_TOLD_AGAIN = 100  # rows within which only a higher score is told, as the detector does
Scores = dict[str, NDArray[np.float64]]


class Stream(NamedTuple):
    name: str
    times: list[datetime]
    values: list[float]
    windows: list[tuple[datetime, datetime]]

    @property
    def rows(self) -> list[Value]:
        """Return the rows for a detector. Some of NAB's clocks are set back by an hour: then they stand still."""
        seconds = np.maximum.accumulate([at.replace(tzinfo=UTC).timestamp() for at in self.times]).tolist()
        return [Value(at, value) for at, value in zip(seconds, self.values, strict=True)]


def streams_of(nab: Path) -> list[Stream]:
    """Return NAB's streams, sorted by name."""
    labels = json.loads((nab / "labels/combined_windows.json").read_text())
    streams = []
    for name in sorted(labels):
        with (nab / "data" / name).open() as file:
            rows = list(csv.reader(file))[1:]
        windows = [(datetime.fromisoformat(begin), datetime.fromisoformat(end)) for begin, end in labels[name]]
        times = [datetime.fromisoformat(row[0]) for row in rows]
        streams.append(Stream(name, times, [float(row[1]) for row in rows], windows))
    return streams


def told_once(scores: Sequence[float]) -> NDArray[np.float64]:
    """Return each score that is above all of the last 100 rows, else 0."""
    recent = np.zeros(_TOLD_AGAIN)
    once = np.zeros(len(scores))
    for t, score in enumerate(scores):
        once[t] = score if score > recent.max() else 0.0
        recent[t % _TOLD_AGAIN] = score
    return once


class Said(NamedTuple):
    """What our detector says of a stream."""

    bits: list[float]
    alarms: dict[Sensitivity, NDArray[np.bool_]]
    error: float  # mean distance from what was expected, in deviations of the stream's values
    spent: float  # microseconds of a core a row

    @property
    def scores(self) -> NDArray[np.float64]:
        return told_once([each / (each + BITS["normal"]) for each in self.bits])


def ours(stream: Stream, expert: Expert) -> Said:
    detector = MetricDetector(ValueOptions(expert=expert))
    rows = stream.rows
    begun = time.process_time()
    told = detector.run(rows)
    spent = (time.process_time() - begun) / len(rows) * 1e6
    bits = [each.bits for each in told]
    error = np.mean(
        [
            abs(each.expected - row.value)
            for each, row in zip(told, rows, strict=True)
            if isinstance(each.expected, float)
        ]
    )
    alarms = {}
    for sensitivity, asked in BITS.items():  # how rare a row is does not depend on how rare it must be
        events = Events(asked)
        seen = [events.see(each) for each in bits]
        alarms[sensitivity] = np.array([each is not None and each.state != "closed" for each in seen])
    return Said(bits, alarms, float(error) / (float(np.std(stream.values)) + 1e-9), spent)


def gaussian(stream: Stream) -> NDArray[np.float64]:
    """Return the distance from the mean in deviations, of a running mean over 6,400 rows, told once."""
    return _running(stream, 6400)


def ewma(stream: Stream) -> NDArray[np.float64]:
    """Return the same of a mean over 100 rows."""
    return _running(stream, 100)


def _running(stream: Stream, memory: int) -> NDArray[np.float64]:
    mean = spread = 0.0
    scores = []
    for t, value in enumerate(stream.values):
        distance = abs(value - mean) / math.sqrt(spread + 1e-12) if t >= 30 else 0.0
        scores.append(distance / (distance + 6))
        rate = max(1 / (t + 1), 1 / memory)
        step = value - mean
        mean += rate * step
        spread = (1 - rate) * (spread + rate * step * step)
    return told_once(scores)


class Judge:
    """NAB's own sweeper."""

    def __init__(self, nab: Path, streams: Sequence[Stream]) -> None:
        sys.path.insert(0, str(nab))
        from nab.sweeper import Sweeper  # type: ignore[import-not-found]

        self._sweeper, self._streams = Sweeper, streams
        profiles = json.loads((nab / "config/profiles.json").read_text())
        self._costs = {name: each["CostMatrix"] for name, each in profiles.items()}

    def score(self, scores: Scores, profile: str, names: Sequence[str], threshold: float | None = None) -> float:
        """Return the normalised score at the best threshold, or at one that is given."""
        cost, rows, windows = self._costs[profile], [], 0
        sweeper = self._sweeper(_PROBATION, cost)
        for stream in self._streams:
            if stream.name in names:
                told = scores[stream.name].tolist()
                rows += sweeper.calcSweepScore(stream.times, told, stream.windows, stream.name)
                windows += len(stream.windows)
        swept = sweeper.calcScoreByThreshold(rows)
        if threshold is None:
            best = max(each.score for each in swept)
        else:
            best = [each.score for each in swept if each.threshold >= threshold][-1]
        null, perfect = -windows * cost["fnWeight"], windows * cost["tpWeight"]
        return float(100 * (best - null) / (perfect - null))


def counted(stream: Stream, alarms: NDArray[np.bool_]) -> tuple[int, int, int]:
    """Return of the rows that NAB counts: windows with an alarm, alarms outside of all windows, and rows."""
    first = int(min(_PROBATION * len(alarms), _PROBATION * 5000))
    at = [stream.times[t] for t in np.flatnonzero(alarms) if t >= first]
    found = sum(any(begin <= each <= end for each in at) for begin, end in stream.windows)
    outside = sum(not any(begin <= each <= end for begin, end in stream.windows) for each in at)
    return found, outside, len(alarms) - first


def is_causal(stream: Stream, expert: Expert) -> bool:
    """Return whether the first half is told the same with other values in the second half."""
    half = len(stream.values) // 2
    other = stream._replace(values=stream.values[:half] + [3 * each + 7 for each in stream.values[half:]])
    first, second = (MetricDetector(ValueOptions(expert=expert)).run(each.rows) for each in (stream, other))
    return first[:half] == second[:half]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--nab", type=Path, required=True, help="a checkout of numenta/NAB")
    parser.add_argument("--experts", nargs="*", default=list(get_args(Expert)))
    arguments = parser.parse_args()
    streams = streams_of(arguments.nab)
    judge = Judge(arguments.nab, streams)
    names = [stream.name for stream in streams]
    print(f"{'':16}standard  low FP  low FN    tune    held")
    for name, baseline in (("gaussian", gaussian), ("ewma", ewma)):
        print(f"{name:16}{_line(judge, {stream.name: baseline(stream) for stream in streams}, names)}", flush=True)
    for expert in arguments.experts:
        said = {stream.name: ours(stream, expert) for stream in streams}
        print(f"{expert:16}{_line(judge, {name: each.scores for name, each in said.items()}, names)}")
        for sensitivity in BITS:
            counts = np.array([counted(stream, said[stream.name].alarms[sensitivity]) for stream in streams])
            found, outside, rows = counts.sum(axis=0).tolist()
            of_each = np.sort(1000 * counts[:, 1] / counts[:, 2])
            alarms = {name: each.alarms[sensitivity].astype(float) for name, each in said.items()}
            print(
                f"  {sensitivity:12} {found} windows, alarms outside in 1,000 rows: {1000 * outside / rows:.2f}, "
                f"of the median stream {np.median(of_each):.2f}, of the worst {of_each[-1]:.1f}; "
                f"NAB {judge.score(alarms, 'standard', names, 0.5):.1f}"
            )
        error, spent = np.median([(each.error, each.spent) for each in said.values()], axis=0)
        causal = all(is_causal(stream, expert) for stream in streams[::15])
        print(
            f"  of the median stream: error {error:.3f} deviations, {spent:.0f} us a row; causal: {causal}", flush=True
        )


def _line(judge: Judge, scores: Scores, names: list[str]) -> str:
    profiles = ("standard", "reward_low_FP_rate", "reward_low_FN_rate")
    figures = [judge.score(scores, profile, names) for profile in profiles]
    figures += [judge.score(scores, "standard", half) for half in (names[0::2], names[1::2])]
    return "".join(f"{each:8.1f}" for each in figures)


if __name__ == "__main__":
    main()
