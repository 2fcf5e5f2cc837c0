"""A detector of rows of several values: each by itself, and each beside the others."""

import math
import random
from collections.abc import Sequence
from typing import cast

import pytest

from realnet.checkpoint import Checkpoint
from realnet.streams.several import SeveralDetector, Values
from realnet.streams.told import Detector, Told
from realnet.streams.value_options import ValueOptions

FIVE_MINUTES, BEGIN = 300.0, 1_767_225_600.0
Row = dict[str, float | None]


def loads(count: int, seed: int = 0) -> list[Row]:
    """A processor and memory that rise and fall together, each even over its range."""
    chance = random.Random(seed)
    rows: list[Row] = []
    for number in range(count):
        load = (18.0, 82.0)[number % 2] if number < 4 else chance.uniform(20, 80)  # what is to come is within the first
        rows.append({"cpu": load + chance.uniform(-1, 1), "memory": 2 * load + chance.uniform(-2, 2)})
    return rows


def rows_of(rows: Sequence[Row], begin: float = BEGIN) -> list[Values]:
    return [Values(begin + FIVE_MINUTES * number, each) for number, each in enumerate(rows)]


def opened(rows: Sequence[Told]) -> list[int]:
    return [each.row for each in rows if each.event is not None and each.event.state == "open"]


BROKEN: Row = {"cpu": 30.0, "memory": 140.0}  # each is usual


def test_what_is_usual_by_itself_but_not_with_the_others_is_news() -> None:
    detector = SeveralDetector()
    kept: Detector[Values] = detector
    told = kept.run(rows_of([*loads(800), BROKEN, *loads(200, 1)]))
    assert opened(told) == [801]
    row = told[800]
    assert row.event == (1, "open")
    assert next(iter(row.why)) in ("cpu: others", "memory: others")
    assert {"cpu: others", "memory: others"} == set(row.why)
    assert row.bits == pytest.approx(math.hypot(*row.why.values()))
    assert (row.expected, row.low, row.high) == (None, None, None)
    assert row.each is not None
    cpu, memory = row.each["cpu"], row.each["memory"]
    assert 65 < cpu.value < 75  # that is what goes with such a memory
    assert 55 < memory.value < 65
    assert memory.low is not None
    assert memory.high is not None
    assert memory.low < memory.value < memory.high < 140
    assert not opened(told[:800])
    apart = [
        {"cpu": each["cpu"], "memory": other["memory"]} for each, other in zip(loads(300), loads(300, 2), strict=True)
    ]
    unrelated = SeveralDetector().run(rows_of([*apart, *apart[::-1], BROKEN]))
    assert unrelated[-1].event is None  # where they never belonged together


def test_what_is_new_by_itself_says_so() -> None:
    told = SeveralDetector().run(rows_of([*loads(500), {"cpu": 300.0, "memory": 100.0}, *loads(50, 1)]))
    assert opened(told) == [501]
    assert "cpu: range" in told[500].why
    assert "memory: range" not in told[500].why


def test_it_is_the_same_however_it_is_cut_and_after_a_checkpoint() -> None:
    rows = loads(420)
    rows[300] = {"cpu": 20.0}
    rows[360] = {"memory": 500.0, "cpu": 70.0}
    uncut, detector, cut, at = SeveralDetector(), SeveralDetector(), list[Told](), 0
    whole = uncut.run(rows_of(rows))
    for size in (0, 1, 148, 2, 151, 100, 18):
        cut += detector.run(rows_of(rows)[at : at + size])
        at += size
        detector = SeveralDetector.from_checkpoint(Checkpoint.from_bytes(detector.checkpoint().to_bytes()))
    assert cut == whole
    assert opened(whole)
    assert detector.checkpoint().to_bytes() == uncut.checkpoint().to_bytes()
    assert detector.names == ("cpu", "memory")


def test_it_says_nothing_for_150_rows_and_what_is_not_to_be_learnt_is_scored_only() -> None:
    detector = SeveralDetector()
    assert detector.remaining == 150
    assert not any(each.ready or each.score for each in detector.run(rows_of(loads(150))))
    assert detector.remaining == 0
    detector.run(rows_of(loads(400, 1), BEGIN + 1e6))
    told = detector.run(rows_of([BROKEN] * 50, BEGIN + 2e6), learn=False)
    assert min(each.score for each in told) >= 0.5
    assert len({each.bits for each in told}) == 1


