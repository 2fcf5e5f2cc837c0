"""Sessions: each has a mind of its own, what is learnt is the one net's, and the same records make the same bits."""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest

from realnet import Checkpoint, DendriteLearner, FrameLearner, TokenLearner, from_checkpoint
from realnet.inputs import Input
from realnet.learners import Learner
from service.journal.codec import encode_record, whole_records
from service.journal.position import JournalPosition
from service.journal.records import (
    EntryRecord,
    ForgetRecord,
    InputRecord,
    ResizeRecord,
    RestoreRecord,
    SessionInputRecord,
    SnapshotRef,
    packed_tokens,
)
from service.replica.entry import Entry, next_slice
from service.replica.replay import Replay
from service.replica.replica import Replica, ServiceState
from service.replica.sessions import MOST, state_sha256

Said = tuple[str | None, Input, float]  # a session, what is told in it, and the rate

TEXT = b"the cat sat on the mat, and the dog sat on the log.\n" * 8
RANDOM = np.random.default_rng(0)


def frames(number: int) -> Input:
    chance = np.random.default_rng(number)
    return Input(frames=chance.random((7, 3), np.float32), teachers=chance.random((7, 2), np.float32))


def tokens(data: bytes) -> Input:
    return Input(tokens=np.frombuffer(data, np.uint8).astype(np.int32))


OF_A = [tokens(TEXT[at : at + 23]) for at in range(0, 200, 23)]
OF_B = [tokens(bytes(RANDOM.integers(97, 123, 19, np.uint8))) for _ in OF_A]
NETS: dict[str, tuple[Callable[[], Learner], list[Input], list[Input]]] = {
    "fast": (lambda: DendriteLearner.create("fast", 2**14), OF_A, OF_B),
    "large": (lambda: DendriteLearner.create("large", 2**14), OF_A, OF_B),
    "compact": (lambda: DendriteLearner.create("compact", memory=2**18), OF_A, OF_B),
    "surprise": (lambda: TokenLearner.create("surprise", 600), OF_A, OF_B),
    "literal": (lambda: TokenLearner.create("literal", 400), OF_A, OF_B),
    "frames": (
        lambda: FrameLearner.create(3, 2, "literal", 12),
        [*map(frames, range(9))],
        [*map(frames, range(9, 18))],
    ),
}
BOTH = pytest.mark.parametrize("name", NETS)


def records(said: Iterable[Said], tick: int = 0) -> list[EntryRecord]:
    made: list[EntryRecord] = []
    for session, given, rate in said:
        what: dict[str, Any] = {"tokens": None if given.tokens is None else packed_tokens(given.tokens)}
        if given.frames is not None and given.teachers is not None:
            what |= {"frames": given.frames.tobytes(), "teachers": given.teachers.tobytes()}
        if session is None:
            made.append(InputRecord(tick, rate, len(given), **what))
        else:
            made.append(SessionInputRecord(tick, rate, len(given), **what, session=session))
        tick += len(given)
    return made


def live(replica: Replica, lived: Iterable[EntryRecord], most: int = 4096, stop_at: int | None = None) -> list[Any]:
    """Apply records, at most so many ticks at once, perhaps only so many ticks; return the outputs of each."""
    entries = [Entry.of_record(seq + 1, record, replica.learner.interface) for seq, record in enumerate(lived)]
    waiting, left = deque(entries), 10**9 if stop_at is None else stop_at
    while waiting and left:
        taken = next_slice(waiting, min(most, left))
        left -= sum(ticks for _, ticks in taken)
        replica.apply(taken, "surprise")
        while waiting and waiting[0].is_done:
            waiting.popleft()
    return [type(each.outputs[0]).joined(each.outputs) for each in entries if each.outputs]


def state_of(replica: Replica) -> str:
    return state_sha256(replica.learner.checkpoint(), replica.sessions.state())


def conversation(name: str) -> list[Said]:
    """All learn: two sessions, and now and then the net's own mind."""
    _, of_a, of_b = NETS[name]
    said: list[Said] = []
    for number, (a, b) in enumerate(zip(of_a, of_b, strict=True)):
        said += [("a", a, 1.0), ("b", b, 1.0 if number % 2 else 0.0)] + [(None, b, 1.0)] * (number % 3 == 0)
    return said


@BOTH
def test_what_is_only_read_in_another_session_changes_nothing_in_this_one(name: str) -> None:
    create, of_a, of_b = NETS[name]
    alone, beside = Replica(create()), Replica(create())
    own = live(alone, records([("a", each, 1.0) for each in of_a]))
    said: list[Said] = []
    for a, b in zip(of_a, of_b, strict=True):
        said += [("b", b, 0.0), ("a", a, 1.0)]
    both = live(beside, records(said))[1::2]
    column = "values" if of_a[0].tokens is None else "surprise"
    for one, other in zip(own, both, strict=True):
        assert np.array_equal(getattr(one, column), getattr(other, column))
    assert alone.learner.checkpoint().weights_sha256() == beside.learner.checkpoint().weights_sha256()
    assert [(each, of.tokens) for each, of in beside.sessions] == [
        ("a", sum(map(len, of_a))),
        ("b", sum(map(len, of_b))),
    ]


