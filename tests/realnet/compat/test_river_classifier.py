"""The classifier: what it learns, that it is the same wherever it goes on, and what it refuses."""

import copy
import math
import pickle
import random
from itertools import islice
from typing import Any

import pytest

pytest.importorskip("river")

from river import compose, datasets, evaluate, metrics, preprocessing

from realnet.compat.river import DendriteClassifier

Rows = list[tuple[dict[Any, Any], Any]]


def segments(count: int) -> Rows:
    return list(islice(datasets.ImageSegments(), count))


def accuracy(model: DendriteClassifier, rows: Rows) -> float:
    """Return what share of rows is told right before it is learnt; there may be none."""
    right = 0
    for x, y in rows:
        right += model.predict_one(x) == y
        model.learn_one(x, y)
    return right / max(len(rows), 1)


def test_it_learns_in_a_pipeline_of_river() -> None:
    numbers = compose.SelectType(float) | preprocessing.StandardScaler()
    model = (numbers + compose.SelectType(int)) | DendriteClassifier()
    assert evaluate.progressive_val_score(datasets.Phishing(), model, metrics.Accuracy()).get() > 0.89


def test_it_tells_seven_classes_apart() -> None:
    assert accuracy(DendriteClassifier(), segments(1000)) > 0.85


def test_it_hears_what_features_mean_together() -> None:
    chance = random.Random(1)
    rows: Rows = []
    for _ in range(600):
        x = {"colour": chance.choice(["red", "blue"]), "on": chance.random() < 0.5, "size": chance.gauss(0, 1)}
        rows.append((x, "yes" if (x["colour"] == "red") != x["on"] else "no"))
    model = DendriteClassifier()
    accuracy(model, rows[:300])
    assert accuracy(model, rows[300:]) > 0.97


def test_it_hears_the_label_before() -> None:
    model, labels = DendriteClassifier(), [number % 3 for number in range(200)]
    accuracy(model, [({}, label) for label in labels[:100]])
    assert accuracy(model, [({}, label) for label in labels[100:]]) > 0.97


def test_classes_are_taken_on_as_they_come() -> None:
    model = DendriteClassifier()
    assert (model.predict_proba_one({"a": 1}), model.predict_one({"a": 1})) == ({}, None)
    model.learn_one({"a": 1}, "x")
    assert model.predict_proba_one({"a": 1}) == {"x": 1.0}
    model.learn_one({"a": 2}, "y")
    assert sorted(model.predict_proba_one({"a": 1})) == ["x", "y"]
    model.learn_one({"a": 3}, "z")
    probabilities = model.predict_proba_one({"a": 1})
    assert sorted(probabilities) == ["x", "y", "z"]
    assert math.isclose(sum(probabilities.values()), 1)


def test_one_class_too_many_is_refused() -> None:
    model = DendriteClassifier()
    for number in range(256):
        model.learn_one({"a": number}, number)
    before = model.predict_proba_one({"a": 3, "b": 1})
    with pytest.raises(ValueError, match="256 classes already, and 'one more' is one more"):
        model.learn_one({"a": 3, "b": 1}, "one more")
    assert model.predict_proba_one({"a": 3, "b": 1}) == before
    assert len(before) == 256


@pytest.mark.parametrize("wrong", [[1], {"b": 1}, 10**400, object()])
def test_a_feature_that_cannot_be_is_refused(wrong: object) -> None:
    model = DendriteClassifier()
    accuracy(model, segments(40))
    x, y = segments(41)[-1]
    before = model.predict_proba_one(x)
    for call in (model.predict_proba_one, lambda x: model.learn_one(x, y)):
        with pytest.raises(ValueError, match=r"feature 'wrong' is .*, must be a number"):
            call({**x, "wrong": wrong})
    assert model.predict_proba_one(x) == before


def test_too_many_features_are_refused() -> None:
    with pytest.raises(ValueError, match="more than 1,024 features"):
        DendriteClassifier().learn_one({str(number): 1 for number in range(1025)}, True)


def test_anything_may_be_missing_or_beyond_all_measure() -> None:
    model = DendriteClassifier()
    values = [1, 2.5, "text", True, None, math.nan, math.inf, -1e308, "\ud800"]
    chance = random.Random(2)
    for _ in range(400):
        x: dict[Any, Any] = {name: chance.choice(values) for name in "abc" if chance.random() < 0.7}
        model.predict_one(x)
        model.learn_one(x, chance.random() < 0.5)
    assert set(model.predict_proba_one({})) == {True, False}


def test_what_is_missing_is_the_same_as_none_and_nan() -> None:
    model = DendriteClassifier()
    accuracy(model, segments(100))
    x = segments(101)[-1][0]
    name = next(iter(x))
    without = model.predict_proba_one({key: value for key, value in x.items() if key != name})
    assert model.predict_proba_one({**x, name: None}) == without == model.predict_proba_one({**x, name: math.nan})


def test_the_scale_of_a_feature_may_move() -> None:
    chance, model = random.Random(3), DendriteClassifier()
    for factor in (1.0, 1e6):
        rows: Rows = [({"a": factor * value}, value > 0.2) for value in (chance.gauss(0, 1) for _ in range(800))]
        accuracy(model, rows[:600])
        assert accuracy(model, rows[600:]) > 0.9


def test_a_feature_may_come_late() -> None:
    chance, model = random.Random(5), DendriteClassifier()
    accuracy(model, [({"a": chance.gauss(0, 1)}, chance.random() < 0.5) for _ in range(300)])
    values = [1000 + 5 * chance.gauss(0, 1) for _ in range(600)]
    rows: Rows = [({"a": chance.gauss(0, 1), "b": value}, value > 1001) for value in values]
    accuracy(model, rows[:450])
    assert accuracy(model, rows[450:]) > 0.9


def test_it_is_the_same_twice_and_by_another_seed_another() -> None:
    rows = segments(300)
    models = [DendriteClassifier(), DendriteClassifier(), DendriteClassifier(seed=1)]
    for model in models:
        accuracy(model, rows[:-1])
    said = [model.predict_proba_one(rows[-1][0]) for model in models]
    assert said[0] == said[1] != said[2]


@pytest.mark.parametrize("learnt", [0, 10, 600])
def test_a_copy_goes_on_exactly_and_by_itself(learnt: int) -> None:
    rows = segments(700)
    model = DendriteClassifier()
    accuracy(model, rows[:learnt])
    copies = [copy.deepcopy(model), pickle.loads(pickle.dumps(model)), model.clone(include_attributes=True)]
    for each in (model, *copies):
        accuracy(each, rows[learnt:-1])
    said = model.predict_proba_one(rows[-1][0])
    assert all(each.predict_proba_one(rows[-1][0]) == said for each in copies)
