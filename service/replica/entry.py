"""What is journalled and not yet run, in the journal's order, and how it is run: ticks of several messages at once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from realnet import FrameLearner, TokenLearner
from service.engine.commands import Dream, Run, UpdateWeights
from service.journal.journal import Ticket
from service.journal.records import (
    EpisodeRecord,
    InputRecord,
    TickedRecord,
    WeightUpdateRecord,
    packed_tokens,
    unpacked_tokens,
)
from service.replica.episode import Episode, packed, unpacked
from service.replica.learner import Learner, OutputBatch

Number = TypeVar("Number", np.int32, np.float32)


@dataclass(slots=True, eq=False)
class Entry:
    """Tokens, or frames with or without teachers; or ticks without input, after which `counted` more only count; or
    episodes, which are run in one go: a snapshot never finds the net's own mind set aside; or what came home, no tick.
    """

    ticket: Ticket
    record: TickedRecord | WeightUpdateRecord
    tokens: NDArray[np.int32] | None = None
    frames: NDArray[np.float32] | None = None
    teachers: NDArray[np.float32] | None = None
    episodes: list[Episode] = field(default_factory=list)
    command: Run | Dream | UpdateWeights | None = None  # who waits for it
    counted: int = 0
    done: int = 0
    outputs: list[OutputBatch] = field(default_factory=list)

    @property
    def left(self) -> int:
        return self.record.ticks - self.done

    @property
    def is_input(self) -> bool:
        return isinstance(self.record, InputRecord)

    @classmethod
    def of_run(cls, run: Run, ticket: Ticket, record: InputRecord) -> "Entry":
        return cls(ticket, record, run.tokens, run.frames, run.teachers, command=run)

    @classmethod
    def of_record(cls, seq: int, record: TickedRecord, learner: Learner) -> "Entry":
        """As it was before it was journalled. Nobody waits for it."""
        work = cls(Ticket(seq, is_durable=True), record)
        inputs, outputs = len(learner.net.input_ids), len(learner.net.output_ids)
        if isinstance(record, InputRecord):
            work.tokens = None if record.tokens is None else unpacked_tokens(record.tokens, record.ticks)
            work.frames, work.teachers = _rows(record.frames, inputs), _rows(record.teachers, outputs)
        elif isinstance(record, EpisodeRecord):
            work.episodes = unpacked(record, inputs, outputs)
        return work


Slice = list[tuple[Entry, int]]


def input_record(run: Run, tick: int, rate: float) -> InputRecord:
    """`rate` is the learning rate, 0 where nothing is to be learnt."""
    sender = run.sender
    return InputRecord(
        tick,
        rate,
        run.ticks,
        tokens=None if run.tokens is None else packed_tokens(run.tokens),
        frames=None if run.frames is None else run.frames.tobytes(),
        teachers=None if run.teachers is None else run.teachers.tobytes(),
        client=sender.client,
        client_seq=sender.seq,
        key=sender.key,
        digest=sender.digest,
        at=sender.at,
        space=sender.space,
    )


def episode_record(dream: Dream, tick: int, rate: float) -> EpisodeRecord:
    return EpisodeRecord(tick, rate, job=dream.job, done=dream.done, asleep=dream.asleep, **packed(dream.episodes))


def next_slice(works: Iterable[Entry], most: int) -> Slice:
    """What is durable and may be run in one call: at one rate, and ticks without input by themselves."""
    parts: Slice = []
    for work in works:
        first = parts[0][0] if parts else work
        belongs = work is first or (work.is_input and first.is_input and work.record.rate == first.record.rate)
        if most == 0 or not work.ticket.is_durable or not belongs or isinstance(work.record, WeightUpdateRecord):
            break
        if isinstance(work.record, EpisodeRecord):
            return [(work, work.left)]
        parts.append((work, min(most, work.left)))
        most -= parts[-1][1]
    return parts


def run_slice(learner: Learner, parts: Slice) -> OutputBatch:
    """Changes the learner, and nothing else."""
    first, ticks = parts[0]
    own, rate = learner.net.learning_rate, first.record.rate
    plasticity = 1.0 if rate else 0.0
    if rate:
        learner.net.learning_rate = rate  # as it was when the input came
    try:
        if first.episodes:
            return run_episodes(learner, first.episodes, plasticity)
        if not first.is_input:
            return learner.idle(ticks, plasticity)
        if isinstance(learner, TokenLearner):
            return learner.run(_joined([_part(work.tokens, work, count) for work, count in parts]), plasticity)
        frames = _joined([_part(work.frames, work, count) for work, count in parts])
        return learner.run(frames, _teachers(learner, parts), plasticity)
    finally:
        learner.net.learning_rate = own


def run_episodes(learner: Learner, episodes: Sequence[Episode], plasticity: float) -> OutputBatch:
    """What it said at each tick but those that were given; its own mind is set aside meanwhile."""
    said: list[OutputBatch] = []
    for episode in episodes:
        if isinstance(learner, TokenLearner):
            assert episode.tokens is not None
            said.append(learner.dream(episode.tokens, episode.given, plasticity))
        else:
            assert episode.frames is not None
            said.append(learner.dream(episode.frames, episode.teachers, plasticity))
    kind: type[OutputBatch] = type(said[0])
    return kind(*(_joined([getattr(each, name.name) for each in said]) for name in fields(kind)))


def _teachers(learner: FrameLearner, parts: Slice) -> NDArray[np.float32] | None:
    if all(work.teachers is None for work, _ in parts):
        return None
    nobody = np.full((1, len(learner.net.output_ids)), np.nan, np.float32)
    return _joined(
        [
            nobody.repeat(count, axis=0) if work.teachers is None else _part(work.teachers, work, count)
            for work, count in parts
        ]
    )


def _part(rows: NDArray[Number] | None, work: Entry, count: int) -> NDArray[Number]:
    assert rows is not None
    return rows[work.done : work.done + count]


def _joined(arrays: list[NDArray[Number]]) -> NDArray[Number]:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _rows(data: bytes | None, width: int) -> NDArray[np.float32] | None:
    return None if data is None else np.frombuffer(data, np.float32).reshape(-1, width)
