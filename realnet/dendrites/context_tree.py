"""A net of dendrites that is told its contexts: they go in as numbers, how probable each symbol is comes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from realnet.core._numba import exact_kernel, uncounted
from realnet.core.dendrite_memory import CELLS, FIRST, GIVEN, MAP_ROWS, ROWS, STEP, TRUSTS, WORDS, Memory, Stimuli
from realnet.core.dendrite_tables import USES, Tables, tables
from realnet.core.hashing import mixed
from realnet.core.state import Float32, Float64
from realnet.dendrites.birth import LEAST_LINES, check_lines, doubled, newborn_dendrites
from realnet.kernels.tree_decide import Scratch
from realnet.kernels.tree_run import run_
from realnet.kernels.tree_search import decide_all_

_BORN_USED = 8  # uses of a reflex at birth: it moves slowly from the first row on
_LEARNT = ("lines", "used", "reflex", "reflex_uses", "run", "run_uses", "gains", "gain_uses")


class ContextTree:
    """One soma without recalls and output maps, and gates of which some are given.

    Lines of memory are taken as contexts come, and are doubled when half of them are in use, up to `most_lines`.
    """

    def __init__(
        self, contexts: int, depth: int, gates: Sequence[tuple[int, int]], rates: Float32, gain: float, most_lines: int
    ) -> None:
        """Make a newborn.

        Args:
            contexts: how many, a multiple of 8.
            depth: it knows 2**depth symbols at most.
            gates: kind and number of each, as `Wiring.gates` has them.
            rates: (uses,) of the gains.
            gain: at birth, of the two that hear the synapses of all contexts, together.
            most_lines: a power of two, at least `LEAST_LINES`.
        """
        self._depth, self._most_lines = depth, most_lines
        self._gain_rows = min(ROWS, 32 * contexts + max(32, contexts + 1))  # of each gate that are ever used
        columns, none = FIRST + STEP * contexts, np.zeros((1, 0), np.float32)
        stimuli = Stimuli(
            contexts=np.zeros((1, contexts), np.uint64),
            gates=np.zeros((1, len(gates)), np.int64),
            maps=np.zeros((1, 0), np.uint64),
            expected=np.zeros((1, 0), np.int64),
            trust=np.zeros((1, 0), np.int64),
            recall_gates=np.zeros((1, 0), np.int64),
        )
        self._keys, self._given = np.zeros(contexts, np.uint64), np.zeros(sum(kind == GIVEN for kind, _ in gates), int)
        self._kept = (
            *(self._keys, self._given, np.array([(0, kind, number, 0) for kind, number in gates]), rates[None]),
            *(np.zeros(1 << depth, np.float32), np.zeros(2 << depth), np.zeros(1, np.int32)),
            *(np.zeros(1), np.zeros((1, 0), np.int32), none),
            *(*stimuli, *_tables(), *Scratch.of(contexts, columns, len(gates), 1, 1, 0, 0)),
        )
        self._go_on(_newborn(contexts, columns, len(gates), gain))

    @property
    def parts(self) -> tuple[NDArray[Any], ...]:
        """Return what `ask_` and `learn_` are handed, until it grows; the contexts and the given gates first.

        It is one tuple, since numba takes long to see what is in several.
        """
        return *self._kept, *self._flat

    def probabilities(self, keys: NDArray[np.uint64], given: ArrayLike, symbols: int) -> Float64:
        """Return how probable each of the first `symbols` is, at least two; it is written over by the next call.

        `keys` are the contexts, each a number of its own, not yet hashed; `given` the rows of the gates that are.
        """
        self._keys[:], self._given[:] = keys, given
        return ask_(symbols, self._depth, self.parts)[:symbols]  # type: ignore[no-any-return]

    def learn(self, symbol: int, symbols: int) -> None:
        """Learn the symbol that came where `probabilities` was asked last."""
        if learn_(symbol, symbols, self._depth, self._most_lines, self.parts):
            self.grow()

    def grow(self) -> None:
        """Double the lines."""
        self._go_on(doubled(self._memory))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return a copy of all that is learnt, by name."""
        learnt, rows = self._memory._asdict(), self._gain_rows
        kept = {name: learnt[name][:, :rows] if "gain" in name else learnt[name] for name in _LEARNT}
        return {name: each.copy() for name, each in kept.items()}

    def take(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what `arrays` returned; only for a newborn. Raises ValueError or KeyError."""
        had, rows = self.arrays(), self._gain_rows
        lines = len(arrays["lines"]) - 1
        check_lines("lines", lines, LEAST_LINES, self._most_lines)
        had["lines"] = np.zeros((lines + 1, WORDS), np.uint32)
        check_arrays(had, arrays)
        memory = self._memory._replace(**{name: arrays[name].copy() for name in _LEARNT if "gain" not in name})
        memory.gains[:, :rows], memory.gain_uses[:, :rows] = arrays["gains"], arrays["gain_uses"]
        self._go_on(memory)

    def __getstate__(self) -> dict[str, Any]:
        return {name: each for name, each in self.__dict__.items() if name != "_flat"}  # it is a view of the memory

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._go_on(self._memory)

    def _go_on(self, memory: Memory) -> None:
        self._memory, self._flat = memory, Memory._make(each.reshape(-1) for each in memory)


def check_arrays(had: Mapping[str, NDArray[Any]], given: Mapping[str, NDArray[Any]]) -> None:
    """Raise ValueError, or KeyError, if not all that a newborn had is given, alike and finite."""
    for name, each in had.items():
        one = given[name]
        if one.dtype != each.dtype or one.shape != each.shape or not np.isfinite(one).all():
            raise ValueError(f"{name} must be {each.dtype} {each.shape}, all finite")


@cache
def _tables() -> Tables:
    """Return the core's tables, but for synapses that go on to slow down: a rare value is rare among very many."""
    return tables()._replace(synapse_rate=(65536 / (np.arange(USES) + 1.5)).astype(np.int64))


def _newborn(contexts: int, columns: int, gates: int, gain: float) -> Memory:
    gains = np.zeros((gates, ROWS, columns), np.float32)
    gains[:, :, FIRST::STEP] = gains[:, :, FIRST + 1 :: STEP] = gain / contexts / gates
    dendrites = newborn_dendrites(contexts, beliefs=False)
    dendrites["reflex_uses"][:] = _BORN_USED
    return Memory(
        lines=np.zeros((LEAST_LINES + 1, WORDS), np.uint32),
        used=np.zeros(1, np.int64),
        **dendrites,
        trust=np.zeros((0, TRUSTS), np.float32),
        trust_uses=np.zeros((0, TRUSTS), np.uint8),
        gains=gains,
        gain_uses=np.zeros((gates, ROWS), np.uint16),
        mix=np.ones((ROWS, 1), np.float32),
        maps=np.zeros((0, MAP_ROWS, CELLS), np.float32),
        map_uses=np.zeros((0, MAP_ROWS), np.uint16),
    )


@exact_kernel
def ask_(symbols: int, depth: int, parts: tuple[NDArray[Any], ...]) -> Float64:
    """Return how probable each symbol is; it is written over by the next call."""
    keys, given, gates, _, decided, said = parts[:6]
    stimuli, tables, s, memory = (
        Stimuli(*parts[10:16]),
        Tables(*parts[16:23]),
        Scratch(*parts[23:38]),
        Memory(*parts[38:]),
    )
    stimuli, memory, tables, s = uncounted(stimuli), uncounted(memory), uncounted(tables), uncounted(s)
    for q in range(len(keys)):
        stimuli.contexts[0, q] = mixed(keys[q])
    for g in range(len(given)):
        stimuli.gates[0, g] = given[g]
    decided[:] = 0
    decide_all_(symbols, depth, gates, stimuli, memory, tables, s, decided)
    said[1] = 1.0
    for node in range(1, 1 << depth):
        one = np.float64(decided[node])
        said[2 * node], said[2 * node + 1] = said[node] * (1.0 - one), said[node] * one
    return said[1 << depth :]


@exact_kernel
def learn_(symbol: int, symbols: int, depth: int, most_lines: int, parts: tuple[NDArray[Any], ...]) -> bool:
    """Learn the symbol that came where it was asked last; return whether the lines must be doubled now."""
    gates, rates, token, probability, best, none = parts[2], parts[3], parts[6], parts[7], parts[8], parts[9]
    memory = Memory(*parts[38:])
    lines = len(memory.lines) // WORDS - 1
    told = Stimuli(*parts[10:16]), 0, lines, memory, Tables(*parts[16:23]), Scratch(*parts[23:38])
    token[0] = symbol
    run_(token, symbols, depth, gates, rates, np.float32(1), False, *told, probability, best, none, none, 1, 1)
    return bool(memory.used[0] > lines // 2 and lines < most_lines)
