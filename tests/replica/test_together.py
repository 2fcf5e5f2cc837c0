"""Inputs of several sessions in one record: the same bits wherever it is cut, and each sender is told its own ticks."""

from collections import deque
from collections.abc import Callable, Iterable

import numpy as np
import pytest

from realnet import Checkpoint, DendriteLearner, FrameLearner, TokenLearner, from_checkpoint
from realnet.inputs import Input
from realnet.learners import Learner
from service.journal.codec import JournalDamaged, encode_record, whole_records
from service.journal.position import JournalPosition
from service.journal.records import EntryRecord, InputRecord, SessionInputRecord, TogetherRecord, packed_tokens
from service.replica.entry import Entry, next_slice, turns_of
from service.replica.replay import Replay
from service.replica.replica import Replica, ServiceState
from service.replica.sessions import state_sha256

TEXT = b"the cat sat on the mat, and the dog sat on the log.\n" * 4
NETS: dict[str, Callable[[], Learner]] = {
    "tokens": lambda: TokenLearner.create("literal", 400),
    "frames": lambda: FrameLearner.create(3, 2, "literal", 12),
}
BOTH = pytest.mark.parametrize("name", NETS)


def told(name: str, ticks: int, seed: int) -> Input:
    if name == "tokens":
        return Input(tokens=np.frombuffer(TEXT[seed : seed + ticks], np.uint8).astype(np.int32))
    chance = np.random.default_rng(seed)
    return Input(frames=chance.random((ticks, 3), np.float32), teachers=chance.random((ticks, 2), np.float32))


def input_record(name: str, session: str, tick: int, ticks: int, rate: float) -> SessionInputRecord:
    given = told(name, ticks, tick % 50)
    tokens = None if given.tokens is None else packed_tokens(given.tokens)
    frames, teachers = (None if each is None else each.tobytes() for each in (given.frames, given.teachers))
    return SessionInputRecord(
        *(tick, rate, ticks, tokens, frames, teachers),
        client=session,
        client_seq=tick + 1,
        label=session,
        session=session,
    )


def together(name: str, tick: int, stretch: int, *inputs: tuple[str, int, float]) -> TogetherRecord:
    made: list[SessionInputRecord] = []
    for session, ticks, rate in inputs:
        made.append(input_record(name, session, tick + sum(each.ticks for each in made), ticks, rate))
    return TogetherRecord(tick, stretch, made)


def life(name: str) -> list[EntryRecord]:
    lived: list[EntryRecord] = []
    for inputs in (
        (("a", 7, 1e-3), ("b", 3, 1e-3), ("c", 9, 0.0)),
        (("c", 5, 1e-3), ("a", 12, 2e-3)),
        (("b", 4, 1e-3), ("a", 1, 1e-3), ("d", 2, 1e-3)),
    ):
        tick = sum(each.ticks for each in lived)
        lived.append(together(name, tick, 4, *inputs))
        own = input_record(name, "a", tick + lived[-1].ticks, 5, 1e-3)
        lived.append(own)
    return lived


def live(replica: Replica, lived: Iterable[EntryRecord], most: int = 4096, until: int = 10**9) -> list[Entry]:
    entries = [Entry.of_record(seq, record, replica.learner.interface) for seq, record in enumerate(lived, 1)]
    waiting = deque(entries)
    while waiting and replica.learner.net.tick < until:
        taken = next_slice(waiting, most)
        batch = replica.apply(taken, "surprise")
        if batch is not None:
            assert len(batch) == sum(ticks for _, ticks in turns_of(taken))
        while waiting and waiting[0].is_done:
            waiting.popleft()
    return entries


def state_of(replica: Replica) -> tuple[str, bytes]:
    return state_sha256(replica.learner.checkpoint(), replica.sessions.state()), replica.state(None).to_bytes()


@BOTH
def test_ticks_are_numbered_input_by_input(name: str) -> None:
    replica = Replica(NETS[name]())
    [entry] = live(replica, [together(name, 0, 4, ("a", 7, 1e-3), ("b", 3, 1e-3), ("c", 9, 0.0))])
    numbers = [np.concatenate([each.tick for each in member.outputs]).tolist() for member in entry.members]
    assert numbers == [[*range(1, 8)], [*range(8, 11)], [*range(11, 20)]]
    assert replica.learner.net.tick == 19
    assert [(each, of.tokens, of.tick) for each, of in replica.sessions] == [("c", 9, 19), ("a", 7, 7), ("b", 3, 10)]
    ends = [found.last_tick for each in "abc" if (found := replica.progress.clients.get("", each, 0.0)) is not None]
    assert ends == [7, 10, 19]


@BOTH
def test_no_cut_and_no_snapshot_changes_a_bit(name: str) -> None:
    lived, half = life(name), 12  # between two stretches of the first record
    replica = Replica(NETS[name]())
    live(replica, lived)
    wanted = state_of(replica)
    replica = Replica(NETS[name]())
    live(replica, lived, most=1)
    assert state_of(replica) == wanted
    replica = Replica(NETS[name]())
    [begun, *_] = live(replica, lived, until=half)
    assert not begun.is_done
    data, memory = replica.learner.checkpoint().to_bytes(), replica.state(None).to_bytes()
    replica = Replica(from_checkpoint(Checkpoint.from_bytes(data)), ServiceState.from_bytes(memory))
    replay = Replay(lambda: enumerate(lived, 1), JournalPosition(0, 1, begun.done), len(lived), lambda *_: (b"", b""))
    assert sum(replay.run(replica)) == sum(each.ticks for each in lived) - begun.done
    assert state_of(replica) == wanted


def test_one_alone_is_an_input_of_a_session() -> None:
    ended = []
    for record in (together("tokens", 0, 4, ("a", 9, 1e-3)), input_record("tokens", "a", 0, 9, 1e-3)):
        replica = Replica(NETS["tokens"]())
        live(replica, [record])
        ended.append(replica.learner.checkpoint().weights_sha256())
    assert ended[0] == ended[1]


def test_it_is_written_and_read() -> None:
    record = together("tokens", 3, 2, ("a", 4, 1e-3), ("b", 1, 0.0))
    data = encode_record(5, record)
    assert data[24:].hex() == (
        "94110302929f0f03cb3f50624dd2f1a9fc04c40420636174c0c0a16104c0a0cb0000000000000000c0a161a161"
        "9f0f07cb000000000000000001c40120c0c0a16208c0a0cb0000000000000000c0a162a162"
    )
    [(_, read, *_)] = whole_records(data)
    assert read == record
    assert isinstance(read, TogetherRecord)
    assert [read.stretch_after(done) for done in (0, 3)] == [3, 2]
    assert not isinstance(read, InputRecord)
    for spoilt in (TogetherRecord(3, 0, record.inputs), TogetherRecord(3, 2, [])):
        with pytest.raises(JournalDamaged, match="another version"):
            list(whole_records(encode_record(5, spoilt)))


def test_a_net_that_cannot_live_it_says_so() -> None:
    replica = Replica(DendriteLearner.create("fast", 2**14))
    record = together("tokens", 0, 4, ("a", 2, 1.0), ("b", 2, 1.0))
    replay = Replay(lambda: [(1, record)], JournalPosition(0), 1, lambda *_: (b"", b""))
    with pytest.raises(JournalDamaged, match="record 1 has sessions that live at once"):
        list(replay.run(replica))
