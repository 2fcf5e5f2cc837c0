"""What waits for a net of `literal` in several sessions becomes one record, and each is answered as if alone."""

from typing import Any

import numpy as np
import pytest

from realnet import TokenLearner
from realnet.inputs import Input
from realnet.learners import Learner
from service.engine.commands import Change, Ran, Run, Sender
from service.engine.gathering import Gathering
from service.engine.sessions import ListSessions
from service.errors import EngineStopped
from service.journal.journal import NoJournal, Ticket
from service.journal.records import EntryRecord, InputRecord, Record, TogetherRecord
from service.replica.entry import Entry, next_slice
from service.replica.replica import Replica
from tests.engine.running_engine import TOKENS, Lived, living, small, until

pytestmark = pytest.mark.anyio


def literal() -> TokenLearner:
    return TokenLearner.create("literal", 400, seed=3)


def run(session: str | None, ticks: int = 3, seq: int = 0, client: str | None = None, **others: Any) -> Run:
    given = Input(tokens=TOKENS[seq : seq + ticks])
    return Run(given, session=session, sender=Sender(client=client, seq=seq), outputs="full", **others)


def gathered(runs: list[Run], learner: Learner, is_busy: bool = False) -> list[list[int]]:
    """Return by their places which inputs are journalled together."""
    gathering = Gathering()
    assert all(gathering.takes(each) for each in runs)
    return [[runs.index(each) for each in group] for group in gathering.ready(learner, is_busy, must=False)]


async def test_one_input_of_each_session_is_lived_at_once() -> None:
    net = literal()
    assert gathered([run("a"), run("b"), run("a"), run("c"), run("b")], net) == [[0, 1, 3], [2, 4]]
    assert gathered([run("a"), run("a")], net) == [[0], [1]]
    assert gathered([run("a"), run(None), run("b"), run("c")], net) == [[0], [1], [2, 3]]
    of_one_client = [run("a", seq=1, client="x"), run("a", seq=2, client="x"), run("b", seq=3, client="x"), run("c")]
    assert gathered(of_one_client, net) == [[0, 3], [1, 2]]
    assert gathered([run("a", 9), run("b", 2), run("c", 8), run("d", 200), run("e", 100)], net) == [
        [0, 2],
        [1],
        [3],
        [4],
    ]
    assert [len(each) for each in gathered([run(str(number)) for number in range(40)], net)] == [16, 16, 8]
    assert gathered([run("a"), run("b")], small()) == [[0], [1]]


async def test_they_wait_while_the_net_has_others_to_live() -> None:
    gathering, net = Gathering(), literal()
    assert not gathering.takes(run(None))
    gathering.takes(run("a"))
    assert len(gathering.ready(net, is_busy=False, must=False)) == 1
    gathering.takes(run("a"))
    assert len(gathering.ready(net, is_busy=True, must=False)) == 1, "one session has the net to itself"
    gathering.takes(run("b"))
    assert gathering.ready(net, is_busy=True, must=False) == []
    gathering.takes(run(None))
    assert len(gathering.ready(net, is_busy=True, must=True)) == 2
    assert len(gathering) == 0


class Kept(NoJournal):
    """A journal that keeps its records in a list."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[EntryRecord] = []

    def append(self, record: Record) -> Ticket:
        assert isinstance(record, EntryRecord)
        self.records.append(record)
        return super().append(record)


async def answered(lived: Lived, runs: list[Run]) -> list[Ran]:
    for each in runs:
        lived.inbox.put(each)
    return [await each.reply for each in runs]


async def test_each_is_answered_and_the_journal_leads_to_the_same_net() -> None:
    journal = Kept()
    async with living(literal(), journal=journal) as lived:
        runs = [
            run(name, ticks, ticks) for name, ticks in (("a", 5), ("b", 9), (None, 4), ("c", 6), ("d", 70), ("e", 40))
        ]
        for each, ran in zip(runs, await answered(lived, runs), strict=True):
            numbers = np.concatenate([batch.tick for batch in ran.outputs])
            assert numbers.tolist() == [*range(ran.first_tick, ran.last_tick + 1)]
            assert np.concatenate([batch.token for batch in ran.outputs]).tolist() == each.given.tokens.tolist()  # type: ignore[union-attr, attr-defined]
            assert all(batch.next_token is not None for batch in ran.outputs)  # type: ignore[attr-defined]
        await until(lambda: lived.inbox.depth == 0)
        state, sessions = await lived.state(), await lived.engine.ask(ListSessions())
        position, told = 0, []
        while (reading := lived.outputs.read(position, 1000)).batch is not None:
            told.append((reading.session, reading.batch.tick.tolist()))
            position = reading.position
    assert [number for _, numbers in told for number in numbers] == [*range(1, 135)]
    assert {name: len(numbers) for name, numbers in told} == {"a": 5, "b": 9, None: 4, "c": 6, "d": 70, "e": 40}
    assert {name: last for name, _, last in sessions} == {name: numbers[-1] for name, numbers in told if name}
    assert sum(isinstance(each, TogetherRecord) for each in journal.records) >= 1
    replica = Replica(literal())
    for seq, record in enumerate(journal.records, 1):
        entry = Entry.of_record(seq, record, replica.learner.interface)
        while not entry.is_done:
            replica.apply(next_slice([entry], 4096))
    assert replica.learner.checkpoint().state_sha256() == state


async def test_a_paused_net_has_its_inputs_journalled_at_once() -> None:
    journal = Kept()
    async with living(literal(), journal=journal) as lived:
        await lived.engine.ask(Change(paused=True))
        runs = [run("a"), run("b"), run("c")]
        for number, each in enumerate(runs):
            lived.inbox.put(each)
            await until(lambda number=number: len(journal.records) == number + 2)  # type: ignore[misc]
        assert all(isinstance(each, InputRecord) for each in journal.records[1:])
        await lived.engine.ask(Change(paused=False))
        assert [(await each.reply).last_tick for each in runs] == [3, 6, 9]


async def test_what_waits_when_the_engine_ends_is_refused() -> None:
    async with living(literal()) as lived:
        runs = [run(name, 128) for name in "abcdefgh" * 8]
        for each in runs:
            lived.inbox.put(each)
        await runs[0].reply
    ended = [each.reply.exception() for each in runs]
    assert None in ended
    assert {type(each) for each in ended if each is not None} <= {EngineStopped}
