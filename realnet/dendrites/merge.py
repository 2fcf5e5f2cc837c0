"""Merge what nets of one ancestor have learnt apart, where words may not leave a place: lines by name, by their uses.

Of what a net has learnt only lines travel, those that have changed since all members had the same. Of a synapse that
was asked n times its p keeps, at the next answers, a share of what it was; what is left of p is what its answers were.
Members' answers are joined by how many they were, and the synapse is then what one net would be that had heard all. All
members compute the same lines, which are their next common ancestor; gains, output maps, what histories are worth and
what is remembered word for word stay each one's own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from realnet.core.dendrite_memory import WORDS
from realnet.core.dendrite_tables import FLAT, USES
from realnet.core.state import Float64
from realnet.dendrites.birth import LEAST_LINES, doubled_lines
from realnet.dendrites.child import ChildNet
from realnet.dendrites.net import DendriteNet
from realnet.dendrites.rewiring import add_lines_
from realnet.dendrites.share import Lines, Share, known_by

NOTHING: Lines = np.zeros((LEAST_LINES + 1, WORDS), np.uint32)  # a newborn's: the ancestor of those that have no other

_UNKNOWN = FLAT + 1  # new uses of a synapse whose uses are counted no further
_MOST = 2**12  # uses that a merge counts
_ALL = 2**62
_EVEN = 2**15  # p of a synapse that was never asked
_HEARD = 2.0  # times the median of the members' new uses: one who claims more is heard as if it had so many


def share_of(member: str, net: DendriteNet, ancestor: Lines) -> Share:
    """Return what has changed of a net's lines since they were those of the ancestor.

    Raises ValueError if the ancestor had more of them: the net has been made smaller since.
    """
    names, rows, _ = _changed(ancestor, net.memory.lines)
    told = net.wiring.contexts, net.symbols, net.lines
    return Share(member, sha256_of(ancestor), *told, names, rows)


def share_of_child(member: str, child: ChildNet, ancestor: str) -> Share:
    """Return what a child has learnt over its parent, whose lines have that hash."""
    own, above = child.memory.lines, child.parent.memory.lines
    names, rows = _named(own, np.flatnonzero(own[:, 0]))
    changed = (rows != _found(above, names)[0]).any(axis=1)
    told = child.wiring.contexts, child.symbols, len(above) - 1
    return Share(member, ancestor, *told, names[changed], rows[changed])


def unknown(ancestor: Lines, shares: Sequence[Share]) -> int:
    """Return how many lines of the shares the ancestor does not have."""
    names = np.unique(np.concatenate([share.names for share in shares]))
    return int(np.count_nonzero(_found(ancestor, names)[0][:, 0] == 0))


def merged(ancestor: Lines, shares: Sequence[Share]) -> Lines:
    """Return the lines of one net that has learnt what all members have, as nearly as counts tell.

    A line that is new in one is taken over; where more than fit, those with most uses stay. The order of the shares
    does not matter. Raises ValueError for members that do not belong together.
    """
    _check(ancestor, shares)
    shares = sorted(shares, key=lambda share: share.member)
    lines = doubled_lines(ancestor, max(share.room for share in shares)).copy()
    names = np.unique(np.concatenate([share.names for share in shares]))
    before, places = _found(lines, names)
    members = [(np.searchsorted(names, share.names), share.rows) for share in shares]
    heard = [_heard(before[at], at, rows) for at, rows in members]
    _put(lines, names, places, before, _merged_rows(before, members, heard))
    return lines


def with_since(lines: Lines, before: Lines, now: Lines) -> Lines:
    """Return merged lines with what a net has learnt since its own were `before`: `now` they are these.

    Where that is nothing, they are the merged lines. Raises ValueError if it had more of them before.
    """
    names, rows, old = _changed(before, now)
    lines = doubled_lines(lines, max(len(lines), len(now)) - 1).copy()
    there, places = _found(lines, names)
    heard = _heard(old, np.arange(len(names)), rows)
    told = there.copy()
    words = told.reshape(-1)
    words[heard.synapses] = _told(words[heard.synapses], heard.answers, heard.said, heard.history)
    told[:, 0] = rows[:, 0]
    _put(lines, names, places, there, told)
    return lines


def sha256_of(lines: Lines) -> str:
    return hashlib.sha256(np.ascontiguousarray(lines).data).hexdigest()


def _check(ancestor: Lines, shares: Sequence[Share]) -> None:
    if not shares:
        raise ValueError("a merge needs a member")
    told = sha256_of(ancestor)
    for number, share in enumerate(shares):
        if share.ancestor != told:
            raise ValueError(f"{share.member} is of another ancestor")
        if (share.contexts, share.symbols) != (shares[0].contexts, shares[0].symbols):
            raise ValueError(f"{share.member} has other contexts or tokens than {shares[0].member}")
        if share.member in (other.member for other in shares[:number]):
            raise ValueError(f"{share.member} is there twice")


def _changed(before: Lines, now: Lines) -> tuple[NDArray[np.uint32], Lines, Lines]:
    """Return the names of the lines that have changed, rising, what they are now and what they were before."""
    if len(before) > len(now):
        raise ValueError(f"it has {len(now) - 1} lines, and had {len(before) - 1}: it was made smaller since")
    before = doubled_lines(before, len(now) - 1)
    differ = (now.view(np.uint64) != before.view(np.uint64)).view(np.uint64)[:, 0]  # a byte for each two words
    names, rows = _named(now, np.flatnonzero((differ != 0) & (now[:, 0] != 0)))
    old, _ = _found(before, names)
    changed = (rows != old).any(axis=1)
    return names[changed], rows[changed], old[changed]


def _named(lines: Lines, at: NDArray[np.int64]) -> tuple[NDArray[np.uint32], Lines]:
    """Return the names of the lines at these places, rising, and the lines."""
    places = at.astype(np.uint32)
    word = lines[places, 0]
    # Bits 2 to 11 of a name are told by its line's place, all others by its word.
    names = word >> np.uint32(12) << np.uint32(12) | places & np.uint32(0xFFC) | word >> np.uint32(10) & np.uint32(3)
    order = np.argsort(names)
    return names[order], lines[places[order]]


def _found(lines: Lines, names: NDArray[np.uint32]) -> tuple[Lines, NDArray[np.int64]]:
    """Return the lines of these names and where they stand; where there is none, the last, which is empty."""
    homes = names & np.uint32(len(lines) - 2)
    known = known_by(names)
    places = np.full(len(names), len(lines) - 1)
    for k in range(3):
        beside = (homes ^ np.uint32(k)).astype(np.int64)
        places = np.where(lines[beside, 0] >> np.uint32(9) == known, beside, places)
    return lines[places], places


def _kept() -> Float64:
    """Return (_MOST,) the share of what a synapse said at first that is left after so many answers."""
    uses = np.minimum(np.arange(_MOST), FLAT)
    return np.concatenate([[1.0], np.cumprod(1 - 1 / (uses + 1.5))[:-1]])


_KEPT = _kept()


def _put(lines: Lines, names: NDArray[np.uint32], places: NDArray[np.int64], before: Lines, rows: Lines) -> None:
    """Write rows over those that were `before` at these places, and add those that were not there."""
    known = before[:, 0] != 0
    lines[places[known]] = rows[known]
    _add(lines, names[~known], rows[~known])


def _merged_rows(before: Lines, members: Sequence[tuple[NDArray[np.int64], Lines]], heard: Sequence[_Heard]) -> Lines:
    """Return what lines are that were `before`, when they are told what members have heard.

    Each member comes with the numbers of its lines among these, and with the lines.
    """
    limits = _limits([int(each.answers.sum()) for each in heard])
    total, said, most = (np.zeros(before.size) for _ in range(3))  # of each synapse; those of word 0 are not looked at
    history = np.zeros(before.size, np.uint32)
    heads, in_line = before[:, 0].copy(), np.zeros(len(before))
    for (lines, rows), each, limit in zip(members, heard, limits, strict=True):
        at, count = each.synapses, limit * each.answers
        total[at] += count
        said[at] += count * each.said
        more = count > most[at]
        most[at[more]], history[at[more]] = count[more], each.history[more]
        uses = np.bincount(at // WORDS, count, len(before))[lines] + (rows[:, 0] != before[lines, 0])
        more = uses > in_line[lines]
        in_line[lines[more]], heads[lines[more]] = uses[more], rows[more, 0]
    rows = before.copy()
    at = np.flatnonzero(total)
    words = rows.reshape(-1)
    words[at] = _told(words[at], np.rint(total[at]).astype(np.int64), said[at] / total[at], history[at])
    rows[:, 0] = heads
    return rows


def _told(
    words: NDArray[np.uint32], answers: NDArray[np.int64], said: Float64, history: NDArray[np.uint32]
) -> NDArray[np.uint32]:
    """Return what synapses are when they have heard so many answers, which said so much."""
    uses, p = _parts(words)
    after = np.minimum(uses + answers, _MOST - 1)
    left = _KEPT[after] / _KEPT[uses]
    p = np.clip(np.rint(left * p + (1 - left) * said), 0, 2**16 - 1)
    told = np.minimum(after, USES - 1).astype(np.uint32) << np.uint32(24) | history << np.uint32(16)
    return np.asarray(told | p.astype(np.uint32))


class _Heard(NamedTuple):
    """What a member's synapses have heard since they were the ancestor's."""

    synapses: NDArray[np.int64]  # (N,) their numbers among all that are merged
    answers: NDArray[np.int64]  # how many
    said: Float64  # what these were, as p
    history: NDArray[np.uint32]


def _heard(old: Lines, lines: NDArray[np.int64], rows: Lines) -> _Heard:
    """Return what lines with these numbers have heard that were `old`, and now are `rows`."""
    is_heard = (rows != old) & (rows != 0)
    is_heard[:, 0] = False
    at = np.flatnonzero(is_heard)
    old, new = old.reshape(-1)[at], rows.reshape(-1)[at]
    (uses, p), (uses_now, p_now) = _parts(old), _parts(new)
    forgot = uses_now < uses  # its line was given away and taken again
    uses, p = np.where(forgot, 0, uses), np.where(forgot, _EVEN, p)
    count = np.where(uses_now > uses, uses_now - uses, _UNKNOWN)
    left = _KEPT[uses + count] / _KEPT[uses]
    said = (p_now - left * p) / (1 - left)
    return _Heard(lines[at // WORDS] * WORDS + at % WORDS, count, said, new >> np.uint32(16) & np.uint32(0xFF))


def _parts(words: NDArray[np.uint32]) -> tuple[NDArray[np.int64], Float64]:
    """Return the uses and p of synapses."""
    p = np.where(words == 0, _EVEN, words & np.uint32(0xFFFF)).astype(np.float64)
    return (words >> np.uint32(24)).astype(np.int64), p


def _limits(counts: Sequence[int]) -> list[float]:
    """Return the share of each member's new uses that counts: at most twice the median of those that have any."""
    most = _HEARD * float(np.median([count for count in counts if count] or [0]))
    return [min(1.0, most / count) if count else 1.0 for count in counts]


def _add(lines: Lines, names: NDArray[np.uint32], rows: Lines) -> None:
    """Add lines that are new, those with most uses first."""
    order = np.lexsort((names, -(rows[:, 1] >> np.uint32(24)).astype(np.int64)))
    names, rows = names[order], rows[order]
    # `add_lines_` reads from its place what of a name the line does not tell.
    told = (names >> np.uint32(2) & np.uint32(0x3FF)).astype(np.int64)
    by_told = np.argsort(told, kind="stable")
    numbers = np.empty_like(told)
    numbers[by_told] = np.arange(len(told)) - np.searchsorted(told[by_told], told[by_told])
    places = numbers // 4 * 4096 + told * 4 + numbers % 4
    table = np.zeros((int(places.max(initial=0)) + 1, WORDS), np.uint32)
    table[places] = rows
    used = np.array([np.count_nonzero(lines[:, 0])])
    add_lines_(lines, used, table, places, 0, _ALL)
