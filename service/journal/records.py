"""The kinds of journal records."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray


class _Body(msgspec.Struct, array_like=True, gc=False):
    pass


class OriginRecord(_Body, tag=0):
    """The first record: what the net was before. `snapshot` is an id; without one it was created from `birth`."""

    snapshot: str | None = None
    birth: dict[str, int | str | None] = {}
    at: float = 0.0  # seconds since 1970; older journals do not tell


class InputRecord(_Body, tag=1):
    """Tokens or frames that enter after tick `tick`, and who sent them. `rate` is 0 where nothing is learnt."""

    tick: int
    rate: float
    ticks: int
    tokens: bytes | None = None
    frames: bytes | None = None
    teachers: bytes | None = None
    client: str | None = None
    client_seq: int = 0
    key: str | None = None  # of REST
    digest: str = ""  # of the content
    at: float = 0.0  # seconds since 1970
    space: str | None = None  # of the caller who gave the client or the key its name; older journals do not tell
    label: str | None = None  # whom or what it is from


class SessionInputRecord(InputRecord, tag=15):
    """The same, lived with the short-term memory of a session. An older server does not take it for the net's own."""

    session: str = ""


class TogetherRecord(_Body, tag=17):
    """Inputs of different sessions that are lived at once after tick `tick`: `stretch` ticks of each, then the next.

    Ticks are numbered input by input, as if each began where the one before it ends.
    """

    tick: int
    stretch: Annotated[int, msgspec.Meta(ge=1)]
    inputs: Annotated[list[SessionInputRecord], msgspec.Meta(min_length=1)]

    @property
    def ticks(self) -> int:
        return sum(each.ticks for each in self.inputs)

    def stretch_after(self, done: int) -> int:
        """Return how many ticks the stretch has that begins when so many ticks have been lived."""
        begin = 0
        while done > 0:
            done -= sum(self.stretch_from(begin))
            begin += self.stretch
        return sum(self.stretch_from(begin))

    def stretch_from(self, begin: int) -> list[int]:
        """Return how many ticks each input has in the stretch that begins after `begin` ticks of each."""
        return [min(self.stretch, max(0, each.ticks - begin)) for each in self.inputs]


class IdleRecord(_Body, tag=2):
    """Ticks without input that were computed."""

    tick: int
    rate: float
    ticks: int


class ChangeRecord(_Body, tag=3):
    """New settings of the net, for the records after this one. Null leaves a setting as it is."""

    ticks: ClassVar[int] = 0

    learning_rate: float | None = None
    plasticity: bool | None = None
    paused: bool | None = None


class UnorderedRestoreRecord(_Body, tag=4):
    """The net became that of a snapshot, out of the journal's order: only read, see `journal/unordered.py`.

    Inputs up to record `after` were learnt before it, all others after it. The record `refused`, if it is one, was
    only half learnt and is not learnt again.
    """

    snapshot: str
    sha256: str
    after: int
    refused: int = 0


class NoteRecord(_Body, tag=5):
    """A note for whoever reads the journal; it changes nothing."""

    what: str


class EpisodeRecord(_Body, tag=6):
    """Episodes of a job, one after the other, each begun with nothing in mind; `done` is how far the job then is."""

    tick: int
    rate: float
    ticks: int
    job: str
    done: int
    lengths: bytes  # of each episode, in ticks, uint32 …
    given: bytes  # … and how many of them are not learnt
    tokens: bytes | None = None
    frames: bytes | None = None
    teachers: bytes | None = None
    asleep: bool = False


class SnapshotRef(msgspec.Struct, array_like=True, frozen=True):
    """A snapshot, and the SHA-256 of its bytes."""

    id: str
    sha256: str


class WeightUpdateRecord(_Body, tag=7):
    """After tick `tick` the synapses of a snapshot came home, which a job had fitted: in place of the net's own, or,
    with a fork, as what they had become since it; of dendrites the wiring and the gains of a snapshot. A net that they
    do not go with is left as it is."""

    ticks: ClassVar[int] = 0

    tick: int
    job: str
    fitted: SnapshotRef
    fork: SnapshotRef | None = None


class RestoreRecord(_Body, tag=8):
    """The net becomes that of a snapshot: what the records before this one taught it is undone."""

    ticks: ClassVar[int] = 0

    snapshot: SnapshotRef
    job: str | None = None  # that has brought it; older journals do not tell