@BOTH
def test_no_cut_and_no_snapshot_changes_a_bit(name: str) -> None:
    lived = records(conversation(name))
    replica = Replica(NETS[name][0]())
    live(replica, lived)
    wanted = state_of(replica)
    replica = Replica(NETS[name][0]())
    live(replica, lived, most=5)
    assert state_of(replica) == wanted
    half = sum(each.ticks for each in lived) // 2 + 3  # in the middle of a record
    replica = Replica(NETS[name][0]())
    live(replica, lived, most=11, stop_at=half)
    data, memory = replica.learner.checkpoint().to_bytes(), replica.state(None).to_bytes()
    replica = Replica(from_checkpoint(Checkpoint.from_bytes(data)), ServiceState.from_bytes(memory))
    numbered = list(enumerate(lived, 1))
    begun = next(seq for seq, each in numbered if each.tick + each.ticks > half)  # type: ignore[union-attr]
    place = JournalPosition(begun - 1, begun, half - lived[begun - 1].tick)  # type: ignore[union-attr]
    replay = Replay(lambda: numbered[begun - 1 :], place, len(lived) - place.seq, lambda *_: (b"", b""))
    assert sum(replay.run(replica)) == sum(each.ticks for each in lived) - half
    assert state_of(replica) == wanted


def test_a_recall_finds_its_place_again_when_others_were_learnt_meanwhile() -> None:
    learner = DendriteLearner.create("standard", 2**14)
    learner.run_input(tokens(TEXT))
    learner.run_input(tokens(b"the cat sat on the"))
    mind = learner.swap()
    learner.run_input(OF_B[0])
    learner.run_input(tokens(b"a do"))
    mind = learner.swap(mind)
    assert [each.expects for each in learner.explain([], fresh=False).recalls] == [ord(" ")] * 2
    learner.swap(mind)
    assert {each.expects for each in learner.explain([], fresh=False).recalls} == {None}


def test_a_forgotten_session_begins_anew_and_the_oldest_gives_way() -> None:
    replica = Replica(DendriteLearner.create("fast", 2**14))
    said: list[Said] = [(str(number), tokens(b"a"), 0.0) for number in range(MOST)]
    live(replica, records([*said, ("0", tokens(b"b"), 0.0), ("new", tokens(b"c"), 0.0)]))
    names = [name for name, _ in replica.sessions]
    assert len(names) == MOST
    assert names[:2] == ["new", "0"]
    assert "1" not in names
    assert "2" in names
    forget = Entry.of_record(1, ForgetRecord("0"), replica.learner.interface)
    replica.apply([(forget, 0)])
    assert forget.refused is None
    again = Entry.of_record(2, ForgetRecord("0"), replica.learner.interface)
    replica.apply([(again, 0)])
    assert again.refused == "there is no session '0'"
    live(replica, records([("0", tokens(b"d"), 0.0)], replica.learner.net.tick))
    assert next(iter(replica.sessions))[1].tokens == 1


def test_sessions_go_on_when_the_net_grows_and_are_those_of_a_snapshot_after_a_restore() -> None:
    replica = Replica(DendriteLearner.create("fast", 2**14))
    live(replica, records([("a", OF_A[0], 1.0), ("b", OF_B[0], 1.0)]))
    data, state = replica.learner.checkpoint().to_bytes(), replica.state(None)
    before = state_of(replica)
    grown = Entry.of_record(3, ResizeRecord(replica.learner.net.tick, None, ["kinds", "record"]), None)  # type: ignore[arg-type]
    replica.apply([(grown, 0)])
    assert grown.refused is None
    live(replica, records([("a", OF_A[1], 1.0), ("c", OF_B[1], 1.0)], replica.learner.net.tick))
    assert [(name, of.tokens) for name, of in replica.sessions] == [("c", 19), ("a", 46), ("b", 19)]
    restore = RestoreRecord(SnapshotRef("00000001", ""))
    replay = Replay(lambda: [(1, restore)], JournalPosition(0), 1, lambda *_: (data, state.to_bytes()))
    list(replay.run(replica))
    assert state_of(replica) == before


def test_what_no_such_net_can_have_in_mind_is_refused() -> None:
    replica = Replica(DendriteLearner.create("fast", 2**14))
    live(replica, records([("a", OF_A[0], 1.0)]))
    state = replica.state(None)
    mind = state.sessions[0].mind
    kind, shape, data = mind["recalls"]
    for spoilt in (
        {"recalls": (kind, shape, b"\xff" * len(data))},
        {"recent": ("<i4", [3], bytes(12))},
        {"recent": ("O", [1], bytes(8))},
        {"text": ("<u8", [2], bytes(8))},
    ):
        forged = ServiceState(plasticity=True, sessions=[type(state.sessions[0])("a", 1, 1, mind | spoilt)])
        with pytest.raises(ValueError, match=r"."):
            Replica(DendriteLearner.create("fast", 2**14), ServiceState.from_bytes(forged.to_bytes()))


def test_an_input_without_a_session_is_written_as_ever() -> None:
    record = InputRecord(1, 0.5, 2, b"ab", client="c", client_seq=3, digest="d", at=1.0, space="", label="l")
    assert (
        encode_record(7, record)[24:].hex()
        == "9e0101cb3fe000000000000002c4026162c0c0a16303c0a164cb3ff0000000000000a0a16c"
    )
    named = SessionInputRecord(1, 0.5, 2, b"ab", session="s")
    [(_, read, *_)] = whole_records(encode_record(8, named))
    assert read == named
