"""DendriteNet: a net whose inputs are contexts, each with a dendrite of its own, and whose outputs are a tree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realnet.core.checks import checked_rate
from realnet.core.dendrite_memory import Episodes, Memory, Stimuli
from realnet.core.dendrite_packing import check_packed, check_unused, is_packed, packed, unpacked
from realnet.core.dendrite_tables import tables
from realnet.core.state import Float32, ShortTerm
from realnet.dendrites.arrays import check_arrays
from realnet.dendrites.birth import LEAST_LINES, MOST_LINES, check_lines, newborn, rates, unused
from realnet.dendrites.coder import code_
from realnet.dendrites.encoder import Encoder
from realnet.dendrites.growth import with_dendrites, with_fewer_lines, with_lines
from realnet.dendrites.mind import Mind
from realnet.dendrites.reader import RECENT, Reader
from realnet.dendrites.recall import found_again
from realnet.dendrites.rewiring import rewired, rewired_mind
from realnet.dendrites.said import Said
from realnet.dendrites.wiring import Wiring
from realnet.kernels.tree_decide import Scratch
from realnet.kernels.tree_record import Decisions, record_
from realnet.kernels.tree_run import run_
from realnet.kernels.tree_search import decide_all_, draw, likeliest_
from realnet.shown import Shown, shown_rate

MAX_LINES = 2**20  # by default: 64 MiB


class DendriteNet(Shown):
    """A net of dendrites. Lines of memory are taken as contexts come, and are doubled when half of them are in use.

    Attributes:
        tick: how many ticks it has lived.
        learning_rate: times the rate of the gains (1); synapses learn by their own uses.
        read_only: it is a fork, and shares its memory with the net that it was forked from.
        adapts: it is a fork that remembers what it reads, and adapts gains of its own to it.
    """

    preset, device, kernel, seed = "dendrites", "cpu", "cpu", 0

    def __init__(self, wiring: Wiring, symbols: int, max_lines: int = MAX_LINES) -> None:
        """Make a newborn for so many symbols, 2 to 65,536; contexts of text are of 256. Raises ValueError."""
        wiring.check(symbols)
        check_lines("max_lines", max_lines, LEAST_LINES, MOST_LINES)
        self._begin(wiring, symbols, max_lines)
        recalls = len(wiring.recalls)
        self._mind = Mind(newborn(wiring), Episodes.blank(recalls, symbols), max_lines)
        self._reader = self._encoder.nothing_read()

    def _begin(self, wiring: Wiring, symbols: int, max_lines: int) -> None:
        self.wiring, self.symbols, self.max_lines = wiring, symbols, max_lines
        self.tick, self.read_only, self.adapts, self._learning_rate = 0, False, False, 1.0
        self._depth = (symbols - 1).bit_length()
        self._gates, self._rates, self._encoder = _made_of(wiring)
        self._scratch = Scratch.of(
            *(len(wiring.contexts), wiring.columns, len(self._gates)),
            *(len(wiring.somata), 1 + len(wiring.mixes), len(wiring.recalls), len(wiring.maps)),
        )

    def facts(self) -> dict[str, str]:
        """Return what it is, how large and how old, by name, for people to read."""
        size = f"{len(self.wiring.contexts)} dendrites, {self.lines:,} lines, {self.nbytes:,} bytes"
        rate = shown_rate(self.learning_rate, self.read_only)
        return {"size": size, "tick": f"{self.tick:,}", "learning rate": rate}

    @property
    def num_neurons(self) -> int:
        """Return how many neurons there are: one for each line, and one for each decision."""
        return self.lines + self.symbols - 1

    @property
    def lines(self) -> int:
        return len(self._mind.memory.lines) - 1

    @property
    def learning_rate(self) -> float:
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self._learning_rate = checked_rate(value)

    def run(
        self,
        tokens: NDArray[np.int32],
        rate: float,
        best: int = 0,
        every: int = 1,
        and_next: bool = True,
        decides: bool = False,
    ) -> Said:
        """Predict and then learn T tokens of 0 to `symbols` - 1. At a rate of 0 nothing is learnt.

        Returns what was said, with the `best` likeliest tokens of each tick that `every` divides, and, if `and_next`,
        of the one to come; if it `decides`, also with what each decision was expected to be.
        """
        if self.read_only and rate > 0:
            raise ValueError("a fork only reads its memory: run it with plasticity=0")
        and_next = and_next and best > 0
        rate = self.learning_rate if self.adapts else rate
        stimuli = self._encoder.encode(tokens, self._reader, self._mind.episodes, rate > 0, and_next)
        said = Said.blank(len(tokens), best, self._depth if decides else 0)

        def step(done: int, full: int) -> int:
            return int(
                run_(
                    *(tokens, self.symbols, self._depth, self._gates, self._rates, np.float32(rate)),
                    self.adapts,
                    *(stimuli, done, full, self._mind.flat(), tables(), self._scratch, *said, self.tick + 1, every),
                )
            )

        self._mind.go_through(len(tokens), step)
        if and_next:
            self._search(stimuli, len(tokens), said.best[-1], said.value[-1])
        self.tick += len(tokens)
        return said

    def record(self, tokens: NDArray[np.int32]) -> Decisions:
        """Learn T tokens, and return what every decision was made of."""
        stimuli = self._encoder.encode(tokens, self._reader, self._mind.episodes, True)
        made_of = Decisions.blank(
            *(len(tokens), self._depth, self.wiring.columns, len(self._gates)),
            *(1 + len(self.wiring.mixes), len(self.wiring.maps)),
        )

        def step(done: int, full: int) -> int:
            told = tokens, self.symbols, self._depth, self._gates, self._rates, np.float32(self.learning_rate), stimuli
            return int(record_(*told, done, full, self._mind.flat(), tables(), self._scratch, made_of))

        self._mind.go_through(len(tokens), step)
        self.tick += len(tokens)
        return made_of

    def code(
        self, data: NDArray[np.uint8], at: int, decodes: bool, coded: NDArray[np.uint8], state: NDArray[np.uint64]
    ) -> int:
        """Code the bytes of `data` from number `at` on into `coded`, or decode them from it, and learn each.

        Returns the next number: it may stop before the end. `state` is the coder's. Only for 256 symbols.
        """
        if self.symbols != 256 or self.read_only:
            raise ValueError("only a net of bytes that may learn codes them")
        mind, begun = self._mind, at
        stimuli = self._encoder.blank(1)
        while True:
            full = mind.full()
            told = self._encoder.codes, self._gates, self._rates, self._reader, mind.episodes, stimuli
            at = code_(data, at, decodes, coded, state, full, *told, mind.flat(), tables(), self._scratch)
            if not mind.double_if_over(full):
                self.tick += at - begun
                return at

    @property
    def memory(self) -> Memory:
        """Return what is learnt: the arrays themselves, to be read."""
        return self._mind.memory

    def asked(self, hashes: Sequence[int]) -> Memory:
        """Return what is learnt, as a net has it that is no child: at least the lines that have these hashes."""
        return self._mind.asked(hashes)

    def stimuli(self) -> Stimuli:
        """Return what is told of the next tick before its token."""
        return self._encoder.encode(np.empty(0, np.int32), self._reader, self._mind.episodes, False, and_next=True)

    def expected(self, count: int) -> tuple[NDArray[np.int32], Float32]:
        """Return the likeliest next tokens, best first, and how probable each is."""
        best, value = np.zeros(count, np.int32), np.zeros(count, np.float32)
        self._search(self.stimuli(), 0, best, value)
        return best, value

    def decisions(self) -> Float32:
        """Return (2^D,): how probable a 1 is at each decision of the next token, by node; 0.5 where it is certain."""
        decided = np.full(1 << self._depth, 0.5, np.float32)
        told = self._mind.flat(), tables(), self._scratch, decided
        decide_all_(self.symbols, self._depth, self._gates, self.stimuli(), *told)
        return decided

    def recent(self) -> NDArray[np.int32]:
        """Return the tokens that are in mind, oldest first; the last `RECENT` at most."""
        seen = int(self._reader.text["seen"][0])
        return self._reader.recent[np.arange(max(0, seen - RECENT), seen) % RECENT]

    def draw(self, temperature: float, random: np.random.Generator) -> int:
        """Draw the next token; the lower the temperature, above 0, the likelier it is."""
        stimuli = self.stimuli()
        uniform = random.random(self._depth)
        told = self._mind.flat(), tables(), self._scratch, temperature, uniform
        return int(draw(self.symbols, self._depth, self._gates, stimuli, *told))

    def _search(self, stimuli: Stimuli, t: int, best: NDArray[np.int32], value: Float32) -> None:
        told = self._mind.flat(), tables(), self._scratch, best, value
        likeliest_(self.symbols, self._depth, self._gates, stimuli, t, *told)

    def rest(self, ticks: int) -> None:
        """Count ticks in which nothing moves. Raises ValueError if they are fewer than 0."""
        if ticks < 0:
            raise ValueError("ticks must be at least 0")
        self.tick += ticks

    def forget(self) -> None:
        """Empty the mind, as of a newborn; what the net has learnt stays."""
        self._reader = self._encoder.nothing_read()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Set the mind aside: within, the net begins with nothing in mind; after it, the mind is back."""
        before = self._reader
        self.forget()
        try:
            yield
        finally:
            self._reader = before

    def swap(self, mind: ShortTerm | None = None) -> ShortTerm:
        """Take `mind` over as what the net has in mind, None: nothing, and return what was in its place.

        What is remembered meanwhile does not move the places that the recalls of a mind point to.
        """
        before, lived = self._reader.words(), self._remembered.lived
        before["lived"] = lived.copy()
        if mind is None:
            self.forget()
        else:
            words = {name: each for name, each in mind.items() if name != "lived"}
            self._reader = Reader.of_words(words)
            if since := int(lived[0] - mind["lived"][0]):
                self._reader = found_again(self._reader, self._remembered, since)
        return before

    def check_mind(self, mind: ShortTerm) -> None:
        """Raise ValueError, naming the array, unless `swap` may be handed this."""
        check_arrays(mind, self._encoder.nothing_read().words() | {"lived": self._remembered.lived})

    @property
    def _remembered(self) -> Episodes:
        return self._mind.episodes

    def adopt(self, other: DendriteNet) -> None:
        """Go on with another's wiring, gains and output maps, and with the lines of contexts that only it has.

        All else stays this net's: what it knows of contexts and recalls that both have, its episodes and its mind.
        Takes the other's arrays over. Raises ValueError, with nothing changed, if the two cannot be one.
        """
        self._check_own()
        if (other.symbols, other.max_lines) != (self.symbols, self.max_lines):
            raise ValueError("the other net has other symbols, or room for other lines")
        mind = rewired(self._mind, other._mind, self.wiring, other.wiring)
        self._go_on(other.wiring, mind, rewired_mind(self._reader, self.wiring, other.wiring))

    def grow(self, lines: int | None = None, contexts: Sequence[str] = ()) -> None:
        """Make room for so many lines at once, and take on dendrites for more contexts.

        What the net says stays the same at that moment, bit for bit; it goes on learning with what it has got, and may
        take so many lines from then on. Raises ValueError, with nothing changed.
        """
        self._check_own()
        lines = self.lines if lines is None else lines
        check_lines("lines", lines, self.lines, MOST_LINES)
        wiring = self.wiring.with_more(contexts)
        wiring.check(self.symbols)
        memory = with_lines(self.memory, lines)
        if contexts:
            memory = with_dendrites(memory, self.wiring, wiring)
        mind = Mind(memory, self._mind.episodes, max(lines, self.max_lines))
        self._go_on(wiring, mind, rewired_mind(self._reader, self.wiring, wiring))

    def shrink(self, lines: int) -> None:
        """Go on with so many lines, those that were used most, and take no more from then on.

        Raises ValueError, with nothing changed.
        """
        self._check_own()
        check_lines("lines", lines, LEAST_LINES, self.lines)
        self._go_on(self.wiring, Mind(with_fewer_lines(self.memory, lines), self._mind.episodes, lines), self._reader)

    def take_lines(self, lines: NDArray[np.uint32]) -> None:
        """Go on with these lines, which are of the same contexts (`realnet.dendrites.merge`); all else stays.

        Raises ValueError, with nothing changed.
        """
        self._check_own()
        check_lines("lines", len(lines) - 1, LEAST_LINES, MOST_LINES)
        memory = self.memory._replace(lines=lines.copy(), used=np.array([np.count_nonzero(lines[:, 0])]))
        self._go_on(self.wiring, Mind(memory, self._mind.episodes, max(len(lines) - 1, self.max_lines)), self._reader)

    def _go_on(self, wiring: Wiring, mind: Mind, reader: Reader) -> None:
        tick, rate = self.tick, self.learning_rate
        self._begin(wiring, self.symbols, mind.max_lines)
        self.tick, self.learning_rate, self._mind, self._reader = tick, rate, mind, reader

    def _check_own(self) -> None:
        if self.read_only:
            raise ValueError("a fork only reads its memory")

    def weights(self) -> Float32:
        """Return gains, mix and output maps, one after the other: what a fit trains."""
        return self._mind.weights()

    def refit(self, weights: Float32, base: Float32 | None = None) -> None:
        """Go on with fitted `weights`; with those of the fork as `base`, only with what has changed since it.

        Raises ValueError, with nothing changed, if they are not of such a net.
        """
        self._check_own()
        self._mind.refit(weights, base)

    def fork(self, adapts: bool = False) -> DendriteNet:
        """Return a net with a mind of its own over this one's memory, which it only reads; this one may learn on.

        One that `adapts` has episodes, gains and mix of its own, and learns by them from all that it runs.
        """
        fork = DendriteNet.__new__(DendriteNet)
        fork._begin(self.wiring, self.symbols, self.max_lines)
        fork._mind, fork._reader = self._mind, Reader._make(each.copy() for each in self._reader)
        if adapts:
            fork._mind, fork.adapts = self._mind.adapting(), True
        fork.tick, fork.learning_rate, fork.read_only = self.tick, self.learning_rate, True
        return fork

    @property
    def nbytes(self) -> int:
        """Return the bytes of all that is learnt and in mind."""
        return sum(each.nbytes for each in self._mind.arrays(self._reader).values())

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return a copy of all that is learnt and in mind, by name; what is learnt is packed."""
        learnt = packed(self._mind.memory, self._mind.episodes, unused(self.wiring))
        return learnt | {name: each.copy() for name, each in self._reader.words().items()}

    def take(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Go on from what `arrays` returned, or from the same unpacked; takes the arrays over.

        Raises ValueError, or KeyError for an array that is missing, with nothing changed.
        """
        born = unused(self.wiring)
        if is_packed(arrays):
            check_packed(arrays, born)
        arrays = dict(unpacked(arrays))
        lines = len(arrays["lines"]) - 1
        check_lines("lines", lines, LEAST_LINES, self.max_lines)
        named = self._mind.arrays(self._reader)
        check_arrays(arrays, named, lines)
        check_unused(arrays, born)
        reader = self._encoder.nothing_read()
        for name, each in reader.words().items():
            each[...] = arrays[name]
        self._mind, self._reader = self._mind.of(arrays), reader


@lru_cache(maxsize=32)
def _made_of(wiring: Wiring) -> tuple[NDArray[np.int64], Float32, Encoder]:
    """Return gates, rates and encoder of a wiring: nobody writes to them, so all nets of that wiring share them."""
    return wiring.gates, rates(wiring), Encoder(wiring)
