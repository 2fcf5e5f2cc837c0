"""What is in the recorded journals: nobody can thin them unnoticed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from service.journal.records import (
    ChangeRecord,
    EpisodeRecord,
    ForgetRecord,
    IdleRecord,
    InputRecord,
    NoteRecord,
    ObserveRecord,
    OriginRecord,
    Record,
    RestoreRecord,
    SessionInputRecord,
    StreamKind,
    StreamRecord,
    UnorderedRestoreRecord,
    WeightUpdateRecord,
)
from service.journal.scan import read_from
from service.store import open_log

Records = list[tuple[int, Record]]


def replayed(store: Path) -> Records:
    """Return the records that a start lives through: those after the newest snapshot of the net itself."""
    manifests = [json.loads(path.read_text().splitlines()[0]) for path in sorted(store.glob("default/manifests/*"))]
    places = [manifest["place"] or 0 for manifest in manifests if manifest["job"] is None]
    log = open_log(f"file://{store}", "default/journal")
    return list(read_from(log.read(), (places[-1] if places else 0) + 1))


def _is_of(kind: StreamKind) -> Callable[[Record], bool]:
    return lambda each: isinstance(each, ObserveRecord) and each.kind == kind


def _is_in(session: str) -> Callable[[Record], bool]:
    return lambda each: isinstance(each, SessionInputRecord) and each.session == session


EXPECTED: dict[str, list[Callable[[Record], bool]]] = {
    "tokens_born": [
        lambda each: isinstance(each, OriginRecord) and each.snapshot is None and bool(each.birth),
        lambda each: (
            isinstance(each, InputRecord) and each.tokens is not None and each.client is None and each.key is None
        ),
        lambda each: isinstance(each, InputRecord) and each.client is not None and each.client_seq > 1,
        lambda each: isinstance(each, InputRecord) and each.key is not None and bool(each.digest),
        lambda each: isinstance(each, InputRecord) and each.rate == 0 and each.client is not None,
        lambda each: isinstance(each, ChangeRecord) and each.plasticity is None and each.learning_rate is not None,
        lambda each: isinstance(each, ChangeRecord) and each.plasticity is False and each.learning_rate is None,
        lambda each: isinstance(each, ChangeRecord) and each.plasticity is True and each.learning_rate is not None,
        lambda each: (
            isinstance(each, EpisodeRecord) and each.tokens is not None and not each.asleep and any(each.given)
        ),
        lambda each: isinstance(each, EpisodeRecord) and each.tokens is not None and each.asleep,
        lambda each: isinstance(each, NoteRecord),
    ],
    "tokens_half": [
        lambda each: isinstance(each, InputRecord) and each.ticks == 4000,
        lambda each: isinstance(each, WeightUpdateRecord) and each.fork is not None,
        lambda each: isinstance(each, ChangeRecord) and each.plasticity is False,
    ],
    "tokens_restored": [
        lambda each: isinstance(each, UnorderedRestoreRecord) and each.refused > 0,
        lambda each: isinstance(each, UnorderedRestoreRecord) and each.refused == 0,
        lambda each: isinstance(each, EpisodeRecord) and not each.asleep,
    ],
    "frames_born": [
        lambda each: isinstance(each, OriginRecord) and each.birth["inputs"] == 3,
        lambda each: isinstance(each, IdleRecord) and each.rate > 0,
        lambda each: isinstance(each, IdleRecord) and each.rate == 0,
        lambda each: isinstance(each, InputRecord) and each.frames is not None and each.teachers is None,
        lambda each: isinstance(each, InputRecord) and each.teachers is not None and each.rate > 0,
        lambda each: isinstance(each, InputRecord) and each.teachers is not None and each.rate == 0,
        lambda each: isinstance(each, EpisodeRecord) and each.teachers is not None and not each.asleep,
        lambda each: isinstance(each, EpisodeRecord) and each.teachers is not None and each.asleep,
    ],
    "frames_fitted": [
        lambda each: isinstance(each, WeightUpdateRecord) and each.fork is None,
        lambda each: isinstance(each, EpisodeRecord) and each.teachers is not None,
    ],
    "frames_restored": [
        lambda each: isinstance(each, UnorderedRestoreRecord) and each.refused == 0,
    ],
    "frames_begun": [
        lambda each: isinstance(each, OriginRecord) and each.snapshot == "00000001" and not each.birth,
    ],
    "dendrites_rewired": [
        lambda each: isinstance(each, WeightUpdateRecord),
        lambda each: isinstance(each, InputRecord) and each.client is not None,
        lambda each: isinstance(each, EpisodeRecord) and not each.asleep,
        lambda each: isinstance(each, ChangeRecord) and each.learning_rate == 0.5,
    ],
    "streams_watched": [
        *(_is_of(kind) for kind in get_args(StreamKind)),
        lambda each: isinstance(each, ObserveRecord) and each.key is not None and bool(each.digest),
        lambda each: isinstance(each, ObserveRecord) and not each.learn,
        lambda each: isinstance(each, StreamRecord) and each.verdict == "normal",
        lambda each: isinstance(each, StreamRecord) and each.maintenance is not None and bool(each.options),
        lambda each: isinstance(each, StreamRecord) and each.forget,
    ],
    "sessions_of_tokens": [
        *(_is_in(session) for session in ("ann", "bob", "gone")),
        lambda each: isinstance(each, SessionInputRecord) and each.key is not None and bool(each.digest),
        lambda each: isinstance(each, SessionInputRecord) and each.client is not None and each.client_seq > 1,
        lambda each: isinstance(each, SessionInputRecord) and each.rate == 0,
        lambda each: isinstance(each, ForgetRecord) and each.session == "gone",
    ],
    "sessions_of_frames": [
        lambda each: isinstance(each, RestoreRecord),
        *(_is_in(session) for session in ("left", "right", "undone", "middle")),
        lambda each: isinstance(each, SessionInputRecord) and each.teachers is not None,
        lambda each: isinstance(each, ForgetRecord) and each.session == "left",
    ],
}


@pytest.mark.parametrize("name", EXPECTED)
def test_every_kind_of_record_is_lived_through(recorded: Path, name: str) -> None:
    records = replayed(recorded / name)
    for number, kind in enumerate(EXPECTED[name]):
        assert any(kind(record) for _, record in records), f"kind {number} of {name} is gone"


def test_inputs_wait_across_each_restore(recorded: Path) -> None:
    """And after one of them a snapshot was taken while they still did."""
    restores = [
        (seq, record, [other for number, other in records if record.after < number < seq])
        for records in (replayed(recorded / name) for name in ("tokens_restored", "frames_restored"))
        for seq, record in records
        if isinstance(record, UnorderedRestoreRecord)
    ]
    waited = [[type(other).__name__ for other in others] for _, _, others in restores]
    assert waited == [
        ["InputRecord"],
        ["InputRecord", "ChangeRecord", "InputRecord", "ChangeRecord", "InputRecord", "ChangeRecord", "EpisodeRecord"],
        ["InputRecord", "ChangeRecord", "InputRecord"],
    ]


def test_a_snapshot_is_of_the_middle_of_an_input(recorded: Path) -> None:
    memory = msgspec.msgpack.decode((recorded / "tokens_half/default/snapshots/00000001/memory").read_bytes())
    _, half, done = memory["place"]
    [ticks] = [
        each.ticks for seq, each in replayed(recorded / "tokens_half") if seq == half and isinstance(each, InputRecord)
    ]
    assert 0 < done < ticks


def test_jobs_are_not_at_their_end(recorded: Path) -> None:
    """A fit that has come home was killed before it could say so, and a dream in its middle."""
    assert state_of_jobs(recorded / "tokens_half") == [("fit", "running")]
    assert state_of_jobs(recorded / "frames_fitted") == [("fit", "succeeded"), ("dream", "running")]


def state_of_jobs(store: Path) -> list[tuple[str, str]]:
    jobs = [json.loads(path.read_text())["job"] for path in sorted(store.glob("default/jobs/*"))]
    return [(job["kind"], job["status"]) for job in jobs]
