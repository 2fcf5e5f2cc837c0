"""A detector of lines: what it says does not depend on cuts, restarts or what comes later; it says a thing once."""

import random
from collections.abc import Sequence

import numpy as np
import pytest

from realnet import Checkpoint, DendriteLearner
from realnet.streams.lines import WARM_UP, Line, LineDetector, LineRow
from realnet.streams.told import ALARM, Detector, Event, Told

FOREIGN = "kernel panic: unable to mount root filesystem on unknown-block(0,0)"


def log(count: int, seed: int = 0) -> list[str]:
    """Return lines of five templates, now and then one with a name of its own."""
    draw = random.Random(seed)
    templates = [
        "sshd[%d]: Accepted password for anna from 10.0.0.%d",
        "sshd[%d]: Connection closed by 10.0.0.%d",
        "cron[%d]: (root) CMD (run-parts /etc/cron.hourly) %d",
        "postfix[%d]: connect from unknown[10.0.0.%d]",
        "systemd[%d]: Started session %d of user anna",
    ]
    lines = [draw.choice(templates) % (draw.randrange(9999), draw.randrange(255)) for _ in range(count)]
    for at in range(0, count, 20):
        lines[at] = f"app[7]: user {''.join(draw.choices('abcdefgh', k=6))} logged in"
    return lines


@pytest.fixture(scope="module")
def warm() -> Checkpoint:
    """A detector that has just become ready."""
    detector = LineDetector()
    detector.run(log(WARM_UP))
    return Checkpoint.from_bytes(detector.checkpoint().to_bytes())


def detector_of(checkpoint: Checkpoint) -> LineDetector:
    return LineDetector.from_checkpoint(Checkpoint.from_bytes(checkpoint.to_bytes()))


def alarms(told: Sequence[Told]) -> list[Told]:
    return [each for each in told if each.event is not None]


LATER = [*log(300, seed=1)[:50], FOREIGN, *log(300, seed=1)[50:]]


@pytest.mark.parametrize("sizes", [[1] * 60, [7, 0, 250, 6], [257, 30]], ids=["singly", "some", "many"])
@pytest.mark.parametrize("learn", [True, False])
def test_the_same_however_cut(warm: Checkpoint, sizes: list[int], learn: bool) -> None:
    rows = LATER[: sum(sizes)]
    whole, cut = detector_of(warm), detector_of(warm)
    expected = whole.run(rows, learn)
    told, begin = list[Told](), 0
    for size in sizes:
        told += cut.run(rows[begin : begin + size], learn)
        begin += size
    assert told == expected
    assert cut.checkpoint().state_sha256() == whole.checkpoint().state_sha256()


@pytest.mark.parametrize("at", [100, WARM_UP, 620])
def test_a_checkpoint_goes_on_exactly(at: int) -> None:
    rows = [*log(600), FOREIGN, *log(80, seed=1)]
    detector = LineDetector(budget=3.0)
    detector.run(rows[:at])
    restored = detector_of(detector.checkpoint())
    assert restored.checkpoint().state_sha256() == detector.checkpoint().state_sha256()
    assert restored.run(rows[at:]) == detector.run(rows[at:])
    assert restored.checkpoint().state_sha256() == detector.checkpoint().state_sha256()
    assert (restored.rows, restored.budget, restored.threshold) == (detector.rows, 3.0, detector.threshold)


def test_what_comes_later_changes_nothing(warm: Checkpoint) -> None:
    told = detector_of(warm).run(LATER)
    others = detector_of(warm).run([*LATER[:120], *(f"{line} but not that" for line in LATER[120:])])
    assert told[:120] == others[:120]
    assert told[120:] != others[120:]


def test_nothing_is_said_of_the_first_lines() -> None:
    detector: Detector[LineRow] = LineDetector()
    told = detector.run(log(WARM_UP - 1))
    assert detector.remaining == 1
    assert not any(each.ready or each.score or each.event for each in told)
    detector.run(log(1))
    assert detector.remaining == 0
    assert detector.run(log(1))[0].ready


