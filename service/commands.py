"""All that may be asked of the engine. Made on the event loop; each carries the reply to it."""

import asyncio
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from realnet import Checkpoint, FrameLearner, FrameOutputs, TokenLearner, TokenOutputs

Learner: TypeAlias = TokenLearner | FrameLearner
Batch: TypeAlias = TokenOutputs | FrameOutputs
T = TypeVar("T")


def _reply() -> "asyncio.Future[T]":
    return asyncio.get_running_loop().create_future()


@dataclass(slots=True, eq=False, kw_only=True)
class Command(Generic[T]):
    reply: "asyncio.Future[T]" = field(default_factory=_reply)


@dataclass(slots=True, frozen=True)
class Ran:
    """The ticks `first_tick` … `last_tick`; `outputs` are all of them in order, in one or more batches."""

    first_tick: int
    last_tick: int
    outputs: list[Batch]


@dataclass(slots=True, eq=False)
class Run(Command[Ran]):
    """Tokens or frames, one a tick and at least one; a row of NaN in `teachers` is no teacher. Checked before."""

    tokens: NDArray[np.int32] | None = None
    frames: NDArray[np.float32] | None = None
    teachers: NDArray[np.float32] | None = None
    learn: bool = True

    @property
    def ticks(self) -> int:
        given = self.frames if self.tokens is None else self.tokens
        assert given is not None
        return len(given)


@dataclass(slots=True, frozen=True)
class Generated:
    """`tick` is where the net was forked."""

    tokens: list[int]
    tick: int
    finish_reason: str


@dataclass(slots=True, eq=False)
class Generate(Command[Generated]):
    """Tokens also come through `stream`, a few at a time, before the reply. Set `cancelled` to end it early."""

    prompt: NDArray[np.int32]
    max_tokens: int
    temperature: float
    seed: int
    stream: "asyncio.Queue[list[int]] | None" = None  # holds at most `max_tokens`
    cancelled: bool = False


@dataclass(slots=True, eq=False)
class Clone(Command[Checkpoint]):
    """A copy of everything, taken between two ticks."""


@dataclass(slots=True, eq=False)
class Restore(Command[int]):
    """Replies with the tick. What waits in the inbox goes to the new net; what is half learnt is refused."""

    learner: Learner


@dataclass(slots=True, eq=False)
class Configure(Command[None]):
    """None leaves a thing as it is."""

    learning_rate: float | None = None
    plasticity: bool | None = None
    tick_hz: float | None = None
    paused: bool | None = None
