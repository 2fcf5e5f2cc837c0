"""Whatever learns from a stream, of either kind, behind one Protocol."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from numpy.typing import ArrayLike

from realnet.checkpoint import Checkpoint
from realnet.core.state import Preset, ShortTerm
from realnet.dendrites.learner import DendriteLearner
from realnet.dendrites.net import MAX_LINES
from realnet.dendrites.parent import Parent
from realnet.dendrites.wiring import AnyVariant
from realnet.frames import FrameLearner
from realnet.inputs import Input
from realnet.interface import Interface
from realnet.live import LiveNet
from realnet.outputs import Level, OutputBatch
from realnet.score import Score
from realnet.tokens.learner import TokenLearner
from realnet.tokens.outputs import ToldToken
from realnet.vocabulary import Vocabulary

AnyPreset: TypeAlias = Preset | Literal["dendrites"]


class Net(Protocol):
    """What is told of any net, whatever it is made of."""

    tick: int
    learning_rate: float

    @property
    def preset(self) -> str: ...

    @property
    def num_neurons(self) -> int: ...

    @property
    def seed(self) -> int: ...

    @property
    def device(self) -> str: ...

    @property
    def kernel(self) -> str: ...

    @property
    def nbytes(self) -> int:
        """Return about how many bytes of memory it takes."""
        ...


class Generator(Protocol):
    """A generation in progress, on a fork of the net."""

    def step(self, count: int) -> list[int]:
        """Return the next `count` tokens.

        Each call reads up to 1,024 tokens of the prompt first, and returns none while there is more of it.
        """
        ...

    def step_told(self, count: int, top: int) -> list[ToldToken]:
        """Return the same as `step`, each with how probable it was, and the `top` likeliest tokens there."""
        ...

    def read_told(self, top: int) -> list[ToldToken]:
        """Read a piece of the prompt, and return its tokens in the same form; none when all has been read."""
        ...


class Learner(Protocol):
    """A live net and how its inputs and outputs are read. One thread at a time uses it; `interface` is for all.

    `plasticity` and `learning_rate` are as in `LiveNet.run`: the rate is of these ticks alone. `outputs` is what of the
    outputs is computed, which changes nothing of what is learnt: `none` (only ticks and tokens), `surprise` (also how
    probable each token was), `best` (also which was expected most), `full` (also the likeliest next). A net of frames
    always says its values.

    Attributes:
        net: the net itself: its tick, its weights, its own learning rate.
        score: how well it predicts; its figures are None where nothing was scored yet.
        tokens_seen: how many tokens it has run; 0 of a net of frames.
    """

    score: Score
    tokens_seen: int

    @property
    def net(self) -> Net: ...

    @property
    def interface(self) -> Interface:
        """Return what it takes and says; it never changes."""
        ...

    def run_input(
        self,
        given: Input,
        plasticity: float = 1.0,
        learning_rate: float | None = None,
        outputs: Level = "full",
    ) -> OutputBatch:
        """Run one tick for each token or frame. Raises ValueError, with nothing changed."""
        ...

    def dream_input(
        self,
        given: Input,
        lead: int = 0,
        plasticity: float = 1.0,
        learning_rate: float | None = None,
        outputs: Level = "full",
    ) -> OutputBatch:
        """Run from nothing in mind; afterwards the net has in mind what it had before.

        The first `lead` ticks only lead up to the others: they are not learnt, and have no row in what is returned.
        Raises ValueError, with nothing changed.
        """
        ...

    def idle(self, ticks: int, plasticity: float = 0.0, learning_rate: float | None = None) -> OutputBatch:
        """Run ticks without input and teacher."""
        ...

    def rest(self, ticks: int) -> None:
        """Count ticks in which nothing moves."""
        ...

    def generator(
        self, prompt: ArrayLike, temperature: float, seed: int, fresh: bool = False, adapts: bool = False
    ) -> Generator:
        """Return what generates tokens on a fork.

        Raises ValueError where `interface.vocabulary` is None, or to have it `adapts` where the interface's is False.
        """
        ...

    def warm_up(self) -> None:
        """Compile the kernels. Nothing is learnt and no tick counts."""
        ...

    def swap(self, mind: ShortTerm | None = None, goes_on: bool = False) -> ShortTerm:
        """Take `mind` over as what the net has in mind, None: nothing, and return what was in its place.

        What is learnt, and the tick, stay. A mind is of this net, or was checked; it is handed in once. It `goes_on`
        where nothing was learnt since it was set aside: only so does all go on bit for bit as if it had not been.
        """
        ...

    def check_mind(self, mind: ShortTerm) -> None:
        """Raise ValueError, naming the array, unless `swap` may be handed this, which came from elsewhere."""
        ...

    def fork(self) -> Learner:
        """Return a learner with activity of its own that reads the same matrix, and cannot learn."""
        ...

    def checkpoint(self) -> Checkpoint:
        """Return a copy of everything."""
        ...

    def begin_checkpoint(self) -> Callable[[], Checkpoint]:
        """Take a copy of everything; what is returned waits for it, on any thread, while the net lives on."""
        ...


def create(
    preset: AnyPreset | None = None,
    num_neurons: int | None = None,
    inputs: int | None = None,
    outputs: int | None = None,
    seed: int = 0,
    device: str = "cpu",
    variant: AnyVariant = "standard",
    max_lines: int = MAX_LINES,
    vocabulary: Vocabulary | None = None,
    memory: int | None = None,
) -> Learner:
    """Make a newborn: of frames if it is told how many inputs and outputs there are, else of tokens.

    `preset` None is that of `default_preset`; `num_neurons` None is the preset's own size; `variant`, `max_lines`,
    `vocabulary` (None: bytes) and `memory` (bytes of a compact net) are of `dendrites`, which takes neurons as it needs
    them. Raises ValueError if they are too few, or only one of `inputs` and `outputs` is told.
    """
    if (inputs is None) != (outputs is None):
        raise ValueError("a net of frames needs both inputs and outputs, and a net of tokens neither")
    preset = preset or default_preset(num_neurons, inputs, device)
    if preset == "dendrites":
        if num_neurons is not None or inputs is not None or device != "cpu":
            raise ValueError("dendrites takes tokens on the CPU, and neurons as it needs them: leave these out")
        return DendriteLearner.create(variant, max_lines, vocabulary, memory=memory)
    if vocabulary is not None or memory is not None:
        raise ValueError(f"only dendrites take another vocabulary than bytes, and a memory, and this is {preset}")
    if inputs is not None and outputs is not None:
        return FrameLearner.create(inputs, outputs, preset, num_neurons, seed, device)
    return TokenLearner.create(preset, num_neurons, seed, device)


def default_preset(num_neurons: int | None, inputs: int | None, device: str) -> AnyPreset:
    """Return the preset of a newborn for which none is named: `surprise` where something is asked for that only a
    matrix has, which is a number of neurons, frames or a GPU; else `dendrites`.
    """
    return "dendrites" if num_neurons is None and inputs is None and device == "cpu" else "surprise"


def from_checkpoint(
    checkpoint: Checkpoint, device: str = "cpu", parent: Parent | None = None
) -> TokenLearner | FrameLearner | DendriteLearner:
    """Return the learner that made it, which goes on exactly, a child with its `parent`. Takes its arrays over.

    Raises ValueError for a checkpoint of another kind, or of another parent.
    """
    kind = checkpoint.config.get("kind")
    if parent is not None and kind != "dendrites":
        raise ValueError("only a net of dendrites has a parent")
    if kind == "tokens":
        return TokenLearner.from_checkpoint(checkpoint, device)
    if kind == "frames":
        return FrameLearner.from_checkpoint(checkpoint, device)
    if kind == "dendrites":
        return DendriteLearner.from_checkpoint(checkpoint, device, parent)
    raise ValueError(f"a checkpoint of kind {kind!r}, must be tokens, frames or dendrites")


def load(path: str | Path, device: str = "cpu") -> TokenLearner | FrameLearner | DendriteLearner | LiveNet:
    """Return what `save` of a learner or a live net wrote to a file, or a server's snapshot; it goes on exactly.

    Raises ValueError, in one line, if the file is none of these.
    """
    checkpoint = Checkpoint.load(path)
    if checkpoint.config["kind"] == "net":
        return LiveNet.from_checkpoint(checkpoint, device)
    return from_checkpoint(checkpoint, device)
