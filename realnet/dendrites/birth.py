"""A newborn memory, and one of twice the lines."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realnet.core.checks import is_whole
from realnet.core.dendrite_memory import (
    BELIEFS,
    CELLS,
    FIRST,
    HISTORIES,
    MAP_ROWS,
    ROWS,
    RUNS,
    STEP,
    TRUSTS,
    WORDS,
    Memory,
)
from realnet.core.dendrite_tables import SAYINGS, gain_rates, sigmoids
from realnet.core.state import Float32
from realnet.dendrites.recall import newborn_trust
from realnet.dendrites.wiring import Wiring
from realnet.kernels.tree_lines import split_lines_

LEAST_LINES = 2**12  # since ten bits of a line's name are told by its place
MOST_LINES = 2**22
GAIN = 1.4  # of all gains of a soma together at birth
_FADING = 0.8  # of an answer in a history, for each that came after it
_DECISIONS = 16  # of a symbol at most


def newborn(wiring: Wiring, lines: int = LEAST_LINES) -> Memory:
    """Return the memory of a net that has learnt nothing. No random number is in it."""
    somata, maps, gates = len(wiring.somata), len(wiring.maps), len(wiring.gates)
    trust, row = np.stack([newborn_trust(each.forgiving) for each in wiring.recalls]), unused(wiring)
    return Memory(
        lines=np.zeros((lines + 1, WORDS), np.uint32),
        used=np.zeros(1, np.int64),
        **newborn_dendrites(len(wiring.contexts), wiring.beliefs, wiring.answers),
        trust=trust,
        trust_uses=np.zeros((len(wiring.recalls), TRUSTS), np.uint8),
        gains=np.repeat(row["gains"][:, None], ROWS, axis=1),
        gain_uses=np.zeros((gates, ROWS), np.uint16),
        mix=np.full(((1 + len(wiring.mixes)) * ROWS, somata), 1 / somata, np.float32),
        maps=np.repeat(row["maps"][:, None], MAP_ROWS, axis=1),
        map_uses=np.zeros((maps, MAP_ROWS), np.uint16),
    )


def newborn_dendrites(contexts: int, beliefs: bool, answers: int = 0) -> dict[str, NDArray[Any]]:
    """Return what so many dendrites have each for itself, by the name that it has in `Memory`."""
    run, believing = (1 - 1 / (np.arange(RUNS) + 2)).astype(np.float32), contexts if beliefs else 0
    return {
        "reflex": np.tile(newborn_reflex(), (contexts, 1)),
        "reflex_uses": np.zeros((contexts, HISTORIES), np.uint8),
        "run": np.tile(np.repeat(run[:, None], _DECISIONS, axis=1), (contexts, 1, 1)),
        "run_uses": np.zeros((contexts, RUNS, _DECISIONS), np.uint8),
        "belief": np.tile(_newborn_belief(), (believing, 2**answers)),
        "belief_uses": np.zeros((believing, BELIEFS << answers), np.uint8),
    }


def unused(wiring: Wiring) -> dict[str, NDArray[Any]]:
    """Return what one row of each array that is packed is at birth: (G, …), the same for all rows of a gate or map."""
    gates, maps = len(wiring.gates), len(wiring.maps)
    return {
        "gains": _newborn_gains(wiring),
        "gain_uses": np.zeros(gates, np.uint16),
        "maps": np.tile(_newborn_map(), (maps, 1)),
        "map_uses": np.zeros(maps, np.uint16),
        "places": np.zeros(len(wiring.recalls), np.int32),
    }


def rates(wiring: Wiring) -> Float32:
    """Return (N, uses) the rates of each soma's gains: the more dendrites, the slower. The second soma is faster."""
    share = 10 / len(wiring.contexts)
    first, second = (0.0002, 0.0007) if wiring.slow else (0.0003, 0.001)
    each = [gain_rates(0.005 * share, 0.003, first * share), gain_rates(0.01 * share, 0.002, second * share)]
    return np.stack(each[: len(wiring.somata)])


def doubled(memory: Memory) -> Memory:
    """Return the memory with room for twice the lines; what it says stays the same, bit for bit."""
    return memory._replace(lines=doubled_lines(memory.lines, 2 * (len(memory.lines) - 1)))


def doubled_lines(lines: NDArray[np.uint32], most: int) -> NDArray[np.uint32]:
    """Return the same lines in a table of at least `most`, doubled as often as that takes."""
    while (had := len(lines) - 1) < most:
        into = np.zeros((2 * had + 1, WORDS), np.uint32)
        # The place in word 0 of the bit of the name that its home lacked.
        split_lines_(lines, into, 12 + (had // LEAST_LINES).bit_length() - 1)
        lines = into
    return lines


def check_lines(name: str, lines: int, least: int, most: int) -> None:
    """Raise ValueError if there cannot be so many lines."""
    if not is_whole(lines) or lines & (lines - 1) or not least <= lines <= most:
        raise ValueError(f"{name} is {lines}, must be a power of two from {least} to {most}")


@cache
def _newborn_map() -> Float32:
    """Return (CELLS,) what goes in; the same bits on every machine."""
    return sigmoids(Decimal("0.5"), range(-(CELLS // 2), CELLS // 2 + 1))


def newborn_reflex() -> Float32:
    """Return (HISTORIES,) the share of ones among the answers, the newest counting most."""
    reflex = np.full(HISTORIES, 0.5, np.float32)
    for history in range(1, HISTORIES):
        counts, weight = [0.3, 0.3], 1.0
        for age in range(history.bit_length() - 1):
            counts[history >> age & 1] += weight
            weight *= _FADING
        reflex[history] = counts[1] / sum(counts)
    return reflex


def _newborn_belief() -> Float32:
    """Return (BELIEFS,) what a synapse says itself: the middle of the step, as a probability."""
    said = sigmoids(Decimal("0.05"), range(-177, -177 + 10 * SAYINGS, 10))
    return np.resize(said, BELIEFS)


def _newborn_gains(wiring: Wiring) -> Float32:
    gates, born = wiring.gates, len(wiring.contexts) - wiring.grown
    gains = np.zeros((len(gates), wiring.columns), np.float32)
    for g, (soma, _, _, _) in enumerate(gates):
        gain = GAIN / born / len(wiring.somata[soma])
        contexts = slice(FIRST, FIRST + STEP * born, STEP)  # a dendrite that is taken on later is not heard at first
        gains[g, contexts] = gain
        gains[g, FIRST + 1 : contexts.stop : STEP] = gain / 2
        gains[g, 2 : 2 + 2 * len(wiring.recalls) : 2] = gain / len(wiring.recalls)
    return gains
