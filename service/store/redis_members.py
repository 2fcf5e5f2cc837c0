"""What servers on one Redis tell of themselves: a value each, that Redis forgets by itself."""

from typing import cast

from service.store.file_members import FORGOTTEN_SECONDS
from service.store.keys import REDIS_MEMBER, REDIS_MEMBERS
from service.store.redis_client import open_client, place_of, translated_errors

_CALL_SECONDS = 2.0
_MILLISECONDS = round(1000 * FORGOTTEN_SECONDS)


class RedisMembers:
    """What servers tell, each in a value, and a set of their ids: to look for these is to look at all keys."""

    def __init__(self, url: str) -> None:
        self._client = open_client(url, _CALL_SECONDS)
        self._place = place_of(self._client)

    async def tell(self, id: str, what: bytes) -> None:
        with translated_errors(self._place, _CALL_SECONDS):
            pipeline = self._client.pipeline(transaction=False)
            pipeline.sadd(REDIS_MEMBERS, id)
            pipeline.set(REDIS_MEMBER + id, what, px=_MILLISECONDS)
            await pipeline.execute()

    async def all(self) -> list[tuple[bytes, float]]:
        with translated_errors(self._place, _CALL_SECONDS):
            ids = [
                id.decode(errors="replace")
                for id in sorted(cast("set[bytes]", await self._client.smembers(REDIS_MEMBERS)))
            ]
            pipeline = self._client.pipeline(transaction=False)
            for id in ids:
                pipeline.get(REDIS_MEMBER + id)
                pipeline.pttl(REDIS_MEMBER + id)
            found = await pipeline.execute() if ids else []
            pairs = list(zip(found[::2], found[1::2], strict=True))
            if gone := [id for id, (what, _) in zip(ids, pairs, strict=True) if what is None]:
                await self._client.srem(REDIS_MEMBERS, *gone)  # who tells again is among them again
        return [(cast(bytes, what), (_MILLISECONDS - left) / 1000) for what, left in pairs if what is not None]

    async def leave(self, id: str) -> None:
        with translated_errors(self._place, _CALL_SECONDS):
            await self._client.delete(REDIS_MEMBER + id)
            await self._client.srem(REDIS_MEMBERS, id)

    async def close(self) -> None:
        await self._client.aclose()
