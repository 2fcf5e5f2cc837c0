"""A log in a Redis Stream: each entry is a block, its id is `{first number}-{turn}`.

As durable as the server is configured to be: an append returns when Redis has replied. The turn rises with every start
and every failure, so that an append whose fate was unknown is refused if it should arrive after the repair.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from service.store.base import StoreError
from service.store.log import Block
from service.store.redis import PREFIX

CONNECT_SECONDS = 2.0
CALL_SECONDS = 5.0
_READ_AT_ONCE = 8
_FIELD = b"d"
_logger = logging.getLogger(__name__)


class RedisLog:
    def __init__(self, url: str, key: str) -> None:
        self._client: Redis = Redis.from_url(
            url,
            protocol=2,
            socket_connect_timeout=CONNECT_SECONDS,
            socket_timeout=CALL_SECONDS,
            retry=Retry(NoBackoff(), 1),
        )
        address = self._client.connection_pool.connection_kwargs
        self._place = f"redis://{address['host']}:{address.get('port', 6379)}/{address.get('db', 0)}"
        self._key = PREFIX + key
        self._last = (0, 0)  # the id of the last block that is whole
        self._turn = -1  # until it has been looked at
        self._told_of_policy = False

    def blocks(self) -> Iterator[Block]:
        after = "-"
        while True:
            with self._told():
                entries = self._entries(after)
            if not entries:
                return
            for id, fields in entries:
                yield Block(id, fields.get(_FIELD, b""))
            after = f"({entries[-1][0]}"

    def append(self, seq: int, data: bytes, durable: bool) -> None:
        with self._told():
            self._look()
            if durable:
                self._check_policy()
            self._client.xadd(self._key, {_FIELD: data}, id=f"{seq}-{self._turn}")
        self._last = (seq, self._turn)

    def sync(self) -> None:
        pass

    def repair(self) -> None:
        with self._told():
            if self._turn < 0:
                return
            self._turn += 1
            if self._client.exists(self._key):
                # From here on whatever is still on its way comes too late.
                fence = max((self._last[0], self._turn), _parsed(self._last_generated()))
                cast(Any, self._client).execute_command("XSETID", self._key, f"{fence[0]}-{fence[1]}")
                self._turn = max(self._turn, fence[1] + 1)
                for id, _ in self._entries(f"({self._last[0]}-{self._last[1]}"):
                    self._client.xdel(self._key, id)

    def cut(self, name: str, offset: int) -> None:
        with self._told():
            self._look()
            self._turn += 1
            [(_, fields)] = self._entries(name)
            pipeline = self._client.pipeline(transaction=True)
            pipeline.xdel(self._key, name)
            if offset:
                self._last = _parsed(name)[0], self._turn
                pipeline.xadd(self._key, {_FIELD: fields[_FIELD][:offset]}, id=f"{self._last[0]}-{self._turn}")
            pipeline.execute()

    def trim(self, seq: int) -> None:
        with self._told():
            kept = cast(Any, self._client.xrevrange(self._key, max=f"{seq}-{2**63}", count=1))
            if kept:
                self._client.xtrim(self._key, minid=kept[0][0].decode(), approximate=False)

    def clear(self) -> None:
        with self._told():
            self._client.delete(self._key)

    def close(self) -> None:
        self._client.close()

    def _entries(self, after: str) -> list[tuple[str, dict[bytes, bytes]]]:
        found = cast(Any, self._client.xrange(self._key, min=after, count=_READ_AT_ONCE))
        return [(id.decode(), fields) for id, fields in found]

    def _look(self) -> None:
        """Where the last process left it."""
        if self._turn < 0:
            last = _parsed(self._last_generated()) if self._client.exists(self._key) else (0, 0)
            self._last, self._turn = last, last[1] + 1

    def _last_generated(self) -> str:
        info = cast(Any, self._client.xinfo_stream(self._key))
        return cast(bytes, info["last-generated-id"]).decode()

    def _check_policy(self) -> None:
        if self._told_of_policy:
            return
        self._told_of_policy = True
        try:
            found: dict[str, str] = cast(Any, self._client.config_get("append*"))
        except ResponseError:  # may not be asked
            return
        if (found.get("appendonly"), found.get("appendfsync")) != ("yes", "always"):
            _logger.warning("%s is not set to appendonly yes, appendfsync always: it may lose a second", self._place)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (RedisError, OSError) as error:
            reason = " ".join(str(error).split()) or f"no answer within {CALL_SECONDS:g} s"
            raise StoreError(f"{self._place}: {reason}") from error


def _parsed(id: str) -> tuple[int, int]:
    seq, _, turn = id.partition("-")
    return int(seq), int(turn)