class ResizeRecord(_Body, tag=9):
    """After tick `tick` the net got room for so many lines, and dendrites for more contexts; or went on with the lines
    that were used most. Null leaves the lines as they are. A net that this does not go with is left as it is."""

    ticks: ClassVar[int] = 0

    tick: int
    lines: int | None = None
    contexts: list[str] = []
    shrinks: bool = False


class MarkRecord(_Body, tag=10):
    """After tick `tick` every server that lives by this journal takes the hash of its net, for a later `HashRecord`."""

    ticks: ClassVar[int] = 0

    tick: int


class HashRecord(_Body, tag=11):
    """What the net was at the `MarkRecord` number `mark`: the SHA-256 of all that a snapshot holds."""

    ticks: ClassVar[int] = 0

    mark: int
    tick: int
    sha256: str


class MergeRecord(_Body, tag=12):
    """After tick `tick` the lines of the snapshot `merged` came home, which are the net's next ancestor.

    What the net has learnt since the snapshot `own` stays; null is its birth. A net whose ancestor is another than
    `ancestor` by now, or that the lines do not go with, is left as it is.
    """

    ticks: ClassVar[int] = 0

    tick: int
    job: str
    merged: SnapshotRef
    own: SnapshotRef | None = None
    ancestor: SnapshotRef | None = None


StreamKind: TypeAlias = Literal["lines", "values", "several", "events"]


class ObserveRecord(_Body, tag=13):
    """Rows of a stream that is watched, and who sent them: each a time in seconds since 1970, or none, and what came.

    That is a line, a value, or JSON: several values, or an event. The net is not changed by them.
    """

    ticks: ClassVar[int] = 0

    stream: str
    kind: StreamKind
    rows: list[tuple[float | None, float | str]]
    learn: bool = True
    client: str | None = None
    client_seq: int = 0
    key: str | None = None  # of REST
    digest: str = ""  # of the content
    at: float = 0.0  # seconds since 1970, when they came
    space: str | None = None


class StreamRecord(_Body, tag=14):
    """What a person wants of a stream that is watched. Null leaves a thing as it is."""

    ticks: ClassVar[int] = 0

    stream: str
    kind: StreamKind | None = None  # of one that is made by this
    options: dict[str, str | float | None] | None = None
    maintenance: list[tuple[float, float]] | None = None  # from and to, in seconds since 1970
    event: int | None = None  # of the stream's events, on which …
    verdict: Literal["normal", "anomaly"] | None = None  # … this was said
    forget: bool = False  # all of it


class ForgetRecord(_Body, tag=16):
    """The net has forgotten a session, if there was one."""

    ticks: ClassVar[int] = 0

    session: str


class RebaseRecord(_Body, tag=18):
    """After tick `tick` a child went on over another parent, by the hash of all that this is: its own lines stayed.

    A net that this does not go with is left as it is.
    """

    ticks: ClassVar[int] = 0

    tick: int
    parent: str


ObservedRecord: TypeAlias = ObserveRecord | StreamRecord  # those that are about streams, and not the net
TickedRecord: TypeAlias = (
    InputRecord | SessionInputRecord | TogetherRecord | IdleRecord | EpisodeRecord
)  # those that are ticks of the net
# What a replica applies.
EntryRecord: TypeAlias = (
    TickedRecord
    | ChangeRecord
    | WeightUpdateRecord
    | RestoreRecord
    | ResizeRecord
    | MarkRecord
    | HashRecord
    | MergeRecord
    | ObservedRecord
    | ForgetRecord
    | RebaseRecord
)
Record: TypeAlias = OriginRecord | EntryRecord | NoteRecord | UnorderedRestoreRecord


def session_of(record: object) -> str | None:
    """Return the session that a record is lived in; None: it is the net's own mind."""
    return record.session if isinstance(record, SessionInputRecord) else None


def inputs_of(record: object) -> Sequence[InputRecord]:
    """Return the inputs that a record is: one, several that are lived at once, or none."""
    if isinstance(record, TogetherRecord):
        return record.inputs
    return [record] if isinstance(record, InputRecord) else []


def packed_tokens(tokens: NDArray[np.int32]) -> bytes:
    """Return tokens in as few bytes each as will do."""
    most = int(tokens.item(tokens.argmax())) if len(tokens) else 0  # `max` costs four times that for one token
    return tokens.astype(np.uint8 if most < 2**8 else np.uint16 if most < 2**16 else np.int32).tobytes()


def unpacked_tokens(data: bytes, count: int) -> NDArray[np.int32]:
    width = len(data) // count
    return np.frombuffer(data, {1: np.uint8, 2: np.uint16, 4: np.int32}[width]).astype(np.int32)
