"""Sleep of a net of dendrites: a search for the wiring by which it would have predicted its past better."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from realnet.dendrites.candidates import candidates
from realnet.dendrites.learner import DendriteLearner
from realnet.dendrites.net import DendriteNet
from realnet.dendrites.wiring import Wiring
from realnet.tokens.ids import Tokens, checked_ids

LEAST_TOKENS = 10_000  # there is nothing to choose by in fewer
_KEPT_OUT = 0.2  # of the tokens, the last
LEAST_GAIN = 0.005  # of the bits: less is not worth waking for
_SLICE = 4096


@dataclass(frozen=True, slots=True)
class Trial:
    """How a newborn with a candidate's wiring predicted, in bits a token, each before it was learnt.

    Attributes:
        candidate: its name; `present` is the net's own.
        bits: of all but what was kept out.
        kept_out_bits: of what was kept out, the last fifth.
        contexts: how many it has, which is about what a token costs.
    """

    candidate: str
    bits: float
    kept_out_bits: float
    contexts: int


@dataclass(frozen=True, slots=True)
class Search:
    """What the trials came to.

    Attributes:
        trials: of every candidate, the present wiring first.
        chosen: the candidate that is better than the present wiring, None: there is none.
        gain: the share of the bits kept out that the best of the others saves; below 0: it fell short by so much.
        net: the chosen one, which has lived through all of it.
    """

    trials: list[Trial]
    chosen: str | None
    gain: float
    net: DendriteNet | None


def search(
    learner: DendriteLearner,
    tokens: ArrayLike,
    tried: Mapping[str, Wiring] | None = None,
    least_gain: float = LEAST_GAIN,
    report: Callable[[float, list[Trial]], None] = lambda share, trials: None,
) -> Search:
    """Live again through `tokens`, the last that this learner has lived, as a newborn of each wiring that is `tried`.

    The learner stays as it is: `learner.net.adopt(found.net)` has it wake with what was found, which saves at least
    `least_gain` of the bits. `report` is told the share that is done. Raises ValueError for fewer than 10,000 tokens.
    """
    ids = learner.leaves.of_tokens[checked_ids(tokens, learner.vocabulary.size)]
    if len(ids) < LEAST_TOKENS:
        raise ValueError(f"it has lived through {len(ids)} tokens, and a search takes {LEAST_TOKENS}")
    present = {"present": learner.net.wiring}
    tried = present | dict(candidates(learner.net.wiring) if tried is None else tried)
    trials: list[Trial] = []
    best, net = float("inf"), None

    def tell(share: float) -> None:
        report((len(trials) + share) / len(tried), trials)

    for name, wiring in tried.items():
        newborn = newborn_beside(learner.net, wiring, len(ids))
        trials.append(_lived(name, newborn, ids, tell))
        if name != "present" and trials[-1].kept_out_bits < best:
            best, net = trials[-1].kept_out_bits, newborn
    gain = 1 - best / trials[0].kept_out_bits
    if gain <= 0 or gain < least_gain:
        return Search(trials, None, gain, None)
    chosen = next(each.candidate for each in trials[1:] if each.kept_out_bits == best)
    return Search(trials, chosen, gain, net)


def newborn_beside(net: DendriteNet, wiring: Wiring, tokens: int) -> DendriteNet:
    """Return a newborn of that wiring that is to live again through the net's last `tokens` tokens."""
    newborn = DendriteNet(wiring, net.symbols, net.max_lines)
    lived = np.maximum(0, net.arrays()["lived"] - tokens)
    newborn.take(newborn.arrays() | {"lived": lived})  # so that the index of its episodes goes with the net's
    newborn.learning_rate = net.learning_rate
    return newborn


def _lived(name: str, net: DendriteNet, ids: Tokens, tell: Callable[[float], None]) -> Trial:
    kept_out = len(ids) - int(len(ids) * _KEPT_OUT)
    bits = np.empty(len(ids))
    for start in range(0, len(ids), _SLICE):
        said = net.run(ids[start : start + _SLICE], net.learning_rate)
        bits[start : start + _SLICE] = -np.log2(said.probability)
        tell((start + _SLICE) / len(ids))
    return Trial(name, float(bits[:kept_out].mean()), float(bits[kept_out:].mean()), len(net.wiring.contexts))
