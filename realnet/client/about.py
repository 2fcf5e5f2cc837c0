"""What a net says of itself."""

from datetime import datetime

import msgspec


class Known(msgspec.Struct, frozen=True):
    """How well it predicted what came under one label: bits a token and accuracy, over its life and of late."""

    label: str | None
    tokens: int
    bits: float
    accuracy: float
    recent_bits: float
    recent_accuracy: float


class KnownKind(msgspec.Struct, frozen=True):
    """How well it predicted the bytes of one kind."""

    kind: str
    tokens: int
    bits: float
    accuracy: float


class Lived(msgspec.Struct, frozen=True):
    """How many tokens it has lived, of how many it knows from whom, and what of these is under no label any more."""

    tokens: int
    known: int
    labels: int
    others: int


class Tenth(msgspec.Struct, frozen=True):
    """Where the likeliest token had a probability of this tenth: the mean that was said, and how often it came true."""

    said: float
    true: float
    tokens: int


class Sure(msgspec.Struct, frozen=True):
    """How sure it is, and rightly so, at every 16th tick; `ece` is how far the two are from each other."""

    tokens: int
    ece: float | None
    reliability: list[Tenth]


class Surprising(msgspec.Struct, frozen=True):
    """A token that surprised it: when, by how many bits, how it is written, and what came before it."""

    tick: int
    bits: float
    token: str
    before: str


class Judged(msgspec.Struct, frozen=True):
    """What a frozen fork makes of some that was lived: bits a token."""

    tokens: int
    bits: float


class Remembered(msgspec.Struct, frozen=True):
    """What the net, frozen, makes now of the older and of the newer half of what is kept of its life."""

    older: Judged
    newer: Judged


class ChangedLabel(msgspec.Struct, frozen=True):
    """What came under one label since a snapshot, and the bits a token of late, then (if it was known) and now."""

    label: str | None
    tokens: int
    then: float | None
    now: float


class StillKnown(msgspec.Struct, frozen=True):
    """What was lived before a snapshot, heard by the frozen net of then and of now: bits a token."""

    tokens: int
    then: float
    now: float


class Changed(msgspec.Struct, frozen=True):
    """What has changed since a snapshot."""

    snapshot: str
    tick: int
    created_at: datetime
    tokens: int
    bits_before: float | None
    bits_since: float | None
    labels: list[ChangedLabel]
    still: StillKnown | None


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What the net is, what it has lived, how sure it may be, what it knows (best first) and what surprised it most."""

    name: str
    preset: str
    neurons: int
    lines: int | None
    contexts: list[str] | None
    vocabulary: str | None
    born_at: datetime | None
    tick: int
    lived: Lived
    sure: Sure | None
    knows: list[Known]
    kinds: list[KnownKind] | None
    surprised: list[Surprising]
    remembers: Remembered | None
    changed: Changed | None
