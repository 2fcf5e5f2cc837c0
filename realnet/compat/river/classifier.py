"""A classifier of River: labels are the symbols of a net of dendrites, ferns of features its contexts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from river import base

from realnet.compat.river.ferns import FERNS, GATES, KEPT, Ferns, Read
from realnet.core.dendrite_memory import GIVEN, NODE, SURE
from realnet.core.dendrite_tables import gain_rates
from realnet.core.state import Float64
from realnet.dendrites.context_tree import ContextTree

CLASSES = 256
_SCALED = (16, 64, KEPT)  # rows after which all scales are taken anew, and all rows so far are lived through again
_CHECKED = 64  # rows after which it is asked whether the scales still fit
_DEPTH = (CLASSES - 1).bit_length()
_GATES = ((NODE, 0), (SURE, 0), *((GIVEN, number) for number in range(GATES)))
_GAIN = 1.4
_MOST_LINES = 2**17  # 8 MiB
_BESIDE, _LABEL = 2, 1 << 62  # contexts beside the ferns: one that is always the same, and the last label


class DendriteClassifier(base.Classifier):
    """A net of dendrites that learns to tell classes apart, row by row.

    46 ferns, each a few of the features with their numbers in coarse steps, are the contexts of its dendrites, and
    beside them the label that was learnt last. The classes, up to 256, are the leaves of a tree of decisions; they are
    taken on as they come. Numbers, texts, truth values and what is missing may be mixed, features may come and go (up
    to 1,024), and nothing needs to be scaled. Of tens of features it takes 15 MB at most.

    Parameters
    ----------
    seed
        By it is drawn of which features each fern is. The same seed leads to the same bits.

    Examples
    --------
    >>> from realnet.compat.river import DendriteClassifier
    >>> from river import datasets, evaluate, metrics

    >>> evaluate.progressive_val_score(datasets.Phishing(), DendriteClassifier(), metrics.Accuracy())
    Accuracy: 91.19%
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self._ferns = Ferns(seed)
        self._labels: dict[base.typing.ClfTarget, int] = {}
        self._last = 0  # the label that was learnt last, from 1
        self._rows = 0
        self._first: list[tuple[Read, int]] = []  # rows, until the last of `_SCALED`
        self._tree = self._newborn()

    @property
    def _multiclass(self) -> bool:
        return True

    def learn_one(self, x: Mapping[Any, Any], y: base.typing.ClfTarget, **kwargs: Any) -> None:
        """Learn a row. Raises ValueError, with nothing changed, for a feature that cannot be, or one class too many."""
        row = self._ferns.read(x)
        if y not in self._labels and len(self._labels) == CLASSES:
            raise ValueError(f"there are {CLASSES} classes already, and {y!r} is one more")
        label = self._labels.setdefault(y, len(self._labels))
        self._ferns.add(row)
        self._rows += 1
        if self._rows <= _SCALED[-1]:
            self._first.append((row, label))
        if self._rows in _SCALED:
            self._ferns.rescale(all_of_them=True)
            self._tree, self._last = self._newborn(), 0
            for each in self._first:
                self._learn(*each)
            if self._rows == _SCALED[-1]:
                self._first.clear()
            return
        if self._rows % _CHECKED == 0:
            self._ferns.rescale(all_of_them=False)
        self._learn(row, label)

    def predict_proba_one(self, x: Mapping[Any, Any], **kwargs: Any) -> dict[Any, float]:
        """Return how probable each class is that has come; none before the first. Raises ValueError as `learn_one`."""
        row = self._ferns.read(x)
        if len(self._labels) < 2:
            return dict.fromkeys(self._labels, 1.0)
        return dict(zip(self._labels, self._probabilities(row).tolist(), strict=True))

    def _learn(self, row: Read, label: int) -> None:
        self._probabilities(row)
        self._tree.learn(label, self._symbols)
        self._last = label + 1

    def _probabilities(self, row: Read) -> Float64:
        keys = np.zeros(FERNS + _BESIDE, np.uint64)  # the last but one is the same in all rows
        keys[-1] = _LABEL + self._last
        given = self._ferns.contexts_(row, keys[:FERNS])
        return self._tree.probabilities(keys, given, self._symbols)

    @property
    def _symbols(self) -> int:
        return max(2, len(self._labels))

    def _newborn(self) -> ContextTree:
        return ContextTree(FERNS + _BESIDE, _DEPTH, _GATES, gain_rates(0.0025, 0.003, 0.00015), _GAIN, _MOST_LINES)
