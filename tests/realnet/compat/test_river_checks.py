"""River's own checks of its estimators, on ours."""

import random
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest

pytest.importorskip("river")

from river import base, checks, datasets

from realnet.compat.river import DendriteClassifier, LineAnomalyDetector, ValueAnomalyDetector


class Rows:
    """What stands for `datasets.CreditCard`, of 144 MB, for which all checks of anomaly detectors ask."""

    most, first = 300, 200  # rows, of the 10,000 that one check asks for; the first that may be news

    def take(self, count: int) -> Iterator[tuple[dict[str, Any], int]]:
        return islice(self._rows(), min(count, self.most))

    def _rows(self) -> Iterator[tuple[dict[str, Any], int]]:
        chance, number = random.Random(1), 0
        while True:
            number += 1
            is_news = number >= self.first and chance.random() < 0.03
            yield self.row(chance, is_news), int(is_news)

    def row(self, chance: random.Random, is_news: bool) -> dict[str, Any]:
        return {f"V{number}": chance.uniform(0, 1) + 9 * is_news for number in range(4)}


class Lines(Rows):
    most, first = 640, 520

    def row(self, chance: random.Random, is_news: bool) -> dict[str, Any]:
        line = f"session {chance.randrange(1000)} opened for {chance.choice(['anna', 'bert'])}"
        news = "".join(chance.choice("abcdefgh ") for _ in range(40))
        return {"line": news if is_news else line, "V1": 1.0, "V2": 2, "V3": "x"}


@pytest.mark.parametrize(
    ("estimator", "rows"),
    [(DendriteClassifier, Rows), (ValueAnomalyDetector, Rows), (LineAnomalyDetector, Lines)],
    ids=["classifier", "values", "lines"],
)
def test_the_estimator_passes_them_all(
    estimator: type[base.Estimator], rows: type[Rows], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "CreditCard", rows)
    for arguments in estimator._unit_test_params():
        model = estimator(**arguments)
        assert not model._unit_test_skips()
        checks.check_estimator(model)
