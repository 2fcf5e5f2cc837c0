"""Merge what nets of one ancestor have learnt apart, where words may not leave a place: lines by name, by their uses.

Of what a net has learnt only lines travel, those that have changed since all members had the same. Of a synapse that
was asked n times its p keeps, at the next answers, a share of what it was; what is left of p is what its answers were.
Members' answers are joined by how many they were, and the synapse is then what one net would be that had heard all. All
members compute the same lines, which are their next common ancestor; gains, output maps, what histories are worth and
what is remembered word for word stay each one's own.
"""

from __future__ import annotations

import hashlib
import json
import lzma
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from realnet.checkpoint import metadata_of
from realnet.core.dendrite_memory import WORDS
from realnet.core.dendrite_tables import FLAT, USES
from realnet.core.state import Float64
from realnet.dendrites.birth import LEAST_LINES, MOST_LINES, check_lines, doubled_lines
from realnet.dendrites.net import DendriteNet
from realnet.dendrites.rewiring import add_lines_

Lines: TypeAlias = NDArray[np.uint32]

FORMAT = 1
_KEY = "realnet_share"
_MOST_BYTES = 2**29  # of a share that is unpacked
_UNKNOWN = FLAT + 1  # new uses of a synapse whose uses are counted no further
_MOST = 2**12  # uses that a merge counts
_ALL = 2**62
_EVEN = 2**15  # p of a synapse that was never asked
_HEARD = 2.0  # times the median of the members' new uses: one who claims more is heard as if it had so many


