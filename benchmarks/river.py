"""The estimators of River beside River's own: `python -m benchmarks.river [--data NAME …]`.

Classifiers: how many of all rows are told right, each before it is learnt, on the labelled data that comes with River,
on two sets of scikit-learn's, and on made-up streams of River's; "the label before" says the last label again.
Detectors: the area under the ROC curve, each row scored before it is learnt, on the first readings of a space shuttle
that come with River, with all their anomalies (one row in 14) and with one in twenty of these, and on a made-up sine.
Microseconds are of the process's own time, for a row told and learnt.
"""

import argparse
import random
import time
from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from rich.console import Console
from rich.table import Table
from river import anomaly, datasets, dummy, forest, linear_model, multiclass, naive_bayes, preprocessing, stream, tree
from river.datasets import synth
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.metrics import roc_auc_score

from realnet.compat.river import DendriteClassifier, ValueAnomalyDetector
from realnet.compat.river.classifier import CLASSES
from realnet.dendrites.context_tree import ContextTree

Row = tuple[dict[Any, Any], Any]
Make = Callable[[], Any]

MADE_UP, HELD = 10_000, 5_000  # rows of a stream
SHUTTLE = 10_000  # of 49,097


class Counts:
    """What the classifier is without its net: of each context how often each class came, as naive Bayes has it."""

    def __init__(self) -> None:
        self._counts: dict[int, NDArray[np.float64]] = {}
        self._keys: list[int] = []

    def probabilities(self, keys: NDArray[np.uint64], given: ArrayLike, symbols: int) -> NDArray[np.float64]:
        self._keys = [int(key) ^ number << 70 for number, key in enumerate(keys.tolist())]
        nothing = np.zeros(CLASSES)
        counts = np.array([self._counts.get(key, nothing)[:symbols] for key in self._keys]) + 1 / symbols
        said = np.log(counts / counts.sum(axis=1, keepdims=True)).sum(axis=0)
        probabilities = np.exp(said - said.max())
        return np.asarray(probabilities / probabilities.sum())

    def learn(self, symbol: int, symbols: int) -> None:
        for key in self._keys:
            self._counts.setdefault(key, np.zeros(CLASSES))[symbol] += 1


class CountedFerns(DendriteClassifier):
    def _newborn(self) -> ContextTree:
        return cast(ContextTree, Counts())


def shuffled(load: Callable[[], Any]) -> Iterable[Row]:
    return stream.iter_sklearn_dataset(load(), shuffle=True, seed=1)


