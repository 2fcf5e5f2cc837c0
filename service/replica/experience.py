"""Keep the last of what the net learnt from: what it may sleep on."""

from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from realnet import Float32
from realnet.inputs import Input
from realnet.interface import Interface
from service.journal.records import InputRecord, packed_tokens, unpacked_tokens
from service.replica.episode import Episode

MOST_TOKENS = 2**21  # that are kept
_BYTES = 4 * MOST_TOKENS
_PENDING_TICKS = 4096  # that are not in the ring yet: one by one they would cost the engine more


class Experience:
    """A ring whose rows are ticks: a token, or a frame and its teacher (NaN where there was none).

    A token is kept as float32, which is exact up to 2**24.
    """

    def __init__(self) -> None:
        self._ring: Float32 | None = None  # (capacity, width), made for the first
        self._inputs = 0  # of the width, 0 for tokens
        self._end = 0  # of all that was ever put in
        self._pending: list[InputRecord] = []
        self._pending_ticks = 0

    def add(self, record: InputRecord) -> None:
        self._pending.append(record)
        self._pending_ticks += record.ticks
        if self._pending_ticks >= _PENDING_TICKS:
            self._settle()

    def draw(self, count: int, ticks: int, lead: int, seed: list[int]) -> list[Episode]:
        """Draw `count` random stretches of up to `ticks` ticks, each after up to `lead`; none if none is kept."""
        self._settle()
        if self._ring is None:
            return []
        kept = min(self._end, len(self._ring))
        starts = np.random.default_rng(seed).integers(0, max(1, kept - ticks), count)
        return [self._episode(int(start), min(ticks, kept), min(lead, int(start))) for start in starts]

    def _episode(self, start: int, ticks: int, lead: int) -> Episode:
        """Return one stretch; `start` counts from the oldest tick."""
        assert self._ring is not None
        oldest = max(0, self._end - len(self._ring))
        rows = self._ring[np.arange(oldest + start - lead, oldest + start + ticks) % len(self._ring)]
        if not self._inputs:
            return Episode(Input(tokens=rows[:, 0].astype(np.int32)), lead)
        teachers = rows[:, self._inputs :].copy()
        teachers[:lead] = np.nan
        return Episode(Input(frames=rows[:, : self._inputs].copy(), teachers=teachers))

    def _settle(self) -> None:
        for width, group in groupby(self._pending, lambda record: len(record.tokens or b"") // record.ticks):
            records = list(group)
            if width:  # tokens of many messages are put in at once
                tokens = b"".join(record.tokens or b"" for record in records)
                self._put_tokens(tokens, len(tokens) // width)
                continue
            for record in records:
                if (rows := self._frames(record)) is not None:
                    self._put(rows)
        self._pending.clear()
        self._pending_ticks = 0

    def _frames(self, record: InputRecord) -> Float32 | None:
        frames = np.frombuffer(record.frames or b"", np.float32).reshape(record.ticks, -1)
        if record.teachers is not None:
            teachers = np.frombuffer(record.teachers, np.float32).reshape(record.ticks, -1)
        elif self._ring is None:
            return None  # nothing was taught yet, and nobody knows how many outputs there are
        else:
            teachers = np.full((record.ticks, self._ring.shape[1] - self._inputs), np.nan, np.float32)
        self._inputs = frames.shape[1]
        return np.hstack([frames, teachers])

    def _put_tokens(self, data: bytes, ticks: int) -> None:
        self._put(unpacked_tokens(data, ticks)[:, None].astype(np.float32))

    def _put(self, rows: Float32) -> None:
        if self._ring is None:
            self._ring = np.empty((max(1, _BYTES // (4 * rows.shape[1])), rows.shape[1]), np.float32)
        rows = rows[-len(self._ring) :]
        self._ring[np.arange(self._end, self._end + len(rows)) % len(self._ring)] = rows
        self._end += len(rows)

    def tokens(self, most: int = MOST_TOKENS) -> NDArray[np.int32]:
        """Return the last tokens that are kept, at most so many, oldest first; none if they are frames."""
        data, ticks, inputs = self.kept(most)
        return unpacked_tokens(data, ticks) if ticks and not inputs else np.empty(0, np.int32)

    def is_of(self, interface: Interface) -> bool:
        """Return whether all that is kept could have been given to such a net."""
        self._settle()
        if self._ring is None:
            return True
        if interface.vocabulary is None:
            return (self._inputs, self._ring.shape[1]) == (interface.inputs, interface.inputs + interface.outputs)
        tokens = self.tokens()
        return bool(len(tokens) and 0 <= tokens.min() <= tokens.max() < interface.vocabulary.size)

    def kept(self, most: int = MOST_TOKENS) -> tuple[bytes, int, int]:
        """Return the last rows as bytes, oldest first, how many ticks they are, and how much of each is a frame."""
        self._settle()
        if self._ring is None:
            return b"", 0, 0
        ticks = min(self._end, len(self._ring), most)
        start = (self._end - ticks) % len(self._ring)
        rows = np.concatenate(
            [self._ring[start : start + ticks], self._ring[: max(0, start + ticks - len(self._ring))]]
        )
        return (rows.tobytes() if self._inputs else packed_tokens(rows[:, 0].astype(np.int32))), ticks, self._inputs

    @classmethod
    def of(cls, kept: tuple[bytes, int, int]) -> "Experience":
        experience = cls()
        data, ticks, experience._inputs = kept
        if ticks and experience._inputs:
            experience._put(np.frombuffer(data, np.float32).reshape(ticks, -1))
        elif ticks:
            experience._put_tokens(data, ticks)
        return experience
