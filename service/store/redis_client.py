"""Connections to Redis, the same for a store, its lock and its logs, and the errors of Redis in one line."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from service.store.base import StoreError

_CONNECT_SECONDS = 2.0
_RETRIES = 1  # for a pooled connection that a restart of Redis has cut
_PROTOCOL = 2  # enough for bytes; 3 sends the password in HELLO, which old servers repeat in their error


def open_client(url: str, call_seconds: float) -> AsyncRedis:
    """Return a client for the event loop. Nothing is connected to yet."""
    return AsyncRedis.from_url(
        url,
        protocol=_PROTOCOL,
        socket_connect_timeout=_CONNECT_SECONDS,
        socket_timeout=call_seconds,
        retry=AsyncRetry(NoBackoff(), _RETRIES),
    )


class SharedClient:
    """A client for the threads of this process, which closes with the last that share it.

    Attributes:
        connections: how many were made. Where one more was, Redis may have been started again.
    """

    def __init__(self, url: str, call_seconds: float) -> None:
        self.connections = 0
        self.client = open_blocking_client(url, call_seconds, self._connected)
        self._url, self._users = url, 0

    @classmethod
    def of(cls, url: str, call_seconds: float) -> "SharedClient":
        """Return that of a URL, to be closed. Nothing is connected to yet."""
        with _sharing:
            found = _shared.get(url) or _shared.setdefault(url, cls(url, call_seconds))
            found._users += 1
            return found

    def close(self) -> None:
        with _sharing:
            self._users -= 1
            if self._users:
                return
            del _shared[self._url]
        self.client.close()

    def _connected(self, connection: Any) -> None:
        connection.on_connect()
        self.connections += 1


_shared: dict[str, SharedClient] = {}
_sharing = threading.Lock()


def open_blocking_client(url: str, call_seconds: float, on_connect: Callable[[Any], None]) -> Redis:
    """Return a client for a thread. `on_connect` is called with each new connection, and must set it up."""
    client: Redis = Redis.from_url(
        url,
        protocol=_PROTOCOL,
        socket_connect_timeout=_CONNECT_SECONDS,
        socket_timeout=call_seconds,
        retry=Retry(NoBackoff(), _RETRIES),
        redis_connect_func=on_connect,
    )
    return client


def place_of(client: Any) -> str:
    """Return the address of a client's Redis, without the password."""
    address = client.connection_pool.connection_kwargs
    return f"redis://{address['host']}:{address.get('port', 6379)}/{address.get('db', 0)}"


@contextmanager
def translated_errors(place: str, seconds: float, key: str | None = None) -> Iterator[None]:
    """Raise errors of Redis, and of the way to it, as StoreError; what Redis says of a command, with the `key`."""
    try:
        yield
    except (RedisError, OSError) as error:  # a TimeoutError is an OSError
        where = f"{place}, key {key}" if key is not None and isinstance(error, ResponseError) else place
        why = " ".join(str(error).split()) or f"no answer within {seconds:g} s"
        raise StoreError(f"{where}: {why}") from error