def drifting() -> Iterable[Row]:
    """Half way another function of the same features takes over, within some 500 rows."""
    before, after = synth.SEA(variant=0, seed=1), synth.SEA(variant=2, seed=2)
    streams = synth.ConceptDriftStream(before, after, position=MADE_UP // 2, width=500, seed=3)
    rows: Iterable[Row] = streams.take(MADE_UP)
    return rows


def shuttle(share: float) -> Iterable[Row]:
    """With that share of its anomalies, drawn."""
    chance = random.Random(1)
    return [(x, y) for x, y in datasets.Shuttle().take(SHUTTLE) if not y or chance.random() < share]


def sine() -> Iterable[Row]:
    return synth.AnomalySine(n_samples=MADE_UP, n_anomalies=MADE_UP // 20, seed=1)


LABELLED: dict[str, Callable[[], Iterable[Row]]] = {
    "Phishing": datasets.Phishing,
    "ImageSegments": datasets.ImageSegments,
    "Bananas": datasets.Bananas,
    "digits": partial(shuffled, load_digits),
    "Agrawal": lambda: synth.Agrawal(classification_function=4, seed=1).take(MADE_UP),
    "RandomRBF": lambda: synth.RandomRBF(seed_model=1, seed_sample=2, n_classes=4, n_features=6, n_centroids=30).take(
        MADE_UP
    ),
    "SEA, drifting": drifting,
    # On what follows no constant of ours was chosen.
    "breast cancer": partial(shuffled, load_breast_cancer),
    "Waveform": lambda: synth.Waveform(has_noise=True, seed=1).take(HELD),
    "LED": lambda: synth.LED(noise_percentage=0.1, seed=1).take(HELD),
    "Hyperplane": lambda: synth.Hyperplane(n_drift_features=4, mag_change=0.01, seed=1).take(HELD),
    "Shuttle, labelled": lambda: datasets.Shuttle().take(HELD),
    "Elec2": datasets.Elec2,
}
CLASSIFIERS: dict[str, Make] = {
    "DendriteClassifier": DendriteClassifier,
    "… another seed": partial(DendriteClassifier, seed=1),
    "… its ferns alone, counted": CountedFerns,
    "ARFClassifier": partial(forest.ARFClassifier, seed=1),
    "HoeffdingAdaptiveTreeClassifier": partial(tree.HoeffdingAdaptiveTreeClassifier, seed=1),
    "LogisticRegression, scaled": lambda: (
        preprocessing.StandardScaler() | multiclass.OneVsRestClassifier(linear_model.LogisticRegression())
    ),
    "GaussianNB": naive_bayes.GaussianNB,
    "the label before": dummy.NoChangeClassifier,
}
UNUSUAL: dict[str, Callable[[], Iterable[Row]]] = {
    "Shuttle": partial(shuttle, 1.0),
    "Shuttle, fewer": partial(shuttle, 0.05),
    "AnomalySine": sine,
}
DETECTORS: dict[str, Make] = {
    "ValueAnomalyDetector": ValueAnomalyDetector,
    "HalfSpaceTrees, scaled": lambda: preprocessing.MinMaxScaler() | anomaly.HalfSpaceTrees(seed=1),
    "LODA, scaled": lambda: preprocessing.MinMaxScaler() | anomaly.LODA(seed=1),
    "OneClassSVM, scaled": lambda: preprocessing.StandardScaler() | anomaly.OneClassSVM(),
}
REMOTE = ("Elec2",)  # River loads it from the internet: only if it is asked for


def accuracy(model: Any, rows: Iterable[Row]) -> tuple[float, float]:
    """Return the percentage of rows that are told right, and the microseconds of one."""
    right, count, seconds = 0, 0, 0.0
    for x, y in rows:
        began = time.process_time()
        said = model.predict_one(x)
        model.learn_one(x, y)
        seconds += time.process_time() - began
        right, count = right + (said == y), count + 1
    return 100 * right / count, 1e6 * seconds / count


def area(model: Any, rows: Iterable[Row]) -> tuple[float, float]:
    """Return the percentage of pairs of an unusual and a usual row that are in order, and the microseconds of a row."""
    scores, labels, seconds = [], [], 0.0
    for x, y in rows:
        began = time.process_time()
        scores.append(model.score_one(x))
        model.learn_one(x)
        seconds += time.process_time() - began
        labels.append(y)
    return 100 * roc_auc_score(labels, scores), 1e6 * seconds / len(labels)


def compare(
    title: str,
    measure: Callable[[Any, Iterable[Row]], tuple[float, float]],
    models: dict[str, Make],
    data: dict[str, Callable[[], Iterable[Row]]],
    console: Console,
) -> None:
    table = Table("", *data, title=title)
    first = next(iter(models))
    for rows in data.values():
        measure(models[first](), list(islice(rows(), 100)))  # so that kernels are compiled
    for name, make in models.items():
        cells = [measure(make(), list(rows())) for rows in data.values()]
        table.add_row(name, *(f"{value:.1f}%  {microseconds:,.0f} µs" for value, microseconds in cells))
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", choices=[*LABELLED, *UNUSUAL], help="default: all but Elec2")
    chosen = parser.parse_args().data or [name for name in (*LABELLED, *UNUSUAL) if name not in REMOTE]
    console = Console(width=200)
    for title, measure, models, known in (
        ("told right", accuracy, CLASSIFIERS, LABELLED),
        ("area under the ROC curve", area, DETECTORS, UNUSUAL),
    ):
        if data := {name: rows for name, rows in known.items() if name in chosen}:
            compare(title, measure, models, data, console)


if __name__ == "__main__":
    main()