def test_a_foreign_line_is_told_once(warm: Checkpoint) -> None:
    detector = detector_of(warm)
    told = detector.run(LATER)
    (news,) = [each for each in alarms(told) if each.row == WARM_UP + 51]
    assert news.event == Event(len([each for each in alarms(told) if each.row <= news.row]), "open")
    assert ALARM <= news.score < 1
    assert set(news.why) == {"bytes", "words"}
    assert list(news.why.values()) == sorted(news.why.values(), reverse=True)
    assert news.bits == news.why["bytes"] + news.why["words"]
    assert news.bits == max(each.bits for each in told)
    (again,) = detector.run([FOREIGN.replace("(0,0)", "(8,16)")])
    assert (again.score, again.bits, again.why, again.event) == (0, 0, {}, None)
    known = detector.known(FOREIGN)
    assert known is not None
    assert known == (2, detector.rows)


def test_the_known_line_that_is_most_like_it_is_told(warm: Checkpoint) -> None:
    detector = detector_of(warm)
    (told,) = detector.run(["sshd[12]: Failed hostkey negotiation qjx for mallory from 10.0.0.7 0xdeadbeef"])
    assert told.event is not None
    assert told.expected == "sshd[0]: Accepted password for anna from 0.0.0.0"
    (told,) = detector_of(warm).run(["Zzz"])
    assert told.expected is None


def test_rows_keep_their_times(warm: Checkpoint) -> None:
    told = detector_of(warm).run([Line("a b c", 12.5), Line("a b c"), "a b c"])
    assert [each.at for each in told] == [12.5, None, None]
    assert [each.row for each in told] == [WARM_UP + 1, WARM_UP + 2, WARM_UP + 3]


def test_what_is_not_to_be_learnt_is_told_once_and_not_learnt(warm: Checkpoint) -> None:
    detector = detector_of(warm)
    first, second = detector.run([FOREIGN, FOREIGN], learn=False)
    assert first.event == Event(1, "open")
    assert second.event is None
    assert second.score >= ALARM
    assert detector.known(FOREIGN) is None
    assert detector.threshold == detector_of(warm).threshold
    before, after = detector_of(warm).checkpoint().arrays, detector.checkpoint().arrays
    assert all(
        np.array_equal(before[name], after[name]) for name in before if name.endswith(("lines", "gains", "seen"))
    )


def test_a_look_tells_what_is_not_learnt_and_changes_nothing(warm: Checkpoint) -> None:
    detector = detector_of(warm)
    for line in [*LATER[:5], FOREIGN, "", FOREIGN]:
        (told,) = detector_of(detector.checkpoint()).run([line], learn=False)
        before = detector.checkpoint().state_sha256()
        assert detector.look(line) == told._replace(event=None)
        assert detector.checkpoint().state_sha256() == before
        detector.run([line])


def test_a_line_that_is_normal_is_known_from_then_on(warm: Checkpoint) -> None:
    detector = detector_of(warm)
    detector.run([FOREIGN], learn=False)
    detector.feedback(1, "anomaly")
    assert detector.verdict(1) == "anomaly"
    assert detector.run([FOREIGN], learn=False)[0].score >= ALARM
    detector.feedback(1, "normal")
    detector = detector_of(detector.checkpoint())
    assert detector.verdict(1) == "normal"
    assert detector.run([FOREIGN], learn=False)[0].score == 0


def test_a_verdict_on_no_event_changes_nothing(warm: Checkpoint) -> None:
    detector = detector_of(warm)
    detector.run([FOREIGN])
    before = detector.checkpoint().state_sha256()
    with pytest.raises(ValueError, match="there is no event 2"):
        detector.feedback(2, "normal")
    with pytest.raises(ValueError, match="verdict is 'fine', must be normal or anomaly"):
        detector.feedback(1, "fine")  # type: ignore[arg-type]
    assert detector.checkpoint().state_sha256() == before


def test_empty_lines_are_skipped(warm: Checkpoint) -> None:
    detector, other = detector_of(warm), detector_of(warm)
    told = detector.run([FOREIGN, "", " \t\r\n", "a b c"])
    assert [each.score for each in told[1:3]] == [0, 0]
    assert [each.bits for each in told[::3]] == [each.bits for each in other.run([FOREIGN, "a b c"])]
    assert detector.threshold == other.threshold


