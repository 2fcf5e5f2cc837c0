"""A detector of values: what it says, and that it is the same however it was run."""

import math
import random
from collections.abc import Iterable
from functools import partial

import pytest

from realnet.checkpoint import Checkpoint
from realnet.streams.metric import MetricDetector, Value
from realnet.streams.told import ALARM, Detector, Told
from realnet.streams.value_options import Direction, Expert, Missing, Sensitivity, ValueOptions

FIVE_MINUTES, DAY = 300.0, 86400.0
by_table = partial(ValueOptions, expert="table")  # which is the fastest
TABLE = by_table()
BEGIN = 1_767_225_600.0  # 2026-01-01, a Thursday, in UTC


def rows_of(values: Iterable[float], every: float = FIVE_MINUTES) -> list[Value]:
    return [Value(BEGIN + every * number, value) for number, value in enumerate(values)]


def noise(count: int, seed: int = 0, mean: float = 10.0, spread: float = 1.0) -> list[float]:
    """Even within bounds, so that nothing in it is an outlier."""
    chance = random.Random(seed)
    return [mean + spread * chance.uniform(-1.7, 1.7) for _ in range(count)]


def days(count: int, seed: int = 0) -> list[float]:
    """A load that is high by day: 288 rows a day."""
    return [
        each + 20 * (8 <= number % 288 / 12 < 18) for number, each in enumerate(noise(count, seed, mean=30, spread=0.5))
    ]


def told(values: Iterable[float], options: ValueOptions | None = None) -> list[Told]:
    return MetricDetector(options or TABLE).run(rows_of(values))


def opened(rows: Iterable[Told]) -> list[int]:
    """Return the rows, from 1, at which a person is told of something new."""
    return [each.row for each in rows if each.event is not None and each.event.state != "closed"]


def test_it_is_a_detector_that_says_nothing_for_150_rows() -> None:
    detector = MetricDetector(TABLE)
    kept: Detector[Value] = detector
    first = kept.run(rows_of([*noise(149), 1000.0]))
    assert not any(each.ready or each.score or each.event for each in first)
    assert (detector.rows, detector.remaining) == (150, 0)
    assert MetricDetector(TABLE).remaining == 150


def test_an_outlier_is_told_once_with_what_was_expected_and_why() -> None:
    all_told = told([*noise(600), 30.0, *noise(300, 1)])
    assert opened(all_told) == [601]
    row = all_told[600]
    assert row.score >= ALARM
    assert row.event == (1, "open")
    assert isinstance(row.expected, float)
    assert row.low is not None
    assert row.high is not None
    assert 9 < row.expected < 11
    assert 5 < row.low < 8.5
    assert 11.5 < row.high < 20
    assert "range" in row.why
    assert list(row.why.values()) == sorted(row.why.values(), reverse=True)
    assert row.bits == pytest.approx(math.hypot(*row.why.values()))
    closed = [each.row for each in all_told if each.event is not None and each.event.state == "closed"]
    assert len(closed) == 1
    assert 601 + 20 <= closed[0] <= 601 + 90


@pytest.mark.parametrize("expert", ["table", "mixed"])
def test_it_is_the_same_however_it_is_cut_and_after_a_checkpoint(expert: Expert) -> None:
    rows = rows_of([*days(500), 200.0, *days(200, 1)])
    options = ValueOptions(expert=expert)
    uncut = MetricDetector(options)
    whole = uncut.run(rows)
    detector, cut, at = MetricDetector(options), [], 0
    for size in (1, 7, 140, 2, 151, 100, 100, 101):
        cut += detector.run(rows[at : at + size])
        at += size
        detector = MetricDetector.from_checkpoint(Checkpoint.from_bytes(detector.checkpoint().to_bytes()))
    assert cut + detector.run(rows[at:]) == whole
    assert detector.checkpoint().to_bytes() == uncut.checkpoint().to_bytes()
    assert 501 in opened(whole)


