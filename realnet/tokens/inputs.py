"""How every learner of tokens is given inputs."""

from __future__ import annotations

from abc import ABC, abstractmethod

from numpy.typing import ArrayLike

from realnet.inputs import Input
from realnet.outputs import Level
from realnet.tokens.ids import tokens_of
from realnet.tokens.outputs import TokenOutputs


class TakesTokens(ABC):
    """A learner that runs inputs of tokens as it runs tokens."""

    @abstractmethod
    def run(
        self,
        tokens: ArrayLike,
        plasticity: float = 1.0,
        learning_rate: float | None = None,
        outputs: Level = "full",
    ) -> TokenOutputs: ...

    @abstractmethod
    def dream(
        self,
        tokens: ArrayLike,
        given: int = 0,
        plasticity: float = 1.0,
        learning_rate: float | None = None,
        outputs: Level = "full",
    ) -> TokenOutputs: ...

    def run_input(
        self,
        given: Input,
        plasticity: float = 1.0,
        learning_rate: float | None = None,
        outputs: Level = "full",
    ) -> TokenOutputs:
        """Run an input of tokens; all is as in `run`. Raises ValueError for one of frames."""
        return self.run(tokens_of(given), plasticity, learning_rate, outputs)

    def dream_input(
        self,
        given: Input,
        lead: int = 0,
        plasticity: float = 1.0,
        learning_rate: float | None = None,
        outputs: Level = "full",
    ) -> TokenOutputs:
        """Dream an input of tokens, of which the first `lead` only lead up to the others; all is as in `dream`."""
        return self.dream(tokens_of(given), lead, plasticity, learning_rate, outputs)
