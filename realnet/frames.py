"""A net that lives on raw frames, with the surface of `TokenLearner`: what a service needs of a learner."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from realnet.checkpoint import Checkpoint
from realnet.core.state import Float32, Preset
from realnet.kernels import SparseFrames
from realnet.live import LiveNet

HIDDEN = 256  # by default: the memory of a net that is shown one frame at a time


@dataclass(slots=True)
class FrameOutputs:
    """One row a tick; `values` is what the outputs said, before their teacher."""

    tick: NDArray[np.int64]  # (T,)
    values: Float32  # (T, n_out)

    def __len__(self) -> int:
        return len(self.tick)

    def __getitem__(self, rows: slice) -> FrameOutputs:
        return FrameOutputs(self.tick[rows], self.values[rows])

    @classmethod
    def of_run(
        cls, net: LiveNet, frames: ArrayLike | SparseFrames, teachers: ArrayLike | None, plasticity: float
    ) -> FrameOutputs:
        values = net.run(frames, teachers, plasticity)
        return cls(np.arange(net.tick - len(values) + 1, net.tick + 1), values)


class FrameLearner:
    """A LiveNet whose first neurons are its inputs and whose last ones are its outputs."""

    def __init__(self, net: LiveNet) -> None:
        self.net = net

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
        """A newborn. Raises ValueError if there are fewer neurons than inputs and outputs."""
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

    def run(self, frames: ArrayLike, teachers: ArrayLike | None = None, plasticity: float = 1.0) -> FrameOutputs:
        """As `LiveNet.run`."""
        return FrameOutputs.of_run(self.net, frames, teachers, plasticity)

    def dream(self, frames: ArrayLike, teachers: ArrayLike | None = None, plasticity: float = 1.0) -> FrameOutputs:
        """As `run`, but from nothing in mind; after it, it has in mind what it had before."""
        with self.net.aside():
            return self.run(frames, teachers, plasticity)

    def fork(self) -> FrameLearner:
        """It reads the same matrix, and has a mind of its own."""
        return FrameLearner(self.net.fork())

    def rest(self, ticks: int) -> None:
        """Count ticks in which nothing moves."""
        self.net.rest(ticks)

    def idle(self, ticks: int, plasticity: float = 0.0) -> FrameOutputs:
        """Ticks without input and teacher."""
        return FrameOutputs.of_run(self.net, SparseFrames.silent(ticks), None, plasticity)

    def checkpoint(self) -> Checkpoint:
        """A copy of everything."""
        return self.net.checkpoint().extended({"kind": "frames"}, {})

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint, device: str = "cpu") -> FrameLearner:
        """Takes the arrays of the checkpoint over."""
        return cls(LiveNet.from_checkpoint(checkpoint, device))
