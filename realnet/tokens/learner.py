"""A learner whose inputs are tokens: it predicts, scores and learns each; and generation on a fork."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from realnet.checkpoint import Checkpoint
from realnet.core.confidence import GAINS, LEAST, MOST, sharpen_
from realnet.core.state import Float32, Preset, ShortTerm
from realnet.frames import FrameOutputs
from realnet.inputs import Turn
from realnet.interface import Interface
from realnet.kernels import SparseFrames
from realnet.live import LiveNet
from realnet.outputs import Level, includes
from realnet.score import Score
from realnet.tokens.base import LearnsTokens
from realnet.tokens.encoder import Encoder, dense_taps
from realnet.tokens.generator import Generator
from realnet.tokens.ids import Tokens, check_seen, checked_ids, one_hot, tokens_of
from realnet.tokens.outputs import TOKEN_COLUMNS, TokenOutputs
from realnet.tokens.readout import FLOOR, TOP, best_, probabilities
from realnet.vocabulary import Bytes, Vocabulary, vocabulary_named

_SLICE = 1024  # ticks at a time: one-hot teachers and outputs take 2 kB each


class TokenLearner(LearnsTokens):
    """A LiveNet with a vocabulary, an encoder and a score. It implements `realnet.learners.Learner`.

        learner = TokenLearner.create()
        outputs = learner.run(learner.vocabulary.encode("hello"))

    Attributes:
        score: how well it predicts, of the tokens seen last.
        tokens_seen: how many it has run, dreams apart.
    """

    net: LiveNet

    def __init__(self, net: LiveNet, encoder: Encoder, vocabulary: Vocabulary) -> None:
        """`net` has `encoder.n_in` or more inputs, and one output for each token."""
        self.net, self.vocabulary, self.score, self.tokens_seen = net, vocabulary, Score(), 0
        self.encoder, self._recent = encoder, encoder.start()
        self._gains = np.ones(GAINS)

    @classmethod
    def create(
        cls,
        preset: Preset = "surprise",
        num_neurons: int | None = None,
        seed: int = 0,
        device: str = "cpu",
        kernel: str | None = None,
    ) -> TokenLearner:
        """Make a newborn. `num_neurons` None: the preset's own size. Raises ValueError if they are too few."""
        vocabulary = Bytes()
        encoder, hidden = _layout(preset, num_neurons, vocabulary.size, seed)
        if num_neurons is None:
            num_neurons = encoder.n_in + hidden + vocabulary.size
        net = LiveNet(
            num_neurons,
            input_ids=range(num_neurons - hidden - vocabulary.size),
            output_ids=range(num_neurons - vocabulary.size, num_neurons),
            preset=preset,
            seed=seed,
            device=device,
            kernel=kernel,
        )
        return cls(net, encoder, vocabulary)

    @property
    def interface(self) -> Interface:
        """Return what it takes and says."""
        inputs, outputs = len(self.net.input_ids), len(self.net.output_ids)
        return Interface(inputs, outputs, self.vocabulary, self.reach, TOKEN_COLUMNS, idle_speaks=False)

    def run(
        self,
        tokens: ArrayLike,
        plasticity: float = 1.0,
        learning_rate: float | None = None,
        outputs: Level = "full",
    ) -> TokenOutputs:
        """Predict, score and then learn each of T tokens.

        `plasticity` and `learning_rate` are as in `LiveNet.run`. What is learnt does not depend on which `outputs` are
        asked for. Raises ValueError, with nothing changed.
        """
        ids = checked_ids(tokens, self.vocabulary.size)
        includes(outputs, "none")  # refuses an unknown word before anything changes
        slices = [ids[i : i + _SLICE] for i in range(0, max(1, len(ids)), _SLICE)]
        return TokenOutputs.joined([self._run(each, plasticity, learning_rate, outputs) for each in slices])

    def _run(
        self, ids: Tokens, plasticity: float, learning_rate: float | None = None, outputs: Level = "none"
    ) -> TokenOutputs:
        frames, recent = self.encoder.encode(ids, self._recent)
        ticks = np.arange(self.net.tick + 1, self.net.tick + 1 + len(ids))
        answers = self.net.run(frames, one_hot(ids, self.vocabulary.size), plasticity, learning_rate)
        if includes(outputs, "full"):
            answers = np.vstack([answers, self.net.respond()])
        self._recent = recent
        learns = plasticity * (self.net.learning_rate if learning_rate is None else learning_rate) > 0
        return self._told(ids, ticks, answers, learns, outputs)

    def run_together(
        self, turns: Sequence[Turn], outputs: Level = "full", goes_on: bool = False
    ) -> list[tuple[TokenOutputs, ShortTerm]]:
        """Run turns of several sessions at once; return what each said, and has in mind now.

        All is as in `LiveNet.run_together`. Their tokens are scored one session after the other.
        """
        includes(outputs, "none")
        ids = [checked_ids(tokens_of(each.given), self.vocabulary.size) for each in turns]
        recent = [self.encoder.start() if each.mind is None else each.mind["recent"] for each in turns]
        encoded = [self.encoder.encode(*each) for each in zip(ids, recent, strict=True)]
        said = self.net.run_together(
            [each.mind for each in turns],
            [frames for frames, _ in encoded],
            [one_hot(each, self.vocabulary.size) for each in ids],
            [each.rate for each in turns],
            goes_on,
        )
        lived = []
        for s, turn in enumerate(turns):
            answers = np.vstack([said.outputs[s], said.next[s]]) if includes(outputs, "full") else said.outputs[s]
            batch = self._told(ids[s], turn.ticks, answers, turn.rate > 0, outputs)
            lived.append((batch, said.minds[s] | {"recent": encoded[s][1]}))
        return lived

    def _told(
        self, ids: Tokens, ticks: NDArray[np.int64], answers: Float32, learns: bool, outputs: Level
    ) -> TokenOutputs:
        """Score tokens, and return what was said of them; of `full` outputs also of the next."""
        said = probabilities(answers, self.net.preset)
        self.tokens_seen += len(ids)
        width = TOP if includes(outputs, "full") else 1
        best, value = np.empty((len(said), width), np.int32), np.empty((len(said), width), np.float32)
        best_(said, best, value)
        sharpen_(said, ids, self._gains, FLOOR, learns)
        value = np.take_along_axis(said, best, 1)
        probability = said[np.arange(len(ids)), ids]
        surprise = -np.log2(probability)
        predicted = best[: len(ids), 0]
        is_best = predicted == ids
        hits = is_best.astype(np.float32)
        self.score.update(hits, surprise)
        if self.score.witness is not None:
            self.score.witness.see(ticks, ids, value[: len(ids), 0], is_best, hits, surprise)
        return TokenOutputs(ticks, ids, predicted, probability, surprise, best[1:], value[1:]).at(outputs)

    @property
    def reach(self) -> int:
        """Return how many of the last tokens decide what its inputs are."""
        return len(self._recent)

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
        Nothing here counts as seen, or in the score, and how sure the net may be is not learnt from what it repeats.
        """
        ids = checked_ids(tokens, self.vocabulary.size)
        kept = self._recent, self.score, self.tokens_seen, self._gains
        self._recent, self.score, self._gains = self.encoder.start(), Score(), self._gains.copy()
        try:
            with self.net.aside():
                if given:
                    self.run(ids[:given], 0.0, outputs="none")
                return self.run(ids[given:], plasticity, learning_rate, outputs)
        finally:
            self._recent, self.score, self.tokens_seen, self._gains = kept

    def warm_up(self) -> None:
        """Compile the kernels, which takes seconds on a new machine. Nothing is learnt and no tick counts."""
        self.generator([0], 0.0, 0).step(1)
        if self.net.lives_together:
            self.net.fork().run_together([None], [SparseFrames.silent(1)], rates=[0.0])

    def swap(self, mind: ShortTerm | None = None, goes_on: bool = False) -> ShortTerm:
        """Take `mind` over as what the net has in mind, None: nothing, and return what was in its place.

        `goes_on` is as in `LiveNet.swap`.
        """
        before = self.net.swap(mind, goes_on) | {"recent": self._recent}
        self._recent = self.encoder.start() if mind is None else mind["recent"]
        return before

    def check_mind(self, mind: ShortTerm) -> None:
        """Raise ValueError, naming the array, unless `swap` may be handed this."""
        self.net.check_mind(mind)
        if "recent" not in mind:
            raise ValueError("the array recent is missing")
        _check_recent(self.encoder, mind)

    def fork(self) -> TokenLearner:
        """Return a learner with activity of its own that reads the same matrix, and cannot learn."""
        fork = TokenLearner(self.net.fork(), self.encoder, self.vocabulary)
        fork._recent, fork._gains = self._recent, self._gains.copy()
        return fork

    def generator(
        self, prompt: ArrayLike, temperature: float, seed: int, fresh: bool = False, adapts: bool = False
    ) -> Generator:
        """Return what generates tokens after `prompt`, on a fork: nothing of this net changes. Raises ValueError.

        It goes on from what the net has in mind, or, if `fresh`, from nothing in mind.
        """
        if not (math.isfinite(temperature) and temperature >= 0):
            raise ValueError("temperature must be a number, at least 0")
        if adapts:
            raise ValueError("only a fork of a net of dendrites adapts")
        fork = self.fork()
        if fresh:
            fork.net.forget()
            fork._recent = self.encoder.start()
        return Generator(fork, checked_ids(prompt, self.vocabulary.size), temperature, seed)

    def expected(self, count: int = TOP) -> tuple[Tokens, Float32]:
        """Return the likeliest next tokens, best first, and how probable each is."""
        said = self.probabilities()
        best = np.argsort(-said, kind="stable")[:count].astype(np.int32)
        return best, said[best]

    def probabilities(self) -> Float32:
        """Return (V,) how probable each token is to come next."""
        said: Float32 = probabilities(self.net.respond()[None], self.net.preset)
        sharpen_(said, np.empty(0, np.int32), self._gains, FLOOR, False)
        row: Float32 = said[0]
        return row

    def rest(self, ticks: int) -> None:
        """Count ticks in which nothing moves. Raises ValueError if they are fewer than 0."""
        self.net.rest(ticks)

    def idle(self, ticks: int, plasticity: float = 0.0, learning_rate: float | None = None) -> FrameOutputs:
        """Run ticks without input and teacher."""
        return FrameOutputs.of_run(self.net, SparseFrames.silent(ticks), None, plasticity, learning_rate)

    def checkpoint(self) -> Checkpoint:
        """Return a copy of everything."""
        return self.begin_checkpoint()()

    def begin_checkpoint(self) -> Callable[[], Checkpoint]:
        """Take a copy of everything; what is returned waits for it, on any thread, while the net lives on."""
        config: dict[str, Any] = {
            "kind": "tokens",
            "vocabulary": self.vocabulary.name,
            "encoder": asdict(self.encoder),
            "tokens_seen": self.tokens_seen,
        }
        own: dict[str, NDArray[Any]] = {"recent": self._recent, "score": self.score.sums, "gains": self._gains}
        copies, taken = {name: array.copy() for name, array in own.items()}, self.net.begin_checkpoint()
        return lambda: taken().extended(config, copies)

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint, device: str = "cpu") -> TokenLearner:
        """Return the learner that made it; one of before there were gains begins with gains of 1.

        Takes its arrays over. Raises ValueError if it is none of a token net.
        """
        try:
            config, arrays = checkpoint.config, checkpoint.arrays
            vocabulary = vocabulary_named(config["vocabulary"])
            encoder = Encoder(**config["encoder"] | {"taps": tuple(config["encoder"]["taps"])})
            net = LiveNet.from_checkpoint(checkpoint, device)
            _check(net, encoder, vocabulary, checkpoint)
            learner = cls(net, encoder, vocabulary)
            learner.tokens_seen, learner._recent = config["tokens_seen"], arrays["recent"]
            learner.score, learner._gains = Score(arrays["score"]), arrays.get("gains", learner._gains)
        except (ValueError, KeyError, TypeError) as error:
            missing = " is missing" if isinstance(error, KeyError) else ""
            raise ValueError(f"not a checkpoint of a token net: {' '.join(str(error).split())}{missing}") from error
        return learner


def _check(net: LiveNet, encoder: Encoder, vocabulary: Vocabulary, checkpoint: Checkpoint) -> None:
    """Raise ValueError or KeyError if what a token net has beside its net does not fit it."""
    score, seen = checkpoint.arrays["score"], checkpoint.config["tokens_seen"]
    if encoder.n_in > len(net.input_ids) or vocabulary.size != len(net.output_ids):
        raise ValueError("its net has too few inputs for the encoder, or not an output for each token")
    _check_recent(encoder, checkpoint.arrays)
    check_seen(seen, score)
    gains = checkpoint.arrays.get("gains", np.ones(GAINS))
    if gains.shape != (GAINS,) or gains.dtype != np.float64 or not ((gains >= LEAST) & (gains <= MOST)).all():
        raise ValueError(f"the array gains must be {GAINS} numbers of float64 from {LEAST} to {MOST}")


def _check_recent(encoder: Encoder, arrays: Mapping[str, NDArray[Any]]) -> None:
    recent, wanted = arrays["recent"], encoder.start()
    if recent.shape != wanted.shape or recent.dtype != wanted.dtype:
        raise ValueError(f"the array recent is {recent.dtype} {recent.shape}, must be {wanted.dtype} {wanted.shape}")


def _layout(preset: Preset, num_neurons: int | None, tokens: int, seed: int) -> tuple[Encoder, int]:
    """Return the encoder and the number of hidden neurons of a net of so many; benchmarks/tuning.py chose them."""
    taps: tuple[int, ...] = (2, 3, 4) if preset == "literal" else (2, 3, 4, 5, 6, 8)
    hidden = 64 if preset == "surprise" else 0
    own_size = 256 if preset == "literal" else 3360
    inputs = len(taps) * own_size if num_neurons is None else num_neurons - hidden - tokens
    if inputs < 16 * len(taps):
        raise ValueError(f"num_neurons must be at least {tokens + hidden + 16 * len(taps)} for {tokens} tokens")
    if preset == "literal":
        return dense_taps(inputs, taps, seed), hidden
    return Encoder(taps, inputs // len(taps), 8, seed), hidden
