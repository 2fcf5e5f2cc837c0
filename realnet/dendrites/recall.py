"""Recall: where in the episodes the last tokens occurred before, and what followed there."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from realnet.core._numba import exact_inlined_kernel, optional
from realnet.core.dendrite_memory import OWN_PLACE, Episodes, Stimuli
from realnet.core.hashing import mixed
from realnet.dendrites.reader import LONGEST, P1, Reader, back

_GIVEN_UP = 8  # misses of the last 16 tokens
_MARGIN = 512  # tokens about to be overwritten are not recalled
_STEPS = (1, 2, 3, 4, 6, 8, 10, 13, 16, 20, 24, 32, 48, 64, 128)
_SIZES = (8, 12, 16, 24, 32, 64)
_LENGTHS = np.arange(LONGEST + 1)
FORGIVING_STEP = np.searchsorted(_STEPS, _LENGTHS, side="right")
STRICT_STEP = np.where(_LENGTHS < 32, _LENGTHS, np.minimum(63, 32 + (_LENGTHS - 32) // 16))
STRICT_SIZE = np.where(_LENGTHS > 0, 1 + np.searchsorted(_SIZES, _LENGTHS, side="right"), 0)
# Of a child, which has a small ring of its own tokens after those of its parent, and few places over its parent's.
_above_tokens, _above_places, _above_lived = map(optional, ("above_tokens", "above_places", "above_lived"))
MISSES = np.array([bin(i).count("1") for i in range(2**16)])


def newborn_trust(forgiving: bool) -> NDArray[np.float32]:
    """Return (256,) how far a recall is believed at first, by the row that `say_` tells."""
    row = np.arange(256)
    if not forgiving:
        return (1 - 1 / (row + 2)).astype(np.float32)
    length = np.array([0, *_STEPS])[row // 16]
    return ((length + 1) / (length + 2 + 2 * (row % 16))).astype(np.float32)


@exact_inlined_kernel
def expected_(reader: Reader, episodes: Episodes, r: int) -> int:
    """Return the token that a recall expects, -1 if it is silent."""
    distance = reader.recalls[r].distance
    if distance == 0:
        return -1
    return int(_token(episodes, distance))


@exact_inlined_kernel
def say_(reader: Reader, episodes: Episodes, kinds: NDArray[np.int64], stimuli: Stimuli, t: int) -> None:
    """Write what each recall expects at tick t, and the rows of its trust and of its gate."""
    for r in range(len(kinds)):
        stimuli.expected[t, r] = expected_(reader, episodes, r)
        length, misses = reader.recalls[r].length, MISSES[reader.recalls[r].misses]
        if kinds[r, 1]:
            stimuli.trust[t, r] = FORGIVING_STEP[length] * 16 + min(misses, 15)
            stimuli.recall_gates[t, r] = FORGIVING_STEP[length] * 4 + min(misses, 3)
        else:
            stimuli.trust[t, r] = STRICT_STEP[length]
            stimuli.recall_gates[t, r] = STRICT_SIZE[length]


@exact_inlined_kernel
def follow_(reader: Reader, episodes: Episodes, kinds: NDArray[np.int64], token: int, write: bool) -> None:
    """Move every recall on over a token, which is in `reader.recent` already, and remember it if `write`."""
    for r in range(len(kinds)):
        recall = reader.recalls[r]
        if recall.distance == 0:
            continue
        if expected_(reader, episodes, r) == token:
            recall.length = min(recall.length + 1, LONGEST)
            recall.misses = recall.misses << 1 & 0xFFFF
        else:
            recall.length = 0
            recall.misses = (recall.misses << 1 | 1) & 0xFFFF
            if not kinds[r, 1] or MISSES[recall.misses] > _GIVEN_UP:
                recall.distance = 0
                continue
        if not write:
            recall.distance -= 1
    if write:
        episodes.tokens[episodes.lived[0] & (len(episodes.tokens) - 1)] = token
        episodes.lived[0] += 1
    here, above, mask = episodes.lived[0], _above_places(episodes), _ring(episodes) - 1
    for r in range(len(kinds)):
        least, recall = kinds[r, 0], reader.recalls[r]
        if reader.text[0].seen < np.uint64(least):
            continue
        place = _place(reader, least, _count(episodes.places, above))
        known = np.int64(_known(episodes.places, above, r, place))
        if known > 0 and (recall.distance == 0 or (kinds[r, 1] and recall.length < least)):
            distance = (here - known + 1) & mask
            if 0 < distance < mask - _MARGIN and distance != recall.distance and _is_kept(episodes, distance):
                length = _agreement(reader, episodes, distance)
                if length >= least and length > recall.length:
                    recall.distance, recall.length, recall.misses = distance, length, 0
        if write:
            _keep_(episodes.places, above, r, place, (here & mask) + 1)


def found_again(reader: Reader, episodes: Episodes, since: int) -> Reader:
    """Return the same with recalls that point to where they did, since when `since` more tokens are remembered.

    One whose place is about to be overwritten is silent.
    """
    recalls = reader.recalls.copy()
    distance = recalls["distance"]
    moved = distance + since
    ring = len(getattr(episodes, "above_tokens", episodes.tokens))
    is_there = (distance > 0) & (moved > 0) & (moved < ring - 1 - _MARGIN)
    recalls["distance"] = np.where(is_there, moved, 0)
    return reader._replace(recalls=recalls)


@exact_inlined_kernel
def _place(reader: Reader, least: int, places: int) -> int:
    h = np.uint64(0)
    for k in range(1, least + 1):
        h = (h + back(reader, k) + np.uint64(1)) * P1
    return int(mixed(h) & np.uint64(places - 1))


@exact_inlined_kernel
def _count(places: NDArray[np.int32], above: NDArray[np.int32] | None) -> int:
    count: int = places.shape[1]
    if above is not None:
        count = above.shape[1]
    return count


@exact_inlined_kernel
def _known(places: NDArray[np.int32], above: NDArray[np.int32] | None, r: int, place: int) -> int:
    """Return where the last tokens of this hash were followed, + 1, 0: nowhere."""
    known = np.int64(places[r, place % places.shape[1]])
    if above is not None:
        if known > 0 and known // OWN_PLACE == place // places.shape[1]:
            return int(known % OWN_PLACE)
        known = np.int64(above[r, place])
    return int(known)


@exact_inlined_kernel
def _keep_(places: NDArray[np.int32], above: NDArray[np.int32] | None, r: int, place: int, here: int) -> None:
    if above is None:
        places[r, place] = here
    else:
        places[r, place % places.shape[1]] = place // places.shape[1] * OWN_PLACE + here


@exact_inlined_kernel
def _agreement(reader: Reader, episodes: Episodes, distance: int) -> int:
    """Return how many of the last tokens are also those before this place."""
    most = min(LONGEST, episodes.lived[0] - distance, np.int64(reader.text[0].seen), _ring(episodes) - 1 - distance)
    k = 0
    while k < most and np.uint64(_token(episodes, distance + 1 + k)) == back(reader, k + 1):
        k += 1
    return k


@exact_inlined_kernel
def _ring(episodes: Episodes) -> int:
    ring: int = _length(episodes.tokens, _above_tokens(episodes))
    return ring


@exact_inlined_kernel
def _length(tokens: NDArray[Any], above: NDArray[Any] | None) -> int:
    return len(tokens) if above is None else len(above)


@exact_inlined_kernel
def _token(episodes: Episodes, distance: int) -> int:
    """Return the token that came so many before the next one."""
    above, lived = _above_tokens(episodes), episodes.lived[0]
    token: int = _token_of(episodes.tokens, above, _above_lived(episodes), lived, distance)
    return token


@exact_inlined_kernel
def _token_of(
    tokens: NDArray[Any], above: NDArray[Any] | None, above_lived: NDArray[np.int64] | None, lived: int, distance: int
) -> int:
    if above is not None and above_lived is not None and distance > lived - above_lived[0]:
        return int(above[(lived - distance) & (len(above) - 1)])
    return int(tokens[(lived - distance) & (len(tokens) - 1)])


@exact_inlined_kernel
def _is_kept(episodes: Episodes, distance: int) -> bool:
    is_kept: bool = _is_kept_of(episodes.tokens, _above_lived(episodes), episodes.lived[0], distance)
    return is_kept


@exact_inlined_kernel
def _is_kept_of(tokens: NDArray[Any], above_lived: NDArray[np.int64] | None, lived: int, distance: int) -> bool:
    """Return whether the token there is one of the parent's, or a child's own that is not about to be overwritten."""
    if above_lived is None:
        return True
    return bool(distance > lived - above_lived[0] or distance < len(tokens) - _MARGIN)
