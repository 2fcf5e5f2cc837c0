"""What all learners of tokens have alike: how they are given inputs, talk, show themselves and are kept."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from numpy.typing import ArrayLike

from realnet.checkpoint import Checkpoint
from realnet.inputs import Input
from realnet.outputs import Level
from realnet.score import Score
from realnet.shown import Shown
from realnet.tokens.ids import tokens_of
from realnet.tokens.outputs import TokenOutputs
from realnet.tokens.plot import plot_learning
from realnet.vocabulary import Continuation, Vocabulary

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class TokenGenerator(Protocol):
    def step(self, count: int) -> list[int]: ...


class LearnsTokens(Shown):
    """A learner that runs inputs of tokens as it runs tokens."""

    net: Shown
    vocabulary: Vocabulary
    score: Score
    tokens_seen: int

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

    @abstractmethod
    def generator(
        self, prompt: ArrayLike, temperature: float, seed: int, fresh: bool = False, adapts: bool = False
    ) -> TokenGenerator: ...

    @abstractmethod
    def checkpoint(self) -> Checkpoint: ...

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

    def generate(
        self, prompt: str = "", tokens: int = 200, temperature: float = 0.7, seed: int = 0, fresh: bool = False
    ) -> str:
        """Return the text of so many tokens after `prompt`, without it; nothing of this learner changes.

        It goes on from what the net has in mind, or, if `fresh`, from nothing in mind. Raises ValueError.
        """
        if tokens < 0:
            raise ValueError("tokens must be at least 0")
        before = self.vocabulary.encode(prompt)
        generator = self.generator(before, temperature, seed, fresh)
        said: list[int] = []
        while len(said) < tokens:
            said += generator.step(tokens - len(said))
        text = Continuation(self.vocabulary, before.tolist())
        return text.add(said) + text.rest()

    def save(self, path: str | Path) -> None:
        """Write everything to one safetensors file, which `realnet.load` reads."""
        self.checkpoint().save(path)

    def plot(self, *outputs: TokenOutputs) -> tuple[Axes, Axes]:
        """Draw how moving bits and accuracy went over what `run` returned, one or several times; return both axes.

        A learner keeps no past of its own, so that learning costs nothing for it: give the outputs of what is to be
        drawn. Raises ValueError for outputs of less than `best`, and ModuleNotFoundError without matplotlib.
        """
        return plot_learning(outputs)

    def facts(self) -> dict[str, str]:
        """Return what it is, how large, how long it has lived and how well it does: by name, for people to read."""
        facts = {"vocabulary": self.vocabulary.name, "tokens seen": f"{self.tokens_seen:,}"}
        if self.score.surprise is not None and self.score.accuracy is not None:
            facts["surprise"] = f"{self.score.surprise:.2f} bits a token"
            facts["accuracy"] = f"{self.score.accuracy:.1%}"
        return facts | self.net.facts()
