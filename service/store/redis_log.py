"""A log in a Redis Stream: each entry is a block, its id is `{first number}-{turn}`.

As durable as the server is configured to be: an append returns when Redis has replied. The turn rises with every start
and every failure, so that an append whose fate was unknown is refused if it should arrive after the repair. With a
lock, Redis obeys only while the store is its holder's.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, cast

from redis.exceptions import ResponseError

from service.store.base import Block, Lock, StoreError
from service.store.keys import REDIS_PREFIX
from service.store.redis_client import SharedClient, place_of, translated_errors
from service.store.redis_fence import COMMAND, fenced

CALL_SECONDS = 5.0
_READ_AT_ONCE = 8
_NOWHERE = (0, 0)
_FIELD = b"d"
_told_of_policy: set[str] = set()  # the places whose policy was looked at: many nets have logs in one
_logger = logging.getLogger(__name__)


class RedisLog:
    """A log in a Redis Stream. With a `lock`, writes are refused once another server has taken the store."""

    def __init__(self, url: str, key: str, lock: Lock | None = None) -> None:
        self.on_loss: Callable[[], object] = lambda: None
        self._shared = SharedClient.of(url, CALL_SECONDS)  # a net each, and thousands of connections else
        self._client = self._shared.client
        self._place = place_of(self._client)
        self._key = REDIS_PREFIX + key
        self._lock = lock
        self._command: Any = self._client.register_script(COMMAND)
        self._last = _NOWHERE  # the id of the last block that is whole
        self._tried = 0  # the first number of what was appended last
        self._turn = -1  # until it has been looked at
        self._connections = self._shared.connections  # when it was seen that nothing is lost

    def read(self, after: int = 0) -> Iterator[Block]:
        with self._translated():
            start = self._holder_of(after + 1) or "-"
        while True:
            with self._translated():
                entries = self._entries(start)
            for id, fields in entries:
                yield Block(id, fields.get(_FIELD, b""))
            if len(entries) < _READ_AT_ONCE:
                return
            start = f"({entries[-1][0]}"

    def append(self, seq: int, data: bytes, durable: bool) -> None:
        with self._translated():
            self._look()
            if durable:
                self._check_policy()
            self._tried = seq
            self._write("XADD", self._key, f"{seq}-{self._turn}", _FIELD, data)
            if self._connections != self._shared.connections:  # Redis may have been started again
                self._see_what_is_lost()
        self._last = (seq, self._turn)

    def sync(self) -> None:
        pass

    def check(self) -> None:
        if self._lock is not None:
            self._lock.check()

    def repair(self) -> None:
        with self._translated():
            self._see_whose_it_is()
            if self._turn < 0:
                return
            self._see_what_is_lost()
            self._turn += 1
            if self._client.exists(self._key):
                # From here on whatever is still on its way comes too late.
                fence = max((max(self._last[0], self._tried), self._turn), self._last_generated())
                self._write("XSETID", self._key, text_of(fence))
                self._turn = max(self._turn, fence[1] + 1)
                for id, _ in self._entries(f"({text_of(self._last)}"):
                    self._write("XDEL", self._key, id)

    def cut(self, name: str, offset: int) -> None:
        with self._translated():
            self._look()
            self._turn += 1
            [(_, fields)] = self._entries(name)
            with cast(Any, self._client).pipeline(transaction=True) as pipeline:
                if self._lock is not None and self._lock.fence:
                    pipeline.watch(*self._lock.fence)
                    self._see_whose_it_is()
                    pipeline.multi()
                pipeline.xdel(self._key, name)
                if offset:
                    self._last = parsed(name)[0], self._turn
                    pipeline.xadd(self._key, {_FIELD: fields[_FIELD][:offset]}, id=f"{self._last[0]}-{self._turn}")
                pipeline.execute()

    def trim(self, seq: int) -> None:
        with self._translated():
            if (oldest := self._holder_of(seq)) is not None:
                self._write("XTRIM", self._key, "MINID", "=", oldest)

    def clear(self) -> None:
        with self._translated():
            self._write("DEL", self._key)
            self._last = _NOWHERE

    def close(self) -> None:
        self._shared.close()

    def _holder_of(self, seq: int) -> str | None:
        """Return the id of the last entry that begins at or before this number."""
        found = cast(Any, self._client.xrevrange(self._key, max=f"{seq}-{2**63}", count=1))
        return found[0][0].decode() if found else None

    def _entries(self, start: str) -> list[tuple[str, dict[bytes, bytes]]]:
        found = cast(Any, self._client.xrange(self._key, min=start, count=_READ_AT_ONCE))
        return [(id.decode(), fields) for id, fields in found]

    def _write(self, *command: str | bytes) -> None:
        if self._lock is None:
            cast(Any, self._client).execute_command(*command)
        else:
            self._command(**fenced(self._lock.fence, *command))

    def _look(self) -> None:
        """Find the last block, and the turn to go on with, where the last process left them."""
        if self._turn >= 0:
            return
        if not self._client.exists(self._key):
            self._turn = 1
            return
        for id, _ in cast(Any, self._client.xrevrange(self._key, count=1)):
            self._last = parsed(id.decode())
        self._turn = self._last_generated()[1] + 1

    def _last_generated(self) -> tuple[int, int]:
        info = cast(Any, self._client.xinfo_stream(self._key))
        return parsed(cast(bytes, info["last-generated-id"]).decode())

    def _see_whose_it_is(self) -> None:
        for key, value in ({} if self._lock is None else self._lock.fence).items():
            self._client.set(key, value, nx=True)  # where Redis has lost it
            if self._client.get(key) != value.encode():
                raise StoreError(f"another server has taken {self._place} over")

    def _see_what_is_lost(self) -> None:
        connections = self._shared.connections
        last = text_of(self._last)
        if self._last != _NOWHERE and not self._client.xrange(self._key, last, last):
            _logger.error("%s has lost records of the journal", self._place)
            self.on_loss()
        self._connections = connections

    def _check_policy(self) -> None:
        if self._place in _told_of_policy:
            return
        _told_of_policy.add(self._place)
        try:
            found: dict[str, str] = cast(Any, self._client.config_get("append*"))
        except ResponseError:  # may not be asked
            return
        if (found.get("appendonly"), found.get("appendfsync")) != ("yes", "always"):
            _logger.warning("%s is not set to appendonly yes, appendfsync always: it may lose a second", self._place)

    def _translated(self) -> AbstractContextManager[None]:
        return translated_errors(self._place, CALL_SECONDS, self._key)


def text_of(id: tuple[int, int]) -> str:
    """Return an id of an entry as Redis reads it."""
    return f"{id[0]}-{id[1]}"


def parsed(id: str) -> tuple[int, int]:
    """Return an id of an entry as two numbers, which rise as ids do."""
    seq, _, turn = id.partition("-")
    return int(seq), int(turn)
