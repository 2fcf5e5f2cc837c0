"""What value is expected next, by dendrites: contexts of slow means and hours, a tree of decisions over the bins."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realnet.core._numba import exact_kernel, uncounted
from realnet.core.dendrite_memory import (
    CELLS,
    FIRST,
    GIVEN,
    MAP_ROWS,
    NODE,
    ROWS,
    STEP,
    SURE,
    TRUSTS,
    WORDS,
    Memory,
    Stimuli,
)
from realnet.core.dendrite_tables import USES, Tables, gain_rates, tables
from realnet.core.hashing import mixed
from realnet.core.state import Float32, Float64
from realnet.dendrites.birth import LEAST_LINES, check_lines, doubled, newborn_dendrites
from realnet.kernels.tree_decide import Scratch
from realnet.kernels.tree_run import run_
from realnet.kernels.tree_search import decide_all_
from realnet.streams.scale import BINS

_CONTEXTS = 8
_DEPTH = (BINS - 1).bit_length()
_COLUMNS = FIRST + STEP * _CONTEXTS
_GATES = np.array([(0, NODE, 0, 0), (0, SURE, 0, 0), (0, GIVEN, 0, 0)])
_MOST_LINES = 2**14
_GAIN_ROWS = 32 * (_CONTEXTS + 1)  # of each gate that are ever used
_BORN_USED = 8  # uses of a reflex at birth: it moves slowly from the first row on
_FAST, _SLOW = 1 / 50, 1 / 200  # of what the means learn of each row
_LEARNT = ("lines", "used", "reflex", "reflex_uses", "run", "run_uses", "gains", "gain_uses")


def _tables() -> Tables:
    """Return the core's tables, but for synapses that go on to slow down: a rare value is rare among very many."""
    return tables()._replace(synapse_rate=(65536 / (np.arange(USES) + 1.5)).astype(np.int64))


def _newborn() -> Memory:
    gains = np.zeros((len(_GATES), ROWS, _COLUMNS), np.float32)
    gain = 0.5 / _CONTEXTS / len(_GATES)
    gains[:, :, FIRST::STEP] = gains[:, :, FIRST + 1 :: STEP] = gain
    dendrites = newborn_dendrites(_CONTEXTS, beliefs=False)
    dendrites["reflex_uses"][:] = _BORN_USED
    return Memory(
        lines=np.zeros((LEAST_LINES + 1, WORDS), np.uint32),
        used=np.zeros(1, np.int64),
        **dendrites,
        trust=np.zeros((0, TRUSTS), np.float32),
        trust_uses=np.zeros((0, TRUSTS), np.uint8),
        gains=gains,
        gain_uses=np.zeros((len(_GATES), ROWS), np.uint16),
        mix=np.ones((ROWS, 1), np.float32),
        maps=np.zeros((0, MAP_ROWS, CELLS), np.float32),
        map_uses=np.zeros((0, MAP_ROWS), np.uint16),
    )


