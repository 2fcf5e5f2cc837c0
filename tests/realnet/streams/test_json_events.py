"""A detector of JSON events: values that are new in their field, and values that never came together."""

import math
import random
from collections.abc import Mapping, Sequence
from typing import Any, cast

import pytest

from realnet.checkpoint import Checkpoint
from realnet.streams.fields import symbols_of
from realnet.streams.json_events import EventDetector, JsonEvent
from realnet.streams.told import Detector, Told

Fields = dict[str, Any]


def requests(count: int, seed: int = 0) -> list[JsonEvent]:
    """Requests of users, of whom only those of the office may delete; each with an identifier of its own."""
    chance = random.Random(seed)
    events = []
    for _ in range(count):
        place = chance.choice(("office", "office", "home"))
        method = chance.choice(("GET", "PUT", "DELETE") if place == "office" else ("GET", "PUT"))
        key = "".join(chance.choices("ghijklmnopqrst", k=12))
        user = {"place": place, "name": chance.choice(("anna", "bert", "carla"))}
        events.append(JsonEvent({"method": method, "key": key, "bytes": chance.randrange(1024, 9000), "user": user}))
    return events


def but(event: JsonEvent, **fields: Any) -> JsonEvent:
    return JsonEvent({**event.fields, **fields})


def opened(rows: Sequence[Told]) -> list[int]:
    return [each.row for each in rows if each.event is not None]


@pytest.fixture(scope="module")
def warm() -> Checkpoint:
    detector = EventDetector()
    assert detector.remaining == 500
    first = detector.run(requests(1500))
    assert not any(each.ready or each.score for each in first[:500])
    return detector.checkpoint()


@pytest.fixture
def detector(warm: Checkpoint) -> EventDetector:
    return EventDetector.from_checkpoint(warm)


def test_a_value_that_is_new_where_new_ones_are_rare_is_news(detector: EventDetector) -> None:
    kept: Detector[JsonEvent] = detector
    usual = requests(50, 1)
    told = kept.run([*usual[:20], but(usual[0], method="TRACE"), *usual[20:], but(usual[0], method="TRACE")])
    assert opened(told) == [1521]
    row = told[20]
    assert row.event == (1, "open")
    assert next(iter(row.why)) == "method=TRACE"
    assert row.bits == row.why["method=TRACE"] > 8
    assert row.score >= 0.5
    assert [each for each in row.why if each.startswith("key=")] == []  # it is that of an event before
    assert 0 < max(told[0].why.values()) < 1  # a new key is as usual as can be


def test_values_that_never_came_together_are_news(detector: EventDetector) -> None:
    at_home = but(requests(1)[0], method="DELETE", user={"place": "home", "name": "anna"})
    told = detector.run([at_home, *requests(20, 1), at_home])
    assert opened(told) == [1501]
    assert next(iter(told[0].why)) == "method=DELETE & user.place=home"
    assert told[-1].score == 0


def test_a_field_that_is_new_is_news(detector: EventDetector) -> None:
    told = detector.run([but(requests(1)[0], debug=True, trace={"on": 1})])
    assert set(told[0].why) == {"debug=true", "trace.on=1"}
    assert opened(told) == [1501]


def test_it_is_the_same_however_it_is_cut_and_after_a_checkpoint(warm: Checkpoint) -> None:
    rows = [*requests(60, 1), but(requests(1)[0], method="TRACE"), *requests(60, 2)]
    uncut, cut, detector, at = EventDetector.from_checkpoint(warm), list[Told](), EventDetector.from_checkpoint(warm), 0
    whole = uncut.run(rows)
    for size in (0, 1, 59, 2, 59):
        cut += detector.run(rows[at : at + size])
        at += size
        detector = EventDetector.from_checkpoint(Checkpoint.from_bytes(detector.checkpoint().to_bytes()))
    assert cut == whole
    assert detector.checkpoint().to_bytes() == uncut.checkpoint().to_bytes()


def test_what_is_not_to_be_learnt_is_told_once_until_a_person_says_it_is_normal(detector: EventDetector) -> None:
    new = [but(requests(1)[0], method="TRACE")] * 3
    pair = [but(requests(1)[0], method="DELETE", user={"place": "home", "name": "anna"})] * 3
    told = detector.run([*new, *pair], learn=False)
    assert opened(told) == [1501, 1504]
    assert len({each.score for each in told[:3]}) == 1
    for event in (1, 2):
        detector.feedback(event, "normal")
        assert detector.verdict(event) == "normal"
    assert max(each.score for each in detector.run([new[0], pair[0]], learn=[True, False])) == 0
    with pytest.raises(ValueError, match="there is no event 3"):
        detector.feedback(3, "normal")


