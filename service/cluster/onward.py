"""Requests on their way to shards: to wherever each is now, and again where that does no harm."""

import asyncio

from starlette.types import Scope as Connection
from starlette.types import Send

from service.api.http_client import Headers
from service.api.passing import Answer, Body, Broken, Passer
from service.cluster.shards import Shards
from service.cluster.tally import Tally
from service.errors import NotReady

_ONLY_READ, _ONCE = ("GET", "HEAD"), b"idempotency-key"
_AGAIN_SECONDS = 0.05  # before a shard that has just failed is tried again at the same place


class Onward:
    """What a gateway has to reach the shards; a shard that is gone is waited for `seconds` at most.

    Attributes:
        passer: the connections to the shards.
    """

    def __init__(self, shards: Shards, seconds: float) -> None:
        self.shards, self.seconds = shards, seconds
        self.passer, self.tally = Passer(), Tally(shards.count)

    async def pass_on(self, shard: int, scope: Connection, body: Body, send: Send) -> None:
        """Pass a request on to a shard.

        Where the shard is lost, the request is sent to its successor: if the one that is lost saw nothing of it, or if
        it may be repeated. Raises NotReady or StoreError.
        """
        headers = beside(scope)
        repeatable = scope["method"] in _ONLY_READ or any(name == _ONCE for name, _ in scope["headers"])
        tries = Tries(self, shard)
        while True:
            url = await tries.url()
            try:
                await self.passer.pass_on(url, scope, body, send, headers)
            except Broken as error:
                tries.failed(url, error, error.is_sent and not (repeatable and body.is_kept))
            else:
                self.tally.passed[shard] += 1
                return

    async def ask(self, shard: int, target: bytes, headers: Headers) -> Answer:
        """Return a shard's answer to a GET. Raises NotReady or StoreError."""
        tries = Tries(self, shard)
        while True:
            url = await tries.url()
            try:
                async with asyncio.timeout_at(tries.until):
                    return await self.passer.ask(url, target, headers)
            except (Broken, TimeoutError) as error:
                tries.failed(url, error)

    async def ask_all(self, target: bytes, scope: Connection) -> list[Answer]:
        """Return the answers of all shards to a GET, with the key of the request. Raises NotReady or StoreError."""
        headers = in_name_of(scope)
        return list(await asyncio.gather(*(self.ask(shard, target, headers) for shard in range(self.shards.count))))


class Tries:
    """The tries of one request at one shard."""

    def __init__(self, onward: Onward, shard: int) -> None:
        self.until = asyncio.get_running_loop().time() + onward.seconds
        self._onward, self._shard = onward, shard
        self._failed: str | None = None

    async def url(self) -> str:
        """Return where the shard is. Raises NotReady or StoreError."""
        onward, shard = self._onward, self._shard
        try:
            if self._failed is None:
                return await onward.shards.url(shard)  # it waits as long itself
            async with asyncio.timeout_at(self.until):
                url = await onward.shards.url(shard)
                if url == self._failed:
                    await asyncio.sleep(_AGAIN_SECONDS)
                return url
        except (NotReady, TimeoutError):
            onward.tally.failed[shard] += 1
            raise NotReady(f"shard {shard} is away, and did not come back within {onward.seconds:g} s") from None

    def failed(self, url: str, error: Exception, is_over: bool = False) -> None:
        """Have the shard looked for again, unless it is over. Raises NotReady or StoreError."""
        onward, shard = self._onward, self._shard
        onward.shards.lost(shard, url)
        if is_over:
            onward.tally.failed[shard] += 1
            why = f"shard {shard} was lost ({error}) while it had the request: nobody knows what it did of it"
            raise NotReady(why) from error
        if self._failed is None:
            onward.tally.waited[shard] += 1
        self._failed = url


def beside(scope: Connection) -> Headers:
    """Return what goes beside a request's own headers: who asks."""
    client = scope.get("client")
    return [] if client is None else [(b"x-forwarded-for", client[0].encode())]


def in_name_of(scope: Connection) -> Headers:
    """Return the headers of a request of ours, in the name of who asks."""
    key = scope["realnet.key"]
    return [*beside(scope), *([] if key is None else [(b"authorization", b"Bearer " + key.encode())])]
