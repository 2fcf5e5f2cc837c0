"""The detectors: scores are those of the streams, scoring changes nothing, and what is refused changes nothing."""

import copy
import math
import pickle
import random
from datetime import UTC, datetime
from typing import Any

import pytest

pytest.importorskip("river")

from river import anomaly, base, compose

from realnet.compat.river import LineAnomalyDetector, ValueAnomalyDetector
from realnet.streams.lines import LineDetector
from realnet.streams.several import SeveralDetector, Values
from realnet.streams.value_options import Expert, ValueOptions

BEGIN, EVERY = 1_767_225_600, 300  # seconds


def loads(count: int) -> list[dict[Any, Any]]:
    """A load with noise, an outlier now and then, and an hour without rows."""
    chance = random.Random(1)
    values = [chance.gauss(10, 1) + 30 * (number % 97 == 96 and number > 200) for number in range(count)]
    return [{"at": BEGIN + EVERY * (n + 30 * (n >= 300)), "load": value} for n, value in enumerate(values)]


def lines(count: int) -> list[str]:
    chance = random.Random(2)
    news = ["kernel panic: not syncing", "disk sda1 is full", "fan 3 stands still"]
    return [
        chance.choice(news) if number > 550 and number % 10 == 0 else f"session {number} opened for anna"
        for number in range(count)
    ]


def scores(model: base.AnomalyDetector, rows: list[Any], times: int = 1) -> list[float]:
    """Return the score of each row before it is learnt; it is asked for so many times."""
    told = []
    for row in rows:
        first, *again = [model.score_one(row) for _ in range(times)]
        assert again == [first] * (times - 1)
        told.append(first)
        model.learn_one(row)
    return told


@pytest.mark.parametrize("expert", ["table", "mixed"])
def test_values_are_scored_as_a_stream_of_them(expert: Expert) -> None:
    rows = loads(320)
    stream = SeveralDetector(ValueOptions(missing="skip", expert=expert))
    told = stream.run([Values(row["at"], {"load": row["load"]}) for row in rows])
    for times in (1, 2):
        model = ValueAnomalyDetector(on="load", time="at", expert=expert)
        assert scores(model, rows, times) == [each.score for each in told]
    assert max(each.score for each in told) > 0.5


def test_lines_are_scored_as_a_stream_of_them_that_does_not_learn_the_line() -> None:
    rows, told = lines(700), []
    detector = LineDetector(budget=5)
    for row in rows:
        told.append(detector.look(row).score)
        detector.run([row])
    assert scores(LineAnomalyDetector(budget=5), rows, times=2) == told
    assert scores(LineAnomalyDetector(on="line", budget=5), [{"line": row, "host": 1} for row in rows]) == told
    assert max(told) > 0.5


def test_features_are_heard_beside_each_other() -> None:
    chance, model = random.Random(4), ValueAnomalyDetector()
    for _ in range(500):
        load = chance.uniform(0, 10)
        model.learn_one({"load": load, "heat": 3 * load + chance.uniform(-1, 1), 7: chance.uniform(0, 1)})
    assert model.score_one({"load": 9.0, "heat": 27.0, 7: 0.5}) < 0.5
    assert model.score_one({"load": 9.0, "heat": 2.0, 7: 0.5}) > 0.5
    assert model.score_one({7: 0.5}) < 0.5
    assert model.score_one({}) == 0


def test_features_that_come_later_are_heard_by_themselves() -> None:
    chance, model = random.Random(5), ValueAnomalyDetector()
    for number in range(500):
        late = {"late": chance.uniform(0, 1)} if number > 200 else {}
        model.learn_one({"first": chance.uniform(0, 1), **late})
    assert model.score_one({"first": 0.5, "late": 0.5}) < 0.5
    assert model.score_one({"first": 0.5, "late": 9.0}) > 0.5
    assert model.score_one({"first": 9.0}) > 0.5
    assert model.score_one({"first": 0.5, "unheard of": 9.0}) < 0.5


def test_a_time_may_be_a_datetime() -> None:
    rows = loads(200)
    dated = [{**row, "at": datetime.fromtimestamp(row["at"], UTC)} for row in rows]
    by_seconds, by_date = (ValueAnomalyDetector(on="load", time="at") for _ in range(2))
    assert scores(by_seconds, rows) == scores(by_date, dated)


def test_none_is_a_value_that_is_missing() -> None:
    rows = [{"load": None if number % 50 == 49 else row["load"]} for number, row in enumerate(loads(200))]
    with_none, with_nan = (ValueAnomalyDetector(missing="previous") for _ in range(2))
    assert scores(with_none, rows) == scores(with_nan, [{"load": row["load"] or math.nan} for row in rows])
    with pytest.raises(ValueError, match=r"load: the value is nan"):
        ValueAnomalyDetector(missing="refuse").learn_one({"load": None})


def test_what_is_news_is_not_learnt_behind_a_filter() -> None:
    watch = anomaly.ThresholdFilter(ValueAnomalyDetector(), threshold=0.5)
    model = compose.Select("load") | watch
    for row in loads(300):
        model.learn_one(row)
    far = [model.score_one({"load": 400.0})]
    for _ in range(20):
        model.learn_one({"load": 400.0})
        far.append(model.score_one({"load": 400.0}))
    assert min(far) > 0.5
    assert watch.classify(far[-1])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"at": BEGIN + 10**6, "a": 1.0, "b": 1e301}, "b: the value is beyond"),
        ({"at": BEGIN + 10**6, "a": 1.0, "b": "high"}, "feature 'b' is 'high', must be a number"),
        ({"at": BEGIN, "a": 1.0, "b": 1.0}, "time goes back"),
        ({"a": 1.0, "b": 1.0}, "no feature 'at', which holds the time"),
    ],
)
def test_a_wrong_row_changes_nothing(wrong: dict[Any, Any], message: str) -> None:
    model = ValueAnomalyDetector(time="at")
    rows = [{"at": row["at"], "a": row["load"], "b": row["load"]} for row in loads(320)]
    scores(model, rows[:200])
    before = pickle.dumps(model)
    for call in (model.learn_one, model.score_one):
        with pytest.raises(ValueError, match=message):
            call(wrong)
    assert pickle.dumps(model) == before


def test_wrong_lines_and_options_are_refused() -> None:
    with pytest.raises(ValueError, match="x is dict, must be a text"):
        LineAnomalyDetector().learn_one({"line": "text"})
    with pytest.raises(ValueError, match="feature 'line' is int, must be a text"):
        LineAnomalyDetector(on="line").score_one({"line": 3})
    with pytest.raises(ValueError, match="expert is 'none'"):
        ValueAnomalyDetector(expert="none")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="budget"):
        LineAnomalyDetector(budget=0)


@pytest.mark.parametrize("learnt", [0, 160, 600])
def test_copies_go_on_exactly(learnt: int) -> None:
    pairs: list[tuple[base.AnomalyDetector, list[Any]]] = [
        (ValueAnomalyDetector(on="load"), loads(learnt + 60)),
        (LineAnomalyDetector(), lines(learnt + 60)),
    ]
    for model, rows in pairs:
        scores(model, rows[:learnt])
        copies = [copy.deepcopy(model), pickle.loads(pickle.dumps(model)), model.clone(include_attributes=True)]
        told = scores(model, rows[learnt:])
        assert [scores(each, rows[learnt:]) for each in copies] == [told] * 3
