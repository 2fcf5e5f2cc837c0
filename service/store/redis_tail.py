"""Read a log in a Redis Stream as it grows: `XREAD`, which waits until something is appended."""

from typing import Any, cast

from service.store.base import Rewritten
from service.store.keys import REDIS_PREFIX
from service.store.redis_client import open_blocking_client, place_of, translated_errors
from service.store.redis_log import parsed, text_of

_CALL_SECONDS = 5.0
_AT_ONCE = 64  # entries
_BEGINNING = (0, 0)
_GREATEST = 2**64 - 1


class RedisTail:
    """The stream named `key`, from the entry on that may hold numbers greater than `after`."""

    def __init__(self, url: str, key: str, after: int) -> None:
        self._client = open_blocking_client(url, _CALL_SECONDS, lambda connection: connection.on_connect())
        self._place = place_of(self._client)
        self._key = REDIS_PREFIX + key
        self._after = after
        self._last: tuple[int, int] | None = None  # the id of the entry that was read last

    def next(self, seconds: float, unread: int = 0) -> bytes:
        if unread:
            raise Rewritten(f"{self._place}, key {self._key}: entry {self._last} ends in no whole record")
        with translated_errors(self._place, _CALL_SECONDS, self._key):
            if self._last is None:
                self._last = self._before_the_first()
            entries = self._read(self._last, max(1, round(1000 * seconds)))
            if not entries:
                self._check_is_there(self._last)
                return b""
            self._last = parsed(entries[-1][0].decode())
        return b"".join(fields.get(b"d", b"") for _, fields in entries)

    def close(self) -> None:
        self._client.close()

    def _read(self, last: tuple[int, int], milliseconds: int) -> list[tuple[bytes, dict[bytes, bytes]]]:
        found = cast(Any, self._client.xread({self._key: text_of(last)}, count=_AT_ONCE, block=milliseconds))
        return found[0][1] if found else []

    def _before_the_first(self) -> tuple[int, int]:
        """Return the id before that of the last entry which begins at or before the first number."""
        found = cast(Any, self._client.xrevrange(self._key, max=f"{self._after + 1}-{2**63}", count=1))
        if not found:
            return _BEGINNING
        number, turn = parsed(found[0][0].decode())
        return (number, turn - 1) if turn else (number - 1, _GREATEST)

    def _check_is_there(self, last: tuple[int, int]) -> None:
        """Raise Rewritten where the entry that was read last was taken back: then others may come before its id."""
        if last[1] == _GREATEST or last == _BEGINNING:
            return
        for id, _ in cast(Any, self._client.xrevrange(self._key, count=1)):
            if parsed(id.decode()) >= last:
                return
        raise Rewritten(f"{self._place}, key {self._key}: entry {text_of(last)} is there no longer")