@pytest.mark.parametrize("budget", [3.0, 10.0])
def test_a_budget_is_kept(budget: float) -> None:
    """Of a field in which one event in ten is new."""
    chance, names = random.Random(1), list[str]()
    rows = []
    for _ in range(4500):
        if not names or chance.random() < 0.1:
            names.append("".join(chance.choices("ghijklmnopqrst", k=8)))
        rows.append(
            JsonEvent({"name": chance.choice(names), "kind": chance.choice("ab"), "place": chance.choice("cd")})
        )
    alarms = len(opened(EventDetector(budget).run(rows)))
    assert budget / 2 <= alarms / 4 <= budget * 2


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ([1], r"rows\[1\] is list, must be an object"),
        ({"a": {"b": object()}}, r"rows\[1\].a.b is object, must be of JSON"),
        ({"a": [object()]}, r"rows\[1\].a is no JSON"),
        ({1: 2}, r"rows\[1\]: the name 1 must be a text"),
    ],
)
def test_a_bad_event_is_named_and_nothing_is_done(detector: EventDetector, bad: object, message: str) -> None:
    before = detector.checkpoint().to_bytes()
    with pytest.raises(ValueError, match=message):
        detector.run([*requests(1), JsonEvent(cast(Fields, bad))])
    with pytest.raises(ValueError, match=r"rows\[0\].at is 'now'"):
        detector.run([JsonEvent({}, cast(float, "now"))])
    deep: Fields = {}
    for _ in range(40):
        deep = {"a": deep}
    with pytest.raises(ValueError, match="is deeper than 32 objects"):
        detector.run([JsonEvent(deep)])
    assert detector.checkpoint().to_bytes() == before


@pytest.mark.parametrize(
    ("value", "symbol"),
    [
        ("Error 42 in 0x7fff12", "Error 0 in 0"),
        ("two\nlines\t", "two lines"),
        (404, "404"),
        (404.0, "404"),
        (-3, "-3"),
        (1500, "2^10"),
        (-1500.5, "-2^10"),
        (0.3, "2^-2"),
        (10**400, "2^1328"),
        (math.inf, "inf"),
        (True, "true"),
        (None, "null"),
        ([1, "a"], '[0, "a"]'),
        ("\ud800", "\ufffd"),
    ],
)
def test_values_become_symbols(value: object, symbol: str) -> None:
    assert symbols_of({"b": value, "a": {"b\n": 1}}, "rows[0]") == {"a.b": "a.b=1", "b": f"b={symbol}"}


def test_its_room_is_bounded_and_only_its_own_checkpoint_is_taken(warm: Checkpoint) -> None:
    detector, chance = EventDetector(), random.Random(0)
    wide: list[Mapping[str, Any]] = [{f"f{k}": chance.randrange(300) for k in range(60)} for _ in range(400)]
    detector.run([JsonEvent(each) for each in wide])
    assert len(detector.checkpoint().to_bytes()) < 4e6
    assert EventDetector().nbytes == detector.nbytes
    assert detector.run([JsonEvent({str(k): k for k in range(5000)})])[0].row == 401
    wrong = [
        Checkpoint(warm.config | {"kind": "lines"}, warm.arrays),
        Checkpoint(warm.config | {"budget": 0}, warm.arrays),
        Checkpoint(warm.config | {"learnt": -1}, warm.arrays),
        Checkpoint(warm.config, warm.arrays | {"pairs": warm.arrays["pairs"] + 2**20}),
        Checkpoint(warm.config, warm.arrays | {"field counts": warm.arrays["field counts"][1:]}),
        Checkpoint(warm.config, {}),
    ]
    for each in wrong:
        with pytest.raises(ValueError, match="not a checkpoint of events"):
            EventDetector.from_checkpoint(each)


@pytest.mark.parametrize("budget", [0, 101, math.nan, True])
def test_what_is_no_budget_is_refused(detector: EventDetector, budget: float) -> None:
    with pytest.raises(ValueError, match="budget is"):
        EventDetector(budget)
    with pytest.raises(ValueError, match="budget is"):
        detector.budget = budget
    detector.budget = 10
    assert detector.budget == 10