class Share(NamedTuple):
    """What a member tells of itself.

    Attributes:
        member: its name; all members sort by it.
        ancestor: the SHA-256 of the lines that all members had.
        contexts: of its dendrites; their lines have the same names in nets of the same contexts.
        symbols: how many tokens it knows.
        room: for how many lines it has a place.
        names: (S,) of the lines that have changed, rising.
        rows: (S, WORDS) these lines.
    """

    member: str
    ancestor: str
    contexts: tuple[str, ...]
    symbols: int
    room: int
    names: NDArray[np.uint32]
    rows: Lines

    def to_bytes(self) -> bytes:
        """Return what travels: some 65 bytes a token after 2,500 of them, 24 after 40,000."""
        words = self.rows[:, 1:]
        asked = words != 0
        told = words[asked]
        arrays = {
            "names": np.diff(self.names, prepend=np.uint32(0)).view(np.uint8).reshape(-1, 4).T.copy(),
            "heads": self.rows[:, 0].astype(np.uint8),
            "asked": np.packbits(asked),
            **{f"plane {k}": (told >> np.uint32(8 * k)).astype(np.uint8) for k in range(4)},
        }
        config = {name: value for name, value in self._asdict().items() if name not in ("names", "rows")}
        written = {_KEY: json.dumps({"format": FORMAT, **config}, sort_keys=True)}
        return lzma.compress(safetensors.numpy.save(dict(sorted(arrays.items())), written))

    @classmethod
    def from_bytes(cls, data: bytes) -> Share:
        """Read what `to_bytes` made. Raises ValueError, in one line, if it is no such thing."""
        try:
            decompressor = lzma.LZMADecompressor()
            unpacked = decompressor.decompress(data, _MOST_BYTES)
            if not decompressor.eof:
                raise ValueError("its end is missing, or it is too large")
            return cls._read(unpacked)
        except (lzma.LZMAError, safetensors.SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise ValueError(f"not a member's share: {' '.join(str(error).split())}") from error

    @classmethod
    def _read(cls, data: bytes) -> Share:
        config, arrays = json.loads(metadata_of(data)[_KEY]), safetensors.numpy.load(data)
        if config.pop("format") != FORMAT:
            raise ValueError("it is of another format")
        check_lines("room", config["room"], LEAST_LINES, MOST_LINES)
        if any(each.dtype != np.uint8 for each in arrays.values()):
            raise ValueError("its arrays are not of bytes")
        names = np.cumsum(arrays["names"].T.copy().view(np.uint32).ravel(), dtype=np.uint64)
        lines = len(names)
        if lines > MOST_LINES or (np.diff(names.astype(np.int64)) <= 0).any() or (names >= 2**32).any():
            raise ValueError("its names do not rise")
        words = np.zeros((lines, WORDS - 1), np.uint32)
        asked = np.unpackbits(arrays["asked"], count=words.size).reshape(words.shape).astype(np.bool_)
        words[asked] = sum(arrays[f"plane {k}"].astype(np.uint32) << np.uint32(8 * k) for k in range(4))
        if (words[asked] < 2**24).any():
            raise ValueError("a synapse was asked, and has no uses")
        told = names.astype(np.uint32)
        heads = _known(told) << np.uint32(9) | arrays["heads"]
        rows = np.concatenate([heads[:, None], words], axis=1)
        contexts = tuple(map(str, config["contexts"]))
        member, ancestor = str(config["member"]), str(config["ancestor"])
        return cls(member, ancestor, contexts, int(config["symbols"]), config["room"], told, rows)


def share_of(member: str, net: DendriteNet, ancestor: Lines) -> Share:
    """Return what has changed of a net's lines since they were those of the ancestor, which had no more of them."""
    names, rows = _named(net.memory.lines)
    before, _ = _found(doubled_lines(ancestor, net.lines), names)
    changed = (rows != before).any(axis=1)
    told = net.wiring.contexts, net.symbols, net.lines
    return Share(member, sha256_of(ancestor), *told, names[changed], rows[changed])


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
    rows = _merged_rows(before, [(np.searchsorted(names, share.names), share.rows) for share in shares])
    known = before[:, 0] != 0
    lines[places[known]] = rows[known]
    _add(lines, names[~known], rows[~known])
    return lines


def sha256_of(lines: Lines) -> str:
    return hashlib.sha256(np.ascontiguousarray(lines).data).hexdigest()


def _check(ancestor: Lines, shares: Sequence[Share]) -> None:
    if not shares:
        raise ValueError("a merge needs a member")
    for number, share in enumerate(shares):
        if share.ancestor != sha256_of(ancestor):
            raise ValueError(f"{share.member} is of another ancestor")
        if (share.contexts, share.symbols) != (shares[0].contexts, shares[0].symbols):
            raise ValueError(f"{share.member} has other contexts or tokens than {shares[0].member}")
        if share.member in (other.member for other in shares[:number]):
            raise ValueError(f"{share.member} is there twice")


def _named(lines: Lines) -> tuple[NDArray[np.uint32], Lines]:
    """Return the names of all lines in use, rising, and the lines."""
    places = np.flatnonzero(lines[:, 0]).astype(np.uint32)
    word = lines[places, 0]
    # Bits 2 to 11 of a name are told by its line's place, all others by its word.
    names = word >> np.uint32(12) << np.uint32(12) | places & np.uint32(0xFFC) | word >> np.uint32(10) & np.uint32(3)
    order = np.argsort(names)
    return names[order], lines[places[order]]


def _found(lines: Lines, names: NDArray[np.uint32]) -> tuple[Lines, NDArray[np.int64]]:
    """Return the lines of these names and where they stand; where there is none, the last, which is empty."""
    homes = names & np.uint32(len(lines) - 2)
    known = _known(names)
    places = np.full(len(names), len(lines) - 1)
    for k in range(3):
        beside = (homes ^ np.uint32(k)).astype(np.int64)
        places = np.where(lines[beside, 0] >> np.uint32(9) == known, beside, places)
    return lines[places], places


def _known(names: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return what word 0 tells of names, above its nine lowest bits."""
    return (names >> np.uint32(12) << np.uint32(2) | names & np.uint32(3)) << np.uint32(1) | np.uint32(1)


def _kept() -> Float64:
    """Return (_MOST,) the share of what a synapse said at first that is left after so many answers."""
    uses = np.minimum(np.arange(_MOST), FLAT)
    return np.concatenate([[1.0], np.cumprod(1 - 1 / (uses + 1.5))[:-1]])


_KEPT = _kept()


def _merged_rows(before: Lines, members: Sequence[tuple[NDArray[np.int64], Lines]]) -> Lines:
    """Return what lines are that were `before`, and of which each member has told some: their numbers, and the rows."""
    heard = [_heard(before, *member) for member in members]
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
    uses, p = _parts(rows.reshape(-1)[at])
    after = np.minimum(uses + np.rint(total[at]).astype(np.int64), _MOST - 1)
    left = _KEPT[after] / _KEPT[uses]
    p = np.clip(np.rint(left * p + (1 - left) * said[at] / total[at]), 0, 2**16 - 1)
    word = np.minimum(after, USES - 1).astype(np.uint32) << np.uint32(24) | history[at] << np.uint32(16)
    rows.reshape(-1)[at] = word | p.astype(np.uint32)
    rows[:, 0] = heads
    return rows


class _Heard(NamedTuple):
    """What a member's synapses have heard since they were the ancestor's."""

    synapses: NDArray[np.int64]  # (N,) their numbers among all that are merged
    answers: NDArray[np.int64]  # how many
    said: Float64  # what these were, as p
    history: NDArray[np.uint32]


def _heard(before: Lines, lines: NDArray[np.int64], rows: Lines) -> _Heard:
    old = before[lines]
    is_heard = (rows != old) & (rows != 0)
    is_heard[:, 0] = False
    line, word = np.nonzero(is_heard)
    old, new = old[line, word], rows[line, word]
    (uses, p), (uses_now, p_now) = _parts(old), _parts(new)
    forgot = uses_now < uses  # its line was given away and taken again
    uses, p = np.where(forgot, 0, uses), np.where(forgot, _EVEN, p)
    count = np.where(uses_now > uses, uses_now - uses, _UNKNOWN)
    left = _KEPT[uses + count] / _KEPT[uses]
    said = (p_now - left * p) / (1 - left)
    return _Heard(lines[line] * WORDS + word, count, said, new >> np.uint32(16) & np.uint32(0xFF))


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