def test_a_missing_value_is_skipped_and_the_others_are_heard() -> None:
    missing: list[Row] = [{"memory": 100.0, "cpu": None}, {"memory": math.nan}, {}, {"cpu": 50.0}]
    told = SeveralDetector().run(rows_of([*loads(600), *missing, BROKEN, *loads(50, 1)]))
    assert [each.event for each in told[600:604]] == [None] * 4
    assert [set(each.each or ()) for each in told[600:604]] == [{"memory"}, set(), set(), {"cpu"}]
    assert opened(told) == [605]
    refusing = SeveralDetector(ValueOptions(missing="refuse"))
    with pytest.raises(ValueError, match=r"rows\[1\].cpu: the value is nan"):
        refusing.run(rows_of([{"cpu": 1.0}, {}]))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (Values(BEGIN + 1e6, {"cpu": 1.0, "disk": 2.0}), r"rows\[1\]: there is no 'disk', but cpu, memory"),
        (Values(BEGIN + 1e6, cast(Row, {"cpu": "high"})), r"rows\[1\].cpu: the value is 'high', must be a number"),
        (Values(BEGIN + 1e6, {"cpu": True}), r"rows\[1\].cpu: the value is True, must be a number"),
        (Values(BEGIN + 1e6, {"cpu": 10**400}), r"rows\[1\].cpu: the value is beyond"),
        (Values(BEGIN + 1e6, {"cpu": 1e301}), r"rows\[1\].cpu: the value is beyond 1e\+300"),
        (Values(BEGIN, {"cpu": 1.0}), r"rows\[1\]: the time goes back"),
        (Values(None, {"cpu": 1.0}), r"rows\[1\]: no time"),
    ],
)
def test_a_bad_row_is_named_and_nothing_is_done(bad: Values, message: str) -> None:
    detector = SeveralDetector()
    detector.run(rows_of(loads(20)))
    before = detector.checkpoint().to_bytes()
    with pytest.raises(ValueError, match=message):
        detector.run([Values(BEGIN + 9e5, {"cpu": 1.0}), bad])
    assert detector.checkpoint().to_bytes() == before
    newborn = SeveralDetector()
    for rows in ([Values(None, {})], [Values(None, {str(each): 1.0 for each in range(65)})]):
        with pytest.raises(ValueError, match=r"rows\[0\]: there are"):
            newborn.run(rows)
    assert newborn.names == ()


def test_a_range_that_grows_is_learnt_and_the_relation_with_it() -> None:
    grown: list[Row] = [{"cpu": each["cpu"], "memory": 1000 * (each["memory"] or 0)} for each in loads(900, 1)]
    told = SeveralDetector().run(rows_of([*loads(500), *grown, {"cpu": 30.0, "memory": 140_000.0}, *grown[:20]]))
    assert [row for row in opened(told) if row > 900] == [1401]


def test_a_person_says_what_is_normal_and_options_may_change() -> None:
    detector = SeveralDetector()
    detector.run(rows_of([*loads(600), BROKEN, *loads(199, 1)]))
    untold = SeveralDetector.from_checkpoint(detector.checkpoint())
    later = rows_of([*loads(100, 2), BROKEN, *loads(50, 3)], BEGIN + 1e6)
    assert opened(untold.run(later)) == [901]
    detector.feedback(1, "normal")
    assert not opened(detector.run(later))
    with pytest.raises(ValueError, match="there is no event 9"):
        detector.feedback(9, "normal")
    more = 3 * math.log(2)  # for two values
    assert detector.asked == pytest.approx(11.75 + more)
    detector.options = ValueOptions(sensitivity="quiet", missing="skip", expert="table")
    assert detector.asked == pytest.approx(13 + more)
    with pytest.raises(ValueError, match="expert is 'tree', and stays 'table'"):
        detector.options = ValueOptions(expert="tree")


def test_only_its_own_checkpoint_is_taken_and_its_size_is_bounded() -> None:
    detector = SeveralDetector()
    detector.run(rows_of(loads(400)))
    small = len(detector.checkpoint().to_bytes())
    detector.run(rows_of(loads(600), BEGIN + 1e6))
    checkpoint = detector.checkpoint()
    assert abs(len(checkpoint.to_bytes()) - small) < 100
    assert detector.nbytes < 1e6
    wrong = [
        Checkpoint(checkpoint.config | {"kind": "values"}, checkpoint.arrays),
        Checkpoint(checkpoint.config | {"names": ["cpu"]}, checkpoint.arrays),
        Checkpoint(checkpoint.config | {"at": "now"}, checkpoint.arrays),
        Checkpoint(checkpoint.config, checkpoint.arrays | {"others mean": checkpoint.arrays["others mean"][1:]}),
        Checkpoint(checkpoint.config, {}),
    ]
    for each in wrong:
        with pytest.raises(ValueError, match="not the checkpoint of a detector of several values"):
            SeveralDetector.from_checkpoint(each)


@pytest.mark.parametrize("begin", [BEGIN, None])
def test_a_look_tells_the_same_and_changes_nothing(begin: float | None) -> None:
    rows: list[Row] = [
        *loads(300),
        BROKEN,
        {"cpu": None, "memory": 90.0},
        *loads(60, 1),
        {"cpu": 300.0},
        {},
        *loads(20, 2),
    ]
    times = [None if begin is None else begin + FIVE_MINUTES * (n + 100 * (n > 320)) for n in range(len(rows))]
    looking, running = SeveralDetector(), SeveralDetector()
    for at, values in zip(times, rows, strict=True):
        row = Values(at, values)
        looked = looking.look(row)
        assert looking.look(row) == looked
        looking.check(row)
        assert looked == running.run([row])[0]._replace(event=None)
        looking.run([row])
    assert looking.checkpoint().state_sha256() == running.checkpoint().state_sha256()


def test_what_cannot_come_is_refused_before() -> None:
    detector = SeveralDetector()
    with pytest.raises(ValueError, match="0 values"):
        detector.look(Values(BEGIN, {}))
    detector.run(rows_of(loads(3)))
    for ask in (detector.check, detector.look):
        with pytest.raises(ValueError, match="the time goes back"):
            ask(Values(BEGIN, {"cpu": 1.0}))
