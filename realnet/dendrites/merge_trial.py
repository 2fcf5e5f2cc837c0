"""Try on what a net has lived through itself what others tell it in a merge, before it is adopted.

The net lives again from the ancestor on through all but the last fifth of what it has lived since, alone. On that
fifth, which nothing of this has learnt, it is compared with itself merged with each other member, and with all of them.
Members with other texts cost some percent, one that tells the contrary of what it has learnt much more.
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
_MOST_WORSE_BY_ONE = 0.04  # a member that costs more by itself is left out


class Trial(NamedTuple):
    """What members are worth to a net, in bits a token of what was kept out.

    Attributes:
        alone: of the net by itself.
        beside: of the net merged with each other member alone; of one that does not choose, nothing.
        left: the members that are left, if those were to be left out that cost too much.
        merged: of the net merged with all that are left.
    """

    alone: float
    beside: dict[str, float]
    left: list[Share]
    merged: float

    @property
    def is_good(self) -> bool:
        return self.merged <= self.alone * (1 + MOST_WORSE)


def tried(ancestor: DendriteNet, lived: Tokens, member: str, others: Sequence[Share], chooses: bool) -> Trial:
    """Try what `others` tell on the tokens that `member` has lived since it was the ancestor, which is used up.

    Who `chooses` leaves out the members that cost too much. Raises ValueError for fewer than 1,000 tokens.
    """
    if len(lived) < LEAST_TOKENS:
        raise ValueError(f"it has lived {len(lived)} tokens since its ancestor, and a trial takes {LEAST_TOKENS}")
    lived = lived[-MOST_TOKENS:]
    kept_out = len(lived) - int(len(lived) * _KEPT_OUT)
    lines = ancestor.memory.lines.copy()
    ancestor.run(lived[:kept_out], ancestor.learning_rate)
    share = share_of(member, ancestor, lines)

    def bits(shares: Sequence[Share]) -> float:
        return _bits(ancestor, merged(lines, [share, *shares]) if shares else None, lived[kept_out:])

    alone = bits([])
    beside = {each.member: bits([each]) for each in others} if chooses else {}
    left = [each for each in others if beside.get(each.member, 0.0) <= alone * (1 + _MOST_WORSE_BY_ONE)]
    return Trial(alone, beside, left, bits(left))


def _bits(net: DendriteNet, lines: Lines | None, tokens: Tokens) -> float:
    """Return how many bits a token costs the net, live, with these lines instead of its own."""
    copy = DendriteNet(net.wiring, net.symbols, net.max_lines)
    copy.take(net.arrays())
    copy.learning_rate = net.learning_rate
    if lines is not None:
        copy.take_lines(lines)
    return float(-np.log2(copy.run(tokens, copy.learning_rate).probability).mean())
