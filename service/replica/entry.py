"""A journalled record with what it needs to be applied, and how ticks of several entries are run in one call."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

import numpy as np

from realnet.dendrites.parent import Parent
from realnet.inputs import Input
from realnet.interface import Interface
from realnet.learners import Learner
from realnet.outputs import Level, OutputBatch, highest
from service.journal.records import (
    EntryRecord,
    EpisodeRecord,
    IdleRecord,
    InputRecord,
    TogetherRecord,
    session_of,
    unpacked_tokens,
)
from service.journal.unordered import ANY_TICK
from service.replica.chronicle import ChronicleState
from service.replica.episode import Episode, run_episodes, unpacked
from service.replica.progress import ProgressState
from service.replica.sessions import Sessions
from service.replica.weight_update import Update


class EntryState(Enum):
    """How far an entry is. It only moves on; an entry whose record never becomes durable is dropped."""

    PENDING = auto()  #: its record is on its way to the disk
    READY = auto()  #: durable, and to be applied when all before it have been
    DONE = auto()  #: applied


@dataclass(slots=True, eq=False)
class Entry:
    """One record, and of the other parts those that its kind has.

    Attributes:
        waiter: whoever is told of the end; means nothing to a replica.
        counted: ticks that are only counted after it.
        seq: the number of its record, once that is journalled.
        done: how many of its ticks have been run.
        wanted: what of its outputs is to be computed, at least.
        outputs: those of the ticks that have been run.
        refused: why it has changed nothing, once it is done.
    """

    record: EntryRecord
    given: Input | None = None
    episodes: Sequence[Episode] = ()
    members: Sequence["Entry"] = ()  # of inputs that are lived at once: each as an entry of its own
    learner: Learner | None = None  # of a restore …
    chronicle: ChronicleState | None = None  # … its chronicle, if one is known …
    sessions: Sessions | None = None  # … its sessions …
    lived: ProgressState | None = None  # … and what it lived through, if that was elsewhere
    update: Update | None = None
    parent: Parent | None = None  # of a child that goes over to it
    waiter: object = None
    counted: int = 0
    seq: int = 0
    state: EntryState = EntryState.PENDING
    done: int = 0
    wanted: Level = "none"
    outputs: list[OutputBatch] = field(default_factory=list)
    refused: str | None = None

    @property
    def left(self) -> int:
        """Return how many ticks are still to be run."""
        return self.record.ticks - self.done

    @property
    def is_done(self) -> bool:
        return self.state is EntryState.DONE

    @property
    def parts(self) -> Sequence["Entry"]:
        """Return those that somebody may wait for: its members, or itself."""
        return self.members or (self,)

    @classmethod
    def of_record(cls, seq: int, record: EntryRecord, interface: Interface) -> "Entry":
        """Rebuild the entry that a record was journalled for, but for learners, weights and parents."""
        entry = cls(record, seq=seq, state=EntryState.READY)
        if isinstance(record, InputRecord):
            entry.given = _input_of(record, interface)
        elif isinstance(record, TogetherRecord):
            entry.members = [cls.of_record(seq, each, interface) for each in record.inputs]
        elif isinstance(record, EpisodeRecord):
            entry.episodes = unpacked(record, interface.inputs, interface.outputs)
        return entry


Slice = list[tuple[Entry, int]]  # entries that are applied in one call, and how many ticks of each


def next_slice(entries: Iterable[Entry], most: int) -> Slice:
    """Take what may be applied in one call: inputs that follow each other at one rate; anything else by itself.

    At most `most` ticks, but episodes are run in one go: no snapshot finds the net's own mind set aside; and inputs
    that are lived at once are run stretch by stretch. With `most` 0 only an entry without ticks is taken.
    """
    taken: Slice = []
    for entry in entries:
        if entry.is_done:  # it was about a stream
            continue
        if entry.state is EntryState.PENDING:
            break
        if not taken and not isinstance(entry.record, InputRecord):
            if entry.record.ticks and not most:
                break
            return [(entry, _most_of(entry, most))]
        if not most or (taken and not _follows(taken[-1][0].record, entry.record)):
            break
        taken.append((entry, min(most, entry.left)))
        most -= taken[-1][1]
    return taken


def _most_of(entry: Entry, most: int) -> int:
    if isinstance(entry.record, EpisodeRecord):
        return entry.left
    if isinstance(entry.record, TogetherRecord):
        return entry.record.stretch_after(entry.done)
    return min(most, entry.left)


def _follows(last: EntryRecord, record: EntryRecord) -> bool:
    """Return whether both are inputs at one rate, without a tick that was only counted between them."""
    if not (isinstance(last, InputRecord) and isinstance(record, InputRecord)) or last.rate != record.rate:
        return False
    return record.tick in (ANY_TICK, last.tick + last.ticks)


def turns_of(taken: Slice) -> Iterator[tuple[str | None, int]]:
    """Yield of which session the outputs of a slice are, if of any, and how many are of it."""
    for entry, ticks in taken:
        if entry.members:  # which tell all at their end
            yield from ((session_of(each.record), each.record.ticks) for each in entry.members)
        else:
            yield session_of(entry.record), ticks


def run_slice(learner: Learner, sessions: Sessions, taken: Slice, wanted: Level) -> OutputBatch:
    """Run the ticks of a slice at the learning rate of its records. Changes the learner, its sessions, nothing else.

    `wanted` is what of the outputs of inputs is to be computed, if their entries do not want more.
    """
    wanted = highest((wanted, *(entry.wanted for entry, _ in taken if entry.given is not None)))
    batches = []
    for session, part in _by_session(taken):
        with sessions.lived_in(session, sum(ticks for _, ticks in part), goes_on=part[0][0].done > 0):
            batches.append(_run(learner, part, wanted))
    return type(batches[0]).joined(batches)


def _by_session(taken: Slice) -> Iterator[tuple[str | None, Slice]]:
    """Yield what follows each other in the net's own mind, and inputs of sessions one by one.

    Each begins with what is set aside, so that nothing depends on what else is in the slice.
    """
    own: Slice = []
    for each in taken:
        if (session := session_of(each[0].record)) is None:
            own.append(each)
            continue
        if own:
            yield None, own
            own = []
        yield session, [each]
    if own:
        yield None, own


def _run(learner: Learner, taken: Slice, wanted: Level) -> OutputBatch:
    first, ticks = taken[0]
    record = first.record
    assert isinstance(record, InputRecord | IdleRecord | EpisodeRecord)
    plasticity = 1.0 if record.rate else 0.0
    if isinstance(record, EpisodeRecord):
        return run_episodes(learner, first.episodes, plasticity, record.rate, first.wanted)
    if isinstance(record, IdleRecord):
        return learner.idle(ticks, plasticity, record.rate)
    given = Input.joined([_part(entry, count) for entry, count in taken])
    return learner.run_input(given, plasticity, record.rate, wanted)


def _part(entry: Entry, ticks: int) -> Input:
    assert entry.given is not None
    return entry.given if ticks == entry.record.ticks else entry.given[entry.done : entry.done + ticks]


def _input_of(record: InputRecord, interface: Interface) -> Input:
    if record.tokens is not None:
        return Input(tokens=unpacked_tokens(record.tokens, record.ticks))
    frames = np.frombuffer(record.frames or b"", np.float32).reshape(-1, interface.inputs)
    if record.teachers is None:
        return Input(frames=frames)
    return Input(frames=frames, teachers=np.frombuffer(record.teachers, np.float32).reshape(-1, interface.outputs))
