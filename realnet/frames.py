"""A learner whose inputs are raw frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import ArrayLike

from realnet.checkpoint import Checkpoint
from realnet.core.state import Float32, Preset, ShortTerm
from realnet.inputs import Input, Turn
from realnet.interface import Interface
from realnet.kernels import SparseFrames
from realnet.live import LiveNet
from realnet.outputs import Column, Level, OutputBatch
from realnet.score import Score
from realnet.shown import Shown

HIDDEN = 256  # by default: the memory of a net that is shown one frame at a time
REACH = 4  # ticks: what a net of frames was shown before has hardly any effect on what it has in mind


@dataclass(slots=True)
class FrameOutputs(OutputBatch):
    """One row a tick; `values` is what the outputs said, before their teacher."""

    values: Float32  # (T, n_out)

    def tally(self, teachers: Float32 | None = None, every: int = 1) -> tuple[int, dict[str, float]]:
        """Sum `accuracy` and `error`, the mean absolute difference from the teacher.

        An answer is right if its highest output is the teacher's, or, of a single output, if it is on the same side of
        a half. Raises ValueError without teachers.
        """
        if teachers is None:
            raise ValueError("outputs of frames are compared with their teachers")
        said, wanted = self.values[every - 1 :: every], teachers[every - 1 :: every]
        right = said.argmax(axis=1) == wanted.argmax(axis=1) if said.shape[1] > 1 else (said > 0.5) == (wanted > 0.5)
        error = np.abs(said - wanted).mean(axis=1)
        return len(said), {"accuracy": float(right.sum()), "error": float(error.sum())}

    @classmethod
    def of_run(
        cls,
        net: LiveNet,
        frames: ArrayLike | SparseFrames,
        teachers: ArrayLike | None,
        plasticity: float,
        learning_rate: float | None,
    ) -> FrameOutputs:
        """Run the net, and number the outputs by its ticks."""
        values = net.run(frames, teachers, plasticity, learning_rate)
        return cls(np.arange(net.tick - len(values) + 1, net.tick + 1), values)


class FrameLearner(Shown):
    """A LiveNet that takes frames, one a tick. It implements `realnet.learners.Learner`.

    Attributes:
        score: of nothing: only tokens are scored so far.
        tokens_seen: 0.
    """

    def __init__(self, net: LiveNet) -> None:
        self.net, self.score, self.tokens_seen = net, Score(), 0

    def facts(self) -> dict[str, str]:
        """Return those of its net."""
        return self.net.facts()

    @classmethod
    def create(
        cls,
        inputs: int,
        outputs: int,
        preset: Preset = "surprise",
        num_neurons: int | None = None,
        seed: int = 0,
        device: str = "cpu",
    ) -> FrameLearner:
        """Make a newborn. Raises ValueError if there are fewer neurons than inputs and outputs."""
        if num_neurons is None:
            num_neurons = inputs + outputs + (HIDDEN if preset == "surprise" else 0)
        if inputs + outputs > num_neurons:
            raise ValueError(f"num_neurons must be at least {inputs + outputs}, the inputs and outputs")
        net = LiveNet(
            num_neurons,
            input_ids=range(inputs),
            output_ids=range(num_neurons - outputs, num_neurons),
            preset=preset,
            readout="clamp",
            seed=seed,
            device=device,
        )
        return cls(net)

    @property
    def interface(self) -> Interface:
        """Return what it takes and says."""
        inputs, outputs = len(self.net.input_ids), len(self.net.output_ids)
        columns = Column("tick", np.int64), Column("values", np.float32, outputs)
        return Interface(inputs, outputs, None, REACH, columns, idle_speaks=True)

    def run(
        self,
        frames: ArrayLike,
        teachers: ArrayLike | None = None,
        plasticity: float = 1.0,
        learning_rate: float | None = None,
    ) -> FrameOutputs:
        """Run and number the ticks; all is as in `LiveNet.run`."""
        return FrameOutputs.of_run(self.net, frames, teachers, plasticity, learning_rate)

    def dream(
        self,
        frames: ArrayLike,
        teachers: ArrayLike | None = None,
        plasticity: float = 1.0,
        learning_rate: float | None = None,
        *,
        given: int = 0,
    ) -> FrameOutputs:
        """Run from nothing in mind; afterwards the net has in mind what it had before.

        The first `given` frames only lead up to the others: they are not learnt, and have no row in what is returned.
        """
        shown = np.asarray(frames)
        taught = None if teachers is None else np.asarray(teachers)
        with self.net.aside():
            if given:
                self.run(shown[:given], None if taught is None else taught[:given], 0.0)
            rest = None if taught is None else taught[given:]
            return self.run(shown[given:], rest, plasticity, learning_rate)

    def run_input(
        self,
        given: Input,
        plasticity: float = 1.0,
        learning_rate: float | None = None,
        outputs: Level = "full",
    ) -> FrameOutputs:
        """Run an input of frames; all is as in `run`, whatever `outputs` are. Raises ValueError for one of tokens."""
        return self.run(_frames_of(given), given.teachers, plasticity, learning_rate)

    def run_together(
        self, turns: Sequence[Turn], outputs: Level = "full", goes_on: bool = False
    ) -> list[tuple[FrameOutputs, ShortTerm]]:
        """Run turns of several sessions at once; return what each said, and has in mind now.

        All is as in `LiveNet.run_together`, whatever `outputs` are.
        """
        frames, teachers = [_frames_of(each.given) for each in turns], [each.given.teachers for each in turns]
        minds, rates = [each.mind for each in turns], [each.rate for each in turns]
        said = self.net.run_together(minds, frames, teachers, rates, goes_on)
        batches = [FrameOutputs(turn.ticks, values) for turn, values in zip(turns, said.outputs, strict=True)]
        return list(zip(batches, said.minds, strict=True))

    def dream_input(
        self,
        given: Input,
        lead: int = 0,
        plasticity: float = 1.0,
        learning_rate: float | None = None,
        outputs: Level = "full",
    ) -> FrameOutputs:
        """Dream an input of frames, of which the first `lead` only lead up to the others; all is as in `dream`."""
        return self.dream(_frames_of(given), given.teachers, plasticity, learning_rate, given=lead)

    def warm_up(self) -> None:
        """Compile the kernels, which takes seconds on a new machine. Nothing is learnt and no tick counts."""
        net = self.net
        net.fork().run(np.zeros((1, len(net.input_ids))), np.zeros((1, len(net.output_ids))), 0.0)
        if net.lives_together:
            net.fork().run_together([None], [np.zeros((1, len(net.input_ids)))], rates=[0.0])

    def generator(
        self, prompt: ArrayLike, temperature: float, seed: int, fresh: bool = False, adapts: bool = False
    ) -> NoReturn:
        """Raises ValueError: frames have no vocabulary (`interface.vocabulary` is None)."""
        raise ValueError("a net of raw frames has no tokens to generate")

    def swap(self, mind: ShortTerm | None = None, goes_on: bool = False) -> ShortTerm:
        """Take `mind` over as what the net has in mind, None: nothing, and return what was in its place.

        `goes_on` is as in `LiveNet.swap`.
        """
        return self.net.swap(mind, goes_on)

    def check_mind(self, mind: ShortTerm) -> None:
        """Raise ValueError, naming the array, unless `swap` may be handed this."""
        self.net.check_mind(mind)

    def fork(self) -> FrameLearner:
        """Return a learner with activity of its own that reads the same matrix, and cannot learn."""
        return FrameLearner(self.net.fork())

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
        taken = self.net.begin_checkpoint()
        return lambda: taken().extended({"kind": "frames"}, {})

    def save(self, path: str | Path) -> None:
        """Write everything to one safetensors file, which `realnet.load` reads."""
        self.checkpoint().save(path)

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint, device: str = "cpu") -> FrameLearner:
        """Return the learner that made it. Takes the arrays of the checkpoint over."""
        return cls(LiveNet.from_checkpoint(checkpoint, device))


def _frames_of(given: Input) -> Float32:
    if given.frames is None:
        raise ValueError("this net takes frames, not tokens")
    return given.frames