class Tree:
    """The core of dendrites over the bins of a value."""

    def __init__(self) -> None:
        self._go_on(_newborn())
        self._means = [0.0, 0.0]  # of places, a fast and a slow one
        self._tables = _tables()
        self._rates = gain_rates(0.005, 0.003, 0.0003)[None]
        self._scratch = Scratch.of(_CONTEXTS, _COLUMNS, len(_GATES), 1, 1, 0, 0)
        self._stimuli = Stimuli(
            contexts=np.zeros((1, _CONTEXTS), np.uint64),
            gates=np.zeros((1, 1), np.int64),
            maps=np.zeros((1, 0), np.uint64),
            expected=np.zeros((1, 0), np.int64),
            trust=np.zeros((1, 0), np.int64),
            recall_gates=np.zeros((1, 0), np.int64),
        )
        self._decided, self._said = np.zeros(1 << _DEPTH, np.float32), np.zeros(2 << _DEPTH)
        self._token = np.zeros(1, np.int32)
        none = np.zeros((1, 0), np.float32)
        self._unsaid = np.zeros(1), np.zeros((1, 0), np.int32), none, none, 1, 1

    def probabilities(self, hour: int) -> Float64:
        """Return how probable each bin is, at an hour of the week."""
        told = self._stimuli, self._flat, self._tables, self._scratch
        see_(self._keys(hour), hour % 24, BINS, _DEPTH, _GATES, *told, self._decided, self._said)
        return self._said[1 << _DEPTH :][:BINS] * 0.9999 + 0.0001 / BINS

    def learn(self, which: int, place: float) -> None:
        """Learn the bin and the place that came at the hour for which `probabilities` was asked last."""
        self._token[0] = which
        full = len(self._memory.lines) - 1
        told = self._stimuli, 0, full, self._flat, self._tables, self._scratch, *self._unsaid
        run_(self._token, BINS, _DEPTH, _GATES, self._rates, np.float32(1), False, *told)
        if self._memory.used[0] > full // 2 and full < _MOST_LINES:
            self._go_on(doubled(self._memory))
        self._means[0] += _FAST * (place - self._means[0])
        self._means[1] += _SLOW * (place - self._means[1])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return a copy of all that is learnt, by name."""
        learnt = self._memory._asdict()
        kept = {name: learnt[name][:, :_GAIN_ROWS] if "gain" in name else learnt[name] for name in _LEARNT}
        return {name: each.copy() for name, each in kept.items()} | {"means": np.array(self._means)}

    def take(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what `arrays` returned; only for a newborn. Raises ValueError or KeyError."""
        had = self.arrays()
        lines = len(arrays["lines"]) - 1
        check_lines("lines", lines, LEAST_LINES, _MOST_LINES)
        had["lines"] = np.zeros((lines + 1, WORDS), np.uint32)
        for name, each in had.items():
            given = arrays[name]
            if given.dtype != each.dtype or given.shape != each.shape or not np.isfinite(given).all():
                raise ValueError(f"{name} must be {each.dtype} {each.shape}, all finite")
        memory = self._memory._replace(**{name: arrays[name].copy() for name in _LEARNT if "gain" not in name})
        memory.gains[:, :_GAIN_ROWS], memory.gain_uses[:, :_GAIN_ROWS] = arrays["gains"], arrays["gain_uses"]
        self._means = arrays["means"].tolist()
        self._go_on(memory)

    def _go_on(self, memory: Memory) -> None:
        self._memory, self._flat = memory, Memory._make(each.reshape(-1) for each in memory)

    def _keys(self, hour: int) -> NDArray[np.uint64]:
        """Return the contexts, each a number of its own, not yet hashed."""
        fast, slow = (math.floor(mean / 0.5) + 256 for mean in self._means)
        day, hour = divmod(hour, 24)
        weekend = int(day >= 5)
        pairs = (
            *((0, 0), (fast, 0), (slow, 0), (hour // 2, 0), (hour // 3, weekend)),
            *((hour, weekend), (hour // 2, fast), (hour // 3, day)),
        )
        return np.array([(k + 1) << 32 | a << 16 | b for k, (a, b) in enumerate(pairs)], np.uint64)


@exact_kernel
def see_(
    keys: NDArray[np.uint64],
    hour: int,
    symbols: int,
    depth: int,
    gates: NDArray[np.int64],
    stimuli: Stimuli,
    memory: Memory,
    tables: Tables,
    s: Scratch,
    decided: Float32,
    said: Float64,
) -> None:
    """Write the stimuli of a tick, and into the second half of `said` how probable each symbol is."""
    stimuli, memory, tables, s = uncounted(stimuli), uncounted(memory), uncounted(tables), uncounted(s)
    for q in range(len(keys)):
        stimuli.contexts[0, q] = mixed(keys[q])
    stimuli.gates[0, 0] = hour
    decided[:] = 0
    decide_all_(symbols, depth, gates, stimuli, memory, tables, s, decided)
    said[1] = 1.0
    for node in range(1, 1 << depth):
        one = np.float64(decided[node])
        said[2 * node], said[2 * node + 1] = said[node] * (1.0 - one), said[node] * one
