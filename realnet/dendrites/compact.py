"""CompactNet: dendrites for small devices. It learns live in a room of a stated size, and never grows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from realnet.core.checks import is_whole
from realnet.core.compact import BYTES, FIRST, TRUSTS, CompactMemory
from realnet.core.dendrite_memory import GIVEN, GIVEN_BIT, HISTORIES, NODE, RECALL, SURE, Episodes, Stimuli
from realnet.core.dendrite_tables import tables
from realnet.core.state import Float32
from realnet.dendrites.arrays import check_arrays
from realnet.dendrites.birth import GAIN, newborn_reflex
from realnet.dendrites.net import DendriteNet
from realnet.dendrites.reader import Reader
from realnet.dendrites.recall import newborn_trust
from realnet.dendrites.said import Said
from realnet.dendrites.wiring import Recall, Wiring
from realnet.kernels.compact import Work, draw, likeliest_, run_

LEAST, MOST = 2**16, 2**26  # bytes of memory
_SHARE = 8  # of the memory for the tokens that are remembered, and of their number for the places where they are found
_ROWS = {"last": 256, "classes": 49}  # of the gates that the encoder gives, the latter for each decision


def compact_wiring(memory: int) -> Wiring:
    """Return the contexts and gates of a net in so many bytes: the more room, the more of them. Measured."""
    contexts, gates = ["order 1", "order 2", "order 3"], ["recall 1", "sure", "classes"]
    if memory >= 2**18:
        contexts += ["word"]
        gates += ["node"]
    if memory >= 2**20:
        contexts.insert(3, "order 4")
        gates += ["last"]
    if memory >= 2**22:
        contexts[4:] = ["order 6", "word", "words", "column", "indent"]
    return Wiring(tuple(contexts), (Recall(6, forgiving=False),), (tuple(gates),), ())


class CompactNet(DendriteNet):
    """A net of dendrites in so many bytes: all that it learns, has in mind and works with, constant tables apart.

    Attributes:
        max_bytes: the room it was given.
        gates: (G, 4) the kind and number of each gate, its first row of the gains and how many there are.
    """

    def __init__(self, wiring: Wiring, symbols: int, max_bytes: int) -> None:
        """Make a newborn for 2 to 256 symbols; contexts of text are of 256. Raises ValueError."""
        if not is_whole(max_bytes) or not LEAST <= max_bytes <= MOST:
            raise ValueError(f"memory is {max_bytes} bytes, must be from {LEAST:,} to {MOST:,}")
        if not is_whole(symbols) or not 2 <= symbols <= 256:
            raise ValueError(f"a compact net has 2 to 256 symbols, and these are {symbols}")
        if wiring.of_text and symbols != 256:
            raise ValueError(f"{wiring.of_text[0]!r} is of bytes of text, and there are {symbols} symbols")
        if len(wiring.somata) != 1 or wiring.maps or len(wiring.recalls) != 1 or wiring.recalls[0].forgiving:
            raise ValueError("a compact net has one soma, one recall that does not forgive, and no output maps")
        self._make(wiring, symbols, max_bytes)
        tokens = 2 ** ((max_bytes // _SHARE).bit_length() - 1)
        self._episodes = Episodes(
            np.zeros(tokens, np.uint8), np.zeros((1, tokens // _SHARE), np.int32), np.zeros(1, np.int64)
        )
        self._reader = self._encoder.nothing_read()
        self._memory = _newborn(wiring, self.gates, 0)
        lines = (max_bytes - self.nbytes) // BYTES // 4 * 4
        if lines < 4:
            raise ValueError(f"so many contexts and gates need more than {max_bytes} bytes")
        self._memory = _newborn(wiring, self.gates, lines)

    def _make(self, wiring: Wiring, symbols: int, max_bytes: int) -> None:
        self._begin(wiring, symbols, 0)
        self.max_bytes, self._rates = max_bytes, self._rates[0]
        self.gates = _gates(wiring, self._depth)
        self._work = Work.of(len(wiring.contexts), len(self.gates), self._depth)

    @property
    def lines(self) -> int:
        return len(self._memory.lines) - 1

    @property
    def nbytes(self) -> int:
        """Return the bytes of all that is learnt and in mind, and of what a decision leaves behind."""
        return sum(each.nbytes for each in (*self._arrays().values(), *self._work))

    def run(
        self,
        tokens: NDArray[np.int32],
        rate: float,
        best: int = 0,
        every: int = 1,
        and_next: bool = True,
        decides: bool = False,
    ) -> Said:
        """Predict and then learn T tokens, all as `DendriteNet.run` does; it does not tell its decisions."""
        if decides:
            raise ValueError("a compact net does not tell its decisions")
        if self.read_only and rate > 0:
            raise ValueError("a fork only reads its memory: run it with plasticity=0")
        and_next = and_next and best > 0
        stimuli = self._encoder.encode(tokens, self._reader, self._episodes, rate > 0, and_next)
        said = Said.blank(len(tokens), best)
        run_(
            *(tokens, self.symbols, self._depth, self.gates, self._rates, np.float32(rate), stimuli),
            *(self._flat(), tables(), self._work, *said[:3], self.tick + 1, every),
        )
        if and_next:
            self._search(stimuli, len(tokens), said.best[-1], said.value[-1])
        self.tick += len(tokens)
        return said

    def code(self, *_: object) -> NoReturn:
        """Raises ValueError: files are coded by the other nets of dendrites."""
        raise ValueError("a compact net codes no files")

    def adopt(self, other: DendriteNet) -> NoReturn:
        """Raises ValueError: it keeps its wiring for life."""
        raise ValueError("a compact net keeps its wiring")

    def grow(self, lines: int | None = None, contexts: Sequence[str] = ()) -> NoReturn:
        """Raises ValueError: what tells its lines apart depends on how many there are."""
        raise ValueError("a compact net keeps its size")

    def shrink(self, lines: int) -> NoReturn:
        """Raises ValueError, as `grow` does."""
        raise ValueError("a compact net keeps its size")

    @property
    def memory(self) -> NoReturn:
        """Raises ValueError: what it has learnt is of another form."""
        raise ValueError("a compact net has no memory of this form: arrays() has it")

    def stimuli(self) -> Stimuli:
        """Return what is told of the next tick before its token."""
        return self._encoder.encode(np.empty(0, np.int32), self._reader, self._episodes, False, and_next=True)

    def decisions(self) -> NoReturn:
        """Raises ValueError, as `run` does where it is to tell its decisions."""
        raise ValueError("a compact net does not tell its decisions")

    def draw(self, temperature: float, random: np.random.Generator) -> int:
        """Draw the next token; the lower the temperature, above 0, the likelier it is."""
        told = self._flat(), tables(), self._work, temperature, random.random(self._depth)
        return int(draw(self.symbols, self._depth, self.gates, self.stimuli(), *told))

    def _search(self, stimuli: Stimuli, t: int, best: NDArray[np.int32], value: Float32) -> None:
        told = self._flat(), tables(), self._work, best, value
        likeliest_(self.symbols, self._depth, self.gates, stimuli, t, *told)

    def _flat(self) -> CompactMemory:
        """Return what is learnt as the kernels take it, of one dimension each."""
        return CompactMemory._make(each.reshape(-1) for each in self._memory)

    def fork(self, adapts: bool = False) -> CompactNet:
        """Return a net with a mind of its own over this one's memory, which it only reads; this one may learn on.

        Raises ValueError if it is to adapt: there is no room for that.
        """
        if adapts:
            raise ValueError("a fork of a compact net does not adapt")
        fork = CompactNet.__new__(CompactNet)
        fork._make(self.wiring, self.symbols, self.max_bytes)
        fork._memory, fork._episodes = self._memory, self._episodes
        fork._reader = Reader._make(each.copy() for each in self._reader)
        fork.tick, fork.learning_rate, fork.read_only = self.tick, self.learning_rate, True
        return fork

    @property
    def _remembered(self) -> Episodes:
        return self._episodes

    def _arrays(self) -> dict[str, NDArray[Any]]:
        """Return those that have something in them: of what is read only what a context or a gate asks for."""
        return self._memory._asdict() | self._episodes._asdict() | self._reader.words()

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return a copy of all that is learnt and in mind, by name."""
        return {name: each.copy() for name, each in self._arrays().items()}

    def take(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Go on from what `arrays` returned; takes the arrays over. Raises ValueError, with nothing changed."""
        check_arrays(arrays, self._arrays(), self.lines)
        self.forget()
        for name, each in self._reader.words().items():
            each[...] = arrays[name]
        self._memory = CompactMemory(*(arrays[name] for name in CompactMemory._fields))
        self._episodes = Episodes(*(arrays[name] for name in Episodes._fields))


def _gates(wiring: Wiring, depth: int) -> NDArray[np.int64]:
    """Return (G, 4) kind, number, first row of the gains and how many of each gate."""
    gates, first = [], 0
    for (_, kind, number, _), name in zip(wiring.gates, wiring.somata[0], strict=True):
        if kind in (GIVEN, GIVEN_BIT) and name not in _ROWS:
            raise ValueError(f"a compact net has no gate {name!r}")
        rows = {NODE: 2**depth, RECALL: 16, SURE: (len(wiring.contexts) + 1) ** 2}.get(kind) or _ROWS[name]
        rows *= depth if kind == GIVEN_BIT else 1
        gates.append((kind, number, first, rows))
        first += rows
    return np.array(gates)


def _newborn(wiring: Wiring, gates: NDArray[np.int64], lines: int) -> CompactMemory:
    contexts, rows = len(wiring.contexts), int(gates[-1, 2:].sum())
    gains = np.zeros((rows, FIRST + contexts), np.float32)
    gains[:, 1] = GAIN / len(gates)
    gains[:, FIRST:] = GAIN / len(gates) / contexts
    return CompactMemory(
        lines=np.zeros((lines + 1, BYTES), np.uint8),
        reflex=np.tile(newborn_reflex(), (contexts, 1)),
        reflex_uses=np.zeros((contexts, HISTORIES), np.uint8),
        trust=newborn_trust(forgiving=False)[:TRUSTS].copy(),
        trust_uses=np.zeros(TRUSTS, np.uint8),
        gains=gains,
        gain_uses=np.zeros(rows, np.uint16),
    )
