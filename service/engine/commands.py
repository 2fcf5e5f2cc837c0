"""All that may be asked of the engine. Made on the event loop; each carries the reply to it."""

import asyncio
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from realnet import Checkpoint
from service.journal.records import SnapshotRef
from service.replica.episode import Episode
from service.replica.learner import Learner, OutputBatch
from service.replica.progress import ServiceState
from service.replica.weight_update import WeightUpdate

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
    outputs: list[OutputBatch]


@dataclass(slots=True, frozen=True)
class Sender:
    """Who sent an input, so that it is learnt once: a client and its number, or a key; `digest` is of the content.

    `space` begins the name of the client or the key, and is that of the caller who gave it.
    """

    client: str | None = None
    seq: int = 0
    key: str | None = None
    digest: str = ""
    at: float = 0.0  # seconds since 1970
    space: str = ""


NOBODY = Sender()


@dataclass(slots=True, eq=False)
class Run(Command[Ran]):
    """Tokens or frames, one a tick and at least one; a row of NaN in `teachers` is no teacher. Checked before.

    `journalled`, if somebody waits for it, is done as soon as the input cannot be lost any more.
    """

    tokens: NDArray[np.int32] | None = None
    frames: NDArray[np.float32] | None = None
    teachers: NDArray[np.float32] | None = None
    learn: bool = True
    sender: Sender = NOBODY
    journalled: "asyncio.Future[None] | None" = None

    @property
    def ticks(self) -> int:
        given = self.frames if self.tokens is None else self.tokens
        assert given is not None
        return len(given)


@dataclass(slots=True, eq=False)
class Dream(Command[Ran]):
    """A little of a job, run in one go: clients' inputs wait for it. Checked before.

    `rate` is times the net's learning rate; `done` is how far the job is with this.
    """

    episodes: list[Episode]
    job: str
    done: int
    rate: float = 1.0
    asleep: bool = False


@dataclass(slots=True, eq=False)
class Evaluate(Command[OutputBatch]):
    """What it says in these episodes, by a fork: nothing is learnt, and no tick counts."""

    episodes: list[Episode]


@dataclass(slots=True, eq=False)
class SampleExperience(Command[list[Episode]]):
    """Random stretches of what it lived through, each of up to `ticks` ticks after up to `lead`."""

    count: int
    ticks: int
    lead: int
    seed: list[int]


@dataclass(slots=True, frozen=True)
class Generation:
    """`tick` is where the net was forked."""

    tokens: list[int]
    tick: int
    finish_reason: str


@dataclass(slots=True, eq=False)
class Generate(Command[Generation]):
    """Tokens also come through `stream`, a few at a time, before the reply. Set `cancelled` to end it early."""

    prompt: NDArray[np.int32]
    max_tokens: int
    temperature: float
    seed: int
    stream: "asyncio.Queue[list[int]] | None" = None  # holds at most `max_tokens`
    fresh: bool = False  # from nothing in mind
    cancelled: bool = False

    @property
    def ticks(self) -> int:
        """At most."""
        return len(self.prompt) + self.max_tokens


@dataclass(slots=True, eq=False)
class Clone(Command[tuple[Checkpoint, ServiceState]]):
    """A copy of everything, taken between two ticks, and what the service remembers of that moment."""


@dataclass(slots=True, eq=False)
class Restore(Command[int]):
    """Replies with the tick. What waits goes to the new net; what is half learnt is refused."""

    learner: Learner
    snapshot: str = ""  # its id …
    sha256: str = ""


@dataclass(slots=True, eq=False)
class UpdateWeights(Command[int]):
    """Fitted synapses come home, after all that was taken before. Replies with the tick."""

    adoption: WeightUpdate
    job: str
    fitted: SnapshotRef
    fork: SnapshotRef | None  # None: in place of the net's own


@dataclass(slots=True, eq=False)
class Configure(Command[None]):
    """None leaves a thing as it is. Checked before."""

    learning_rate: float | None = None
    plasticity: bool | None = None
    tick_hz: float | None = None
    paused: bool | None = None
    dreaming: bool | None = None

    @property
    def is_of_learning(self) -> bool:
        return self.learning_rate is not None or self.plasticity is not None
