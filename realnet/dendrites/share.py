"""What a member of a merge tells of itself: the lines that have changed since all members had the same."""

from __future__ import annotations

import json
import lzma
from typing import NamedTuple, TypeAlias

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from realnet.checkpoint import metadata_of
from realnet.core.dendrite_memory import WORDS
from realnet.dendrites.birth import LEAST_LINES, MOST_LINES, check_lines

Lines: TypeAlias = NDArray[np.uint32]

FORMAT = 1
_KEY = "realnet_share"
_MOST_BYTES = 2**29  # of a share that is unpacked


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
        heads = known_by(told) << np.uint32(9) | arrays["heads"]
        rows = np.concatenate([heads[:, None], words], axis=1)
        contexts = tuple(map(str, config["contexts"]))
        member, ancestor = str(config["member"]), str(config["ancestor"])
        return cls(member, ancestor, contexts, int(config["symbols"]), config["room"], told, rows)


def known_by(names: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return what word 0 tells of names, above its nine lowest bits."""
    return (names >> np.uint32(12) << np.uint32(2) | names & np.uint32(3)) << np.uint32(1) | np.uint32(1)
