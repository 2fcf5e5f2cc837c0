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

from realnet.streams.metric import MetricDetector, Value
from realnet.streams.value_options import BITS, Expert, ValueOptions

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


def ours(stream: Stream, expert: Expert) -> tuple[NDArray[np.float64], NDArray[np.bool_], float, float]:
    """Return scores told once, alarms at the default, bits a row, and microseconds a row."""
    detector = MetricDetector(ValueOptions(expert=expert))
    rows = stream.rows
    begun = time.perf_counter()
    told = detector.run(rows)
    spent = (time.perf_counter() - begun) / len(rows) * 1e6
    alarms = np.array([each.event is not None and each.event.state != "closed" for each in told])
    scores = [each.bits / (each.bits + BITS["normal"]) for each in told]
    return told_once(scores), alarms, spent, 0.0


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


def causal(stream: Stream, expert: Expert) -> bool:
    """Return whether the first half's scores are the same with other values in the second half."""
    half = len(stream.values) // 2
    other = stream._replace(values=stream.values[:half] + [3 * each + 7 for each in stream.values[half:]])
    return np.array_equal(ours(stream, expert)[0][:half], ours(other, expert)[0][:half])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--nab", type=Path, required=True, help="a checkout of numenta/NAB")
    parser.add_argument("--experts", nargs="+", default=list(get_args(Expert)))
    arguments = parser.parse_args()
    streams = streams_of(arguments.nab)
    judge = Judge(arguments.nab, streams)
    names = [stream.name for stream in streams]
    halves = {"tune": names[0::2], "held": names[1::2]}
    print(f"{'':18}{'standard':>9}{'low FP':>8}{'low FN':>8}{'tune':>7}{'held':>7}{'found':>7}{'outside':>9}{'NAB':>7}")
    for expert in arguments.experts:
        told = {stream.name: ours(stream, expert) for stream in streams}
        said = {name: each[0] for name, each in told.items()}
        counts = np.array([counted(stream, told[stream.name][1]) for stream in streams])
        found, outside, rows = counts.sum(axis=0).tolist()
        at_default = judge.score({name: each[1].astype(float) for name, each in told.items()}, "standard", names, 0.5)
        line = _line(judge, said, names, halves)
        spent = np.average([each[2] for each in told.values()], weights=[len(s.values) for s in streams])
        print(f"{expert:18}{line}{found:>7}{1000 * outside / rows:>9.2f}{at_default:>7.1f}  {spent:.0f} us a row")
    for name, baseline in (("gaussian", gaussian), ("ewma", ewma)):
        said = {stream.name: baseline(stream) for stream in streams}
        print(f"{name:18}{_line(judge, said, names, halves)}")


def _line(judge: Judge, said: Scores, names: list[str], halves: dict[str, list[str]]) -> str:
    profiles = ("standard", "reward_low_FP_rate", "reward_low_FN_rate")
    whole = [judge.score(said, profile, names) for profile in profiles]
    parts = [judge.score(said, "standard", half) for half in halves.values()]
    return f"{whole[0]:>9.1f}{whole[1]:>8.1f}{whole[2]:>8.1f}{parts[0]:>7.1f}{parts[1]:>7.1f}"


if __name__ == "__main__":
    main()