def test_experts_expect_what_comes_by_the_hour() -> None:
    rows = rows_of(days(288 * 8)[::4], every=4 * FIVE_MINUTES)
    for expert in ("table", "tree", "mixed"):
        last = MetricDetector(ValueOptions(expert=expert)).run(rows)[-72:]
        errors = [abs(float(each.expected or 0) - row.value) for each, row in zip(last, rows[-72:], strict=True)]
        assert sum(errors) / len(errors) < 3  # it goes up and down by 20


def test_it_knows_nothing_of_what_is_to_come() -> None:
    first = days(700)
    assert told(first + days(300, 1))[:700] == told(first + [7.0] * 300)[:700]


@pytest.mark.parametrize(("step", "times"), [(0.2, 0), (0.3, 1)])
def test_a_constant_stream_speaks_once_of_a_step_that_is_not_too_small(step: float, times: int) -> None:
    assert len(opened(told([5.0] * 400 + [5.0 + step] * 600))) == times  # 5% of 5 is 0.25


def test_an_outlier_has_no_echo_a_day_later() -> None:
    values = [5.0] * 1700
    values[700] = 6.0
    values[1000] = 9.0
    assert opened(told(values, by_table(min_change=0))) == [701, 1001]


def test_a_value_is_new_at_an_hour_that_never_had_it() -> None:
    values = days(288 * 21)[::2]
    at_night = 144 * 20 + 12  # 2 in the morning, on a Wednesday
    values[at_night : at_night + 6] = [50.0] * 6
    all_told = MetricDetector(TABLE).run(rows_of(values, every=2 * FIVE_MINUTES))
    news = [row for row in opened(all_told) if row > 144 * 7]
    assert news
    assert set(news) <= set(range(at_night + 1, at_night + 7))


def test_hours_are_those_of_the_zone_when_its_clocks_change() -> None:
    """The load follows the clock of Berlin, where the clocks went forward in the night of 2026-03-29."""
    begin = 1_773_010_800.0  # midnight in Berlin on Monday 2026-03-09
    change = 1_774_746_000.0
    rows = []
    for number, wobble in enumerate(noise(48 * 28, spread=0.5, mean=30)):
        at = begin + number * 6 * FIVE_MINUTES
        hour = (at - begin) / 3600 % 24 if at < change else ((at - begin) / 3600 + 1) % 24
        rows.append(Value(at, wobble + 20 * (8 <= hour < 18)))
    errors = {}
    for zone in ("Europe/Berlin", "UTC"):
        after = [each for each in MetricDetector(by_table(zone=zone)).run(rows) if (each.at or 0) >= change]
        morning = [(each, row) for each, row in zip(after, rows[-len(after) :], strict=True)]
        errors[zone] = sum(abs(float(each.expected or 0) - row.value) for each, row in morning[: 48 * 3])
    assert errors["Europe/Berlin"] < 0.75 * errors["UTC"]


def test_utc_is_known_without_a_table_of_zones() -> None:
    rows = rows_of(days(400))
    assert told(days(400)) == MetricDetector(by_table(zone="Etc/UTC")).run(rows)


def test_after_a_gap_the_means_begin_anew() -> None:
    detector = MetricDetector(TABLE)
    detector.run(rows_of(noise(600)))
    detector.run([Value(BEGIN + 600 * FIVE_MINUTES, 12.9)] * 3)
    later = BEGIN + 700 * FIVE_MINUTES
    after = detector.run([Value(later, 12.0)])[0]
    assert "jump" not in after.why
    assert after.event is None
    assert not opened(detector.run([Value(later + FIVE_MINUTES * k, v) for k, v in enumerate(noise(300, 2), 1)]))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (Value(BEGIN, 1.0), r"rows\[1\]: the time goes back"),
        (Value(BEGIN * 1000, 1.0), r"rows\[1\]: the time is"),
        (Value(math.nan, 1.0), r"rows\[1\]: the time is nan"),
        (Value(None, 1.0), r"rows\[1\]: no time"),
        (Value(BEGIN + 999, math.nan), r"rows\[1\]: the value is nan"),
        (Value(BEGIN + 999, math.inf), r"rows\[1\]: the value is inf"),
        (Value(BEGIN + 999, 1e301), r"rows\[1\]: the value is beyond 1e\+300"),
    ],
)
def test_a_bad_row_is_named_and_nothing_is_done(bad: Value, message: str) -> None:
    detector = MetricDetector(TABLE)
    detector.run(rows_of([1.0, 2.0]))
    before = detector.checkpoint().to_bytes()
    with pytest.raises(ValueError, match=message):
        detector.run([Value(BEGIN + 500, 3.0), bad])
    assert detector.checkpoint().to_bytes() == before


