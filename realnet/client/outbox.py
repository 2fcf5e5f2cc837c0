"""Inputs on their way to a server, so that each arrives once, whatever happens on the way."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sized
from dataclasses import dataclass
from typing import Any

import msgspec

WINDOW = 256  # inputs that are not acknowledged
WINDOW_TICKS = 32_768  # in them: a tenth of a second of the fastest net


@dataclass(slots=True, frozen=True)
class _Input:
    seq: int
    encoded: bytes
    ticks: int


class Outbox:
    """Inputs that wait to be written, that were written and not acknowledged, and that were refused for a while."""

    def __init__(self) -> None:
        self.last_seq = 0
        self.learnt = 0  # inputs
        self._filled = asyncio.Event()
        self._waiting: deque[_Input] = deque()
        self._written: dict[int, _Input] = {}
        self._refused: dict[int, _Input] = {}
        self._ticks = 0

    def __len__(self) -> int:
        return len(self._waiting) + len(self._written) + len(self._refused)

    @property
    def has_room(self) -> bool:
        return len(self) < WINDOW and self._ticks < WINDOW_TICKS

    @property
    def is_stuck(self) -> bool:
        """Return whether nothing can go on before what was refused is tried again."""
        return bool(self._refused) and not self._written

    def add(self, content: Mapping[str, object]) -> int:
        """Take an input, and return its `seq`."""
        seq = self.last_seq + 1
        message = {"type": "input", "seq": seq, **content}
        added = _Input(seq, msgspec.msgpack.encode(message, enc_hook=_as_list), ticks_of(content))
        self.last_seq = seq
        self._ticks += added.ticks
        self._waiting.append(added)
        self._filled.set()
        return seq

    async def filled(self) -> None:
        """Wait until there may be something to be written."""
        self._filled.clear()
        await self._filled.wait()

    def take(self) -> list[bytes]:
        """Return what can be written now, which counts as written; none while something waits to be tried again."""
        if self._refused:
            return []
        taken = list(self._waiting)
        self._waiting.clear()
        self._written.update((each.seq, each) for each in taken)
        return [each.encoded for each in taken]

    def acknowledge(self, seq: int) -> None:
        """Forget all inputs up to `seq`, which are learnt."""
        while (first := next(iter(self._written), None)) is not None and first <= seq:
            self.drop(first)
            self.learnt += 1

    def drop(self, seq: int) -> None:
        """Forget an input that was written."""
        self._ticks -= self._written.pop(seq).ticks

    def refuse(self, seq: int) -> None:
        """Keep an input that was written until all others are answered; then `try_again` sends it."""
        self._refused[seq] = self._written.pop(seq)

    def try_again(self) -> None:
        """Let what was refused, or was written and is not acknowledged, be written again, in the order of `seq`."""
        again = sorted((*self._written.values(), *self._refused.values()), key=lambda each: each.seq)
        self._waiting.extendleft(reversed(again))
        self._written.clear()
        self._refused.clear()
        self._filled.set()

    def go_on_after(self, last_seq: int) -> int:
        """Begin on a new connection, whose server has learnt all up to `last_seq`; return how many it was."""
        self.last_seq = max(self.last_seq, last_seq)
        self.try_again()
        learnt = 0
        while self._waiting and self._waiting[0].seq <= last_seq:
            self._ticks -= self._waiting.popleft().ticks
            learnt += 1
        self.learnt += learnt
        return learnt

    def __contains__(self, seq: object) -> bool:
        """Return whether an input was written and is not answered."""
        return seq in self._written


def ticks_of(content: Mapping[str, object]) -> int:
    """Return how many tokens or frames an input is, of a text about."""
    given = next((content[name] for name in ("text", "tokens", "frames") if content.get(name) is not None), ())
    return len(given) if isinstance(given, Sized) else 0


def _as_list(array: Any) -> Any:
    """Return a NumPy array as MessagePack has it."""
    return array.tolist()
