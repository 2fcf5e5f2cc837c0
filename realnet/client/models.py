"""What a server answers, as [API](docs/api.md) names it: a field that a later server adds is left out."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Generic, Literal, TypeAlias, TypedDict, TypeVar

import msgspec

from realnet.client.errors import Problem

Level: TypeAlias = Literal["none", "surprise", "best", "full"]
JobKind: TypeAlias = Literal[
    "dream", "sleep", "fit", "daydream", "takeover", "merge", "rebase-children", "merge-children"
]
JobStatus: TypeAlias = Literal["queued", "running", "succeeded", "failed", "cancelled"]
Rows: TypeAlias = Sequence[Sequence[float]]

Each = TypeVar("Each")


class Health(msgspec.Struct, frozen=True):
    status: str


class Me(msgspec.Struct, frozen=True):
    """Whom the server takes the caller for: the name and the scope of the key. Without keys anybody may do all.

    The key is for nets with names like one of `nets`, in which `*` is any signs. With `max_nets` it makes no more once
    there are so many of them; with `max_bytes` so many bytes of memory are for these nets together.
    """

    name: str
    scope: Literal["merge", "read", "teach", "admin"] | None
    keys_required: bool
    nets: list[str] = msgspec.field(default_factory=lambda: ["*"])
    max_nets: int | None = None
    max_bytes: int | None = None


class Net(msgspec.Struct, frozen=True, kw_only=True):
    """What the net is, and how it is doing. `accuracy` and `surprise` (bits) are moving, and null before a token."""

    name: str
    preset: str
    neurons: int
    lines: int | None
    max_lines: int | None
    contexts: list[str] | None
    inputs: int
    outputs: int
    vocabulary: str | None
    device: str
    kernel: str
    mode: str
    tick: int
    tokens_seen: int
    ticks_per_second: float
    queue_depth: int
    queue_capacity: int
    listeners: int
    memory_bytes: int | None
    accuracy: float | None
    surprise: float | None
    learning_rate: float
    plasticity: bool
    tick_hz: float
    self_loop: bool
    weights_sha256: str | None = None
    state_sha256: str | None = None


class DendriteSays(msgspec.Struct, frozen=True):
    """What one dendrite says of the token, and how far it moves the net towards it, in bits."""

    context: str
    asked: int
    probability: float
    gain: float
    bits: float


class RecallSays(msgspec.Struct, frozen=True):
    """What a recall expects, None if it is silent, and how far it moves the net towards the token, in bits."""

    least: int
    expects: int | None
    bits: float


class Explanation(msgspec.Struct, frozen=True):
    """Why a token is as probable as it is: those that move the net most come first."""

    token: int
    probability: float
    dendrites: list[DendriteSays]
    recalls: list[RecallSays]


class Accepted(msgspec.Struct, frozen=True):
    """How many ticks the journal has taken, and how many wait to be run."""

    accepted: int
    queued: int


class Expected(msgspec.Struct, frozen=True):
    token: int
    probability: float


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """What the net made of one tick: of a net of frames `values`, of a net of tokens all the rest.

    `probability`, `surprise` (bits) and `predicted` are about `token`, before it was seen; `next` is expected now.
    What was not asked for is None, and so is the `session` of what is of none.
    """

    tick: int
    token: int | None = None
    probability: float | None = None
    surprise: float | None = None
    predicted: int | None = None
    next: list[Expected] | None = None
    values: list[float] | None = None
    session: str | None = None


class Ran(msgspec.Struct, frozen=True):
    """How many ticks an input had, and what the net made of them."""

    accepted: int
    outputs: list[Output]


class OutputsPage(msgspec.Struct, frozen=True):
    """Outputs, oldest first. Go on after `cursor`; the oldest that is kept is of the tick `oldest`."""

    outputs: list[Output]
    cursor: int
    oldest: int | None


class Piece(msgspec.Struct, frozen=True):
    """Some tokens of a generation. `text` may lag behind them by the bytes of one character."""

    text: str
    tokens: list[int]


class Generated(Piece, frozen=True):
    """All of a generation, which began after `tick`."""

    tick: int
    finish_reason: str


class DatasetItem(msgspec.Struct, frozen=True):
    """The beginning of an item of a data set."""

    text: str | None = None
    input: list[float] | None = None
    target: list[float] | None = None


class Dataset(msgspec.Struct, frozen=True, kw_only=True):
    """A data set. `bytes` and `sha256` are of the file that came; `preview` is there where one is looked into."""

    id: str
    name: str
    format: str
    kind: str
    items: int
    pieces: int
    bytes: int
    sha256: str
    created_at: datetime
    tokens: int | None
    inputs: int | None
    outputs: int | None
    preview: list[DatasetItem] | None = None


class JobState(msgspec.Struct, frozen=True, kw_only=True):
    """A job and how far it is. `revision` grows with every change."""

    id: str
    kind: JobKind
    status: JobStatus
    progress: float
    request: dict[str, Any]
    metrics: dict[str, Any]
    result: dict[str, Any] | None
    error: Problem | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    revision: int

    @property
    def has_ended(self) -> bool:
        return self.finished_at is not None


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot. One of a `job` holds what the job made of a fork; one that is `kept` stays until it is deleted."""

    id: str
    tick: int
    created_at: datetime
    bytes: int
    sha256: str
    state_sha256: str
    job: str | None = None
    kept: bool = False
    name: str | None = None


class Page(msgspec.Struct, Generic[Each], frozen=True):
    """A part of a list; the next begins after `next`."""

    data: list[Each]
    has_more: bool
    next: str | None


class InputContent(TypedDict, total=False):
    """An input that is no text: `tokens` or `frames` (with `teachers`).

    Of any input, whether to `learn` from it, a `label`: whom or what it is from, and a `session`: whose short-term
    memory it is lived with.
    """

    tokens: Sequence[int]
    frames: Rows
    teachers: Sequence[Sequence[float] | None]
    learn: bool
    label: str
    session: str


class Prompt(TypedDict, total=False):
    """How a generation may be asked for, as `POST /v1/generate` has it."""

    tokens: Sequence[int]
    max_tokens: int
    temperature: float
    seed: int
    fresh: bool
    read: Literal["frozen", "adapt"]
    link: str
    session: str


class DreamOptions(TypedDict, total=False):
    """What may be chosen of a dream, as `realnet dream --help` tells."""

    epochs: int
    ticks_per_item: int
    input: Literal["pulse", "held"]
    share: float
    validation: float
    seed: int


class SleepOptions(TypedDict, total=False):
    """What may be chosen of a sleep, as `realnet sleep --help` tells."""

    ticks: int
    rate: float
    seed: int
    contexts: list[str]


class DaydreamOptions(TypedDict, total=False):
    """What may be chosen of a daydream, as `realnet daydream --help` tells."""

    count: int
    length: int
    temperature: float
    prompts: Sequence[str]
    ngram: int
    keep: int
    seed: int


class FitOptions(TypedDict, total=False):
    """What may be chosen of a fit, as `realnet fit --help` tells."""

    epochs: int | None
    batch_size: int | None
    thinking_steps: int
    learning_rate: float | None
    gradient_decay: float
    accumulation: int
    pruning_threshold: float
    loss: Literal["mse", "cross_entropy"] | None
    validation: float
    patience: int | None
    device: str
    seed: int
    commit: Literal["replace", "rebase", "none"]
    force: bool
