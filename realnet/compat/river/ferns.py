"""Rows of named features as contexts of dendrites: ferns, each of a few features in coarse steps."""

from __future__ import annotations

import hashlib
import math
import zlib
from collections import deque
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from realnet.core._numba import exact_kernel
from realnet.core.hashing import mixed
from realnet.core.state import Float64
from realnet.streams.scale import Scale

FEATURES = 1024
FERNS, GATES = 46, 2
KEPT = 256  # values of each feature, of which its scale is taken
_SIZES = np.resize([1, 2, 2, 3, 4, 6], FERNS)  # features of each fern
_WIDTHS = np.resize([0.35, 0.7, 1.4], FERNS)  # of a step of its places
_PLANES = 6  # of a gate: 64 rows
_SALT = np.uint64(0x9E3779B97F4A7C15)
_LARGEST = 1e300  # beyond it, also if infinite, a number is that
_SYMBOL, _MISSING = 1 << 40, 1 << 41

Read: TypeAlias = dict[Hashable, float | int | None]  # of each feature its number, its symbol (an int), or nothing


@dataclass(slots=True)
class _Feature:
    id: int
    values: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT))
    scale: Scale = field(default_factory=Scale)
    scales: int = 0  # that it has had


class Ferns:
    """The features of a stream, and of what features each fern is made.

    A number becomes its place on a robust scale, and the place a step: each fern has steps and offsets of its own. A
    text or a truth value is itself, and so is what is missing. Gates are rows by the side of six planes, on which a
    row's places lie. All is drawn by hashes of names, so that neither an order of features nor a random state matters.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._features: dict[Hashable, _Feature] = {}
        self._draw()

    def read(self, x: Mapping[Hashable, Any]) -> Read:
        """Return a row as it is remembered. Raises ValueError that names the feature."""
        read = {name: _read(name, value) for name, value in x.items()}
        if len(self._features.keys() | read.keys()) > FEATURES:
            raise ValueError(
                f"there are more than {FEATURES:,} features: hash them first (preprocessing.FeatureHasher)"
            )
        return read

    def add(self, row: Read) -> None:
        """Take in what features a row has, and their numbers."""
        new = [name for name in row if name not in self._features]
        for name in new:
            digest = hashlib.blake2b(f"{self._seed} {name!r}".encode(), digest_size=8).digest()
            self._features[name] = _Feature(int.from_bytes(digest, "little"))
        if new:
            self._features = dict(sorted(self._features.items(), key=lambda each: each[1].id))
            self._draw()
        for name, value in row.items():
            if isinstance(value, float):
                self._features[name].values.append(value)

    def rescale(self, all_of_them: bool) -> None:
        """Take the scales of the last values: of all features, or of those that have none or whose no longer fits.

        Another scale gives the places of a feature other names, so that what was learnt by the old one is not mistaken.
        """
        for feature in self._features.values():
            if feature.values:
                scale = Scale.of(list(feature.values))
                if all_of_them or not feature.scales or not feature.scale.holds(scale):
                    feature.scale, feature.scales = scale, feature.scales + 1

    def contexts_(self, row: Read, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Write the name of each fern in a row; return the rows of the gates."""
        names, places = np.empty(len(self._features), np.uint64), np.ones(len(self._features))
        for f, (name, feature) in enumerate(self._features.items()):
            value = row.get(name)
            if isinstance(value, float):
                own, places[f] = feature.scales, feature.scale.place(value)
            else:
                own = _MISSING if value is None else _SYMBOL + value
            names[f] = feature.id ^ own
        gates = np.empty(GATES, np.int64)
        name_(names, places, self._members, self._offsets, _WIDTHS, keys)
        gate_(names, places, gates)
        return gates

    def _draw(self) -> None:
        ids = np.array([feature.id for feature in self._features.values()], np.uint64)
        self._members = np.full((FERNS, _SIZES.max()), -1)
        self._offsets = np.zeros(self._members.shape)
        draw_(ids, _SIZES, self._members, self._offsets)


def _read(name: Hashable, value: Any) -> float | int | None:
    if value is None:
        return None
    if isinstance(value, (str, bool, np.bool_)):
        return zlib.crc32((value if isinstance(value, str) else f"\0{value}").encode(errors="surrogatepass"))
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError) as error:
        kind = type(value).__name__
        raise ValueError(f"feature {name!r} is {kind}, must be a number, a text, a truth value or None") from error
    return None if math.isnan(number) else max(-_LARGEST, min(_LARGEST, number))


@exact_kernel
def draw_(ids: NDArray[np.uint64], sizes: NDArray[np.int64], members: NDArray[np.int64], offsets: Float64) -> None:
    """Draw the features of each fern, those of the lowest hashes: a new feature changes few ferns."""
    for j in range(len(sizes)):
        least = np.uint64(0)
        for k in range(min(sizes[j], len(ids))):
            best, lowest = -1, ~np.uint64(0)
            for f in range(len(ids)):
                h = mixed(ids[f] + np.uint64(j + 1) * _SALT)
                if h <= lowest and (k == 0 or h > least):
                    best, lowest = f, h
            members[j, k], least = best, lowest
            offsets[j, k] = np.float64(mixed(lowest) >> np.uint64(11)) / 2**53


@exact_kernel
def name_(
    names: NDArray[np.uint64],
    places: Float64,
    members: NDArray[np.int64],
    offsets: Float64,
    widths: Float64,
    keys: NDArray[np.uint64],
) -> None:
    """Write the name of each fern: a hash of the steps on which its features lie."""
    for j in range(len(members)):
        h = np.uint64(j + 1)
        for k in range(members.shape[1]):
            f = members[j, k]
            if f < 0:
                break
            step = np.int64(np.floor(places[f] / widths[j] + offsets[j, k]))
            h = mixed(h ^ (names[f] + np.uint64(step)))
        keys[j] = h


@exact_kernel
def gate_(names: NDArray[np.uint64], places: Float64, rows: NDArray[np.int64]) -> None:
    """Write of each gate on which sides of its planes a row lies; a plane's slopes are in (-1, 1), by feature."""
    for g in range(len(rows)):
        rows[g] = 0
        for plane in range(_PLANES):
            height = 0.0
            for f in range(len(names)):
                h = mixed(names[f] + np.uint64(1 + g * _PLANES + plane) * _SALT)
                height += (np.float64(h >> np.uint64(11)) / 2**52 - 1.0) * places[f]
            rows[g] = 2 * rows[g] + (1 if height > 0 else 0)
