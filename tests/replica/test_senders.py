"""The table of senders: who is within the time is known, whatever others do; the same records give the same table."""

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.journal.records import InputRecord
from service.replica.senders import Learnt, SenderTable

SECONDS = 100.0
BEGIN = 1e9

NOTES = st.lists(
    st.tuples(st.sampled_from(["", "alice/", "bob/"]), st.sampled_from("abcdef"), st.integers(0, 60)), max_size=60
)


class Life:
    """Inputs one after the other: whose, under which name, and so many seconds after the one before."""

    def __init__(self, table: SenderTable) -> None:
        self.table = table
        self.now = BEGIN
        self.tick = 0
        self.last: dict[str, dict[str, Learnt]] = defaultdict(dict)  # of each name, whenever that was

    def live(self, notes: list[tuple[str, str, int]]) -> None:
        for space, name, seconds in notes:
            self.now += seconds
            self.tick += 1
            record = InputRecord(
                self.tick - 1, 1.0, 1, client=space + name, client_seq=self.tick, digest=f"{self.tick}", at=self.now,
                space=space,
            )  # fmt: skip
            self.table.note(space + name, record, self.tick)
            self.last[space][space + name] = Learnt(f"{self.tick}", self.tick, self.tick, self.now, self.tick)


@given(NOTES, st.integers(0, 150))
def test_who_is_within_the_time_is_known_and_nobody_else_is(notes: list[tuple[str, str, int]], later: int) -> None:
    life = Life(SenderTable(SECONDS, {}))
    life.live(notes)
    now = life.now + later
    for space, names in life.last.items():
        for name, learnt in names.items():
            assert life.table.get(space, name, now) == (learnt if now - learnt.at < SECONDS else None)


@given(NOTES, st.lists(st.integers(-99, 99), max_size=20))
def test_who_is_within_the_time_is_known_also_by_a_clock_that_is_set(
    notes: list[tuple[str, str, int]], jumps: list[int]
) -> None:
    life = Life(SenderTable(SECONDS, {}))
    notes = [(space, name, jump) for (space, name, _), jump in zip(notes, jumps, strict=False)]
    noted: list[Learnt] = []
    for note in notes:
        life.live([note])
        noted.append(life.last[note[0]][note[0] + note[1]])
    for space, names in life.last.items():
        for name, learnt in names.items():
            since = [each.at for each in noted[noted.index(learnt) :]]
            if all(abs(at - learnt.at) < SECONDS for at in since):
                assert life.table.get(space, name, life.now) == learnt


@given(NOTES, st.integers(0, 150))
def test_no_caller_changes_what_another_is_answered(notes: list[tuple[str, str, int]], later: int) -> None:
    together, alone = Life(SenderTable(SECONDS, {})), Life(SenderTable(SECONDS, {}))
    together.live(notes)
    for space, name, seconds in notes:
        if space != "alice/":
            alone.now += seconds
            continue
        alone.live([(space, name, seconds)])
    now = together.now + later
    for name in "abcdef":
        answers = [life.table.get("alice/", f"alice/{name}", now) for life in (together, alone)]
        assert [each and each.at for each in answers] == [answers[0] and answers[0].at] * 2
    waits = [life.table.seconds_until_room("alice/", 3, now) for life in (together, alone)]
    assert waits[0] == waits[1]


@given(NOTES, st.integers(0, 60))
def test_the_same_records_give_the_same_table_also_with_a_snapshot_between(
    notes: list[tuple[str, str, int]], cut: int
) -> None:
    whole, resumed = Life(SenderTable(SECONDS, {})), Life(SenderTable(SECONDS, {}))
    whole.live(notes)
    resumed.live(notes[:cut])
    resumed.table = SenderTable(SECONDS, resumed.table.shares())
    resumed.live(notes[cut:])
    assert resumed.table.shares() == whole.table.shares()
    orders = [
        {space: list(names) for space, names in life.table.shares().items() if names} for life in (resumed, whole)
    ]
    assert orders[0] == orders[1]  # by it the oldest are forgotten


@given(NOTES)
def test_no_more_is_kept_than_is_within_the_time(notes: list[tuple[str, str, int]]) -> None:
    """Also of callers who never come again."""
    life = Life(SenderTable(SECONDS, {}))
    life.live(notes)
    kept = {name for names in life.table.shares().values() for name in names}
    within = {name for names in life.last.values() for name, learnt in names.items() if life.now - learnt.at < SECONDS}
    assert kept == within


@pytest.mark.parametrize(("later", "wait"), [(0, 90.0), (50, 40.0), (90, 0.0)])
def test_a_new_name_waits_until_the_oldest_is_forgotten(later: int, wait: float) -> None:
    life = Life(SenderTable(SECONDS, {}))
    life.live([("alice/", "a", 0), ("alice/", "b", 10), ("bob/", "c", 0)])
    assert life.table.seconds_until_room("alice/", 3, life.now) == 0
    assert life.table.seconds_until_room("alice/", 2, life.now + later) == wait
    life.live([("alice/", "a", 0)])  # used again: now the other one is the oldest
    assert life.table.seconds_until_room("alice/", 2, life.now) == SECONDS
    assert life.table.seconds_until_room("carol/", 0, life.now) == SECONDS  # all places are taken by those on their way
