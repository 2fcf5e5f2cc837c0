"""Keep what a net can say of its life: from whom it heard how much, how sure it was and rightly so, what surprised it.

All of it is counted in the order of the ticks, so that the same inputs make the same chronicle, however they were cut.
"""

from collections import deque
from collections.abc import Iterable

import msgspec
import numpy as np
from numpy.typing import NDArray

from realnet.core._numba import exact_kernel
from realnet.core.state import Float32, Float64
from realnet.score import SAMPLED
from realnet.vocabulary import Bytes, Vocabulary

MOST_LABELS = 64  # then the one with the fewest tokens goes into the others
BINS = 10  # of how sure it was
MOST_SURPRISES = 16
BLOCK = 4096  # tokens, of which the most surprising one may be among them
EXCERPT = 64  # tokens, of which the last one surprised
KINDS = ("letters", "digits", "spaces", "line ends", "marks", "other bytes")  # of bytes

MARK = 1000  # tokens of a label, after which its sums are marked down: of late is since the mark before last

TOKENS, HITS, BITS = range(3)  # the columns of a tally; then those at the mark before last, and at the last
_COLUMNS = 9
_TURNS = 4
COUNT, SAID, TRUE = range(3)  # the columns of the reliability


class Surprise(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A token that surprised the net by so many bits, and those before it; `block` is where in its life it was."""

    bits: float
    tick: int
    block: int
    tokens: bytes  # int32


class ChronicleState(msgspec.Struct, frozen=True):
    """A chronicle as a snapshot keeps it: arrays of float64 as bytes."""

    labels: list[str | None]
    tallies: bytes  # a row for each label, then that of the others
    kinds: bytes
    reliability: bytes
    surprises: list[Surprise]
    recent: bytes  # int32
    tokens: int
    folded: int


class Chronicle:
    """Sees each token as it is scored (`realnet.score.Witness`). The engine's thread writes and reads it.

    Attributes:
        tallies: of each label a row of float64, by the columns above. None is what came without one.
        others: the same, of labels that had the fewest tokens when there were too many.
        folded: how often one went there.
        kinds: (_TURNS, KINDS, 3) tokens, hits and bits of each kind of byte, at each fourth tick: none of these sums
            waits for the last addition to it, which would take as long as all else here.
        reliability: (BINS, 3) how often the likeliest token was given a probability of this tenth, the sum of these,
            and how often it came: at ticks that `SAMPLED` divides.
        surprises: the most surprising tokens, one of a block, the most surprising first.
        tokens: all that it has seen.
    """

    def __init__(self, vocabulary: Vocabulary | None, state: ChronicleState | None = None) -> None:
        """Begin, or go on from what `state` has returned. Raises ValueError for anything else."""
        if vocabulary is None or vocabulary.name == Bytes.name:
            self._kind_of = _KINDS_OF_BYTES
        else:
            self._kind_of = np.zeros(vocabulary.size, np.int64)
        self._coming: deque[tuple[str | None, int]] = deque()
        self.tallies: dict[str | None, Float64] = {}
        self.others, self.folded, self.tokens = np.zeros(_COLUMNS), 0, 0
        self.kinds, self.reliability = np.zeros((_TURNS, len(KINDS), 3)), np.zeros((BINS, 3))
        self.surprises: list[Surprise] = []
        self._recent = np.empty(0, np.int32)
        if state is not None:
            rows = np.frombuffer(state.tallies).reshape(len(state.labels) + 1, _COLUMNS).copy()
            self.tallies, self.others = dict(zip(state.labels, rows[:-1], strict=True)), rows[-1]
            self.kinds = np.frombuffer(state.kinds).reshape(self.kinds.shape).copy()
            self.reliability = np.frombuffer(state.reliability).reshape(self.reliability.shape).copy()
            self.surprises, self._recent = list(state.surprises), np.frombuffer(state.recent, np.int32)
            self.tokens, self.folded = state.tokens, state.folded

    def state(self) -> ChronicleState:
        """Return a copy of everything."""
        return ChronicleState(
            labels=list(self.tallies),
            tallies=np.array([*self.tallies.values(), self.others]).tobytes(),
            kinds=self.kinds.tobytes(),
            reliability=self.reliability.tobytes(),
            surprises=list(self.surprises),
            recent=self._recent.tobytes(),
            tokens=self.tokens,
            folded=self.folded,
        )

    def expect(self, coming: Iterable[tuple[str | None, int]]) -> None:
        """Say from whom the next tokens are: a label, and how many, and so on."""
        self._coming.clear()
        for label, count in coming:
            if self._coming and self._coming[-1][0] == label:
                count += self._coming.pop()[1]
            self._coming.append((label, count))

    def see(
        self,
        tick: NDArray[np.int64],
        token: NDArray[np.int32],
        best_probability: Float32,
        is_best: NDArray[np.bool_],
        hits: Float32,
        surprise: Float32,
    ) -> None:
        """Add T tokens."""
        if not len(token):
            return
        begin = 0
        while begin < len(token):
            block = self.tokens // BLOCK
            label, left = self._coming.popleft() if self._coming else (None, len(token))
            end = min(len(token), begin + left, begin + (block + 1) * BLOCK - self.tokens)
            if end < begin + left:
                self._coming.appendleft((label, begin + left - end))
            counted = self._tally_of(label), self.kinds, self.reliability, self._kind_of
            told = tick, token, np.ascontiguousarray(best_probability), is_best, hits, surprise  # a kernel for all
            at = int(_count_(*counted, *told, begin, end))
            self._consider(float(surprise[at]), int(tick[at]), block, at, token)
            self.tokens += end - begin
            begin = end
        self._recent = token if len(token) >= EXCERPT else np.concatenate([self._recent, token])
        self._recent = self._recent[1 - EXCERPT :]

    def _tally_of(self, label: str | None) -> Float64:
        """Return the row of a label; where there are too many, the one with the fewest tokens goes into the others."""
        if label not in self.tallies:
            if len(self.tallies) == MOST_LABELS:
                least = min(self.tallies, key=lambda each: float(self.tallies[each][TOKENS]))
                self.others[: BITS + 1] += self.tallies.pop(least)[: BITS + 1]
                self.folded += 1
            self.tallies[label] = np.zeros(_COLUMNS)
        return self.tallies[label]

    def _consider(self, bits: float, tick: int, block: int, at: int, token: NDArray[np.int32]) -> None:
        found = self.surprises
        if len(found) == MOST_SURPRISES and bits <= found[-1].bits:
            return
        same = next((index for index, each in enumerate(found) if each.block == block), None)
        if same is None and len(found) == MOST_SURPRISES:
            same = MOST_SURPRISES - 1  # the least
        if same is not None:
            if bits <= found[same].bits:
                return
            del found[same]
        excerpt = np.concatenate([self._recent, token[: at + 1]])[-EXCERPT:]
        found.append(Surprise(bits, tick, block, excerpt.tobytes()))
        found.sort(key=lambda each: (-each.bits, each.tick))


def _kinds_of_bytes() -> NDArray[np.int64]:
    def kind(byte: int) -> str:
        sign = chr(byte)
        if byte > 127 or (byte < 32 and sign not in "\t\n\r") or byte == 127:
            return "other bytes"
        if sign in "\n\r":
            return "line ends"
        if sign in " \t":
            return "spaces"
        return "digits" if sign.isdigit() else "letters" if sign.isalpha() else "marks"

    return np.array([KINDS.index(kind(byte)) for byte in range(256)])


_KINDS_OF_BYTES = _kinds_of_bytes()


def warm_up() -> None:
    """Compile the kernel, which takes a second on a new machine."""
    one = np.zeros(1, np.float32)
    Chronicle(None).see(np.zeros(1, np.int64), np.zeros(1, np.int32), one, np.zeros(1, np.bool_), one, one)


def recent(tally: Float64) -> Float64:
    """Return tokens, hits and bits of late: of the last 1,000 to 2,000 tokens, or of all if there are fewer."""
    return tally[:3] - tally[3:6]


@exact_kernel
def _count_(
    tally: Float64,
    kinds: Float64,
    reliability: Float64,
    kind_of: NDArray[np.int64],
    tick: NDArray[np.int64],
    token: NDArray[np.int32],
    best_probability: Float32,
    is_best: NDArray[np.bool_],
    hits: Float32,
    surprise: Float32,
    begin: int,
    end: int,
) -> int:
    """Count the tokens from `begin` to `end`, which are of one label; return which of them surprised the most."""
    # One after the other, so that the figures do not depend on how a stream was cut into batches.
    at = begin
    while begin < end:
        until_mark = MARK - int(tally[0]) % MARK
        stop = min(end, begin + until_mark)
        all_hits, bits = tally[1], tally[2]
        for t in range(begin, stop):
            hit, bit = np.float64(hits[t]), np.float64(surprise[t])
            all_hits += hit
            bits += bit
            turn, kind = tick[t] & (_TURNS - 1), kind_of[token[t]]
            kinds[turn, kind, 0] += 1.0
            kinds[turn, kind, 1] += hit
            kinds[turn, kind, 2] += bit
            if surprise[t] > surprise[at]:
                at = t
        tally[0], tally[1], tally[2] = tally[0] + (stop - begin), all_hits, bits
        if stop == begin + until_mark:
            for column in range(3):
                tally[3 + column], tally[6 + column] = tally[6 + column], tally[column]
        for t in range(begin + (-tick[begin]) % SAMPLED, stop, SAMPLED):
            said = np.float64(best_probability[t])
            tenth = min(BINS - 1, int(said * BINS))
            reliability[tenth, 0] += 1.0
            reliability[tenth, 1] += said
            reliability[tenth, 2] += 1.0 if is_best[t] else 0.0
        begin = stop
    return at
