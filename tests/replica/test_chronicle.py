"""The chronicle: each number comes out of the inputs alone, however they were cut, over snapshots and restores."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from realnet import DendriteLearner, TokenLearner
from realnet.learners import Learner
from realnet.vocabulary import Bytes
from service.journal.records import InputRecord, RestoreRecord, SnapshotRef, packed_tokens
from service.replica.chronicle import BINS, BLOCK, EXCERPT, KINDS, MOST_LABELS, MOST_SURPRISES, Chronicle
from service.replica.entry import Entry, EntryState
from service.replica.replica import Replica, ServiceState
from service.watch.about import known_of, sure_of

Heard = list[tuple[str | None, bytes]]

RANDOM = np.random.default_rng(0)
SENTENCES = [b"the net lives, and learns.\n", b"I was born in 1999!\t", "grüße ".encode(), bytes(RANDOM.bytes(30))]
HEARD: Heard = [
    ((None, "wiki", "mail")[RANDOM.integers(3)], SENTENCES[RANDOM.integers(4)] * RANDOM.integers(1, 40))
    for _ in range(60)
]


def live(replica: Replica, heard: Heard, together: int = 1, most: int = 10**6, wanted: Any = "none") -> None:
    """Apply inputs, so many in one slice, at most so many ticks at once."""
    entries = []
    for label, text in heard:
        tokens = np.frombuffer(text, np.uint8).astype(np.int32)
        record = InputRecord(replica.learner.net.tick, 1.0, len(tokens), packed_tokens(tokens), label=label)
        entries.append(Entry.of_record(1, record, replica.learner.interface))
    while entries:
        tick = replica.learner.net.tick
        for entry in entries:  # as the journal would have said
            assert isinstance(entry.record, InputRecord)
            if not entry.done:
                entry.record.tick = tick
            tick += entry.left
        taken, room = [], most
        for entry in entries[:together]:
            if room:
                taken.append((entry, min(room, entry.left)))
                room -= taken[-1][1]
        replica.apply(taken, wanted)
        while entries and entries[0].state is EntryState.DONE:
            entries.pop(0)


def recomputed(learner: DendriteLearner, heard: Heard) -> dict[str, Any]:
    """Tell by plain Python what a chronicle should, from what a newborn says that searches at every token."""
    tallies: dict[str | None, list[tuple[float, float]]] = {}
    kinds = {kind: [0.0, 0.0] for kind in KINDS}
    tenths: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    blocks: dict[int, tuple[float, int, bytes]] = {}
    lived = b""
    for label, text in heard:
        first = learner.expected(1)[1]
        out: Any = learner.run(list(text), outputs="full")
        best = [*first, *out.next_probability[:, 0]]
        for byte, said, predicted, probability, bits in zip(
            text, best, out.predicted, out.probability, out.surprise.astype(float), strict=False
        ):
            tick, came = len(lived) + 1, bool(predicted == byte)
            hit = 1.0 if probability > 0.5 else 16.0 * (came and tick % 16 == 0)
            lived += bytes([byte])
            tallies.setdefault(label, []).append((hit, bits))
            kinds[kind_of(byte)][0] += 1
            kinds[kind_of(byte)][1] += bits
            if tick % 16 == 0:
                tenths[min(BINS - 1, int(float(said) * BINS))].append((float(said), came))
            if bits > blocks.get((tick - 1) // BLOCK, (0.0, 0, b""))[0]:
                blocks[(tick - 1) // BLOCK] = bits, tick, lived[-EXCERPT:]
    return {
        "tallies": tallies,
        "kinds": kinds,
        "tenths": tenths,
        "surprises": sorted(blocks.values(), key=lambda each: (-each[0], each[1]))[:MOST_SURPRISES],
    }


def kind_of(byte: int) -> str:
    sign = chr(byte)
    if sign.isascii() and (sign.isalnum() or sign in " \t\r\n"):
        return (
            "letters" if sign.isalpha() else "digits" if sign.isdigit() else "spaces" if sign in " \t" else "line ends"
        )
    return "marks" if sign.isascii() and sign.isprintable() else "other bytes"


def test_each_number_is_that_of_the_inputs() -> None:
    replica = Replica(DendriteLearner.create("fast"))
    live(replica, HEARD)
    chronicle, expected = replica.chronicle, recomputed(DendriteLearner.create("fast"), HEARD)
    assert chronicle.tokens == sum(len(text) for _, text in HEARD) > 6 * BLOCK
    assert list(chronicle.tallies) == list(expected["tallies"])
    for label, row in chronicle.tallies.items():
        each = np.array(expected["tallies"][label])
        assert row[:3] == pytest.approx([len(each), *each.sum(0)], rel=1e-6)
        late = each[max(0, len(each) // 1000 - 1) * 1000 :]
        known = known_of(label, row)
        assert (known.bits, known.recent_bits) == pytest.approx((each[:, 1].mean(), late[:, 1].mean()), rel=1e-6)
        assert known.recent_accuracy == pytest.approx(late[:, 0].mean(), rel=1e-6)
    for kind, (tokens, _, bits) in zip(KINDS, chronicle.kinds.sum(0), strict=True):
        assert [tokens, bits] == pytest.approx(expected["kinds"][kind], rel=1e-6)
    sure, gap = sure_of(chronicle.reliability), 0.0
    told = iter(sure.reliability)
    for tenth in expected["tenths"]:
        if tenth:
            said, came = np.array(tenth).T
            now = next(told)
            assert (now.said, now.true, now.tokens) == pytest.approx((said.mean(), came.mean(), len(tenth)), rel=1e-6)
            gap += abs(said.sum() - came.sum())
    assert sure.ece == pytest.approx(gap / sum(map(len, expected["tenths"])), rel=1e-5)
    found = [
        (each.bits, each.tick, bytes(np.frombuffer(each.tokens, np.int32).tolist())) for each in chronicle.surprises
    ]
    assert [each[1:] for each in found] == [each[1:] for each in expected["surprises"]]
    assert [each[0] for each in found] == pytest.approx([each[0] for each in expected["surprises"]], rel=1e-6)


@pytest.mark.parametrize(("together", "most", "wanted"), [(1, 1, "none"), (7, 1000, "full"), (60, 4096, "surprise")])
def test_it_does_not_depend_on_how_inputs_were_cut_or_who_looked(together: int, most: int, wanted: str) -> None:
    heard = HEARD[: 5 if most == 1 else None]
    one, other = (Replica(DendriteLearner.create("fast")) for _ in range(2))
    live(one, heard)
    live(other, heard, together, most, wanted)
    assert other.chronicle.state() == one.chronicle.state()


@pytest.mark.parametrize("learner", [DendriteLearner.create("fast"), TokenLearner.create("surprise", 1000)])
def test_a_snapshot_keeps_it_and_a_restore_goes_back_to_it(learner: Learner) -> None:
    replica = Replica(learner)
    live(replica, HEARD[:4])
    kept, checkpoint = replica.state(None), replica.learner.checkpoint()
    live(replica, HEARD[4:8])
    after = replica.chronicle.state()
    state = ServiceState.from_bytes(kept.to_bytes())
    again = Replica(type(learner).from_checkpoint(checkpoint), state)  # type: ignore[attr-defined]
    live(again, HEARD[4:8])
    assert again.chronicle.state() == after

    restored = type(learner).from_checkpoint(learner.checkpoint())  # type: ignore[attr-defined]
    restore = Entry(RestoreRecord(SnapshotRef("1", "")), learner=restored, chronicle=state.chronicle)
    replica.apply([(restore, 0)])
    assert replica.chronicle.state() == state.chronicle
    replica.apply([(Entry(RestoreRecord(SnapshotRef("2", "")), learner=restored), 0)])  # from elsewhere
    assert replica.chronicle.tokens == 0


def test_dreams_and_forks_are_not_of_its_life() -> None:
    replica = Replica(DendriteLearner.create("fast"))
    live(replica, HEARD[:2])
    before = replica.chronicle.state()
    replica.learner.fork().run_input(_input(b"what a fork reads"), 0.0)
    replica.learner.dream_input(_input(b"what it dreams"))
    assert replica.chronicle.state() == before


def _input(text: bytes) -> Any:
    from realnet.inputs import Input

    return Input(tokens=np.frombuffer(text, np.uint8).astype(np.int32))


def see(chronicle: Chronicle, count: int) -> None:
    """Show it so many tokens of 1 bit."""
    tokens, ones = np.full(count, 97, np.int32), np.ones(count, np.float32)
    tick = np.arange(chronicle.tokens + 1, chronicle.tokens + 1 + count)
    chronicle.see(tick, tokens, ones, np.ones(count, bool), ones, ones)


def labels_seen(names: Sequence[tuple[str, int]]) -> Chronicle:
    chronicle = Chronicle(Bytes())
    for name, count in names:
        chronicle.expect([(name, count)])
        see(chronicle, count)
    return chronicle


def test_of_too_many_labels_the_least_are_folded_together() -> None:
    chronicle = labels_seen([("large", 100), *((f"n{i}", 2) for i in range(MOST_LABELS)), ("large", 1), ("n0", 3)])
    assert len(chronicle.tallies) == MOST_LABELS
    assert chronicle.tallies["large"][0] == 101
    assert "n1" not in chronicle.tallies
    assert chronicle.tallies["n0"][0] == 3  # it came again
    assert (chronicle.folded, chronicle.others[0]) == (2, 4)
    assert sum(row[0] for row in [*chronicle.tallies.values(), chronicle.others]) == chronicle.tokens
