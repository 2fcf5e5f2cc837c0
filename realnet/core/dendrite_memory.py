"""What a net of dendrites is told of its ticks, and what it has learnt."""

from __future__ import annotations

from collections import namedtuple
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from realnet.core.state import Float32

WORDS = 16  # of a line: the first is its name and what came last, then a synapse to each decision of four bits
CELLS = 33  # of a row of an output map
ROWS = 2048  # of a gate
MAP_ROWS = 65536
HISTORIES = 256  # of a synapse's last answers
RUNS = 16
TRUSTS = 256
EPISODES = 2**22  # tokens that are remembered
PLACES = 2**18  # in the episodes, by the hash of the tokens before them
FIRST = 8  # column of the first context: before it are bias, the other's opinion, and two of each of three recalls
STEP = 3  # columns of a context; where there are beliefs a fourth of each context follows all of these
BELIEFS = 512  # of a context: a synapse's uses in 11 steps, times 40 steps of what it says
NODE, SURE, RECALL, GIVEN, GIVEN_BIT = range(5)


class Stimuli(NamedTuple):
    """What is told of T ticks before their symbols."""

    contexts: NDArray[np.uint64]  # (T, K) hashes
    gates: NDArray[np.int64]  # (T, G) rows of the gates that are given
    maps: NDArray[np.uint64]  # (T, A) of the output maps
    expected: NDArray[np.int64]  # (T, R) symbols, -1: the recall is silent
    trust: NDArray[np.int64]  # (T, R) rows of the recalls' trust
    recall_gates: NDArray[np.int64]  # (T, R) rows of the recalls' gates


class Memory(NamedTuple):
    """All that a net of K contexts, R recalls, G gates, N somata and A maps has learnt."""

    lines: NDArray[np.uint32]  # (2^L + 1, WORDS); the last stays empty
    used: NDArray[np.int64]  # (1,) lines in use
    reflex: Float32  # (K, HISTORIES) what a history is worth
    reflex_uses: NDArray[np.uint8]
    run: Float32  # (K, RUNS, D) how often a run goes on, by its length and the decision
    run_uses: NDArray[np.uint8]
    trust: Float32  # (R, TRUSTS) how often a recall is right
    trust_uses: NDArray[np.uint8]
    gains: Float32  # (G, ROWS, columns)
    gain_uses: NDArray[np.uint16]  # (G, ROWS)
    mix: Float32  # (M * ROWS, N) how far each soma is heard, by the decision and by M - 1 gates
    maps: Float32  # (A, MAP_ROWS, CELLS)
    map_uses: NDArray[np.uint16]  # (A, MAP_ROWS)
    belief: Float32  # (K, 2^A * BELIEFS) how often a synapse is answered by 1 that says so, by its uses and A answers
    belief_uses: NDArray[np.uint8]


class Episodes(NamedTuple):
    """What is remembered: long-term, a fork only reads it."""

    tokens: NDArray[Any]  # of uint8, or of uint16 where there are more than 256 symbols; (EPISODES,) a ring
    places: NDArray[np.int32]  # (R, PLACES) where the last tokens of this hash were followed, + 1; 0: nowhere
    lived: NDArray[np.int64]  # (1,) tokens ever

    @classmethod
    def blank(cls, recalls: int, symbols: int) -> Episodes:
        kind = np.uint8 if symbols <= 2**8 else np.uint16
        return cls(np.zeros(EPISODES, kind), np.zeros((recalls, PLACES), np.int32), np.zeros(1, np.int64))


# What the kernels take of a child. Its lines, rows of output maps, places and tokens are its own, over its parent's:
# `map_slots` (S,) are the numbers of the rows, + 1, that its `maps` (S, CELLS) hold, and a place of its `places` is
# told by `OWN_PLACE`. Where it has nothing of its own it reads what is above, which nobody writes. Of its gains it has
# the rows alone that were used, `gains_taken` (1,) of them, and `gain_at` (G * ROWS,) is where each stands.
_ABOVE = ("map_slots", "above_lines", "above_maps", "above_map_uses", "gain_at", "gains_taken")
_named: Any = namedtuple  # since mypy wants the names of fields spelt out
ChildMemory = _named("ChildMemory", (*Memory._fields, *_ABOVE))
ChildEpisodes = _named("ChildEpisodes", (*Episodes._fields, "above_tokens", "above_places", "above_lived"))
OWN_PLACE = 2**23  # of a child's place: below it where the tokens were followed, + 1, above it what tells the hash

FITTED = ("gains", "mix", "maps")  # the names of the arrays that a fit trains
