"""Inputs of several sessions that are lived at once, in stretches whose length stands in the journal.

A stretch is run in one go, and scored input by input. So a slice or a snapshot may end between two stretches and never
within one, and no bit depends on where.
"""

from realnet.frames import FrameLearner
from realnet.inputs import Turn
from realnet.learners import Learner
from realnet.outputs import Level, OutputBatch, highest
from realnet.tokens.learner import TokenLearner
from service.journal.records import TogetherRecord
from service.replica.chronicle import Chronicle
from service.replica.entry import Entry
from service.replica.sessions import Sessions


def live_together(
    learner: Learner, sessions: Sessions, chronicle: Chronicle, entry: Entry, ticks: int, wanted: Level
) -> OutputBatch | None:
    """Run so many ticks, whole stretches, of an entry that is a `TogetherRecord`.

    The outputs are kept for each input until it is done with all others; then they are returned, input by input.
    """
    record = entry.record
    assert isinstance(record, TogetherRecord)
    wanted = highest((wanted, *(each.wanted for each in entry.members)))
    end = entry.done + ticks
    done = begin = 0
    while done < end:
        counts = record.stretch_from(begin)
        if done >= entry.done:
            _live_stretch(learner, sessions, chronicle, entry, begin, counts, wanted)
        done += sum(counts)
        begin += record.stretch
    if done < record.ticks:
        return None
    parts = [batch for each in entry.members for batch in each.outputs]
    return type(parts[0]).joined(parts)


def _live_stretch(
    learner: Learner,
    sessions: Sessions,
    chronicle: Chronicle,
    entry: Entry,
    begin: int,
    counts: list[int],
    wanted: Level,
) -> None:
    if not isinstance(learner, TokenLearner | FrameLearner):
        raise ValueError("has sessions that live at once, and only those of a net of literal can")
    record = entry.record
    assert isinstance(record, TogetherRecord)
    living = [(each, count) for each, count in zip(record.inputs, counts, strict=True) if count]
    members = [each for each, count in zip(entry.members, counts, strict=True) if count]
    minds = sessions.lived_together([each.session for each, _ in living])
    chronicle.expect((each.label, count) for each, count in living)
    turns = []
    for (each, count), member, session in zip(living, members, minds, strict=True):
        assert member.given is not None
        given = member.given[begin : begin + count]
        turns.append(Turn(given, session.mind, each.rate, each.tick + begin + 1))
    for turn, member, session, (batch, mind) in zip(
        turns, members, minds, learner.run_together(turns, wanted, goes_on=begin > 0), strict=True
    ):
        member.outputs.append(batch)
        session.mind, session.tokens = mind, session.tokens + len(turn.given)
        session.tick = turn.first_tick + len(turn.given) - 1
