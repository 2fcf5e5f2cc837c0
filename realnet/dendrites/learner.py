"""A learner of tokens with dendrites: it predicts, scores and learns each token by its contexts."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from realnet.checkpoint import Checkpoint
from realnet.core.checks import checked_rate
from realnet.core.state import Float32, ShortTerm
from realnet.dendrites.child import ChildNet
from realnet.dendrites.compact import CompactNet, compact_wiring
from realnet.dendrites.explain import Explanation, explain
from realnet.dendrites.generator import DendriteGenerator
from realnet.dendrites.leaves import Leaves
from realnet.dendrites.net import MAX_LINES, DendriteNet
from realnet.dendrites.parent import Parent
from realnet.dendrites.reader import RECENT
from realnet.dendrites.rewiring import warm_up
from realnet.dendrites.wiring import COMPACT, AnyVariant, Wiring, wiring_of
from realnet.frames import FrameOutputs
from realnet.interface import Interface
from realnet.outputs import Level, includes
from realnet.score import SAMPLED, Score, estimated_hits
from realnet.tokens.base import LearnsTokens
from realnet.tokens.ids import Tokens, check_seen, checked_ids
from realnet.tokens.outputs import TOKEN_COLUMNS, TokenOutputs
from realnet.tokens.readout import TOP
from realnet.vocabulary import Bytes, Symbols, Vocabulary, vocabulary_named

_SLICE = 1024  # ticks at a time


class DendriteLearner(LearnsTokens):
    """A DendriteNet with a vocabulary and a score. It implements `realnet.learners.Learner`.

        learner = DendriteLearner.create()
        outputs = learner.run(learner.vocabulary.encode("hello"))

    Attributes:
        score: how well it predicts, of the tokens seen last; its accuracy is estimated (`realnet.score`).
        tokens_seen: how many it has run, dreams apart.
        born: the variant that it was born as, None: another wiring; sleep may have changed it since.
        leaves: the order of its tokens in the tree.
        on_decided: if it is set, is called with the tokens of each run and, (T, D), how probable a 1 was at each
            decision on their paths.
    """

    net: DendriteNet

    def __init__(self, net: DendriteNet, vocabulary: Vocabulary, leaves: Leaves | None = None) -> None:
        """`leaves` are those of the vocabulary, if they are known."""
        self.net, self.vocabulary, self.score, self.tokens_seen = net, vocabulary, Score(), 0
        self.born, self.leaves = net.wiring.variant, Leaves(vocabulary.order) if leaves is None else leaves
        self.on_decided: Callable[[Tokens, Float32], None] | None = None

    @classmethod
    def create(
        cls,
        variant: AnyVariant = "standard",
        max_lines: int = MAX_LINES,
        vocabulary: Vocabulary | None = None,
        symbols: int | None = None,
        memory: int | None = None,
    ) -> DendriteLearner:
        """Make a newborn, which takes up to `max_lines` lines of 64 bytes as it needs them. Raises ValueError.

        A `compact` one has `memory` instead: so many bytes for all that it learns and has in mind, for its life.

        Its tokens are the bytes of a text, those of another `vocabulary`, or ids of 0 to `symbols` - 1, which are no
        text. What of the variant is of bytes of text is left out of the last two.
        """
        if (memory is None) == (variant == COMPACT):
            raise ValueError("a compact net, and no other, is told how many bytes of memory it has")
        if vocabulary is None:
            vocabulary = Bytes() if symbols is None else Symbols(symbols)
        elif symbols is not None:
            raise ValueError("give a vocabulary, or how many symbols there are")
        wiring = wiring_of(variant) if memory is None else compact_wiring(memory)
        wiring = wiring if vocabulary.name == Bytes.name else wiring.plain()
        return cls(_net(wiring, vocabulary, max_lines, memory), vocabulary)

    @property
    def interface(self) -> Interface:
        """Return what it takes and says."""
        size = self.vocabulary.size
        is_compact, keeps = isinstance(self.net, CompactNet), isinstance(self.net, (CompactNet, ChildNet))
        return Interface(
            *(size, size, self.vocabulary, self.reach, TOKEN_COLUMNS),
            idle_speaks=False,
            sleep=None if keeps else "search",
            fit=None if keeps else "gains",
            adapts=not is_compact,
        )

    @property
    def reach(self) -> int:
        """Return how many of the last tokens it has in mind."""
        return RECENT

    def run(
        self,
        tokens: ArrayLike,
        plasticity: float = 1.0,
        learning_rate: float | None = None,
        outputs: Level = "full",
    ) -> TokenOutputs:
        """Predict, score and then learn each of T tokens. Raises ValueError, with nothing changed.

        Synapses learn at a rate of their own uses; `plasticity` and `learning_rate` are times that of the gains. Where
        one of them is 0 nothing is learnt. What is learnt does not depend on which `outputs` are asked for: the
        likeliest tokens are searched for each token only for `best`, and five of them for `full`.
        """
        ids = checked_ids(tokens, self.vocabulary.size)
        rate = self._rate(plasticity, learning_rate)
        includes(outputs, "none")  # refuses an unknown word before anything changes
        slices = [ids[i : i + _SLICE] for i in range(0, max(1, len(ids)), _SLICE)]
        return TokenOutputs.joined([self._run(each, rate, outputs) for each in slices])

    def _run(self, ids: Tokens, rate: float, outputs: Level) -> TokenOutputs:
        is_full, is_best = includes(outputs, "full"), includes(outputs, "best")
        ticks, leaves = np.arange(self.net.tick + 1, self.net.tick + 1 + len(ids)), self.leaves.of_tokens[ids]
        every, decides = 1 if is_best else SAMPLED, self.on_decided is not None
        said = self.net.run(leaves, rate, TOP if is_full else 1, every, and_next=is_full, decides=decides)
        if self.on_decided is not None:
            self.on_decided(ids, said.decided)
        best = self.leaves.tokens[said.best]
        self.tokens_seen += len(ids)
        predicted = best[: len(ids), 0].copy()
        surprise = -np.log2(said.probability).astype(np.float32)
        was_best = predicted == ids
        hits = estimated_hits(ticks, was_best, said.probability)
        self.score.update(hits, surprise)
        if self.score.witness is not None:
            self.score.witness.see(ticks, ids, said.value[: len(ids), 0], was_best, hits, surprise)
        probability = said.probability.astype(np.float32)
        return TokenOutputs(ticks, ids, predicted, probability, surprise, best[1:], said.value[1:]).at(outputs)

    def _rate(self, plasticity: float, learning_rate: float | None) -> float:
        if not (math.isfinite(plasticity) and plasticity >= 0):
            raise ValueError("plasticity must be a number, at least 0")
        rate = plasticity * (self.net.learning_rate if learning_rate is None else checked_rate(learning_rate))
        if self.net.read_only and rate > 0:
            raise ValueError("a fork only reads its memory: run it with plasticity=0")
        return rate

    def dream(
        self,
        tokens: ArrayLike,
        given: int = 0,
        plasticity: float = 1.0,
        learning_rate: float | None = None,
        outputs: Level = "full",
    ) -> TokenOutputs:
        """Run from nothing in mind; afterwards the net has in mind what it had before.

        The first `given` tokens only lead up to the others: they are not learnt, and have no row in what is returned.
        Nothing here counts as seen, or in the score.
        """
        ids = checked_ids(tokens, self.vocabulary.size)
        self._rate(plasticity, learning_rate)
        kept = self.score, self.tokens_seen
        self.score = Score()
        try:
            with self.net.aside():
                if given:
                    self.run(ids[:given], 0.0, outputs="none")
                return self.run(ids[given:], plasticity, learning_rate, outputs)
        finally:
            self.score, self.tokens_seen = kept

    def warm_up(self) -> None:
        """Compile the kernels, which takes seconds on a new machine. Nothing is learnt and no tick counts."""
        fork = self.fork()
        fork.run([0], 0.0)
        fork.net.draw(1.0, np.random.default_rng(0))
        warm_up()

    def swap(self, mind: ShortTerm | None = None, goes_on: bool = False) -> ShortTerm:
        """Take `mind` over as what the net has in mind, None: nothing, and return what was in its place."""
        return self.net.swap(mind)

    def check_mind(self, mind: ShortTerm) -> None:
        """Raise ValueError, naming the array, unless `swap` may be handed this."""
        self.net.check_mind(mind)

    def fork(self, adapts: bool = False) -> DendriteLearner:
        """Return a learner with a mind of its own that reads the same memory, and cannot learn.

        One that `adapts` reads long texts better: it remembers them in episodes of its own, and adapts gains of its own
        to them, also where plasticity is 0.
        """
        return DendriteLearner(self.net.fork(adapts), self.vocabulary, self.leaves)

    def generator(
        self, prompt: ArrayLike, temperature: float, seed: int, fresh: bool = False, adapts: bool = False
    ) -> DendriteGenerator:
        """Return what generates tokens after `prompt`, on a fork: nothing of this net changes. Raises ValueError.

        It goes on from what the net has in mind, or, if `fresh`, from nothing in mind. One that `adapts` reads the
        prompt as such a fork does; what it then says itself it does not learn from.
        """
        if not (math.isfinite(temperature) and temperature >= 0):
            raise ValueError("temperature must be a number, at least 0")
        net = self.net.fork(adapts)
        if fresh:
            net.forget()
        return DendriteGenerator(net, self.leaves, checked_ids(prompt, self.vocabulary.size), temperature, seed)

    def expected(self, count: int = TOP) -> tuple[Tokens, Float32]:
        """Return the likeliest next tokens, best first, and how probable each is."""
        leaves, probability = self.net.expected(count)
        return self.leaves.tokens[leaves], probability

    def explain(self, context: ArrayLike, fresh: bool = True) -> Explanation:
        """Explain what the net expects after a context of tokens: why the likeliest token is as likely as it is.

        It begins from nothing in mind, or, if not `fresh`, from what the net has in mind. Raises ValueError.
        """
        leaves, net = self.leaves.of_tokens[checked_ids(context, self.vocabulary.size)], self.net
        if fresh or len(leaves):
            net = net.fork()
            if fresh:
                net.forget()
            net.run(leaves, 0.0)
        return explain(net).named(self.leaves.tokens)

    def rest(self, ticks: int) -> None:
        """Count ticks in which nothing moves. Raises ValueError if they are fewer than 0."""
        self.net.rest(ticks)

    def idle(self, ticks: int, plasticity: float = 0.0, learning_rate: float | None = None) -> FrameOutputs:
        """Count ticks without input: without a token nothing moves, and nothing is said."""
        self._rate(0.0 if self.net.read_only else plasticity, learning_rate)
        first = self.net.tick + 1
        self.net.rest(ticks)
        return FrameOutputs(np.arange(first, first + ticks), np.empty((ticks, 0), np.float32))

    def checkpoint(self) -> Checkpoint:
        """Return a copy of everything. The file of a vocabulary is in it, so that it opens anywhere.

        That of a child has only what is its own, and opens with its parent.
        """
        file = None if isinstance(self.net, ChildNet) else self.vocabulary.content
        return Checkpoint.of_memory(
            {
                "tick": self.net.tick,
                "learning_rate": self.net.learning_rate,
                "wiring": self.net.wiring.to_json(),
                **_size(self.net),
                "vocabulary": self.vocabulary.name,
                "tokens_seen": self.tokens_seen,
                "born": self.born,
            },
            self.net.arrays()
            | {"score": self.score.sums.copy()}
            | ({"vocabulary": np.frombuffer(file, np.uint8)} if file else {}),
        )

    def begin_checkpoint(self) -> Callable[[], Checkpoint]:
        """Take a copy of everything, which what is returned hands over."""
        taken = self.checkpoint()
        return lambda: taken

    @classmethod
    def from_checkpoint(
        cls, checkpoint: Checkpoint, device: str = "cpu", parent: Parent | None = None
    ) -> DendriteLearner:
        """Return the learner that made it, a child with its `parent`. Takes its arrays over.

        Raises ValueError if it is none of dendrites, or of another parent.
        """
        try:
            if device != "cpu":
                raise ValueError("dendrites run on the CPU")
            config, arrays = checkpoint.config, checkpoint.arrays
            _check_parent(config, parent)
            net: DendriteNet
            if parent is not None:
                vocabulary, leaves, net = parent.vocabulary, parent.leaves, ChildNet(parent, config["lines"])
            else:
                vocabulary, leaves = _vocabulary(config, arrays), None
                wiring, memory = Wiring.from_json(config["wiring"]), config.get("memory")
                net = _net(wiring, vocabulary, config["max_lines"] if memory is None else 0, memory)
            net.take(arrays)
            check_seen(config["tokens_seen"], arrays["score"])
            net.learning_rate, net.tick = config["learning_rate"], checkpoint.tick
            learner = cls(net, vocabulary, leaves)
            learner.tokens_seen, learner.score = config["tokens_seen"], Score(arrays["score"])
            learner.born = config.get("born", learner.born)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            missing = " is missing" if isinstance(error, KeyError) else ""
            raise ValueError(f"not a checkpoint of dendrites: {' '.join(str(error).split())}{missing}") from error
        return learner


def _check_parent(config: dict[str, Any], parent: Parent | None) -> None:
    """Raise ValueError unless this is the parent of a checkpoint, None of one that has none."""
    sha256, given = config.get("parent"), None if parent is None else parent.sha256
    if sha256 != given:
        raise ValueError(f"its parent is {sha256 or 'none'}, and given is {given or 'none'}")


def _vocabulary(config: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Vocabulary:
    return vocabulary_named(config["vocabulary"], arrays["vocabulary"].tobytes() if "vocabulary" in arrays else b"")


def _net(wiring: Wiring, vocabulary: Vocabulary, max_lines: int, memory: int | None) -> DendriteNet:
    if memory is None:
        return DendriteNet(wiring, vocabulary.size, max_lines)
    return CompactNet(wiring, vocabulary.size, memory)


def _size(net: DendriteNet) -> dict[str, int | str]:
    if isinstance(net, ChildNet):
        return {"lines": net.lines, "parent": net.parent.sha256}
    return {"memory": net.max_bytes} if isinstance(net, CompactNet) else {"max_lines": net.max_lines}
