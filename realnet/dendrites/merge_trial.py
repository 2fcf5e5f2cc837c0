"""Try on what a net has lived through itself what others tell it in a merge, before it is adopted.

The net lives again from the ancestor on through all but the last fifth of what it has lived since, alone. On that
fifth, which nothing of this has learnt, it is compared with itself merged with each other member, without learning:
members with other texts cost some percent, up to 11%, one that tells the contrary of what it has learnt 23% to 230%.
Then it is compared with itself merged with all that are left, and learns on, as it would.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from realnet.dendrites.merge import merged, share_of
from realnet.dendrites.net import DendriteNet
from realnet.dendrites.share import Lines, Share
from realnet.tokens.ids import Tokens

LEAST_TOKENS = 1000  # there is nothing to choose by in fewer
MOST_TOKENS = 200_000  # that are lived again, the last
_KEPT_OUT = 0.2  # of the tokens, the last
MOST_WORSE = 0.05  # of the bits: a merge that costs more is not adopted
_MOST_WORSE_BY_ONE = 0.15  # of the bits without learning: a member that costs more by itself lies, or is of no use


class Trial(NamedTuple):
    """What members are worth to a net, in bits a token of what was kept out.

    Attributes:
        alone: of the net by itself.
        merged: of the net merged with all others that are not bad.
        costs: the share of the bits that each other member by itself costs a net that does not learn.
        bad: the members that cost too much.
    """

    alone: float
    merged: float
    costs: dict[str, float]
    bad: set[str]

    @property
    def is_good(self) -> bool:
        return self.merged <= self.alone * (1 + MOST_WORSE)


def tried(ancestor: DendriteNet, lived: Tokens, member: str, others: Sequence[Share]) -> Trial:
    """Try what `others` tell on the tokens that `member` has lived since it was the ancestor, which is used up.

    Raises ValueError for fewer than 1,000 tokens.
    """
    if len(lived) < LEAST_TOKENS:
        raise ValueError(f"it has lived {len(lived)} tokens since its ancestor, and a trial takes {LEAST_TOKENS}")
    lived = lived[-MOST_TOKENS:]
    kept_out = len(lived) - int(len(lived) * _KEPT_OUT)
    lines, tokens = ancestor.memory.lines.copy(), lived[kept_out:]
    ancestor.run(lived[:kept_out], ancestor.learning_rate)
    share = share_of(member, ancestor, lines)
    frozen = _bits(ancestor.fork(), tokens)
    costs = {
        each.member: _bits(_with(ancestor, merged(lines, [share, each])).fork(), tokens) / frozen - 1 for each in others
    }
    bad = {name for name, cost in costs.items() if cost > _MOST_WORSE_BY_ONE}
    left = [each for each in others if each.member not in bad]
    with_all = _with(ancestor, merged(lines, [share, *left]))
    return Trial(_bits(ancestor, tokens), _bits(with_all, tokens), costs, bad)


def _with(net: DendriteNet, lines: Lines) -> DendriteNet:
    """Return a copy of a net with these lines instead of its own."""
    copy = DendriteNet(net.wiring, net.symbols, net.max_lines)
    copy.take(net.arrays())
    copy.learning_rate = net.learning_rate
    copy.take_lines(lines)
    return copy


def _bits(net: DendriteNet, tokens: Tokens) -> float:
    """Return how many bits a token costs a net, which learns them if it may."""
    return float(-np.log2(net.run(tokens, 0.0 if net.read_only else net.learning_rate).probability).mean())
