"""A detector of lines that are new in a log: by its words, and by the bytes of what never came before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from realnet.checkpoint import FORMAT, LINES, Checkpoint
from realnet.core.checks import is_number, is_whole
from realnet.dendrites.net import DendriteNet
from realnet.dendrites.wiring import Recall, Wiring
from realnet.streams.known import Known, Seen, most_alike
from realnet.streams.masking import WORDS, byte_tokens, masked, word_tokens
from realnet.streams.news import News, Verdict
from realnet.streams.threshold import Threshold
from realnet.streams.told import ALARM, Learn, Told, learn_each

WARM_UP = 500  # lines
KNOWN = 100_000  # masked lines
BUDGET = 1.0  # alarms in 1,000 lines
_WORD_SHARE = 0.4  # what a bit of the words counts beside one of the bytes
_MAX_LINES = 2**17  # of each net: 8 MiB
_SLICE = 256  # rows at a time
_KNOWN_BYTES = 600  # of a known line, with what is kept of it; measured

_WORD_WIRING = Wiring(
    contexts=("order 0", "order 1", "order 2", "skip"),
    recalls=(Recall(3, forgiving=False),),
    somata=(("node", "recall 1", "sure", "last"),),
    maps=(),
)
_BYTE_WIRING = Wiring(
    contexts=("order 1", "order 2", "order 3", "order 4", "order 6", "word", "column"),
    recalls=(Recall(6, forgiving=False),),
    somata=(("node", "recall 1", "last", "sure", "classes"),),
    maps=(),
)


class Line(NamedTuple):
    """A line of a log, and when it was, in seconds since 1970, if that is known."""

    text: str
    at: float | None = None


LineRow: TypeAlias = Line | str


class _Heard(NamedTuple):
    """A row as it is when it comes, before anything after it is."""

    line: str  # masked; "" where there is nothing in it
    words: list[int]
    is_new: bool
    like: list[str]  # of a new one the known lines that share a word with it


class LineDetector:
    """Says of each line how new it is, and learns it. It implements `realnet.streams.told.Detector`.

        detector = LineDetector()
        told = detector.run(["accepted password for anna", "accepted password for bert"])

    A line whose masked text came before scores 0. Any other one scores the mean surprise of its bytes, and 0.4 of that
    of its words: two nets of dendrites, of which one hears the words of all lines, the other the bytes of new ones
    alone. It is news from a threshold on that moves until `budget` of 1,000 lines are. Nothing is said of the first
    `WARM_UP` lines. It takes 90 MB at most, however long a stream is.

    Attributes:
        rows: how many it has seen; empty ones count, and are nothing else.
    """

    rows: int

    def __init__(self, budget: float = BUDGET) -> None:
        """Make a newborn. `budget` is how many alarms in 1,000 lines are wanted, up to 100. Raises ValueError."""
        self.rows, self._learnt = 0, 0
        self._threshold, self._news, self._known = Threshold(budget), News(), Known(KNOWN)
        self._words = DendriteNet(_WORD_WIRING, WORDS, _MAX_LINES)
        self._bytes = DendriteNet(_BYTE_WIRING, 256, _MAX_LINES)

    @property
    def remaining(self) -> int:
        """Return how many lines have to be learnt until it says anything."""
        return max(0, WARM_UP - self._learnt)

    @property
    def budget(self) -> float:
        return self._threshold.budget

    @budget.setter
    def budget(self, value: float) -> None:
        self._threshold = Threshold(value, self._threshold.bits, self._threshold.rows)

    @property
    def threshold(self) -> float:
        """Return the bits from which on a line is news."""
        return self._threshold.bits

    def known(self, text: str) -> Seen | None:
        """Return how often a line like this, but for numbers, has come, and as which row last; None: never."""
        return self._known.get(masked(text))

    def verdict(self, event: int) -> Verdict | None:
        """Return what a person said of an event."""
        return self._news.verdict(event)

    @property
    def nbytes(self) -> int:
        """Return about how many bytes of memory it takes."""
        return self._words.nbytes + self._bytes.nbytes + _KNOWN_BYTES * len(self._known)

    def run(self, rows: Sequence[LineRow], learn: Learn = True) -> list[Told]:
        """Tell of each line, and learn it unless it is not to be learnt. Raises ValueError, with nothing changed."""
        lines = [_checked(number, row) for number, row in enumerate(rows)]
        told: list[Told] = []
        for is_learnt, group in groupby(zip(lines, learn_each(learn, len(lines)), strict=True), lambda each: each[1]):
            alike = [line for line, _ in group]
            for begin in range(0, len(alike), _SLICE):
                told += self._run(alike[begin : begin + _SLICE], is_learnt)
        return told

    def _run(self, lines: list[Line], learn: bool) -> list[Told]:
        first = self.rows + 1
        heard = [self._hear(line, first + number, learn) for number, line in enumerate(lines)]
        words = _surprise(self._words, [each.words for each in heard if each.line], learn)
        letters = _surprise(self._bytes, [byte_tokens(each.line) for each in heard if each.is_new], learn)
        told = []
        for line, each in zip(lines, heard, strict=True):
            self.rows += 1
            word_bits = next(words) if each.line else 0.0
            byte_bits = next(letters) if each.is_new else 0.0
            told.append(self._tell(line.at, each, byte_bits, _WORD_SHARE * word_bits, learn))
        return told

    def _hear(self, line: Line, row: int, learn: bool) -> _Heard:
        text = masked(line.text)
        words, is_new = word_tokens(text), bool(text) and text not in self._known
        like = self._known.sharing(words) if is_new else []
        if text and learn:
            self._known.see(text, words, row)
        return _Heard(text, words, is_new, like)

    def look(self, row: LineRow) -> Told:
        """Tell of a line what `run` would if it came next and were not learnt, but for its event, and change nothing.

        Raises ValueError. (A line that is learnt is so word by word: what it repeats surprises a little less.)
        """
        line, number = _checked(0, row), self.rows + 1
        heard = self._hear(line, number, learn=False)
        word_bits = byte_bits = 0.0
        if heard.is_new:
            (word_bits,) = _surprise(self._words.fork(), [heard.words], learn=False)
            (byte_bits,) = _surprise(self._bytes.fork(), [byte_tokens(heard.line)], learn=False)
        return self._say(number, line.at, heard, byte_bits, _WORD_SHARE * word_bits)

    def _tell(self, at: float | None, heard: _Heard, byte_bits: float, word_bits: float, learn: bool) -> Told:
        told = self._say(self.rows, at, heard, byte_bits, word_bits)
        is_news = told.score >= ALARM
        event = self._news.tell(heard.line) if is_news else None
        if learn and heard.line:
            self._learn(told.bits, told.ready, is_news)
        return told._replace(event=event)

    def _say(self, number: int, at: float | None, heard: _Heard, byte_bits: float, word_bits: float) -> Told:
        """Return what is told of a line, but for its event, and change nothing."""
        ready, bits = self.remaining == 0, byte_bits + word_bits if heard.is_new else 0.0
        score = self._threshold.score(bits) if ready else 0.0
        parts = {"bytes": byte_bits, "words": word_bits} if heard.is_new else {}
        why = dict(sorted(parts.items(), key=lambda part: -part[1]))
        expected = most_alike(heard.line, heard.like) if score >= ALARM else None
        return Told(number, at, ready, score, bits, why, expected)

    def _learn(self, bits: float, ready: bool, is_news: bool) -> None:
        self._learnt += 1
        if ready:
            self._threshold.move(is_news)
        elif self._learnt > WARM_UP // 2:  # what came before was new to a newborn, whatever it was
            self._threshold.begin(bits)

    def feedback(self, event: int, verdict: Verdict) -> None:
        """Take a person's word on an event: a `normal` line is known from now on, also if it was not learnt.

        An `anomaly` is kept as that, and nothing is unlearnt. Raises ValueError for no such event.
        """
        self._news.judge(event, verdict)
        line = self._news.line(event)
        if verdict == "normal" and line not in self._known:
            self._known.see(line, word_tokens(line), self.rows)

    def checkpoint(self) -> Checkpoint:
        """Return a copy of everything."""
        config = {
            "format": FORMAT,
            "kind": LINES,
            "tick": self.rows,
            "learning_rate": 1.0,
            "learnt": self._learnt,
            "budget": self._threshold.budget,
            "threshold": self._threshold.bits,
            "events": self._news.count,
            "max_lines": _MAX_LINES,
            "words": self._words.wiring.to_json(),
            "bytes": self._bytes.wiring.to_json(),
        }
        nets = (("words", self._words), ("bytes", self._bytes))
        learnt = {f"{name}.{each}": array for name, net in nets for each, array in net.arrays().items()}
        return Checkpoint(config, learnt | self._known.arrays() | self._news.arrays())

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint) -> Self:
        """Return the detector that made it, which goes on exactly. Raises ValueError for any other."""
        config, arrays = checkpoint.config, checkpoint.arrays
        try:
            if config["kind"] != LINES:
                raise ValueError(f"it is of kind {config['kind']!r}")
            if not all(is_whole(config[name]) and config[name] >= 0 for name in ("learnt", "events")):
                raise ValueError("learnt and events are whole numbers")
            detector = cls(config["budget"])
            detector.rows, detector._learnt = checkpoint.tick, config["learnt"]
            detector._threshold = Threshold(config["budget"], config["threshold"], max(0, config["learnt"] - WARM_UP))
            detector._news, detector._known = News.of(config["events"], arrays), Known.of(KNOWN, arrays)
            detector._words = _net(config, arrays, "words", WORDS)
            detector._bytes = _net(config, arrays, "bytes", 256)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            missing = " is missing" if isinstance(error, KeyError) else ""
            raise ValueError(f"not a checkpoint of lines: {' '.join(str(error).split())}{missing}") from error
        return detector


def _net(config: dict[str, Any], arrays: dict[str, NDArray[Any]], name: str, symbols: int) -> DendriteNet:
    net = DendriteNet(Wiring.from_json(config[name]), symbols, config["max_lines"])
    net.take({each.removeprefix(f"{name}."): array for each, array in arrays.items() if each.startswith(f"{name}.")})
    return net


def _checked(number: int, row: LineRow) -> Line:
    line = row if isinstance(row, Line) else Line(row)
    if not isinstance(line.text, str):
        raise ValueError(f"rows[{number}] is {type(line.text).__name__}, must be a text")
    if line.at is not None and not is_number(line.at):
        raise ValueError(f"rows[{number}].at is {line.at!r}, must be a number")
    return line


def _surprise(net: DendriteNet, lines: list[list[int]], learn: bool) -> Iterator[float]:
    """Return of each line, tokens, the mean surprise in bits; run and learn them one after the other."""
    tokens = np.array([token for line in lines for token in line], np.int32)
    bits = -np.log2(net.run(tokens, float(learn), and_next=False).probability)
    ends = np.cumsum([len(line) for line in lines])
    return iter([float(part.mean()) for part in np.split(bits, ends)[:-1]])
