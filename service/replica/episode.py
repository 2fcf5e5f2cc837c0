"""Episodes: what a job has the net live through, each from nothing in mind."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realnet.inputs import Input
from realnet.learners import Learner
from realnet.outputs import Level, OutputBatch
from service.journal.records import EpisodeRecord, packed_tokens, unpacked_tokens


@dataclass(slots=True, frozen=True, eq=False)
class Episode:
    """An input of which the first `lead` ticks only lead up to the others: they are not learnt. Frames have no lead."""

    given: Input
    lead: int = 0

    @property
    def ticks(self) -> int:
        return len(self.given)

    @property
    def teachers(self) -> NDArray[np.float32] | None:
        return self.given.teachers


def run_episodes(
    learner: Learner,
    episodes: Sequence[Episode],
    plasticity: float,
    learning_rate: float | None = None,
    outputs: Level = "best",
) -> OutputBatch:
    """Run episodes one after the other; return the outputs of all ticks but those that lead up to others."""
    batches = [learner.dream_input(each.given, each.lead, plasticity, learning_rate, outputs) for each in episodes]
    return type(batches[0]).joined(batches)


def record_of(
    episodes: Sequence[Episode], *, tick: int, rate: float, job: str, done: int, asleep: bool
) -> EpisodeRecord:
    """Write episodes down as a record: their rows one after the other, and how long each is."""
    record = EpisodeRecord(
        tick,
        rate,
        sum(each.ticks for each in episodes),
        job,
        done,
        lengths=np.array([each.ticks for each in episodes], np.uint32).tobytes(),
        given=np.array([each.lead for each in episodes], np.uint32).tobytes(),
        asleep=asleep,
    )
    whole = Input.joined([each.given for each in episodes])
    if whole.tokens is not None:
        record.tokens = packed_tokens(whole.tokens)
    else:
        assert whole.frames is not None
        assert whole.teachers is not None, "episodes of frames have teachers"
        record.frames, record.teachers = whole.frames.tobytes(), whole.teachers.tobytes()
    return record


def unpacked(record: EpisodeRecord, inputs: int, outputs: int) -> list[Episode]:
    """Read the episodes of a record; `inputs` and `outputs` are the widths of the net's frames and teachers."""
    lengths, leads = (np.frombuffer(each, np.uint32).tolist() for each in (record.lengths, record.given))
    if record.tokens is not None:
        whole = Input(tokens=unpacked_tokens(record.tokens, record.ticks))
    else:
        frames = np.frombuffer(record.frames or b"", np.float32).reshape(record.ticks, inputs)
        teachers = np.frombuffer(record.teachers or b"", np.float32).reshape(record.ticks, outputs)
        whole = Input(frames=frames, teachers=teachers)
    ends = np.cumsum(lengths).tolist()
    return [Episode(whole[end - length : end], lead) for end, length, lead in zip(ends, lengths, leads, strict=True)]