def test_a_stream_without_times_has_none_later_and_equal_times_are_allowed() -> None:
    detector = MetricDetector(TABLE)
    all_told = detector.run([Value(None, each) for each in [*noise(400), 40.0]])
    assert opened(all_told) == [401]
    assert all_told[-1].at is None
    with pytest.raises(ValueError, match=r"rows\[0\]: a time"):
        detector.run([Value(BEGIN, 1.0)])
    MetricDetector(TABLE).run([Value(BEGIN, 1.0), Value(BEGIN, 2.0)])


@pytest.mark.parametrize(("missing", "alarms"), [("skip", 0), ("previous", 0), ("zero", 1)])
def test_what_is_missing_is_taken_as_it_is_said(missing: Missing, alarms: int) -> None:
    values = [*noise(500), math.nan, -math.inf, *noise(100, 1)]
    all_told = told(values, by_table(missing=missing))
    assert len(all_told) == len(values)
    assert len(opened(all_told)) == alarms
    assert all_told[-1].row == len(values)
    assert (all_told[500].expected is None) == (missing == "skip")


@pytest.mark.parametrize("times", [50.0, 1000.0])
def test_a_range_that_grows_is_learnt(times: float) -> None:
    values = [*noise(600), *noise(900, 1, spread=times), 20 * times, *noise(100, 2, spread=times)]
    all_told = told(values, by_table(min_change=0))
    news = opened(all_told)
    assert news[0] == 601  # it is told at once,
    assert [each for each in news if each > 650] == [1501]  # then it is usual, and what is too large for it is told
    low, high = all_told[1490].low, all_told[1490].high
    assert low is not None
    assert high is not None
    assert -2.3 * times < low < -times
    assert times < high < 2.3 * times


def test_huge_values_are_taken() -> None:
    chance = random.Random(0)
    all_told = told([chance.choice((-1e300, 1e300, 1e-300, 0.0)) for _ in range(1000)])
    assert all(math.isfinite(each.score) and math.isfinite(each.bits) for each in all_told)


@pytest.mark.parametrize(("direction", "alarms"), [("up", [501]), ("down", [701]), ("both", [501, 701])])
def test_only_what_goes_the_way_that_was_asked_for_is_told(direction: Direction, alarms: list[int]) -> None:
    all_told = told([*noise(500), 30.0, *noise(199, 1), -10.0, *noise(99, 2)], by_table(direction=direction))
    assert opened(all_told) == alarms
    assert (all_told[-1].low is None, all_told[-1].high is None) == (direction == "up", direction == "down")


def test_the_quieter_the_fewer() -> None:
    chance = random.Random(3)
    values = [10 + chance.gauss(0, 1) ** 3 for _ in range(1500)]
    choices: tuple[Sensitivity, ...] = ("quiet", "eager")
    counts = [len(opened(told(values, by_table(sensitivity=each)))) for each in choices]
    assert counts[0] < counts[1]


@pytest.mark.parametrize(("budget", "tail"), [(4.0, 1), (0.5, 5), (10.0, 1), (10.0, 5)])
def test_a_budget_is_kept_within_a_factor_of_two(budget: float, tail: int) -> None:
    """Without one there would be .3 alarms in 1,000 rows, and 1.3 where the tail is long."""
    chance = random.Random(4)
    values = [10 + chance.gauss(0, 1) ** tail for _ in range(4000)]
    all_told = told(values, by_table(budget=budget))
    assert budget / 2 <= len(opened(all_told[1000:])) / 3 <= budget * 2