def test_a_line_is_read_up_to_300_bytes(warm: Checkpoint) -> None:
    detector = detector_of(warm)
    long, alike = detector.run(["é " * 2**19, "é " * 150 + "something else"])
    assert long.bits > 0
    assert alike.bits == 0


def test_odd_lines_are_read(warm: Checkpoint) -> None:
    detector = detector_of(warm)
    odd = [
        "\x00\x00\x7f",
        b"caf\xe9 \xff".decode(errors="surrogateescape"),
        "one\ntwo\x0b\u2028three",
        "\U0001f600",
        "0",
    ]
    told = detector.run(odd)
    assert all(each.bits > 0 for each in told)
    assert detector.run(["caf\ufffd \ufffd", "one two\x0b\u2028three"])[1].bits == 0
    assert detector_of(detector.checkpoint()).run(odd) == detector.run(odd)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (b"bytes", r"rows\[1\] is bytes, must be a text"),
        (Line("a", float("nan")), r"rows\[1\].at is nan, must be a number"),
        (Line("a", True), r"rows\[1\].at is True, must be a number"),
        (None, r"rows\[1\] is NoneType, must be a text"),
    ],
)
def test_what_is_no_line_changes_nothing(warm: Checkpoint, row: LineRow, said: str) -> None:
    detector = detector_of(warm)
    with pytest.raises(ValueError, match=said):
        detector.run(["a", row])
    assert detector.checkpoint().state_sha256() == warm.state_sha256()


@pytest.mark.parametrize("budget", [0, -1, 101, float("nan"), "1", True])
def test_what_is_no_budget_is_refused(budget: float) -> None:
    with pytest.raises(ValueError, match="budget is"):
        LineDetector(budget)


@pytest.mark.parametrize("budget", [3, 10, 30])
def test_the_budget_is_kept(budget: float) -> None:
    """Of lines each of which is new, of words that come and go."""
    draw = random.Random(0)
    words = ["".join(draw.choices("abcdefghijkl", k=5)) for _ in range(2000)]
    lines = [" ".join(draw.choices(words[at // 2 :][:300], k=draw.randrange(1, 4))) for at in range(WARM_UP + 2000)]
    detector = LineDetector(budget)
    count = len(alarms(detector.run(lines)))
    assert budget <= count <= 4 * budget
    assert len(alarms(detector.run(log(2000)))) <= 4 * budget


def test_another_budget_holds_from_then_on(warm: Checkpoint) -> None:
    detector = detector_of(warm)
    threshold = detector.threshold
    detector.budget = 20
    assert (detector.budget, detector.threshold) == (20, threshold)


def broken(checkpoint: Checkpoint, **changed: object) -> Checkpoint:
    config = {name: changed.get(name, value) for name, value in checkpoint.config.items()}
    arrays = {name: changed.get(name, array) for name, array in checkpoint.arrays.items()}
    return Checkpoint(config, {name: array for name, array in arrays.items() if isinstance(array, np.ndarray)})


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"kind": "tokens"}, "it is of kind 'tokens'"),
        ({"learnt": -1}, "learnt and events are whole numbers"),
        ({"budget": 0}, "budget is 0"),
        ({"threshold": 0}, "bits is 0"),
        ({"words": {}}, "'contexts' is missing"),
        ({"lines": np.array([65], np.uint8)}, "what should be lines are none"),
        ({"seen": np.zeros((9999, 2), np.int64)}, "the known lines are none"),
        ({"newest": np.full((1, 2), 9999, np.int32)}, "there is a word of no line"),
        ({"told": np.array([10], np.uint8)}, "the events are none"),
        ({"told": None}, "'told' is missing"),
        ({"bytes.lines": np.zeros(3, np.uint32)}, "lines"),
    ],
    ids=str,
)
def test_what_is_no_checkpoint_of_lines_is_refused(warm: Checkpoint, changed: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=f"not a checkpoint of lines: .*{said}"):
        LineDetector.from_checkpoint(broken(warm, **changed))


def test_a_checkpoint_of_a_learner_is_refused() -> None:
    with pytest.raises(ValueError, match="not a checkpoint of lines: it is of kind 'dendrites'"):
        LineDetector.from_checkpoint(DendriteLearner.create("fast").checkpoint())
