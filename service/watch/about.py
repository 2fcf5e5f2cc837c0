"""What the net can say of itself: counted while it lived, so that whoever has its journal comes to the same numbers."""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from pydantic import AwareDatetime, BaseModel, Field

from realnet.core.state import Float64
from realnet.vocabulary import Bytes, Vocabulary
from service.engine.commands import Query
from service.engine.engine import Engine
from service.journal.position import JournalPosition
from service.replica.chronicle import (
    BITS,
    COUNT,
    HITS,
    KINDS,
    SAID,
    TOKENS,
    TRUE,
    Chronicle,
    ChronicleState,
    recent,
)
from service.replica.replica import Replica


class Known(BaseModel, frozen=True):
    """How well it predicted what came from one place: bits a token and accuracy, over its life and of late.

    Of late is over the last 1,000 to 2,000 tokens of the label. A label of null is what came without one.
    """

    label: str | None
    tokens: int
    bits: float
    accuracy: float
    recent_bits: float
    recent_accuracy: float


class KnownKind(BaseModel, frozen=True):
    """How well it predicted the bytes of one kind."""

    kind: str
    tokens: int
    bits: float
    accuracy: float


class Lived(BaseModel, frozen=True):
    """`tokens` are all that it has lived; of `known` of them it knows from whom.

    At most 64 `labels` are told apart: where there are more, the one with the fewest tokens goes into the `others`.
    """

    tokens: int
    known: int
    labels: int
    others: int


class Tenth(BaseModel, frozen=True):
    """Where the likeliest token had a probability of this tenth: the mean that was said, and how often it came true."""

    said: float
    true: float
    tokens: int


class Sure(BaseModel, frozen=True):
    """How sure it is, and rightly so: of the likeliest token at each tick whose number 16 divides, over its whole life,
    before that was learnt.

    `ece`, the expected calibration error, is how far what it says is from what comes true, in the mean over `tokens`.
    """

    tokens: int
    ece: float | None
    reliability: list[Tenth]


class Surprising(BaseModel, frozen=True):
    """A token that surprised it: at which tick, by how many bits, how it is written, and what came before it."""

    tick: int
    bits: float
    token: str
    before: str


class Judged(BaseModel, frozen=True):
    """What a frozen fork makes of some that was lived: bits a token."""

    tokens: int
    bits: float


class Remembered(BaseModel, frozen=True):
    """What the net, frozen, makes now of the older and of the newer half of what is kept of its life."""

    older: Judged
    newer: Judged


class ChangedLabel(BaseModel, frozen=True):
    """What came from one place since a snapshot, and the bits a token of late, then and now; null: it was not known."""

    label: str | None
    tokens: int
    then: float | None
    now: float


class StillKnown(BaseModel, frozen=True):
    """What was lived before a snapshot, heard by the frozen net of then and of now: bits a token."""

    tokens: int
    then: float
    now: float


class Changed(BaseModel, frozen=True):
    """What has changed since a snapshot: `tokens` lived, the mean bits before it and since, by label, and what it still
    knows of what it had lived until then."""

    snapshot: str
    tick: int
    created_at: AwareDatetime
    tokens: int
    bits_before: float | None
    bits_since: float | None
    labels: list[ChangedLabel]
    still: StillKnown | None


class About(BaseModel, frozen=True):
    """What the net is, what it has lived, how sure it may be, what it knows (best first) and what surprised it most."""

    name: str
    preset: str
    neurons: int
    lines: int | None
    contexts: list[str] | None
    vocabulary: str | None
    born_at: AwareDatetime | None = Field(description="null of a net from before that was journalled")
    tick: int
    lived: Lived
    sure: Sure | None
    knows: list[Known]
    kinds: list[KnownKind] | None = Field(description="best first; null unless its tokens are bytes")
    surprised: list[Surprising]
    remembers: Remembered | None = None
    changed: Changed | None = None


@dataclass(slots=True, frozen=True)
class _Read:
    chronicle: ChronicleState
    tokens_seen: int
    born_at: float


@dataclass(slots=True, eq=False)
class _ReadChronicle(Query[_Read]):
    def answer(self, replica: Replica, position: JournalPosition | None) -> _Read:
        return _Read(replica.chronicle.state(), replica.learner.tokens_seen, replica.born_at)


async def about(engine: Engine, name: str) -> About:
    """Return all but what is to be found out first, by forks."""
    read = await engine.ask(_ReadChronicle())
    status, vocabulary = engine.status, engine.interface.vocabulary
    chronicle = Chronicle(vocabulary, read.chronicle)
    is_of_bytes = vocabulary is not None and vocabulary.name == Bytes.name
    return About(
        name=name,
        preset=status.preset,
        neurons=status.neurons,
        lines=status.lines,
        contexts=None if status.contexts is None else list(status.contexts),
        vocabulary=None if vocabulary is None else vocabulary.name,
        born_at=datetime.fromtimestamp(read.born_at, UTC) if read.born_at else None,
        tick=status.tick,
        lived=Lived(
            tokens=read.tokens_seen,
            known=chronicle.tokens,
            labels=len(chronicle.tallies),
            others=int(chronicle.others[TOKENS]),
        ),
        sure=None if vocabulary is None else sure_of(chronicle.reliability),
        knows=sorted((known_of(*each) for each in chronicle.tallies.items()), key=lambda each: each.recent_bits),
        kinds=_kinds(chronicle.kinds) if is_of_bytes else None,
        surprised=[] if vocabulary is None else _surprised(chronicle, vocabulary),
    )


def known_of(label: str | None, tally: Float64) -> Known:
    late = recent(tally)
    return Known(
        label=label,
        tokens=int(tally[TOKENS]),
        bits=tally[BITS] / tally[TOKENS],
        accuracy=min(1.0, tally[HITS] / tally[TOKENS]),  # of dendrites an estimate
        recent_bits=late[BITS] / late[TOKENS],
        recent_accuracy=min(1.0, late[HITS] / late[TOKENS]),
    )


def _kinds(kinds: Float64) -> list[KnownKind]:
    known = [
        KnownKind(kind=kind, tokens=int(tokens), bits=bits / tokens, accuracy=min(1.0, hits / tokens))
        for kind, (tokens, hits, bits) in zip(KINDS, kinds.sum(0), strict=True)
        if tokens
    ]
    return sorted(known, key=lambda each: each.bits)


def sure_of(reliability: Float64) -> Sure:
    tokens = int(reliability[:, COUNT].sum())
    gap = float(np.abs(reliability[:, SAID] - reliability[:, TRUE]).sum())
    tenths = [
        Tenth(said=row[SAID] / row[COUNT], true=row[TRUE] / row[COUNT], tokens=int(row[COUNT]))
        for row in reliability
        if row[COUNT]
    ]
    return Sure(tokens=tokens, ece=gap / tokens if tokens else None, reliability=tenths)


def _surprised(chronicle: Chronicle, vocabulary: Vocabulary) -> list[Surprising]:
    found = []
    for each in chronicle.surprises:
        *before, token = np.frombuffer(each.tokens, np.int32).tolist()
        said = Surprising(
            tick=each.tick, bits=each.bits, token=vocabulary.decode([token]), before=vocabulary.decode(before)
        )
        found.append(said)
    return found