def test_what_calm_rows_leave_of_a_budget_is_for_those_that_are_not() -> None:
    chance = random.Random(5)
    values = [1000 + (chance.gauss(0, 1) if number // 300 % 4 == 3 else 0) for number in range(6000)]
    for options, least, most in ((by_table(budget=10.0), 25, 100), (TABLE, 0, 0)):  # 5% of 1,000 is 50
        assert least <= len(opened(told(values, options)[1000:])) <= most


def test_what_is_not_to_be_learnt_is_scored_only() -> None:
    detector = MetricDetector(TABLE)
    assert detector.run(rows_of(noise(200)), learn=False)[-1].ready is False
    assert detector.remaining == 150
    detector.run([Value(BEGIN + 1e6 + FIVE_MINUTES * number, each) for number, each in enumerate(noise(600))])
    later = [Value(BEGIN + 2e6 + FIVE_MINUTES * number, 30.0) for number in range(500)]
    scores = [each.score for each in detector.run(later, learn=False)]
    assert min(scores) >= ALARM


def test_a_level_that_a_person_says_is_normal_is_no_news_from_then_on() -> None:
    outlier, detector = [30.0, 30.2, 29.9], MetricDetector(TABLE)
    detector.run(rows_of([*noise(600), *outlier, *noise(297, 1)]))
    later = [
        Value(BEGIN + 900 * FIVE_MINUTES + FIVE_MINUTES * number, each)
        for number, each in enumerate([*noise(200, 2), *outlier, *noise(100, 3), 90.0])
    ]
    untold = MetricDetector.from_checkpoint(detector.checkpoint())
    assert {1101, 1102, 1103} & set(opened(untold.run(later)))
    detector.feedback(1, "normal")
    assert opened(detector.run(later)) == [1204]
    detector.feedback(1, "anomaly")
    again = [Value(BEGIN + 1e7 + FIVE_MINUTES * n, v) for n, v in enumerate([*noise(300, 4), *outlier])]
    assert {1505, 1506, 1507} & set(opened(detector.run(again)))
    for number in (0, 99):
        with pytest.raises(ValueError, match="there is no event"):
            detector.feedback(number, "normal")


def test_options_are_checked_and_may_change() -> None:
    for wrong in ({"zone": "Mars/Olympus"}, {"direction": "left"}, {"min_change": -1}, {"budget": 0}, {"missing": ""}):
        with pytest.raises(ValueError, match=next(iter(wrong)).replace("zone", "time zone")):
            by_table(**wrong)
    detector = MetricDetector(TABLE)
    detector.options = by_table(sensitivity="eager")
    assert detector.asked == 10.75


def test_only_its_own_checkpoint_is_taken_and_its_size_is_bounded() -> None:
    detector = MetricDetector(TABLE)
    detector.run(rows_of(noise(400)))
    small = len(detector.checkpoint().to_bytes())
    detector.run([Value(BEGIN + 1e6 + number, each) for number, each in enumerate(noise(1000))])
    checkpoint = detector.checkpoint()
    assert abs(len(checkpoint.to_bytes()) - small) < 100
    wrong = [
        Checkpoint(checkpoint.config | {"kind": "tokens"}, checkpoint.arrays),
        Checkpoint(checkpoint.config | {"options": {"nothing": 1}}, checkpoint.arrays),
        Checkpoint(checkpoint.config, checkpoint.arrays | {"table": checkpoint.arrays["table"][1:]}),
        Checkpoint(checkpoint.config, {}),
    ]
    for each in wrong:
        with pytest.raises(ValueError, match="not the checkpoint of a detector of values"):
            MetricDetector.from_checkpoint(each)


def test_a_budget_begins_where_streams_usually_have_it() -> None:
    asked = [MetricDetector(by_table(budget=budget)).asked for budget in (0.1, 1.0, 3.0, 10.0)]
    assert asked == pytest.approx([18.9, 12.0, 8.7, 5.7], abs=0.05)
    detector = MetricDetector(TABLE)
    detector.options = by_table(budget=0.1)
    assert detector.asked == pytest.approx(asked[0])
