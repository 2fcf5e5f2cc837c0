"""The order of a vocabulary's tokens in the tree of a net of dendrites."""

from __future__ import annotations

import numpy as np

from realnet.tokens.ids import Tokens


class Leaves:
    """Which token each leaf of the tree is, and the other way round.

    Attributes:
        tokens: (V,) of the leaves.
        of_tokens: (V,) the leaves of the tokens.
    """

    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens
        self.of_tokens = np.empty_like(tokens)
        self.of_tokens[tokens] = np.arange(len(tokens))
