"""The estimators of River beside River's own: `python -m benchmarks.river [--data NAME …]`.

Classifiers: how many of all rows are told right, each before it is learnt, on the labelled data that comes with River,
on scikit-learn's digits, and on three made-up streams of River's; "the label before" says the last label again.
Detectors: the area under the ROC curve, each row scored before it is learnt, on what comes with River: readings of a
space shuttle, whose order says nothing; a made-up sine; and hourly flows of water, in which every hundredth value is
that of half a day before. Microseconds are of the process's own time, for a row told and learnt.
"""

import argparse
import random
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table
from river import anomaly, datasets, dummy, forest, linear_model, metrics, naive_bayes, preprocessing, stream, tree
from river.datasets import synth
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score

from realnet.compat.river import DendriteClassifier, ValueAnomalyDetector

Row = tuple[dict[Any, Any], Any]
Make = Callable[[], Any]

MADE_UP = 10_000  # rows of a stream of River's own
SHUTTLE = 10_000  # of 49,097


class Result(NamedTuple):
    value: float
    microseconds: float


def digits() -> Iterable[Row]:
    return stream.iter_sklearn_dataset(load_digits(), shuffle=True, seed=1)


def drifting() -> Iterable[Row]:
    """Half way another function of the same features takes over, within some 500 rows."""
    before, after = synth.SEA(variant=0, seed=1), synth.SEA(variant=2, seed=2)
    streams = synth.ConceptDriftStream(before, after, position=MADE_UP // 2, width=500, seed=3)
    return streams.take(MADE_UP)


def flows() -> Iterable[Row]:
    """Of every hundredth row, drawn, the value is that of twelve hours before."""
    rows = list(datasets.WaterFlow())
    chance = random.Random(1)
    for number, (x, flow) in enumerate(rows):
        is_news = number > 300 and chance.random() < 0.01
        value = rows[number - 12][1] if is_news else flow
        yield {"at": x["Time"], "hour": x["Time"].hour, "flow": value}, int(is_news)


LABELLED: dict[str, Callable[[], Iterable[Row]]] = {
    "Phishing": datasets.Phishing,
    "ImageSegments": datasets.ImageSegments,
    "Bananas": datasets.Bananas,
    "digits": digits,
    "Agrawal": lambda: synth.Agrawal(classification_function=4, seed=1).take(MADE_UP),
    "RandomRBF": lambda: synth.RandomRBF(
        seed_model=1, seed_sample=2, n_classes=4, n_features=6, n_centroids=30
    ).take(MADE_UP),
    "SEA, drifting": drifting,
}
CLASSIFIERS: dict[str, Make] = {
    "DendriteClassifier": DendriteClassifier,
    "ARFClassifier": partial(forest.ARFClassifier, seed=1),
    "HoeffdingAdaptiveTreeClassifier": partial(tree.HoeffdingAdaptiveTreeClassifier, seed=1),
    "LogisticRegression, scaled": lambda: preprocessing.StandardScaler() | linear_model.SoftmaxRegression(),
    "GaussianNB": naive_bayes.GaussianNB,
    "the label before": dummy.NoChangeClassifier,
}
